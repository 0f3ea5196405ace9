"""The camera against what is known: adjointness, analytic attenuation, sides, counts, widths."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mumap_node.imaging.reconstruction import Orbit, Projector, Resolution, projector
from thorax import LEHR, WATER_PER_CM, cardiac_orbit, positions_mm, thorax, water_cylinder


def blob(shape, spacing_mm, at_mm=(0, 0, 0), sigma_mm=15):
    """A smooth ball of activity at (z, y, x)."""
    squares = [
        (axis - at) ** 2 for axis, at in zip(positions_mm(shape, spacing_mm), at_mm, strict=True)
    ]
    return np.exp(-sum(squares) / (2 * sigma_mm**2)).astype(np.float32)


def circle(views=8, radius_mm=200, arc_deg=360):
    angles_deg = np.arange(views) * arc_deg / views
    return Orbit(angles_deg, np.full(views, float(radius_mm)))


def centroid_mm(projection, spacing_mm):
    """(slice, bin) of the middle of the counts."""
    places = positions_mm(projection.shape, spacing_mm)
    return [float((place * projection).sum() / projection.sum()) for place in places]


@st.composite
def cameras(draw):
    """Any camera before any small volume, and a seed for what is in it."""
    sizes_mm = st.floats(2, 9)
    shape = draw(st.tuples(st.integers(1, 5), st.integers(2, 12), st.integers(2, 12)))
    views = draw(st.lists(st.floats(-720, 720), min_size=1, max_size=9))
    seed = draw(st.integers(0, 2**32 - 1))
    lac = np.random.default_rng(seed).random(shape, dtype=np.float32)
    camera = Projector(
        shape,
        draw(st.tuples(sizes_mm, sizes_mm, sizes_mm)),
        Orbit(np.array(views), np.array([draw(st.floats(10, 300)) for _ in views])),
        bins=draw(st.integers(1, 14)),
        bin_mm=draw(st.floats(2, 20)),
        resolution=draw(st.sampled_from([None, LEHR, Resolution(0, 0.01, 30)])),
        lac_per_cm=draw(st.sampled_from([None, lac])),
        offset_mm=draw(st.tuples(st.floats(-20, 20), st.floats(-20, 20))),
    )
    return camera, seed


@given(cameras())
@settings(max_examples=150, deadline=None)
def test_back_is_the_exact_transpose_of_forward(drawn):
    camera, seed = drawn
    rng = np.random.default_rng(seed)
    voxels = rng.random(camera.shape, dtype=np.float32)
    projections = rng.random((camera.orbit.views, camera.shape[0], camera.bins), np.float32)

    there = np.vdot(camera.forward(voxels).astype(float), projections)
    back = np.vdot(camera.back(projections).astype(float), voxels)

    assert there == pytest.approx(back, rel=2e-6, abs=1e-12)


@given(cameras(), st.data())
@settings(max_examples=25, deadline=None)
def test_some_views_are_the_same_as_those_among_all(drawn, data):
    camera, seed = drawn
    some = data.draw(st.lists(st.integers(0, camera.orbit.views - 1), max_size=4))
    voxels = np.random.default_rng(seed).random(camera.shape, dtype=np.float32)
    everything = camera.forward(voxels)

    apart = sum(camera.back(everything[[view]], [view]) for view in range(camera.orbit.views))

    assert np.array_equal(camera.forward(voxels, some), everything[some])
    assert np.allclose(apart, camera.back(everything), rtol=1e-5, atol=1e-5 * apart.max())


@pytest.mark.parametrize("at_mm", [(0, 0), (60, 0), (-45, 55)])
def test_water_attenuates_a_line_source_as_calculated(at_mm):
    """A cylinder of 20 cm; from the line at (x, y) to its surface, whatever the direction."""
    shape, spacing_mm, radius_mm = (1, 88, 88), (5, 2.5, 2.5), 100
    lac = water_cylinder(shape, spacing_mm, radius_mm)
    x_mm, y_mm = at_mm
    line = blob(shape, spacing_mm, (0, y_mm, x_mm), sigma_mm=2.5)
    orbit = circle(views=24)

    seen = Projector(shape, spacing_mm, orbit, bins=88, bin_mm=2.5, lac_per_cm=lac).forward(line)
    unattenuated = Projector(shape, spacing_mm, orbit, bins=88, bin_mm=2.5).forward(line)

    angles = np.deg2rad(orbit.angles_deg)
    along = x_mm * np.sin(angles) + y_mm * np.cos(angles)
    path_mm = np.sqrt(radius_mm**2 - x_mm**2 - y_mm**2 + along**2) - along
    measured = seen.sum(axis=(1, 2)) / unattenuated.sum(axis=(1, 2))
    assert measured == pytest.approx(np.exp(-WATER_PER_CM * path_mm / 10), rel=0.01)


def test_half_of_its_own_voxel_attenuates_a_source():
    shape = (1, 5, 5)
    source, lac = np.zeros((2, *shape), dtype=np.float32)
    source[0, 2, 2] = 1
    lac[0, 2, 2] = 0.2

    seen = Projector(shape, (10, 10, 10), circle(4), bins=5, bin_mm=10, lac_per_cm=lac)

    assert seen.forward(source).sum(axis=(1, 2)) == pytest.approx(np.exp(-0.1))


@pytest.mark.parametrize(
    ("angle_deg", "bin_mm"), [(0, -30), (90, -12), (180, 30), (270, 12), (45, -29.7)]
)
def test_a_source_left_in_front_and_high_is_seen_at_its_place(angle_deg, bin_mm):
    shape, spacing_mm = (20, 40, 40), (5, 4, 4)
    orbit = Orbit(np.array([angle_deg]), np.array([150]))
    camera = Projector(shape, spacing_mm, orbit, bins=40, bin_mm=4, resolution=LEHR)

    (seen,) = camera.forward(blob(shape, spacing_mm, (10, -12, 30), sigma_mm=8))

    assert centroid_mm(seen, (5, 4)) == pytest.approx([10, bin_mm], abs=0.1)


@pytest.mark.parametrize("resolution", [None, LEHR])
@pytest.mark.parametrize(
    ("spacing_mm", "bins", "bin_mm"),
    [((6, 6, 6), 40, 6), ((4, 6, 3), 40, 6), ((5, 3, 8), 100, 2.5), ((6, 6, 6), 20, 12.5)],
)
def test_no_count_is_lost_or_made_in_the_field_of_view(spacing_mm, bins, bin_mm, resolution):
    shape = tuple(round(240 / mm) for mm in spacing_mm)
    voxels = blob(shape, spacing_mm, (5, -20, 15), sigma_mm=15)
    camera = Projector(
        shape, spacing_mm, circle(16), bins=bins, bin_mm=bin_mm, resolution=resolution
    )

    counts = camera.forward(voxels).sum(axis=(1, 2))

    # Bilinear sampling beats with the voxels: some 0.3 % for bins a little wider than they are.
    assert counts == pytest.approx(voxels.sum(), rel=4e-3)
    assert counts.mean() == pytest.approx(voxels.sum(), rel=1e-3)


@pytest.mark.parametrize("depth_mm", [-80, -33, 0, 41, 80])
def test_a_point_is_as_wide_as_its_distance_makes_it(depth_mm):
    """Along bins and slices alike; at 0° the distance shrinks towards the back."""
    shape, spacing_mm = (48, 90, 60), (2.5, 2, 2)
    points = np.zeros(shape, dtype=np.float32)
    row = round(44.5 + depth_mm / 2)
    points[24, row, 30] = 1
    distance_mm = 150 - (row - 44.5) * 2
    orbit = Orbit(np.array([0]), np.array([150]))

    camera = Projector(shape, spacing_mm, orbit, bins=60, bin_mm=2, resolution=LEHR)
    (seen,) = camera.forward(points)

    for axis, step_mm in ((0, 2.5), (1, 2)):
        profile = seen.sum(axis=1 - axis)
        place_mm = np.arange(profile.size) * step_mm
        mean_mm = (place_mm * profile).sum() / profile.sum()
        sigma_mm = np.sqrt(((place_mm - mean_mm) ** 2 * profile).sum() / profile.sum())
        assert 2.3548 * sigma_mm == pytest.approx(LEHR.fwhm_mm(distance_mm), rel=0.01)
        upper = profile > profile.max() / 2
        assert abs(upper.sum() * step_mm - LEHR.fwhm_mm(distance_mm)) < 1.5 * step_mm


def test_voxels_behind_the_collimator_are_blurred_like_those_at_its_face():
    shape, spacing_mm = (9, 9, 9), (2, 2, 2)
    point = np.zeros(shape, dtype=np.float32)
    point[4, 8, 4] = 1
    near, at_face = (
        Projector(
            shape, spacing_mm, Orbit(np.array([0]), np.array([radius_mm])), bins=9, bin_mm=2,
            resolution=LEHR,
        ).forward(point)
        for radius_mm in (1.0, 8.0)
    )  # fmt: skip

    assert np.allclose(near, at_face, rtol=1e-5)


def test_a_wide_bin_counts_what_narrow_ones_do_together():
    shape, spacing_mm = (3, 30, 30), (4, 4, 4)
    voxels = np.random.default_rng(1).random(shape, dtype=np.float32)
    narrow, wide = (
        Projector(shape, spacing_mm, circle(7), bins=bins, bin_mm=120 / bins).forward(voxels)
        for bins in (30, 10)
    )

    assert np.allclose(narrow.reshape(7, 3, 10, 3).sum(axis=3), wide, rtol=1e-5)


def test_an_offset_moves_the_volume_in_the_patient():
    """Nine voxels to the left and six to the front are the same as those of a larger grid."""
    small, spacing_mm, orbit = (2, 12, 14), (5, 3, 2), circle(4)
    inner = np.random.default_rng(1).random((2, 2, 10, 12), dtype=np.float32)
    voxels, lac = np.pad(inner, ((0, 0), (0, 0), (1, 1), (1, 1)))
    large, large_lac = (np.pad(one, ((0, 0), (0, 12), (18, 0))) for one in (voxels, lac))

    moved = Projector(
        small, spacing_mm, orbit, bins=40, bin_mm=3, lac_per_cm=lac, offset_mm=(9 * 2, -6 * 3)
    )
    padded = Projector((2, 24, 32), spacing_mm, orbit, bins=40, bin_mm=3, lac_per_cm=large_lac)

    assert np.allclose(moved.forward(voxels), padded.forward(large), rtol=1e-5)


def test_transmissions_too_large_to_keep_change_no_bit(monkeypatch):
    phantom = thorax((4, 32, 32), (12, 12, 12))
    arguments = ((4, 32, 32), (12, 12, 12), cardiac_orbit(6))
    physics = {"bins": 32, "bin_mm": 12, "lac_per_cm": phantom.lac_per_cm, "resolution": LEHR}
    kept = Projector(*arguments, **physics)
    monkeypatch.setattr(projector, "TRANSMISSION_BYTES", 0)
    fresh = Projector(*arguments, **physics)

    projections = kept.forward(phantom.activity)

    assert np.array_equal(projections, fresh.forward(phantom.activity))
    assert np.array_equal(kept.back(projections), fresh.back(projections))
    assert kept._transmissions
    assert not fresh._transmissions


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": (4, 0, 4)}, r"three positive numbers, found \(4, 0, 4\)"),
        ({"spacing_mm": (4, 4, -4)}, "spacing of three positive numbers"),
        ({"bins": 0}, "expected bins of some width, found 0 of 4 mm"),
        ({"bin_mm": np.nan}, "expected bins of some width"),
        ({"lac_per_cm": np.zeros((4, 4, 5))}, r"shape \(4, 4, 4\), found \(4, 4, 5\)"),
        ({"lac_per_cm": np.full((4, 4, 4), np.inf)}, "finite"),
    ],
)
def test_an_impossible_camera_is_refused(changes, message):
    usual = {"shape": (4, 4, 4), "spacing_mm": (4, 4, 4), "orbit": circle(), "bins": 4, "bin_mm": 4}

    with pytest.raises(ValueError, match=message):
        Projector(**usual | changes)


def test_arrays_of_another_shape_are_refused():
    camera = Projector((2, 4, 4), (4, 4, 4), circle(8), bins=5, bin_mm=4)

    with pytest.raises(ValueError, match=r"voxels of shape \(2, 4, 4\), found \(4, 4, 2\)"):
        camera.forward(np.zeros((4, 4, 2), dtype=np.float32))
    with pytest.raises(ValueError, match=r"projections of shape \(3, 2, 5\), found \(8, 2, 5\)"):
        camera.back(np.zeros((8, 2, 5), dtype=np.float32), [0, 1, 2])
