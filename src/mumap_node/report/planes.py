"""Three planes through the heart: the emission with the map's outlines, and laid over the map."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mumap_node.imaging.polar import LeftVentricle
from mumap_node.imaging.volume import Matrix, Volume
from mumap_node.report.canvas import Canvas
from mumap_node.report.colours import (
    AMBER,
    CYAN,
    GREY,
    HOT_IRON,
    PAGE,
    WORDS,
    Picture,
    Values,
    coloured,
    over,
)

SHOWN_LAC_PER_CM = 0.2
"""White; water at 140.5 keV has 0.154, bone as blurred as SPECT about 0.18."""

OUTLINE_PER_CM = 0.09
"""Where the map's outlines are drawn: about half way from soft tissue to air and to lung."""

FLATTEST_PER_CM = 0.003
"""From pixel to pixel at an outline; a map that changes less there has none."""

LINE = 1.4
"""Width of outlines in pixels."""

MARGIN_MM = 12.0
"""Round the body."""

FUSED_FROM, FUSED_AT, OPACITY = 0.25, 0.55, 0.8
"""Emission, relative to the heart's, that begins to show over the map, shows fully, and how."""

LATTICE_MM = 4.0
"""Between places where the heart's counts are taken."""

GAP = 8
TITLE = 26


@dataclass(frozen=True, slots=True)
class Plane:
    """A plane as workstations show it.

    Attributes:
        name: Of the plane.
        right: LPS axis from left to right: 0 x, 1 y, 2 z. It always grows.
        down: LPS axis from top to bottom.
        sign: -1 where the latter falls.
        marks: What lies at the left, right, top and bottom.
    """

    name: str
    right: int
    down: int
    sign: int
    marks: str


PLANES = (
    Plane("transaxial", 0, 1, 1, "RLAP"),
    Plane("coronal", 0, 2, -1, "RLHF"),
    Plane("sagittal", 1, 2, -1, "APHF"),
)


def draw_planes(
    canvas: Canvas,
    nac: Volume,
    lac: Volume,
    heart: LeftVentricle | None,
    place: tuple[int, int],
    size: tuple[int, int],
) -> None:
    """Two rows of three planes through the ventricle, or the middle of the body without one.

    Args:
        canvas: To draw on.
        nac: Counts.
        lac: LAC in 1/cm, anywhere in the same patient coordinates.
        heart: The ventricle that was found.
        place: Left and top, in pixels.
        size: Width and height that may be used, in pixels.
    """
    lowest, highest = _body_mm(lac)
    middle_mm = (lowest + highest) / 2
    if heart is not None:
        middle_mm[2] = heart.centre_mm[2]
    half_mm = (highest - lowest) / 2 + MARGIN_MM
    half_mm[2] = half_mm[1]  # as high as deep, so that all planes have one height
    through_mm = middle_mm if heart is None else np.array(heart.centre_mm)
    (x, y), (width, height) = place, size
    pixels_per_mm = min(
        (width - 2 * GAP) / (4 * half_mm[0] + 2 * half_mm[1]),
        (height / 2 - TITLE) / (2 * half_mm[1]),
    )
    brightest = _brightest(nac, heart)
    emission, mumap = _sampler(nac), _sampler(lac)
    for plane in PLANES:
        points_mm = _points_mm(plane, through_mm, middle_mm, half_mm, pixels_per_mm)
        counts, attenuation = emission(points_mm) / brightest, mumap(points_mm)
        depth_mm = None if heart is None else heart.depth_mm(points_mm)
        pictures = _pictures(counts, attenuation, depth_mm, 0.5 / pixels_per_mm)
        for row, (kind, picture) in enumerate(zip(("nAC", "on map"), pictures, strict=True)):
            top = y + row * height // 2
            canvas.write(f"{kind}, {plane.name}", x, top, 14, bold=True)
            canvas.paste(picture, x, top + TITLE)
            _mark(canvas, plane.marks, x, top + TITLE, picture)
        x += counts.shape[1] + GAP


def _pictures(
    counts: Values, attenuation: Values, depth_mm: Values | None, flattest_mm: float
) -> tuple[Picture, Picture]:
    """The counts with outlines of the map, and in colour over it; both with the ventricle's."""
    outline = _outline(attenuation, OUTLINE_PER_CM, FLATTEST_PER_CM)
    alone = over(coloured(counts, GREY, (0.0, 1.0)), AMBER, outline)
    fused = over(
        coloured(attenuation, GREY, (0.0, SHOWN_LAC_PER_CM)),
        coloured(counts, HOT_IRON, (0.0, 1.0)),
        OPACITY * np.clip((counts - FUSED_FROM) / (FUSED_AT - FUSED_FROM), 0, 1),
    )
    if depth_mm is None:
        return alone, fused
    surface = _outline(depth_mm, 0.0, flattest_mm)
    return over(alone, CYAN, surface), over(fused, CYAN, surface)


def _body_mm(lac: Volume) -> tuple[Matrix, Matrix]:
    """Lowest and highest LPS of what attenuates; of the whole grid where nothing does."""
    inside = np.argwhere(lac.voxels > OUTLINE_PER_CM)
    if not len(inside):
        inside = np.array([(0, 0, 0), lac.geometry.shape])
    points_mm = lac.geometry.to_patient(inside)
    return points_mm.min(axis=0), points_mm.max(axis=0)


def _brightest(nac: Volume, heart: LeftVentricle | None) -> float:
    """Counts shown white: the brightest of the heart, so that liver and gut do not darken it."""
    voxels: Values = nac.voxels
    if heart is not None:
        steps_mm = np.arange(-heart.length_mm, heart.length_mm, LATTICE_MM)
        around_mm = np.stack(np.meshgrid(steps_mm, steps_mm, steps_mm), axis=-1) + heart.centre_mm
        inside_mm = around_mm[heart.depth_mm(around_mm) > 0]
        index = nac.geometry.to_index(inside_mm).T
        voxels = ndimage.map_coordinates(nac.voxels, index, np.float64, order=1)
    return float(max(np.percentile(voxels, 99.5), np.finfo(np.float32).tiny))


def _points_mm(
    plane: Plane, through_mm: Matrix, middle_mm: Matrix, half_mm: Matrix, pixels_per_mm: float
) -> Matrix:
    """LPS of the pixels of a plane: (row, column, 3)."""
    rows, columns = (int(2 * half_mm[axis] * pixels_per_mm) for axis in (plane.down, plane.right))
    points = np.empty((rows, columns, 3))
    points[:] = through_mm
    down_mm = (np.arange(rows) - (rows - 1) / 2) / pixels_per_mm
    right_mm = (np.arange(columns) - (columns - 1) / 2) / pixels_per_mm
    points[..., plane.down] = (middle_mm[plane.down] + plane.sign * down_mm)[:, np.newaxis]
    points[..., plane.right] = middle_mm[plane.right] + right_mm
    return points


def _sampler(volume: Volume) -> Callable[[Matrix], Values]:
    """What gives values at places, by cubic splines; 0 outside the volume."""
    splines = ndimage.spline_filter(volume.voxels, order=3, output=np.float32)

    def sampled(points_mm: Matrix) -> Values:
        index = np.moveaxis(volume.geometry.to_index(points_mm), -1, 0)
        values: Values = ndimage.map_coordinates(splines, index, np.float64, prefilter=False)
        return values

    return sampled


def _outline(values: Values, level: float, flattest: float) -> Values:
    """Opacity of the line where values cross a level; none where they hardly change."""
    down, right = np.gradient(values)
    slope = np.maximum(np.hypot(down, right), flattest)
    opacity: Values = np.clip(LINE / 2 + 0.5 - np.abs(values - level) / slope, 0, 1)
    return opacity


def _mark(canvas: Canvas, marks: str, x: int, y: int, picture: Picture) -> None:
    height, width, _ = picture.shape
    middle, centre = width // 2, height // 2
    places = ((10, centre), (width - 10, centre), (middle, 11), (middle, height - 11))
    for mark, (right, down) in zip(marks, places, strict=True):
        canvas.fill(x + right - 8, y + down - 9, 16, 18, PAGE)
        canvas.write(mark, x + right, y + down, 13, WORDS, anchor="mm")
