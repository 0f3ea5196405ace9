from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest

from cameras import camera
from mumap_node.training.simulation.camera import COLLIMATORS, PIXEL_RANGE_MM, draw_camera

MEDIUM = SimpleNamespace(bmi=27.0)


def drawn(count: int, bmi: float = 27.0):
    return [
        draw_camera(np.random.default_rng(seed), SimpleNamespace(bmi=bmi)) for seed in range(count)
    ]


@pytest.mark.parametrize(("start_deg", "clockwise"), [(225.0, True), (45.0, False)])
def test_half_a_turn_leads_from_one_oblique_over_the_front_and_the_left(start_deg, clockwise):
    angles = camera(start_deg=start_deg, clockwise=clockwise, views=60).angles_deg
    assert angles.min() >= 45
    assert angles.max() <= 225
    assert np.ptp(angles) == pytest.approx(180 - 3)
    assert angles[0] == start_deg


def test_a_full_turn_looks_from_everywhere():
    angles = camera(arc_deg=360.0, start_deg=180.0, views=120).angles_deg
    np.testing.assert_allclose(np.sort(angles), np.arange(120) * 3.0)


def test_two_heads_share_the_arc_and_the_time():
    double = camera(heads=2, views=64)
    single = camera(heads=1, views=64)
    assert double.minutes[32] == double.minutes[0]
    assert single.minutes[32] > single.minutes[0]
    assert double.minutes.max() < single.minutes.max()


def test_activity_halves_in_six_hours():
    slow = camera(heads=1, views=4, seconds_per_view=360.4 * 60)
    np.testing.assert_allclose(slow.decay, 2.0 ** -(np.arange(4) + 0.5), rtol=1e-6)


def test_a_contour_orbit_keeps_its_gap_and_a_circle_keeps_its_radius():
    around = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    ellipse = np.stack([180 * np.cos(around), 110 * np.sin(around)], axis=1)
    contour = camera(gap_mm=10.0).orbit(ellipse)
    circle = camera(gap_mm=10.0, follows_contour=False).orbit(ellipse)
    anterior = np.argmin(np.abs(contour.angles_deg - 180))
    lateral = np.argmin(np.abs(contour.angles_deg - 90))
    assert contour.radii_mm[anterior] == pytest.approx(120, abs=1)
    assert contour.radii_mm[lateral] == pytest.approx(190, abs=1)
    assert np.ptp(circle.radii_mm) == 0
    assert circle.radii_mm[0] == contour.radii_mm.max()


@pytest.mark.parametrize(("matrix", "pixel_mm"), [(64, 6.6), (64, 5.3), (128, 3.3), (128, 4.8)])
@pytest.mark.parametrize("axial_field_mm", [240.0, 387.0])
def test_the_rows_seen_are_those_within_the_axial_field(matrix, pixel_mm, axial_field_mm):
    seen = camera(matrix=matrix, pixel_mm=pixel_mm, axial_field_mm=axial_field_mm).seen_rows
    positions = (np.arange(matrix) - (matrix - 1) / 2) * pixel_mm
    np.testing.assert_array_equal(
        np.arange(matrix)[seen], np.flatnonzero(np.abs(positions) <= axial_field_mm / 2)
    )


def test_resolution_is_that_of_data_sheets():
    # System FWHM at 100 mm: Siemens LEHR 7.5 mm, LEAP 9.4 mm (Symbia); GE LEHR 7.4 mm (Infinia).
    for diameter_mm, length_mm, published_mm in (
        (1.11, 24.05, 7.5),
        (1.45, 24.05, 9.4),
        (1.5, 35, 7.4),
    ):
        resolution = camera(hole_diameter_mm=diameter_mm, hole_length_mm=length_mm).resolution
        assert resolution.fwhm_mm(100.0) == pytest.approx(published_mm, rel=0.12)


def test_drawn_cameras_stay_within_what_sites_use():
    cameras = drawn(300)
    for drawn_camera in cameras:
        assert drawn_camera.collimator in {name for name, *_ in COLLIMATORS}
        low, high = PIXEL_RANGE_MM[drawn_camera.matrix]
        assert low <= drawn_camera.pixel_mm <= high
        assert 30 <= drawn_camera.views <= 128
        assert drawn_camera.views % 2 == 0
        assert 2e6 <= drawn_camera.counts <= 20e6
        stops = drawn_camera.views // drawn_camera.heads
        assert 8 <= stops * drawn_camera.seconds_per_view / 60 <= 30
        assert drawn_camera.lower_kev[1] == drawn_camera.photopeak_kev[0]
    for name in ("matrix", "arc_deg", "heads", "clockwise", "follows_contour", "collimator"):
        assert len({getattr(drawn_camera, name) for drawn_camera in cameras}) == 2, name


def test_most_half_turns_lie_between_right_anterior_and_left_posterior():
    for drawn_camera in drawn(200):
        if drawn_camera.arc_deg == 180:
            angles = drawn_camera.angles_deg
            assert angles.min() >= 45 - 6
            assert angles.max() <= 225 + 6
            assert np.ptp(angles) < 180


def test_heavier_patients_give_fewer_counts():
    light, heavy = (np.median([one.counts for one in drawn(200, bmi)]) for bmi in (20.0, 40.0))
    assert heavy < 0.75 * light


def test_the_same_seed_draws_the_same_camera_of_plain_values():
    first, second = (draw_camera(np.random.default_rng(7), MEDIUM) for _ in range(2))
    assert asdict(first) == asdict(second)
    assert all(
        isinstance(value, (str, int, float, tuple, type(None))) for value in asdict(first).values()
    )
    assert not any(isinstance(value, np.generic) for value in asdict(first).values())
