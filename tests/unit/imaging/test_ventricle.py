import numpy as np
import pytest

from mumap_node.imaging.resampling import UPRIGHT
from mumap_node.imaging.ventricle import CAVITY_EDGE_MM, axis_of, fit, wall_at
from mumap_node.imaging.volume import Geometry, Quantity, Volume
from phantoms import affine

SHELL = np.array((10.0, -20.0, 5.0, 50.0, 28.0, 27.0, 74.0))
MOVED = np.array((6.0, -7.0, 5.0, -12.0, 10.0, 3.0, -8.0))


def grid(size=26, spacing_mm=7.0):
    matrix = affine(UPRIGHT, spacing_mm)
    matrix[:3, 3] = SHELL[:3] - matrix[:3, :3] @ np.full(3, (size - 1) / 2)
    return Geometry((size, size, size), matrix)


def counts(change=lambda wall, _distance, _place: wall, geometry=None):
    geometry = geometry or grid()
    points = geometry.to_patient(np.moveaxis(np.indices(geometry.shape), 0, -1))
    voxels = change(*wall_at(points, SHELL)) + 0.05
    return Volume(voxels.astype(np.float32), geometry, Quantity.COUNTS)


def test_the_axis_points_to_the_left_to_the_front_and_to_the_feet():
    np.testing.assert_allclose(axis_of(np.zeros(7)), (1, 0, 0), atol=1e-12)
    np.testing.assert_allclose(axis_of(np.array((0, 0, 0, 90, 0, 0, 0))), (0, -1, 0), atol=1e-12)
    np.testing.assert_allclose(axis_of(np.array((0, 0, 0, 0, 90, 0, 0))), (0, 0, -1), atol=1e-12)


def test_the_wall_lies_where_the_shell_says():
    axis = axis_of(SHELL)
    apex, beyond, middle = (SHELL[:3] + along * axis for along in (37.0, 51.0, 0.0))

    wall, distance, place = wall_at(np.stack((apex, beyond, middle)), SHELL)

    assert wall[0] == pytest.approx(1, abs=0.01)
    assert wall[1] == pytest.approx(np.exp(-2), abs=0.02)
    assert wall[2] < 0.01
    assert distance[0] == pytest.approx(0, abs=0.01)
    assert distance[2] < -15
    np.testing.assert_allclose(place[:, 1], (88, 0, 0), atol=1e-9)


def test_a_shell_is_found_again():
    found = fit(counts(), SHELL + MOVED)

    np.testing.assert_allclose(found.shell[:5], SHELL[:5], atol=1)
    np.testing.assert_allclose(found.shell[5:], SHELL[5:], atol=1.5)
    assert found.explained > 0.99
    assert found.perfused == 1
    assert found.inside == 1
    assert found.cavity < 0.15
    assert found.around < 0.15
    assert 1 < found.axis_sd_deg < 5


def test_what_fills_the_cavity_and_lies_around_is_told():
    def with_blood(wall, distance, _place):
        inside = 1 / (1 + np.exp(distance / CAVITY_EDGE_MM))
        return wall + 0.5 * inside + 0.2 * (1 - inside)

    found = fit(counts(with_blood), SHELL)

    mean_of_wall = 1.15
    assert found.cavity == pytest.approx(0.55 / mean_of_wall, abs=0.1)
    assert found.around == pytest.approx(0.25 / mean_of_wall, abs=0.1)


def test_a_defect_is_told_and_turns_nothing():
    found = fit(counts(lambda wall, _distance, place: wall * (place[2] < 8)), SHELL)

    assert 0.4 < found.perfused < 0.8
    np.testing.assert_allclose(axis_of(found.shell), axis_of(SHELL), atol=0.1)


def test_hot_gut_beside_the_wall_moves_it_little():
    def with_gut(wall, _distance, place):
        off = (place[0] - 40) ** 2 / 900 + ((place[1] + 50) ** 2 + place[2] ** 2) / 100
        return wall + 5 * np.exp(-0.5 * off)

    found = fit(counts(with_gut), SHELL)

    np.testing.assert_allclose(found.shell[:3], SHELL[:3], atol=4)
    np.testing.assert_allclose(axis_of(found.shell), axis_of(SHELL), atol=0.12)


def test_the_part_beyond_the_volume_is_told():
    whole = counts()
    cut = Volume(
        whole.voxels[13:].copy(),
        Geometry((13, 26, 26), grid().affine @ shifted(13)),
        Quantity.COUNTS,
    )

    assert 0.3 < fit(cut, SHELL).inside < 0.7


def shifted(slices):
    matrix = np.eye(4)
    matrix[0, 3] = slices
    return matrix


def test_the_uncertainty_grows_where_less_is_known():
    whole = counts()
    voxels = whole.voxels.copy()
    voxels[:11] = np.nan

    assert fit(whole.with_voxels(voxels), SHELL).axis_sd_deg > 1.2 * fit(whole, SHELL).axis_sd_deg


def test_a_hole_is_no_shell():
    hole = counts(lambda wall, _distance, _place: 1 - wall)

    assert fit(hole, SHELL) is None


def test_nothing_is_fitted_to_a_few_voxels():
    few = counts(geometry=grid(5))

    assert fit(few, SHELL) is None
