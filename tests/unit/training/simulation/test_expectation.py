import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cameras import RING, STILL, Thing, camera, point, positions, thing, upright_grid
from mumap_node.training.simulation.conditions import Conditions, Motion
from mumap_node.training.simulation.expectation import expect

GRID = upright_grid((48, 60, 60), 4.8)
AIR = thing(np.zeros(GRID.shape), GRID)


def expected(subject, activity, one, conditions=STILL):
    return expect(subject, activity, one, one.orbit(RING), conditions, scatter_windows=False)


def centroid_mm(view, one):
    """(slice, bin) centroid of a view in mm from its middle."""
    middle = (np.array(view.shape) - 1) / 2
    total = view.sum()
    return [
        (np.tensordot(view, np.arange(size), (axis, 0)).sum() / total - centre) * one.pixel_mm
        for axis, (size, centre) in enumerate(zip(view.shape, middle, strict=True))
    ]


@pytest.mark.parametrize("thickness_mm", [48.0, 96.0, 144.0])
def test_water_dims_a_narrow_beam_as_its_lac_says(thickness_mm):
    _, y, _ = positions(GRID)
    slab = thing(0.1537 * ((y > -72) & (y < -72 + thickness_mm)), GRID)
    activity = point(GRID, (2.4, 100.8, 2.4))
    one = camera(arc_deg=360.0, start_deg=180.0, views=4, pixel_mm=4.8)
    open_field, behind = (expected(what, activity, one).primary[0] for what in (AIR, slab))
    transmission = behind.sum() / open_field.sum()
    assert transmission == pytest.approx(np.exp(-0.1537 * thickness_mm / 10), rel=0.01)


def test_the_table_attenuates_too():
    _, y, _ = positions(GRID)
    table = (0.05 * ((y > 110) & (y < 125))).astype(np.float32)
    one = camera(arc_deg=360.0, start_deg=0.0, views=4)
    activity = point(GRID, (0.0, 0.0, 0.0))
    with_table = expected(Thing(GRID, AIR.lac_per_cm, table), activity, one).primary.sum(
        axis=(1, 2)
    )
    assert with_table[0] < 0.95 * with_table[2]  # from the back and from the front


@pytest.mark.parametrize(("matrix", "pixel_mm"), [(64, 6.6), (64, 5.3), (128, 3.3), (128, 4.8)])
@pytest.mark.parametrize("place_mm", [(60, 40, 70), (-55, 30, -60), (35, -70, 20), (-60, -45, 0)])
def test_a_hot_spot_lands_where_geometry_says(matrix, pixel_mm, place_mm):
    one = camera(arc_deg=360.0, start_deg=0.0, views=8, matrix=matrix, pixel_mm=pixel_mm)
    views = expected(AIR, gaussian_filter(point(GRID, place_mm), 1.0), one).primary
    x, y, z = place_mm
    for view, angle in zip(views, np.radians(one.angles_deg), strict=True):
        to_head, along = centroid_mm(view, one)
        assert to_head == pytest.approx(z, abs=0.1 * pixel_mm)
        assert along == pytest.approx(-x * np.cos(angle) + y * np.sin(angle), abs=0.1 * pixel_mm)


def test_the_image_of_a_point_is_as_wide_as_the_camera_makes_it():
    one = camera(matrix=128, pixel_mm=3.3, views=4, arc_deg=360.0)
    view = expected(AIR, point(GRID, (2.4, 2.4, 2.4)), one).primary[0]
    at = (np.arange(128) - 63.5) * 3.3
    profile = view.sum(axis=0)
    variance = np.average(at**2, weights=profile) - np.average(at, weights=profile) ** 2
    radius_mm = one.orbit(RING).radii_mm[0]
    # The grid blurs a little more than the crystal it stands for.
    assert 1.0 <= 2.3548 * np.sqrt(variance) / one.resolution.fwhm_mm(radius_mm) <= 1.15


@pytest.mark.parametrize("kind", ["step", "drift"])
def test_a_patient_who_moves_is_seen_elsewhere_afterwards(kind):
    motion = Motion(kind=kind, begins=0.5, lateral_mm=12.0, axial_mm=-9.0)
    one = camera(arc_deg=360.0, start_deg=180.0, heads=1, views=32, clockwise=False)
    activity = point(GRID, (0.0, 0.0, 0.0))
    moving = Conditions(scatter_amplitude=1.0, nonuniformity=0.0, motion=motion)
    still, moved = (expected(AIR, activity, one, how).primary for how in (STILL, moving))
    first = np.subtract(centroid_mm(moved[0], one), centroid_mm(still[0], one))
    last = np.subtract(centroid_mm(moved[-1], one), centroid_mm(still[-1], one))
    np.testing.assert_allclose(first, 0, atol=0.1)
    np.testing.assert_allclose(last, (-9.0, 12.0), atol=0.4)  # nearly from the front again


def test_activity_decays_during_the_acquisition():
    one = camera(arc_deg=360.0, heads=1, views=64, seconds_per_view=30.0)
    counts = expected(AIR, point(GRID, (0.0, 0.0, 0.0)), one).primary.sum(axis=(1, 2))
    assert counts[-8:].mean() / counts[:8].mean() == pytest.approx(2 ** (-28 / 360.4), rel=0.01)


def test_an_odd_outline_is_no_trouble_for_the_coarse_grid_of_scatter():
    x, y, _ = positions(GRID)
    odd = thing(0.15 * ((np.abs(x - 2.4) < 71) & (np.abs(y + 2.4) < 61)), GRID)
    even = thing(0.15 * ((np.abs(x) < 71) & (np.abs(y) < 61)), GRID)
    one = camera(views=8)
    activity = point(GRID, (0.0, 0.0, 0.0))
    ratios = [expected(what, activity, one) for what in (odd, even)]
    first, second = (result.scatter.sum() / result.primary.sum() for result in ratios)
    assert first == pytest.approx(second, rel=0.03)
