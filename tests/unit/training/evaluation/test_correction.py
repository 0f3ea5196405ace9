from dataclasses import replace

import numpy as np
import pytest

from mumap_node.imaging.polar import LeftVentricle, PolarMap, polar_map
from mumap_node.training.evaluation.correction import (
    around_heart,
    estimate_scatter,
    heart_errors,
    reconstruct,
)
from mumap_node.training.evaluation.definitions import METRICS
from patients import HEART, case, projections, torso

RNG = np.random.default_rng(3)
POLAR = PolarMap(RNG.uniform(50, 100, (24, 72)))


def test_the_same_map_has_no_errors():
    found = heart_errors(POLAR, POLAR)

    assert set(found) <= set(METRICS)
    assert set(found.values()) == {0.0}


def test_a_heart_that_is_a_tenth_brighter_errs_only_in_absolute_figures():
    found = heart_errors(PolarMap(1.1 * POLAR.values), POLAR)

    assert found["lv_bias_percent"] == pytest.approx(10)
    assert found["segment_ape_percent"] == pytest.approx(10)
    for name in ("mean_normalised", "max_normalised", "worst"):
        assert found[f"segment_{name}_percent"] == pytest.approx(0, abs=1e-9)
    assert found["polar_distance"] == pytest.approx(0, abs=1e-9)


def test_one_segment_that_is_off_by_hand():
    """The apex at 117 beside 16 segments at 100: the mean is 101."""
    uniform = PolarMap(np.full((24, 72), 100.0))
    hot = uniform.values.copy()
    hot[:6] = 117.0
    found = heart_errors(PolarMap(hot), uniform)

    assert found["segment_ape_percent"] == pytest.approx(17 / 17)
    off = 16 * (1 - 100 / 101) + (117 / 101 - 1)
    assert found["segment_mean_normalised_percent"] == pytest.approx(100 * off / 17)
    assert found["segment_max_normalised_percent"] == pytest.approx(16 * (100 - 100 / 1.17) / 17)
    assert found["segment_worst_percent"] == pytest.approx(100 * (117 / 101 - 1))
    assert found["polar_distance"] == pytest.approx(0.75 * (100 - 100 / 1.17))
    assert found["lv_bias_percent"] == pytest.approx(0.25 * 17)


@pytest.fixture(scope="module")
def corrected():
    """The torso's heart with its true map, with one 1.1 times as dense, and without any."""
    slab, grid = around_heart(projections(), HEART)
    truth = torso().lac
    denser = truth.with_voxels(truth.voxels * np.float32(1.1))
    return [polar_map(reconstruct(slab, grid, lac), HEART) for lac in (truth, denser, None)]


def test_a_denser_map_makes_the_heart_brighter(corrected):
    truth, denser, uncorrected = corrected

    assert 8 < heart_errors(denser, truth)["lv_bias_percent"] < 18
    assert heart_errors(denser, truth)["segment_mean_normalised_percent"] < 2
    assert heart_errors(uncorrected, truth)["lv_bias_percent"] < -50


def test_the_slab_holds_the_heart_and_what_blurs_into_it():
    slab, grid = around_heart(projections(), HEART)
    whole = projections()

    lowest, highest = HEART.axial_range_mm
    z_mm = grid.to_patient(np.array([(0, 0, 0), grid.shape]) - [(0, 0, 0), (1, 1, 1)])[:, 2]
    assert z_mm[0] <= lowest - 30
    assert z_mm[1] >= highest + 30
    assert slab.photopeak.shape[1] == grid.shape[0] < whole.photopeak.shape[1]
    first = round((z_mm[0] + (whole.photopeak.shape[1] - 1) / 2 * whole.slice_mm) / whole.slice_mm)
    np.testing.assert_array_equal(slab.photopeak[:, 0], whole.photopeak[:, first])


def test_the_slab_gives_the_heart_of_the_whole():
    slab, grid = around_heart(projections(), HEART)
    tall = replace(HEART, length_mm=HEART.length_mm + 150)  # a slab of everything
    whole, whole_grid = around_heart(projections(), tall)
    found, expected = (
        polar_map(reconstruct(part, on, torso().lac), HEART)
        for part, on in ((slab, grid), (whole, whole_grid))
    )

    assert whole_grid.shape[0] > grid.shape[0] + 5
    errors = heart_errors(found, expected)
    assert abs(errors["lv_bias_percent"]) < 0.5
    assert errors["segment_mean_normalised_percent"] < 0.3


def test_fine_projections_are_added_up():
    fine = replace(projections(), bin_mm=3.3, slice_mm=3.3)
    small = replace(HEART, length_mm=40.0, radius_mm=15.0, centre_mm=(0.0, 0.0, 0.0))
    slab, grid = around_heart(fine, small)

    assert grid.spacing_mm == pytest.approx((6.6, 6.6, 6.6))
    assert slab.photopeak.shape[2] == fine.photopeak.shape[2] // 2
    assert grid.centre_mm[:2] == pytest.approx((0, 0))
    odd = replace(fine, photopeak=fine.photopeak[:, :, :-1])
    assert around_heart(odd, small)[1].spacing_mm == pytest.approx((3.3, 3.3, 3.3))


def test_scatter_is_added_up_and_cut_like_the_photopeak():
    fine = replace(projections(), bin_mm=3.3, slice_mm=3.3, scatter=0.1 * projections().photopeak)
    slab, _ = around_heart(fine, replace(HEART, length_mm=40.0, radius_mm=15.0))

    np.testing.assert_allclose(slab.scatter, 0.1 * slab.photopeak, rtol=1e-5)


def test_a_heart_the_camera_did_not_see_is_not_reconstructed():
    x, y, _ = HEART.centre_mm
    above = LeftVentricle((x, y, 190.0), HEART.axis, HEART.length_mm, HEART.radius_mm)

    assert around_heart(projections(), above) is None
    empty = replace(projections(), photopeak=np.zeros_like(projections().photopeak))
    assert around_heart(empty, HEART) is None
    assert case().heart.axial_range_mm[1] < 60


def test_scatter_by_hand():
    """Windows of 4 keV beside one of 20 keV: half the width times the sum of both per keV."""
    counts = {name: np.full((2, 9, 9), level, np.float32)
              for name, level in (("photopeak", 100), ("lower", 8), ("upper", 2))}  # fmt: skip
    widths = {"photopeak": 20.0, "lower": 4.0, "upper": 4.0}

    assert estimate_scatter(counts, widths, (4.0, 4.0)) == pytest.approx(25)
    del counts["upper"]
    assert estimate_scatter(counts, widths, (4.0, 4.0)) == pytest.approx(20)
    del counts["lower"]
    assert estimate_scatter(counts, widths, (4.0, 4.0)) is None
