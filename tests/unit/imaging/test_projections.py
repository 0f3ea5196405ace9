"""Projections cannot be of one shape and say another, nor change."""

import numpy as np
import pytest

from measured import projections
from mumap_node.imaging.projections import ScatterWindow
from mumap_node.imaging.reconstruction import Orbit

ORBIT = Orbit(np.arange(4) * 90.0, np.full(4, 200.0))


def taken(photopeak: np.ndarray, scatter: np.ndarray | None = None, **stated: object):
    beside = () if scatter is None else (ScatterWindow(scatter, (114.0, 126.0)),)
    return projections(photopeak, ORBIT, (4.0, 5.0), scatter=beside, **stated)


def zeros(*shape: int, dtype: type = np.float32) -> np.ndarray:
    return np.zeros(shape, dtype)


def test_counts_cannot_be_changed():
    found = taken(zeros(4, 2, 3), zeros(4, 2, 3))

    for counts in (found.photopeak, found.scatter[0].counts):
        with pytest.raises(ValueError, match="read-only"):
            counts[0] = 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((zeros(4, 2, 3, dtype=np.float64),), "float32"),
        ((zeros(4, 6),), "one shape"),
        ((zeros(4, 2, 3), zeros(4, 3, 2)), "one shape"),
        ((zeros(5, 2, 3),), "4 views"),
    ],
    ids=["type", "dimensions", "shapes", "views"],
)
def test_counts_that_do_not_belong_together_are_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        taken(*arguments)


def test_the_grid_is_centred_on_the_rotation_and_upright():
    grid = taken(zeros(4, 3, 6), middle_z_mm=-100.0, frame_of_reference_uid="2.25.1").grid

    assert grid.shape == (3, 6, 6)
    assert grid.spacing_mm == (4.0, 5.0, 5.0)
    assert grid.frame_of_reference_uid == "2.25.1"
    np.testing.assert_allclose(grid.centre_mm, (0, 0, -100))
    np.testing.assert_allclose(grid.to_patient((0, 0, 0)), (-12.5, -12.5, -104))
    np.testing.assert_allclose(grid.directions, [[0, 0, 1], [0, 1, 0], [1, 0, 0]])


def test_where_no_height_is_stated_the_middle_is_0():
    assert taken(zeros(4, 3, 6)).grid.centre_mm[2] == 0


def test_slices_no_detector_saw_are_told_from_those_it_saw():
    counts = zeros(4, 8, 3)
    counts[:, 2:6] = 100
    counts[0, 3] = 0  # a dark row among those seen is seen
    counts[2, 7, 1] = 1  # one stray count is no row

    assert taken(counts).seen_slices == slice(2, 6)


def test_without_any_counts_all_slices_are_taken():
    assert taken(zeros(4, 8, 3)).seen_slices == slice(0, 8)
