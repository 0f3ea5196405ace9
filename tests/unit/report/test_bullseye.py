"""A polar map is drawn the way cardiologists read it."""

import numpy as np
import pytest

from mumap_node.imaging.polar import ANGLES, RINGS, PolarMap, segment_labels
from mumap_node.report.bullseye import PERFUSION, draw_bullseye
from mumap_node.report.canvas import Canvas
from mumap_node.report.colours import PAGE

SIZE, X, TOP = 240, 30, 46


def drawn(hot):
    """A map of 0 but for one segment of 100."""
    values = np.where(segment_labels(RINGS, ANGLES) == hot, 100.0, 0.0)
    canvas = Canvas(SIZE + 60, SIZE + 120, PAGE)
    draw_bullseye(canvas, PolarMap(values), PERFUSION, "", X, 0, SIZE)
    disc = canvas.picture[TOP : TOP + SIZE, X : X + SIZE].astype(int)
    return (disc[..., 0] == 255) & (disc[..., 1] > 100)


@pytest.mark.parametrize(
    ("segment", "right", "down"),
    [
        (1, 0, -0.88), (4, 0, 0.88), (2, -0.76, -0.44), (6, 0.76, -0.44), (3, -0.76, 0.44),
        (13, 0, -0.38), (14, -0.38, 0), (15, 0, 0.38), (16, 0.38, 0), (17, 0, 0),
    ],
)  # fmt: skip
def test_anterior_is_on_top_lateral_right_and_the_apex_in_the_middle(segment, right, down):
    row, column = (np.argwhere(drawn(segment)).mean(axis=0) + 0.5) / SIZE * 2 - 1

    assert (column, row) == pytest.approx((right, down), abs=0.09)


def test_the_disc_ends_at_its_rim():
    canvas = Canvas(SIZE, SIZE + 120, PAGE)
    draw_bullseye(canvas, PolarMap(np.full((24, 72), 60.0)), PERFUSION, "", 0, 0, SIZE)

    corners = canvas.picture[TOP : TOP + SIZE][[0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners == PAGE).all()
