"""A map that lies elsewhere than its reconstruction is found, in every direction."""

import numpy as np
import pytest

from examinations import moved, torso
from mumap_node.imaging.registration import LARGEST_SHIFT_MM, register, register_maps
from mumap_node.imaging.resampling import onto

MADE = torso((40, 64, 64), 6.6)


def shifted(shift_mm):
    """The true map moved along (head, back, left), on the grid of the reconstruction."""
    head, back, left = shift_mm
    lac = moved(MADE.lac, (left, back, head))
    return onto(lac, MADE.emission.geometry, outside=float("nan"))


def test_a_pair_that_fits_is_good():
    found = register(MADE.emission, MADE.lac)

    assert found.is_good
    assert found.dice > 0.9
    assert max(map(abs, found.shift_mm)) <= 6.6


@pytest.mark.parametrize(
    "shift_mm", [(0, 20, 0), (0, -20, 0), (0, 0, 20), (0, 0, -20), (0, 20, -20)]
)
def test_a_shift_in_the_plane_is_found_with_its_direction(shift_mm):
    found = register(MADE.emission, shifted(shift_mm))

    assert not found.is_good
    back = -np.array(shift_mm)  # the way back
    assert np.abs(np.array(found.shift_mm) - back).max() < 10


def test_the_map_of_somebody_else_is_found():
    other = onto(moved(MADE.lac, (0, 0, 0), 0.7), MADE.emission.geometry)

    assert not register(MADE.emission, other).is_good


def test_what_the_map_does_not_show_does_not_count():
    lac = np.array(MADE.lac.voxels)
    lac[:10] = np.nan

    found = register(MADE.emission, MADE.lac.with_voxels(lac))

    assert found.is_good


def test_a_map_that_shows_nothing_is_not_good():
    lac = np.full_like(MADE.lac.voxels, np.nan)

    assert not register(MADE.emission, MADE.lac.with_voxels(lac)).is_good


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("shift_mm", [-20, 13.2, 20])
def test_the_maps_tell_a_shift_in_every_direction(axis, shift_mm):
    moved_mm = np.zeros(3)
    moved_mm[axis] = shift_mm

    found = register_maps(MADE.emission, MADE.lac, shifted(moved_mm))

    assert not found.is_good
    assert found.shift_mm == pytest.approx(-moved_mm, abs=3.3)


def test_a_shift_within_the_limit_is_told_and_the_pair_believed():
    found = register_maps(MADE.emission, MADE.lac, shifted((0, 6.6, 0)))

    assert found.shift_mm == pytest.approx((0, -6.6, 0))
    assert abs(found.shift_mm[1]) < LARGEST_SHIFT_MM
    assert found.is_good


def test_a_map_that_is_too_high_everywhere_lies_where_it_should():
    denser = MADE.lac.with_voxels(MADE.lac.voxels * np.float32(1.15))

    found = register_maps(MADE.emission, denser, MADE.lac)

    assert found.is_good
    assert found.shift_mm == (0, 0, 0)


def test_a_few_slices_are_enough_to_tell_where_a_map_lies():
    voxels = shifted((0, 0, 13.2)).voxels.copy()
    voxels[:15] = voxels[25:] = np.nan

    found = register_maps(MADE.emission, MADE.lac, MADE.lac.with_voxels(voxels))

    assert found.shift_mm == pytest.approx((0, 0, -13.2))


def test_a_measured_map_that_shows_nothing_lies_nowhere():
    nothing = MADE.lac.with_voxels(np.full_like(MADE.lac.voxels, np.nan))

    found = register_maps(MADE.emission, MADE.lac, nothing)

    assert (found.dice, found.shift_mm) == (0, (0, 0, 0))
    assert not found.is_good
