import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from hearts import CENTRE_MM, ball, grid, heart, torso
from mumap_node.imaging.heart import VALVE_PLANE_MM, find_left_ventricle, for_polar_map
from mumap_node.imaging.polar import polar_map
from mumap_node.imaging.resampling import UPRIGHT
from mumap_node.imaging.volume import Geometry, Quantity, Volume
from phantoms import ORIENTATIONS, affine, rotation


def errors(found, truth):
    """In mm and degrees, of place and axis."""
    cosine = np.clip(np.dot(found.axis, truth.axis), -1, 1)
    distance_mm = np.linalg.norm(np.subtract(found.centre_mm, truth.centre_mm))
    return float(distance_mm), float(np.rad2deg(np.arccos(cosine)))


def assert_found(volume, truth, limit_mm=7.0, limit_deg=8.0):
    found = find_left_ventricle(volume)
    assert found is not None
    distance_mm, angle_deg = errors(found, truth)
    assert distance_mm < limit_mm
    assert angle_deg < limit_deg
    return found


@settings(max_examples=20, deadline=None)
@given(
    centre_mm=st.tuples(st.floats(0, 70), st.floats(-60, 0), st.floats(-30, 50)),
    front_deg=st.floats(25, 65),
    down_deg=st.floats(15, 52),
    scale=st.floats(0.85, 1.25),
)
def test_a_ventricle_is_found_wherever_it_lies(centre_mm, front_deg, down_deg, scale):
    truth = heart(centre_mm, front_deg, down_deg, scale)

    found = assert_found(torso(grid(), truth, liver=0), truth)

    assert found.radius_mm == pytest.approx(truth.radius_mm, abs=8)
    assert found.length_mm == pytest.approx(truth.length_mm, abs=20)


@pytest.mark.parametrize("liver", [0.5, 3.0])
@pytest.mark.parametrize("gut", [1.0, 20.0])
def test_hot_organs_draw_nothing_away(liver, gut):
    assert_found(torso(grid(), heart(), liver=liver, gut=gut), heart())


@pytest.mark.parametrize("defect_deg", [0, 90, 180, 270])
def test_a_missing_wall_does_not_hide_the_rest(defect_deg):
    assert_found(torso(grid(), heart(), defect_deg=defect_deg), heart(), 8, 10)


def test_noise_does_not_hide_it():
    assert_found(torso(grid(), heart(), noise=0.25), heart())


@pytest.mark.parametrize("scale", [0.8, 1.4])
def test_small_and_dilated_ventricles_are_found(scale):
    truth = heart(scale=scale)

    found = assert_found(torso(grid(), truth), truth, 10, 10)

    assert found.radius_mm == pytest.approx(truth.radius_mm, abs=8)


def test_a_field_that_ends_below_the_ventricle_is_enough():
    field = grid(extent_mm=(120, 380, 380), middle_mm=(0, 0, 10))

    assert_found(torso(field, heart()), heart())


def test_a_ventricle_that_is_cut_in_two_is_not_found():
    field = grid(extent_mm=(120, 380, 380), middle_mm=(0, 0, 75))

    assert find_left_ventricle(torso(field, heart())) is None


def test_the_uptake_of_half_a_wall_is_too_little():
    volume = torso(grid(), heart(), defect_deg=150, half_width_deg=125)

    assert find_left_ventricle(volume) is None


def test_a_liver_is_no_ventricle():
    assert find_left_ventricle(torso(grid(), None, liver=2, gut=5, noise=0.1)) is None


def test_noise_is_no_ventricle():
    rng = np.random.default_rng(2)
    counts = gaussian_filter(rng.poisson(3.0, grid().shape).astype(np.float32), 1.0)

    assert find_left_ventricle(Volume(counts, grid(), Quantity.COUNTS)) is None


@pytest.mark.parametrize("value", [0.0, -1.0, 5.0])
def test_nothing_is_no_ventricle(value):
    counts = np.full(grid().shape, value, np.float32)

    assert find_left_ventricle(Volume(counts, grid(), Quantity.COUNTS)) is None


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 64, 64), (3, 4, 5)])
def test_too_few_voxels_hold_no_ventricle(shape):
    counts = np.random.default_rng(3).random(shape, np.float32)
    geometry = Geometry(shape, affine(UPRIGHT, 6.0))

    assert find_left_ventricle(Volume(counts, geometry, Quantity.COUNTS)) is None


def test_a_brain_is_no_ventricle():
    geometry = grid(4.0, extent_mm=(200, 240, 240))
    points = geometry.to_patient(np.moveaxis(np.indices(geometry.shape), 0, -1))
    cortex = ball(points, (0, 0, 0), (65, 85, 60)) & ~ball(points, (0, 0, 0), (50, 70, 45))
    deep = ball(points, (18, 0, 0), (12, 20, 14)) | ball(points, (-18, 0, 0), (12, 20, 14))
    counts = gaussian_filter(0.2 * ball(points, (0, 0, 0), (65, 85, 60)) + cortex + deep, 1.5)

    assert find_left_ventricle(Volume(counts.astype(np.float32), geometry, Quantity.COUNTS)) is None


def test_the_patient_is_not_confused_with_a_mirror_image():
    """A ventricle whose apex points to the patient's right is no one's we know."""
    mirrored = torso(grid(), heart()).voxels[:, :, ::-1].copy()

    assert find_left_ventricle(Volume(mirrored, grid(), Quantity.COUNTS)) is None


@settings(max_examples=8, deadline=None)
@given(shift_mm=st.tuples(*[st.floats(-300, 300)] * 3))
def test_it_moves_with_the_volume(shift_mm):
    volume = torso(grid(), heart())
    moved = volume.geometry.affine.copy()
    moved[:3, 3] += shift_mm
    there = Volume(volume.voxels, Geometry(volume.geometry.shape, moved), volume.quantity)

    here, found = find_left_ventricle(volume), find_left_ventricle(there)

    np.testing.assert_allclose(np.subtract(found.centre_mm, here.centre_mm), shift_mm, atol=0.1)
    np.testing.assert_allclose(found.axis, here.axis, atol=2e-3)


@pytest.mark.parametrize("directions", ORIENTATIONS[::7])
def test_the_order_of_the_voxels_does_not_matter(directions):
    found = find_left_ventricle(torso(grid(directions=directions), heart()))
    expected = find_left_ventricle(torso(grid(), heart()))

    assert errors(found, expected) == pytest.approx((0, 0), abs=0.5)


@settings(max_examples=8, deadline=None)
@given(
    spacing_mm=st.floats(4.0, 8.0),
    angles_deg=st.tuples(*[st.floats(-30, 30)] * 3),
)
def test_any_grid_gives_the_same_place(spacing_mm, angles_deg):
    turned = grid(spacing_mm, rotation(angles_deg) @ UPRIGHT, (300, 300, 300), CENTRE_MM)

    assert_found(torso(turned, heart()), heart())


@settings(max_examples=6, deadline=None)
@given(scale=st.floats(1e-6, 1e6))
def test_the_scale_of_the_counts_does_not_matter(scale):
    volume = torso(grid(), heart())
    scaled = volume.with_voxels((volume.voxels * scale).astype(np.float32))

    found, expected = find_left_ventricle(scaled), find_left_ventricle(volume)

    assert errors(found, expected) == pytest.approx((0, 0), abs=0.1)


def test_a_polar_map_begins_at_the_base_on_average_over_the_beat():
    ready = for_polar_map(heart())

    for at, moved_mm in ((0.5, 0), (-0.5, VALVE_PLANE_MM)):  # apex and base
        ends = [np.add(of.centre_mm, at * of.length_mm * np.array(of.axis))
                for of in (heart(), ready)]  # fmt: skip
        np.testing.assert_allclose(ends[1] - ends[0], moved_mm * np.array(ready.axis), atol=1e-9)
    assert ready.radius_mm == heart().radius_mm


def test_the_polar_map_of_what_was_found_shows_what_was_drawn():
    """A missing lateral wall, in the segments where it is."""
    volume = torso(grid(), heart(), defect_deg=90)

    found, truth = (
        polar_map(volume, for_polar_map(of)).segments()
        for of in (find_left_ventricle(volume), heart())
    )

    assert found[15] < 0.4 * found.max()  # apical lateral
    np.testing.assert_allclose(found / found.max(), truth / truth.max(), atol=0.12)
