"""Projections cannot be of one shape and say another, nor change."""

import numpy as np
import pytest

from mumap_node.imaging.acquisition import Acquisition
from mumap_node.imaging.projections import Projections, ScatterWindow
from mumap_node.imaging.reconstruction import Orbit


def projections(
    photopeak: np.ndarray, scatter: np.ndarray | None = None, views: int = 4
) -> Projections:
    beside = () if scatter is None else (ScatterWindow(scatter, (114.0, 126.0)),)
    return Projections(
        photopeak=photopeak,
        scatter=beside,
        orbit=Orbit(np.arange(views) * 90.0, np.full(views, 200.0)),
        slice_mm=5.0,
        bin_mm=5.0,
        middle_z_mm=None,
        radii_are_stated=True,
        direction_is_stated=True,
        seconds_per_view=None,
        accepted_beats=None,
        acquisition=Acquisition("Tc-99m", True, 140.5, (126.0, 154.0), "PARA", "LEHR"),
    )


def zeros(*shape: int, dtype: type = np.float32) -> np.ndarray:
    return np.zeros(shape, dtype)


def test_counts_cannot_be_changed():
    found = projections(zeros(4, 2, 3), zeros(4, 2, 3))

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
        projections(*arguments)
