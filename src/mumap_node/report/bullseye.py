"""Polar maps as pictures: the apex in the middle, anterior on top, lateral right."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mumap_node.imaging.polar import PolarMap, segment_of
from mumap_node.report.canvas import Canvas
from mumap_node.report.colours import (
    DIVERGING,
    FAINT,
    HOT_IRON,
    PAGE,
    WORDS,
    Palette,
    Picture,
    Values,
    as_picture,
    coloured,
    is_bright,
    over,
)

FINER = 2
"""Pixels are drawn this much finer across and added up, so that edges are smooth."""

BORDER = 0.75
"""Opacity of the borders of segments."""

WALLS = (("anterior", 0, -1), ("lat.", 1, 0), ("inferior", 0, 1), ("sept.", -1, 0))
"""What lies beside a polar map, and where: to the right and down."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How values are shown.

    Attributes:
        palette: Colours from the lowest to the highest value.
        limits: Lowest and highest value that differ in colour.
        written: A value as text.
        unit: Of the values.
    """

    palette: Palette
    limits: tuple[float, float]
    written: Callable[[float], str]
    unit: str


PERFUSION = Scale(HOT_IRON, (0.0, 100.0), "{:.0f}".format, "% of maximum")
CHANGE = Scale(DIVERGING, (-20.0, 20.0), "{:+.0f}".format, "percentage points")
"""Of a segment, correction usually changes less than 20 points."""


def draw_bullseye(
    canvas: Canvas, polar: PolarMap, scale: Scale, title: str, x: int, y: int, size: int
) -> None:
    """A polar map with the means of its 17 segments, its title above and its scale below.

    Args:
        canvas: To draw on.
        polar: Values in the unit of the scale.
        scale: How values are shown.
        title: Above it.
        x: Left end.
        y: Top of the title.
        size: Diameter.
    """
    top = y + 46
    picture = _disc(polar, scale, size)
    middle = x + size / 2
    canvas.write(title, middle, y, 19, bold=True, anchor="ma")
    canvas.paste(picture, x, top)
    half = size / 2
    for wall, right, down in WALLS:
        beside = (middle + right * (half + 18), top + half + down * (half + 11))
        canvas.write(wall, *beside, 11, FAINT, anchor="mm")
    _write_segments(canvas, polar, scale, picture, (x, top), size)
    _draw_scale(canvas, scale, x, top + size + 24, size)


def _place(pixels: int) -> tuple[Values, Values]:
    """Radius, 1 at the rim, and angle in degrees from anterior over lateral, by pixel."""
    steps = (np.arange(pixels) + 0.5) / pixels * 2 - 1
    down, right = np.meshgrid(steps, steps, indexing="ij")
    return np.hypot(right, down), np.rad2deg(np.arctan2(right, -down)) % 360


def _disc(polar: PolarMap, scale: Scale, size: int) -> Picture:
    radius, angle_deg = _place(size * FINER)
    rings, angles = polar.values.shape
    ring = np.clip(radius * rings - 0.5, 0, rings - 1)
    around = np.pad(polar.values, ((0, 0), (1, 1)), mode="wrap")
    values = ndimage.map_coordinates(around, (ring, angle_deg * angles / 360 + 0.5), order=1)
    labels = segment_of(4 - 4 * radius, angle_deg)
    border = ndimage.maximum_filter(labels, 3) != ndimage.minimum_filter(labels, 3)
    disc = over(coloured(values, scale.palette, scale.limits), PAGE, BORDER * border)
    disc[radius > 1] = PAGE
    finer = disc.reshape(size, FINER, size, FINER, 3).astype(np.float64)
    return as_picture(finer.mean(axis=(1, 3)))


def _write_segments(
    canvas: Canvas,
    polar: PolarMap,
    scale: Scale,
    picture: Picture,
    corner: tuple[int, int],
    size: int,
) -> None:
    """The mean of each segment in its middle, legible on the colour there."""
    radius, angle_deg = _place(size)
    labels = np.where(radius < 1, segment_of(4 - 4 * radius, angle_deg), 0)
    for number, mean in enumerate(polar.segments(), start=1):
        row, column = _middle(labels == number)
        behind = picture[round(row) - 6 : round(row) + 7, round(column) - 9 : round(column) + 10]
        ink = PAGE if is_bright(behind.reshape(-1, 3).mean(axis=0)) else WORDS
        place = (corner[0] + column, corner[1] + row)
        canvas.write(scale.written(mean), *place, 17, ink, bold=True, anchor="mm")


def _middle(segment: NDArray[np.bool_]) -> tuple[float, float]:
    """Row and column in the middle of a segment, half way through its rings."""
    centre = (len(segment) - 1) / 2
    offset = np.argwhere(segment) - centre
    towards = offset.mean(axis=0)
    distance = np.hypot(*towards)
    if distance < 1:  # the apex
        return centre, centre
    row, column = centre + towards / distance * np.hypot(*offset.T).mean()
    return float(row), float(column)


def _draw_scale(canvas: Canvas, scale: Scale, x: int, y: int, width: int) -> None:
    lowest, highest = scale.limits
    levels = np.tile(np.linspace(lowest, highest, width), (9, 1))
    canvas.paste(coloured(levels, scale.palette, scale.limits), x, y)
    canvas.write(scale.written(lowest), x, y + 13, 12, FAINT)
    canvas.write(scale.written(highest), x + width, y + 13, 12, FAINT, anchor="ra")
    canvas.write(scale.unit, x + width / 2, y + 13, 12, FAINT, anchor="ma")
