import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import phantoms
from mumap_node.imaging import resampling
from mumap_node.imaging.volume import Geometry, Quantity, Volume


@st.composite
def parallel_grids(draw):
    """The shapes of a source and a target, and the index map between them: parallel, any order."""
    shapes = st.tuples(*[st.integers(1, 9)] * 3)
    source, target = draw(shapes), draw(shapes)
    index_map = np.eye(4)
    index_map[:3, :3] = draw(st.sampled_from(phantoms.ORIENTATIONS))
    index_map[:3, :3] *= draw(st.tuples(*[st.floats(0.3, 3.0)] * 3))
    index_map[:3, 3] = draw(st.tuples(*[st.floats(-2.0, 8.0)] * 3))
    from_border = np.moveaxis(np.indices(target), 0, -1) @ index_map[:3, :3].T + index_map[:3, 3]
    from_border = np.abs(from_border - (np.array(source) - 1) / 2) - np.array(source) / 2
    assume((np.abs(from_border) > 2e-3).all())  # on it, SimpleITK leaves it to rounding
    return source, target, index_map


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


@pytest.mark.parametrize("is_smooth", [False, True])
@pytest.mark.parametrize("angles_deg", [(8, -5, 12), (30, 40, 30)])
def test_a_tilted_grid_shows_the_same_place(angles_deg, is_smooth):
    directions = phantoms.rotation(angles_deg) @ np.eye(3)[::-1]
    grid = phantoms.affine(directions, 4.0, directions @ np.full(3, -70.0))
    place_mm = np.array((-3.0, 6.0, -11.0))
    tilted = phantoms.blob(Geometry((36, 36, 36), grid), place_mm)
    upright = Geometry((30, 30, 30), phantoms.affine(np.eye(3)[::-1], 4.5, -65.0))

    result = resampling.onto(tilted, upright, is_smooth=is_smooth)

    assert np.allclose(phantoms.centroid_mm(result), place_mm, atol=0.2)


def test_beyond_the_volume_lies_what_was_asked_for():
    source = phantoms.volume(np.ones((4, 4, 4)))
    larger = Geometry((9, 9, 9), phantoms.affine(np.eye(3)[::-1], 3.0, -6.0))

    result = resampling.onto(source, larger, outside=-5)

    assert result.voxels[0, 0, 0] == -5
    assert result.voxels[4, 4, 4] == 1
    assert result.quantity is Quantity.COUNTS


@given(
    grids=parallel_grids(),
    seed=st.integers(0, 99),
    outside=st.sampled_from([-1.0, float("nan")]),
    is_smooth=st.booleans(),
)
@settings(max_examples=200)
def test_parallel_grids_are_resampled_axis_by_axis_as_oblique_ones_are(
    grids, seed, outside, is_smooth
):
    source, target, index_map = grids
    assume(not is_smooth or 2 not in source)  # there SimpleITK's mirror ends too early
    voxels = np.random.default_rng(seed).random(source, dtype=np.float32)

    found, expected = (
        resample(voxels, index_map, target, outside, is_smooth=is_smooth)
        for resample in (resampling._resample_by_axis, resampling._resample)
    )

    assert found.dtype == np.float32
    assert np.allclose(found, expected, rtol=0, atol=1e-5, equal_nan=True)


@given(grids=parallel_grids(), seed=st.integers(0, 99))
@settings(max_examples=100)
def test_what_is_unknown_spreads_no_further_than_in_oblique_grids(grids, seed):
    source, target, index_map = grids
    values = np.random.default_rng(seed)
    voxels = values.random(source, dtype=np.float32)
    voxels[values.random(source) < 0.1] = np.nan

    found, expected = (
        resample(voxels, index_map, target, -1.0, is_smooth=False)
        for resample in (resampling._resample_by_axis, resampling._resample)
    )

    known = np.isfinite(expected)
    assert np.isfinite(found[known]).all()
    assert np.allclose(found[known], expected[known], rtol=0, atol=1e-5)


@given(grids=parallel_grids(), is_smooth=st.booleans())
@settings(max_examples=100)
def test_what_is_the_same_everywhere_stays_so(grids, is_smooth):
    source, target, index_map = grids
    volume = phantoms.volume(np.full(source, 0.15))
    geometry = Geometry(target, volume.geometry.affine @ index_map)

    found = resampling.onto(volume, geometry, outside=-1, is_smooth=is_smooth).voxels

    assert (np.isclose(found, 0.15, rtol=1e-6) | (found == -1)).all()


@given(grids=parallel_grids(), seed=st.integers(0, 99))
@settings(max_examples=100)
def test_splines_stay_within_the_values_they_go_through(grids, seed):
    source, target, index_map = grids
    volume = phantoms.volume(np.random.default_rng(seed).integers(2, 5, source))
    geometry = Geometry(target, volume.geometry.affine @ index_map)

    found = resampling.onto(volume, geometry, outside=3, is_smooth=True).voxels

    assert found.min() >= min(volume.voxels.min(), 3)
    assert found.max() <= max(volume.voxels.max(), 3)


@pytest.mark.parametrize("rounding_mm", [-1e-4, 0, 1e-4])
def test_half_a_voxel_beyond_the_centres_is_still_inside_at_either_end(rounding_mm):
    source = phantoms.volume(np.ones((4, 4, 4)))
    wider = Geometry((5, 5, 5), phantoms.affine(np.eye(3)[::-1], 4.0, -2.0 + rounding_mm))

    result = resampling.onto(source, wider, outside=-5)

    assert np.array_equal(result.voxels, np.ones((5, 5, 5)))


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
