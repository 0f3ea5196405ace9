import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mumap_node.imaging.polar import (
    SEGMENT_NAMES,
    WALL,
    LeftVentricle,
    PolarMap,
    polar_map,
    segment_labels,
    segment_of,
)
from mumap_node.imaging.resampling import UPRIGHT
from mumap_node.imaging.volume import Geometry, Quantity, Volume
from phantoms import ORIENTATIONS, affine, rotation

AXIS = tuple(np.array((0.68, -0.6, -0.42)) / np.linalg.norm((0.68, -0.6, -0.42)))
HEART = LeftVentricle((30.0, -20.0, 10.0), AXIS, 84.0, 32.0)


def grid(spacing_mm=3.0, directions=UPRIGHT, extent_mm=132.0):
    """A cube around the heart."""
    size = round(extent_mm / spacing_mm)
    turned = affine(directions, spacing_mm)
    turned[:3, 3] = HEART.centre_mm - turned[:3, :3] @ np.full(3, (size - 1) / 2)
    return Geometry((size, size, size), turned)


def in_heart_mm(geometry, heart=HEART):
    """Distance in mm from the base along the axis and, across it, to anterior and to lateral."""
    points = geometry.to_patient(np.moveaxis(np.indices(geometry.shape), 0, -1))
    offset = points - np.array(heart.centre_mm)
    return (
        offset @ np.array(heart.axis) + heart.length_mm / 2,
        offset @ heart.anterior,
        offset @ heart.lateral,
    )


def shell(geometry, heart=HEART, thickness_mm=12.0, smooth_mm=4.0):
    """A wall of uptake 1 whose edges fall off over a few mm, as they do in SPECT."""
    along, anterior, lateral = in_heart_mm(geometry, heart)
    beyond = np.maximum(along - (heart.length_mm - heart.radius_mm), 0)
    depth = heart.radius_mm - np.sqrt(anterior**2 + lateral**2 + beyond**2)  # below the epicardium
    inside = np.minimum(depth, thickness_mm - depth)
    return np.clip(0.5 + inside / smooth_mm, 0, 1) * (along > -15)


def activity(voxels, geometry):
    return Volume(voxels.astype(np.float32), geometry, Quantity.COUNTS)


def test_a_uniform_wall_gives_a_uniform_map():
    found = polar_map(activity(shell(grid()), grid()), HEART)

    assert found.values.shape == (24, 72)
    np.testing.assert_allclose(found.values, 1, atol=0.01)
    np.testing.assert_allclose(found.segments(), 1, atol=0.01)


def test_the_mean_along_a_ray_is_that_of_wall_and_blood():
    geometry = grid(2.0)
    found = polar_map(activity(shell(geometry), geometry), HEART, along_ray="mean")

    wall_share = 12 / (32 * (WALL[1] - WALL[0]))
    np.testing.assert_allclose(found.values, wall_share, rtol=0.1)


@pytest.mark.parametrize(
    ("name", "is_there"),
    [
        ("anterior", lambda _along, anterior, lateral: anterior > abs(lateral)),
        ("inferior", lambda _along, anterior, lateral: -anterior > abs(lateral)),
        ("lateral", lambda _along, anterior, lateral: lateral > abs(anterior)),
        ("septal", lambda _along, anterior, lateral: -lateral > abs(anterior)),
        ("apex", lambda along, _anterior, _lateral: along > 66),
        ("basal", lambda along, _anterior, _lateral: along < 20),
    ],
)
@pytest.mark.parametrize("uptake", [0.3, 2.0])
def test_a_wall_that_differs_lies_in_its_segments(name, is_there, uptake):
    geometry = grid()
    voxels = shell(geometry) * np.where(is_there(*in_heart_mm(geometry)), uptake, 1)

    segments = polar_map(activity(voxels, geometry), HEART).segments()

    changed = np.abs(segments - 1)
    of_the_wall = {
        "anterior": [1, 7, 13], "inferior": [4, 10, 15], "lateral": [16], "septal": [14],
        "apex": [17], "basal": [1, 2, 3, 4, 5, 6],
    }[name]  # fmt: skip
    opposite = {
        "anterior": [4, 10, 15], "inferior": [1, 7, 13], "lateral": [2, 3, 8, 9, 14],
        "septal": [5, 6, 11, 12, 16], "apex": range(1, 13), "basal": range(7, 18),
    }[name]  # fmt: skip
    assert changed[np.array(of_the_wall) - 1].min() > 0.5 * abs(uptake - 1)
    assert changed[np.array(list(opposite)) - 1].max() < 0.15 * abs(uptake - 1)


def test_the_walls_lie_where_they_do_in_a_patient():
    """With the apex to the left, front and feet: anterior up, septum to the right."""
    assert HEART.anterior[2] > 0.8
    assert HEART.lateral @ (1, 1, 0) > 0.9  # left and back
    assert abs(HEART.anterior @ HEART.axis) < 1e-12
    np.testing.assert_allclose(np.cross(HEART.axis, HEART.lateral), HEART.anterior, atol=1e-12)


@pytest.mark.parametrize("directions", ORIENTATIONS[::5])
def test_the_order_of_the_voxels_does_not_matter(directions):
    geometry, upright = grid(4.0, directions), grid(4.0)
    found, expected = (
        polar_map(activity(lopsided(on), on), HEART).values for on in (geometry, upright)
    )

    np.testing.assert_allclose(found, expected, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(
    angles_deg=st.tuples(*[st.floats(-40, 40)] * 3),
    spacing_mm=st.floats(2.5, 4.5, exclude_max=True),
)
def test_any_grid_gives_the_same_map(angles_deg, spacing_mm):
    turned = grid(spacing_mm, rotation(angles_deg) @ UPRIGHT, extent_mm=150)
    found, expected = (
        polar_map(activity(lopsided(on), on), HEART).segments() for on in (turned, grid(2.0))
    )

    np.testing.assert_allclose(found, expected, rtol=0.07)  # peaks of a wall two voxels thick


def lopsided(geometry):
    """A wall of smoothly changing uptake, brightest lateral and towards the base."""
    along, anterior, lateral = in_heart_mm(geometry)
    return shell(geometry, smooth_mm=10.0) * (1 + lateral / 100 - along / 300 + anterior / 200)


def test_the_segments_are_those_of_the_standard():
    labels = segment_labels()

    assert [labels[ring, 0] for ring in (0, 6, 12, 18)] == [17, 13, 7, 1]  # anterior
    assert [labels[ring, 18] for ring in (6, 12, 18)] == [16, 11, 5]  # just beyond lateral
    assert [labels[ring, 17] for ring in (6, 12, 18)] == [16, 12, 6]
    assert [labels[ring, 36] for ring in (6, 12, 18)] == [15, 10, 4]  # inferior
    assert [labels[ring, 54] for ring in (6, 12, 18)] == [14, 8, 2]  # just beyond septal
    assert sorted(set(labels.ravel())) == list(range(1, 18))
    assert len(SEGMENT_NAMES) == 17


def test_segments_are_thirds_of_the_cavity_and_what_closes_it():
    thirds = np.array((-0.5, 0.0, 0.99, 1.01, 1.99, 2.01, 2.99, 3.01, 5.0))

    assert segment_of(thirds, np.zeros(9)).tolist() == [1, 1, 1, 7, 7, 13, 13, 17, 17]
    assert segment_of(np.zeros(4), np.array((-31, -29, 29, 31))).tolist() == [2, 1, 1, 6]
    assert segment_of(np.full(4, 2), np.array((-46, -44, 44, 406))).tolist() == [14, 13, 13, 16]
    assert HEART.cavity_mm == pytest.approx(84 - 8)


def test_a_wall_that_changes_at_a_third_of_the_cavity_changes_between_the_levels():
    geometry = grid(2.0)
    along = in_heart_mm(geometry)[0]
    for third, last_ring in ((1, 17), (2, 11)):
        beyond = activity(shell(geometry) * (along > third / 3 * HEART.cavity_mm), geometry)
        rings = polar_map(beyond, HEART, along_ray="mean").values.mean(axis=1)
        half = rings.max() / 2

        assert rings[last_ring - 1] > half > rings[last_ring + 2]


def test_a_map_in_percent_of_its_maximum():
    found = PolarMap(np.full((24, 72), 4.0))
    found.values[0, 0] = 5.0

    assert found.of_maximum()[0, 0] == 100
    assert found.of_maximum()[1, 1] == pytest.approx(80)
    assert not PolarMap(np.zeros((24, 72))).of_maximum().any()


@pytest.mark.parametrize("axis", [AXIS, (0.8, -0.6, 0.0), (0.6, -0.64, 0.48)])
def test_the_axial_range_is_that_of_the_wall(axis):
    heart = LeftVentricle(HEART.centre_mm, axis, 84.0, 32.0)
    geometry = grid(2.0)
    along, anterior, lateral = in_heart_mm(geometry, heart)
    beyond = np.maximum(along - (heart.length_mm - heart.radius_mm), 0)
    inside = (anterior**2 + lateral**2 + beyond**2 < heart.radius_mm**2) & (along > 0)
    z_mm = geometry.to_patient(np.argwhere(inside))[:, 2]

    assert heart.axial_range_mm == pytest.approx((z_mm.min(), z_mm.max()), abs=2.1)


def test_depth_is_the_way_to_the_surface():
    axis = np.array(HEART.axis)
    base_mm = np.array(HEART.centre_mm) - 42 * axis
    at_mm = np.stack([
        base_mm + 84 * axis,  # apex
        base_mm + 74 * axis,
        base_mm + 94 * axis,
        base_mm + 40 * axis,  # on the axis of the cylinder
        base_mm + 40 * axis + 25 * HEART.lateral,
        base_mm + 40 * axis - 36 * HEART.anterior,
        base_mm + 5 * axis,  # behind the plane of the base
        base_mm - 5 * axis,
    ])  # fmt: skip

    assert HEART.depth_mm(at_mm) == pytest.approx((0, 10, -10, 32, 7, -4, 5, -5), abs=1e-6)


def test_a_heart_beyond_the_volume_is_empty():
    geometry = grid()
    far = LeftVentricle((900.0, 0.0, 0.0), AXIS, 84.0, 32.0)

    assert not polar_map(activity(shell(geometry), geometry), far).values.any()


@pytest.mark.parametrize(
    ("axis", "length_mm", "radius_mm", "problem"),
    [
        ((1.0, 1.0, 0.0), 80.0, 30.0, "axis of length 1"),
        ((0.0, 0.0, -1.0), 80.0, 30.0, "across head and feet"),
        ((1.0, 0.0, 0.0), 20.0, 30.0, "at least the radius"),
        ((1.0, 0.0, 0.0), 20.0, 0.0, "at least the radius"),
    ],
)
def test_no_ventricle_is_like_that(axis, length_mm, radius_mm, problem):
    with pytest.raises(ValueError, match=problem):
        LeftVentricle((0.0, 0.0, 0.0), axis, length_mm, radius_mm)
