import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phantoms
from mumap_node.imaging import resampling
from mumap_node.imaging.volume import Geometry, Quantity, Volume


def numbered(geometry: Geometry) -> Volume:
    voxels = np.arange(np.prod(geometry.shape), dtype=np.float32).reshape(geometry.shape)
    return Volume(voxels, geometry, Quantity.COUNTS)


@given(geometry=phantoms.geometries(oblique_deg=9))
@settings(max_examples=100)
def test_upright_turns_every_axis_to_its_nearest_direction(geometry):
    turned = resampling.upright(geometry)

    cosines = (turned.directions * resampling.UPRIGHT).sum(axis=0)
    assert (cosines > np.cos(np.deg2rad(20))).all()
    assert turned.frame_of_reference_uid == geometry.frame_of_reference_uid


@given(geometry=phantoms.geometries(oblique_deg=9))
@settings(max_examples=100)
def test_turning_upright_and_back_changes_no_bit(geometry):
    source = numbered(geometry)

    turned = resampling.onto(source, resampling.upright(geometry))
    back = resampling.onto(turned, geometry)

    assert np.array_equal(back.voxels, source.voxels)
    assert back.geometry is geometry


@given(geometry=phantoms.geometries(oblique_deg=9), data=st.data())
@settings(max_examples=100)
def test_a_turned_voxel_stays_where_it_is_in_the_patient(geometry, data):
    index = data.draw(st.tuples(*[st.integers(0, size - 1) for size in geometry.shape]))
    source = numbered(geometry)
    turned = resampling.onto(source, resampling.upright(geometry))

    there = np.rint(turned.geometry.to_index(geometry.to_patient(index))).astype(int)

    assert turned.voxels[tuple(there)] == source.voxels[index]


def test_whole_voxels_are_cropped_and_added_without_interpolation():
    source = phantoms.volume(np.arange(27).reshape(3, 3, 3))
    moved = phantoms.affine(np.eye(3)[::-1], 4.0, source.geometry.to_patient((1, -1, 0)))

    result = resampling.onto(source, Geometry((2, 2, 2), moved), outside=-1)

    assert result.voxels.tolist() == [[[-1, -1], [9, 10]], [[-1, -1], [18, 19]]]


def test_a_header_that_rounds_its_numbers_is_still_the_same_grid():
    source = phantoms.volume(np.random.default_rng(0).random((40, 64, 64)))
    rounded = source.geometry.affine.copy()
    rounded[:3] *= 1 + 1e-6

    result = resampling.onto(source, Geometry((40, 64, 64), rounded))

    assert np.array_equal(result.voxels, source.voxels)


@pytest.mark.parametrize("directions", phantoms.ORIENTATIONS)
@pytest.mark.parametrize("spacing_mm", [(3.0, 3.0, 3.0), (6.6, 6.6, 6.6), (9.0, 4.0, 5.0)])
def test_sum_and_centroid_survive_resampling(directions, spacing_mm):
    """To 1 % of the counts and a twentieth of a voxel, for mirrored grids as well."""
    first_mm = -directions @ (np.array(spacing_mm) * 15.5)
    target = Geometry((32, 32, 32), phantoms.affine(directions, spacing_mm, first_mm))
    grid = phantoms.affine(np.eye(3)[::-1], 4.0, (-60, -60, -60))
    source = phantoms.blob(Geometry((31, 31, 31), grid), np.array((4.0, -7.0, 9.0)))

    result = resampling.onto(source, target)

    counts = result.voxels.sum(dtype=float) * np.prod(spacing_mm)
    assert counts == pytest.approx(source.voxels.sum(dtype=float) * 4.0**3, rel=0.01)
    assert np.allclose(phantoms.centroid_mm(result), phantoms.centroid_mm(source), atol=0.2)


def test_coarser_voxels_hold_the_mean_of_the_finer_ones():
    """A checkerboard must not turn into stripes."""
    fine = phantoms.volume(np.indices((40, 40, 40)).sum(axis=0) % 2)
    coarse = Geometry((8, 8, 8), phantoms.affine(np.eye(3)[::-1], 16.4, 20.0))

    result = resampling.onto(fine, coarse)

    assert result.voxels == pytest.approx(0.5, abs=0.02)


def test_a_tilted_grid_shows_the_same_place():
    grid = phantoms.affine(phantoms.rotation((8, -5, 12)) @ np.eye(3)[::-1], 4.0, (-70, -70, -70))
    place_mm = np.array((-3.0, 6.0, -11.0))
    tilted = phantoms.blob(Geometry((36, 36, 36), grid), place_mm)
    upright = Geometry((30, 30, 30), phantoms.affine(np.eye(3)[::-1], 4.5, -65.0))

    result = resampling.onto(tilted, upright)

    assert np.allclose(phantoms.centroid_mm(result), place_mm, atol=0.2)


def test_beyond_the_volume_lies_what_was_asked_for():
    source = phantoms.volume(np.ones((4, 4, 4)))
    larger = Geometry((9, 9, 9), phantoms.affine(np.eye(3)[::-1], 3.0, -6.0))

    result = resampling.onto(source, larger, outside=-5)

    assert result.voxels[0, 0, 0] == -5
    assert result.voxels[4, 4, 4] == 1
    assert result.quantity is Quantity.COUNTS


def between_its_voxels(shape=(16, 16, 16)) -> Geometry:
    """The grid of ``phantoms.volume`` moved by half a voxel, and a voxel shorter all round."""
    return Geometry(shape, phantoms.affine(np.eye(3)[::-1], 4.0, 6.0), "1.2.3")


def test_splines_find_what_lies_between_the_voxels_of_a_smooth_volume():
    source = phantoms.volume(np.zeros((19, 19, 19)))
    blob = phantoms.blob(source.geometry, np.full(3, 35.0), fwhm_mm=15.0)
    between = between_its_voxels()
    truth = phantoms.blob(between, np.full(3, 35.0), fwhm_mm=15.0).voxels

    linear = np.abs(resampling.onto(blob, between).voxels - truth).max()
    smooth = np.abs(resampling.onto(blob, between, is_smooth=True).voxels - truth).max()

    assert smooth < 0.1 * linear


def test_splines_do_not_swing_over_an_edge():
    voxels = np.zeros((19, 19, 19))
    voxels[:, :, 9:] = 0.15

    found = resampling.onto(phantoms.volume(voxels), between_its_voxels(), is_smooth=True).voxels

    assert found.min() == 0
    assert found.max() == np.float32(0.15)


def test_splines_copy_where_the_grids_are_one():
    source = numbered(phantoms.volume(np.zeros((5, 6, 7))).geometry)

    found = resampling.onto(source, resampling.upright(source.geometry), is_smooth=True)

    assert np.array_equal(found.voxels, source.voxels)
