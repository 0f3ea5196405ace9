from dataclasses import replace

import numpy as np
import pytest

from mumap_node.imaging.correction import around_heart, estimate_scatter, reconstruct
from mumap_node.imaging.metrics import heart_errors
from mumap_node.imaging.polar import LeftVentricle, polar_map
from mumap_node.imaging.projections import ScatterWindow
from mumap_node.imaging.volume import Geometry, Quantity, Volume
from patients import HEART, case, measurement, torso


@pytest.fixture(scope="module")
def corrected():
    """The torso's heart with its true map, with one 1.1 times as dense, and without any."""
    slab, grid = around_heart(measurement(), HEART)
    truth = torso().lac
    denser = truth.with_voxels(truth.voxels * np.float32(1.1))
    return [polar_map(reconstruct(slab, grid, lac), HEART) for lac in (truth, denser, None)]


def test_a_denser_map_makes_the_heart_brighter(corrected):
    truth, denser, uncorrected = corrected

    assert 8 < heart_errors(denser, truth)["lv_bias_percent"] < 18
    assert heart_errors(denser, truth)["segment_mean_normalised_percent"] < 2
    assert heart_errors(uncorrected, truth)["lv_bias_percent"] < -50


def test_the_slab_holds_the_heart_and_what_blurs_into_it():
    slab, grid = around_heart(measurement(), HEART)
    whole = measurement()

    lowest, highest = HEART.axial_range_mm
    z_mm = grid.to_patient(np.array([(0, 0, 0), grid.shape]) - [(0, 0, 0), (1, 1, 1)])[:, 2]
    assert z_mm[0] <= lowest - 30
    assert z_mm[1] >= highest + 30
    assert slab.photopeak.shape[1] == grid.shape[0] < whole.photopeak.shape[1]
    first = round((z_mm[0] + (whole.photopeak.shape[1] - 1) / 2 * whole.slice_mm) / whole.slice_mm)
    np.testing.assert_array_equal(slab.photopeak[:, 0], whole.photopeak[:, first])


def test_the_slab_gives_the_heart_of_the_whole():
    slab, grid = around_heart(measurement(), HEART)
    tall = replace(HEART, length_mm=HEART.length_mm + 150)  # a slab of everything
    whole, whole_grid = around_heart(measurement(), tall)
    found, expected = (
        polar_map(reconstruct(part, on, torso().lac), HEART)
        for part, on in ((slab, grid), (whole, whole_grid))
    )

    assert whole_grid.shape[0] > grid.shape[0] + 5
    errors = heart_errors(found, expected)
    assert abs(errors["lv_bias_percent"]) < 0.5
    assert errors["segment_mean_normalised_percent"] < 0.3


def test_fine_projections_are_added_up():
    fine = replace(measurement(), bin_mm=3.3, slice_mm=3.3)
    small = replace(HEART, length_mm=40.0, radius_mm=15.0, centre_mm=(0.0, 0.0, 0.0))
    slab, grid = around_heart(fine, small)

    assert grid.spacing_mm == pytest.approx((6.6, 6.6, 6.6))
    assert slab.photopeak.shape[2] == fine.photopeak.shape[2] // 2
    assert grid.centre_mm[:2] == pytest.approx((0, 0))


def test_bins_and_slices_are_added_up_where_they_are_fine_and_even_in_number():
    small = replace(HEART, length_mm=40.0, radius_mm=15.0, centre_mm=(0.0, 0.0, 0.0))
    fine = replace(measurement(), bin_mm=3.3, slice_mm=3.3)
    odd = replace(fine, photopeak=fine.photopeak[:, :, :-1])
    thick = replace(fine, slice_mm=6.0)

    assert around_heart(odd, small)[1].spacing_mm == pytest.approx((6.6, 3.3, 3.3))
    assert around_heart(thick, small)[1].spacing_mm == pytest.approx((6.0, 6.6, 6.6))


def test_scatter_is_added_up_and_cut_like_the_photopeak():
    fine = replace(measurement(), bin_mm=3.3, slice_mm=3.3, scatter=0.1 * measurement().photopeak)
    slab, _ = around_heart(fine, replace(HEART, length_mm=40.0, radius_mm=15.0))

    np.testing.assert_allclose(slab.scatter, 0.1 * slab.photopeak, rtol=1e-5)


def test_a_heart_the_camera_did_not_see_is_not_reconstructed():
    x, y, _ = HEART.centre_mm
    above = LeftVentricle((x, y, 190.0), HEART.axis, HEART.length_mm, HEART.radius_mm)

    assert around_heart(measurement(), above) is None
    empty = replace(measurement(), photopeak=np.zeros_like(measurement().photopeak))
    assert around_heart(empty, HEART) is None
    assert case().heart.axial_range_mm[1] < 60


def test_scatter_by_hand():
    """Windows of 4 keV beside one of 20 keV: half the width times the sum of both per keV."""
    lower, upper = (
        ScatterWindow(np.full((2, 9, 9), level, np.float32), limits_kev)
        for level, limits_kev in ((8, (126.5, 130.5)), (2, (150.5, 154.5)))
    )

    def estimate(*windows):
        return estimate_scatter(windows, (130.5, 150.5), (4.0, 4.0))

    assert estimate(lower, upper) == pytest.approx(25)
    assert estimate(lower) == pytest.approx(20)
    assert estimate(upper) is None
    assert estimate() is None


def test_the_place_of_the_camera_is_the_place_of_the_heart():
    """Camera, map and ventricle moved together give the same heart."""
    by_mm = np.array((30.0, -20.0, 400.0))
    there = replace(HEART, centre_mm=tuple(HEART.centre_mm + by_mm))
    moved = torso().lac.geometry.affine.copy()
    moved[:3, 3] += by_mm
    lac = Volume(
        torso().lac.voxels, Geometry(torso().lac.geometry.shape, moved), Quantity.LAC_PER_CM
    )
    here, found = (
        polar_map(reconstruct(*around_heart(taken, heart), of), heart)
        for taken, heart, of in (
            (measurement(), HEART, torso().lac),
            (replace(measurement(), middle_mm=tuple(by_mm)), there, lac),
        )
    )

    np.testing.assert_allclose(found.values, here.values, rtol=1e-3)


def test_fewer_views_than_subsets_are_enough():
    few = measurement(views=5)

    slab, grid = around_heart(few, HEART)

    assert reconstruct(slab, grid, None).voxels.max() > 0
