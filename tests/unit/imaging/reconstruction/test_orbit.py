import numpy as np
import pytest

from mumap_node.imaging.reconstruction import Orbit, Resolution

LEFT, BACK = np.array((1, 0)), np.array((0, 1))


@pytest.mark.parametrize(
    ("angle_deg", "detector", "bins"),
    [(0, BACK, -LEFT), (90, LEFT, BACK), (180, -BACK, LEFT), (270, -LEFT, -BACK)],
)
def test_a_camera_sees_the_patient_from_where_dicom_says(angle_deg, detector, bins):
    orbit = Orbit(np.array((angle_deg, angle_deg - 360)), np.array((200, 200)))

    assert np.allclose(orbit.detector_directions, detector)
    assert np.allclose(orbit.bin_directions, bins)


def test_views_can_be_selected_in_any_order():
    orbit = Orbit(np.array((0, 10, 20)), np.array((200, 210, 220)))

    some = orbit.select([2, 0])

    assert orbit.views == 3
    assert some.angles_deg.tolist() == [20, 0]
    assert some.radii_mm.tolist() == [220, 200]


def test_an_orbit_does_not_change_with_the_arrays_it_was_made_of():
    angles_deg = np.array((0.0, 10.0))
    orbit = Orbit(angles_deg, np.array((200.0, 200.0)))
    angles_deg[0] = 5

    assert orbit.angles_deg[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        orbit.radii_mm[0] = 1


@pytest.mark.parametrize(
    ("angles_deg", "radii_mm", "message"),
    [
        ([], [], "one angle per view"),
        ([[0]], [[200]], r"one angle per view, found shape \(1, 1\)"),
        ([0, 1], [200], "2 radii"),
        ([0, np.nan], [200, 200], "finite angles"),
        ([0, 1], [200, 0], "radii above 0"),
        ([0, 1], [200, np.inf], "radii above 0"),
    ],
)
def test_an_impossible_orbit_is_refused(angles_deg, radii_mm, message):
    with pytest.raises(ValueError, match=message):
        Orbit(np.array(angles_deg, dtype=float), np.array(radii_mm, dtype=float))


def test_resolution_is_that_of_anger():
    """A hole of 1.5 mm and 35 mm length shows a point at 105 mm, 10 mm gap, 6.43 mm wide."""
    resolution = Resolution(3.5, 1.5, 35, 10)

    assert resolution.fwhm_mm(105) == pytest.approx(np.hypot(3.5, 1.5 * 150 / 35))
    assert np.all(np.diff(resolution.fwhm_mm([0, 100, 200])) > 0)
    assert Resolution(0, 1.5, 35).fwhm_mm(0) == 1.5


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ((-1, 1, 1, 1), "intrinsic_fwhm_mm"),
        ((1, 0, 1, 1), "hole_diameter_mm"),
        ((1, 1, np.inf, 1), "hole_length_mm"),
        ((1, 1, 1, np.nan), "gap_mm"),
    ],
)
def test_an_impossible_collimator_is_refused(values, name):
    with pytest.raises(ValueError, match=name):
        Resolution(*values)
