"""A map beside a measured one: what differs is told, what nobody measured is not."""

from dataclasses import replace

import numpy as np
import pytest

import measured
from mumap_node.imaging.comparison import compare
from mumap_node.imaging.definitions import METRICS
from mumap_node.imaging.metrics import map_errors
from mumap_node.imaging.resampling import onto
from mumap_node.imaging.volume import Geometry
from patients import HEART, SPACING_MM, TECHNETIUM, measurement, torso

OF_THE_WAYS = {"acf_mean_percent", "acf_95th_percent"}
OF_THE_HEART = {
    "lv_bias_percent", "segment_ape_percent", "segment_mean_normalised_percent",
    "segment_max_normalised_percent", "segment_worst_percent", "polar_distance",
}  # fmt: skip
NAC, TRUTH = torso().emission, torso().lac


def projections():
    seen = measurement()
    return measured.projections(
        seen.photopeak,
        seen.orbit,
        (SPACING_MM, SPACING_MM),
        middle_z_mm=0.0,
        acquisition=TECHNETIUM,
    )


def times(factor):
    return TRUTH.with_voxels(TRUTH.voxels * np.float32(factor))


def unknown_at(*place):
    """The measured map without a part of the grid."""
    voxels = TRUTH.voxels.copy()
    voxels[place] = np.nan
    return TRUTH.with_voxels(voxels)


@pytest.fixture(scope="module")
def denser():
    return compare(times(1.1), TRUTH, NAC, projections())


def test_figures_are_finite_and_have_names_that_are_explained(denser):
    assert set(denser.figures) <= set(METRICS)
    assert set(denser.figures) >= OF_THE_WAYS | OF_THE_HEART
    assert np.isfinite(list(denser.figures.values())).all()


def test_the_map_is_judged_as_in_an_evaluation(denser):
    expected = map_errors(times(1.1), TRUTH)

    assert expected.items() <= denser.figures.items()
    assert denser.figures["nmae_sum"] == pytest.approx(0.1, rel=1e-5)
    assert denser.figures["lac_body_per_cm"] == pytest.approx(
        11 * denser.figures["bias_body_per_cm"], rel=1e-5
    )
    assert denser.registration.is_good


def test_a_denser_map_makes_the_heart_brighter(denser):
    assert 8 < denser.figures["lv_bias_percent"] < 18
    assert 5 < denser.figures["acf_mean_percent"] < 40
    assert denser.figures["segment_mean_normalised_percent"] < 2


def test_the_same_map_has_no_error_anywhere():
    found = compare(TRUTH, TRUTH, NAC, projections()).figures

    errors = set(found) - {"ssim", "dice_body", "dice_lungs", "lac_body_per_cm", "lac_soft_per_cm"}
    assert {name: found[name] for name in errors} == dict.fromkeys(errors, 0)
    assert "psnr_db" not in found  # infinite


def test_without_projections_the_heart_is_not_reconstructed(denser):
    found = compare(times(1.1), TRUTH, NAC).figures

    assert set(denser.figures) - set(found) == OF_THE_HEART


def test_without_a_ventricle_only_the_map_is_compared(denser):
    headless = NAC.with_voxels(np.where(torso().body, np.float32(1), np.float32(0)))

    found = compare(times(1.1), TRUTH, headless, projections()).figures

    assert set(denser.figures) - set(found) == OF_THE_WAYS | OF_THE_HEART


def test_a_heart_the_camera_cut_off_is_not_reconstructed(denser):
    counts = projections().photopeak.copy()
    counts[:, 20:] = 0

    found = compare(times(1.1), TRUTH, NAC, replace(projections(), photopeak=counts)).figures

    assert set(denser.figures) - set(found) == OF_THE_HEART


@pytest.mark.parametrize(
    "place",
    [
        np.s_[:, :, 26:],  # the patient's left side
        np.s_[19:],  # the heart and all above
    ],
)
def test_a_measured_map_that_cuts_off_the_ways_of_the_heart_says_nothing_of_it(denser, place):
    found = compare(times(1.1), unknown_at(*np.atleast_1d(place)), NAC, projections()).figures

    assert set(denser.figures) - set(found) == OF_THE_WAYS | OF_THE_HEART
    assert found["nmae_sum"] == pytest.approx(0.1, rel=1e-5)


def test_what_a_measured_map_does_not_show_far_from_the_heart_makes_no_difference():
    lowest, _ = HEART.axial_range_mm
    below = round(NAC.geometry.to_index((0, 0, lowest))[0]) - 6
    spoiled = times(1.1).voxels.copy()
    spoiled[:below] = 0
    measured = unknown_at(slice(0, below))

    found = compare(TRUTH.with_voxels(spoiled), measured, NAC, projections()).figures

    assert found["nmae_sum"] == pytest.approx(0.1, rel=1e-5)
    assert 8 < found["lv_bias_percent"] < 18


def test_air_beyond_a_measured_map_hides_nothing_of_the_heart(denser):
    """A CT is round, and narrower than the reconstruction."""
    rows, columns = np.indices(NAC.geometry.shape[1:]) - 19.5
    beyond = np.hypot(rows, columns) > 19.5

    found = compare(times(1.1), unknown_at(slice(None), beyond), NAC, projections()).figures

    for name in OF_THE_WAYS | OF_THE_HEART:
        assert found[name] == pytest.approx(denser.figures[name], rel=1e-5), name


def test_a_measured_map_without_a_body_is_an_error_of_the_caller():
    with pytest.raises(ValueError, match="with a body"):
        compare(TRUTH, times(0), NAC)


@pytest.mark.parametrize("flipped", [(0,), (1, 2), (0, 1, 2)])
def test_figures_do_not_depend_on_the_order_voxels_are_stored_in(denser, flipped):
    grid = NAC.geometry
    signs = np.ones(3)
    signs[list(flipped)] = -1
    first = np.where(signs < 0, np.array(grid.shape) - 1, 0)
    affine = grid.affine @ np.diag((*signs, 1))
    affine[:3, 3] = grid.to_patient(first)
    stored = Geometry(grid.shape, affine)

    found = compare(onto(times(1.1), stored), onto(TRUTH, stored), onto(NAC, stored), projections())

    assert found.figures == pytest.approx(denser.figures, rel=1e-4, abs=1e-6)
    assert found.registration == denser.registration
