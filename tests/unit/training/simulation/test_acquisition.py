import numpy as np
import pytest

from cameras import Thing, camera, positions, thing, upright_grid, water_cylinder
from mumap_node.training.simulation.acquisition import acquire, outline_mm, sensitivity
from mumap_node.training.simulation.anatomy import paint
from mumap_node.training.simulation.case import PHYSICS_GRID
from mumap_node.training.simulation.expectation import expect
from mumap_node.training.simulation.patient import draw_patient

GRID = upright_grid((48, 60, 60), 4.8)
CYLINDER = thing(water_cylinder(GRID, radius_mm=100.0, half_length_mm=90.0), GRID)


def test_counts_are_those_asked_for_and_spread_as_poissons():
    one = camera(views=8, counts=3e6)
    activity = water_cylinder(GRID, 60.0, 60.0).astype(np.float32)
    acquired = acquire(CYLINDER, activity, one, np.random.default_rng(5))
    mean = expect(
        CYLINDER, activity, one, acquired.orbit, acquired.conditions, scatter_windows=False
    )
    mean = (mean.primary + mean.scatter).astype(np.float64)
    mean *= 3e6 / mean.sum()
    dense = mean > 20
    assert acquired.photopeak.sum(dtype=np.float64) == pytest.approx(3e6, abs=5 * np.sqrt(3e6))
    assert np.array_equal(acquired.photopeak, np.rint(acquired.photopeak))
    assert np.mean((acquired.photopeak - mean)[dense] ** 2 / mean[dense]) == pytest.approx(
        1, abs=0.1
    )


def test_the_photopeak_does_not_depend_on_the_other_windows():
    one = camera(views=4)
    activity = water_cylinder(GRID, 60.0, 60.0).astype(np.float32)
    with_windows, without = (
        acquire(CYLINDER, activity, one, np.random.default_rng(5), scatter_windows=wanted)
        for wanted in (True, False)
    )
    np.testing.assert_array_equal(with_windows.photopeak, without.photopeak)
    assert without.lower is without.upper is None
    assert with_windows.lower.sum() > 10 * with_windows.upper.sum() > 0


def test_a_camera_without_an_upper_window_gives_none():
    activity = water_cylinder(GRID, 60.0, 60.0).astype(np.float32)
    acquired = acquire(
        CYLINDER, activity, camera(views=4, upper_kev=None), np.random.default_rng(1)
    )
    assert acquired.upper is None
    assert acquired.lower is not None


def test_rows_beyond_the_axial_field_stay_empty():
    one = camera(views=4, axial_field_mm=120.0)
    acquired = acquire(CYLINDER, CYLINDER.lac_per_cm, one, np.random.default_rng(1))
    rows = np.flatnonzero(acquired.photopeak.any(axis=(0, 2)))
    assert np.ptp(rows) + 1 == 18
    assert rows.mean() == 31.5


def test_the_detector_keeps_clear_of_body_and_table():
    _, y, _ = positions(GRID)
    table = (0.05 * ((y > 110) & (y < 125))).astype(np.float32)
    outline = outline_mm(Thing(GRID, CYLINDER.lac_per_cm, table))
    assert outline[:, 1].max() == pytest.approx(122.4, abs=2.5)
    assert outline[:, 1].min() == pytest.approx(-97.6, abs=2.5)


@pytest.mark.parametrize("follows_contour", [True, False])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_view_has_its_collimator_in_the_table(seed, follows_contour):
    anatomy = paint(draw_patient(np.random.default_rng(seed)), PHYSICS_GRID)
    table = anatomy.table_per_cm
    assert 0 < table.max() < 0.03  # less than lung
    place = np.argwhere(table[:1] > 0.1 * table.max())
    one = camera(arc_deg=360.0, views=60, follows_contour=follows_contour, gap_mm=5.0)
    orbit = one.orbit(outline_mm(anatomy))
    reach_mm = anatomy.geometry.to_patient(place)[:, :2] @ orbit.detector_directions.T
    assert (reach_mm.max(axis=0) <= orbit.radii_mm).all()


def test_a_patient_without_a_table_is_passed_as_closely_as_the_body_allows():
    outline = outline_mm(CYLINDER)
    assert np.hypot(*outline.T).max() == pytest.approx(100, abs=3.4)


def test_uneven_sensitivity_is_the_detectors_own():
    one = camera(views=8, heads=2)
    fields = sensitivity(one, 0.01, np.random.default_rng(3))
    np.testing.assert_array_equal(fields[0], fields[3])  # the first head
    assert not np.array_equal(fields[0], fields[4])  # the second
    assert fields.mean() == pytest.approx(1, abs=0.005)
    assert 0.003 < fields.std() < 0.02
    assert np.abs(np.diff(fields[0], axis=1)).max() < 0.01
