import numpy as np
import pytest

from mumap_node.imaging.reconstruction import butterworth, gaussian


def wave(size, step_mm, cycles_per_cm, axis):
    """A cosine that the mirrored edge continues, along one of three axes."""
    shape = [1, 1, 1]
    shape[axis] = size
    place_cm = (np.arange(size) + 0.5).reshape(shape) * step_mm / 10
    waves = np.cos(2 * np.pi * cycles_per_cm * place_cm)
    return np.broadcast_to(waves, (size, size, size)).astype(np.float32)


@pytest.mark.parametrize("fwhm_mm", [8, 12.5, 20])
def test_a_point_becomes_as_wide_as_asked(fwhm_mm):
    spacing_mm = (4, 3, 2)
    point = np.zeros((31, 41, 61), dtype=np.float32)
    point[15, 20, 30] = 1

    smooth = gaussian(point, spacing_mm, fwhm_mm)

    assert smooth.sum() == pytest.approx(1, rel=1e-4)
    for axis, step_mm in enumerate(spacing_mm):
        profile = smooth.sum(axis=tuple({0, 1, 2} - {axis}))
        place_mm = (np.arange(profile.size) - profile.size // 2) * step_mm
        assert 2.3548 * np.sqrt((place_mm**2 * profile).sum()) == pytest.approx(fwhm_mm, rel=0.01)


def test_no_width_is_no_filter():
    voxels = np.random.default_rng(1).random((3, 4, 5), dtype=np.float32)

    assert np.array_equal(gaussian(voxels, (4, 4, 4), 0), voxels)


def test_uniform_voxels_stay_uniform_to_the_edge():
    ones = np.ones((5, 6, 7), dtype=np.float32)

    assert np.allclose(gaussian(ones, (4, 4, 4), 15), 1)
    assert np.allclose(butterworth(ones, (4, 4, 4), 0.4, 5), 1)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("cycles", [0.25, 0.5, 1.0])
def test_a_wave_passes_as_the_formula_says(axis, cycles):
    """20 voxels of 5 mm hold whole periods of these frequencies."""
    before = wave(20, 5, cycles, axis)

    after = butterworth(before, (5, 5, 5), cutoff_per_cm=0.5, order=4)

    assert after.dtype == np.float32
    assert np.allclose(after, before / (1 + (cycles / 0.5) ** 8), atol=1e-5)


def test_projections_are_filtered_one_by_one():
    projections = np.zeros((3, 16, 16), dtype=np.float32)
    projections[1, 8, 8] = 1

    smooth = butterworth(projections, (4, 4), 0.4, 5)

    assert not smooth[[0, 2]].any()
    assert smooth[1].sum() == pytest.approx(1, rel=1e-5)
    assert smooth[1].max() < 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((4, 4, 4, 4), 0.5, 5), "1 to 3 spacings, found 4"),
        (((), 0.5, 5), "1 to 3 spacings, found 0"),
        (((4, 4, 0), 0.5, 5), "spacings above 0"),
        (((4, 4, 4), 0, 5), "a cutoff and an order above 0, found 0 /cm, 5"),
        (((4, 4, 4), 0.5, -1), "a cutoff and an order above 0"),
    ],
)
def test_an_impossible_filter_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        butterworth(np.zeros((4, 4, 4), dtype=np.float32), *arguments)


@pytest.mark.parametrize("fwhm_mm", [-1, np.nan, np.inf])
def test_an_impossible_width_is_refused(fwhm_mm):
    with pytest.raises(ValueError, match="FWHM of 0 or more"):
        gaussian(np.zeros((4, 4, 4), dtype=np.float32), (4, 4, 4), fwhm_mm)
