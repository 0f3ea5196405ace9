"""Pictures of single cases: slices through the heart, and polar maps side by side, as PNG."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mumap_node.imaging import regions, resampling
from mumap_node.imaging.polar import PolarMap
from mumap_node.imaging.volume import Geometry
from mumap_node.training.evaluation.drawing import as_png, draw_polar
from mumap_node.training.evaluation.methods import MODEL
from mumap_node.training.evaluation.studies import Study

HIGHEST_LAC_PER_CM = 0.25
DIFFERENCE_PER_CM = 0.08
"""Ends of the colour scales; water at 140.5 keV has 0.154."""

PLANES = (
    # name, axis across, marks at top, bottom, left and right
    ("transaxial", 0, "APRL"),
    ("coronal", 1, "HFRL"),
    ("sagittal", 2, "HFAP"),
)
"""As a workstation shows them; the upright axes are (head, back, left)."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """PNG files of one case.

    Attributes:
        slices: NAC, true map, prediction and difference.
        polar_maps: Of the corrected heart; None where nothing was reconstructed.
    """

    slices: bytes
    polar_maps: bytes | None


def draw(studied: Study) -> Pictures:
    """Both pictures of a study."""
    if studied.true_heart is None:
        return Pictures(_slices(studied), None)
    return Pictures(_slices(studied), _polar_maps(studied.true_heart, studied.hearts))


@as_png
def _slices(studied: Study) -> Figure:
    """NAC, true map, prediction and difference in three planes through the heart."""
    grid = resampling.upright(studied.case.truth.geometry)
    nac, truth, found = (
        resampling.onto(volume, grid).voxels
        for volume in (
            studied.case.source.volume,
            studied.case.truth,
            studied.answers[MODEL].mumap,
        )
    )
    columns = (
        ("nAC", nac / np.percentile(nac, 99.9), "gray_r", (0.0, 1.0), ""),
        ("true map", truth, "inferno", (0.0, HIGHEST_LAC_PER_CM), "1/cm"),
        ("predicted map", found, "inferno", (0.0, HIGHEST_LAC_PER_CM), "1/cm"),
        ("predicted - true", found - truth, "RdBu_r", (-DIFFERENCE_PER_CM, DIFFERENCE_PER_CM),
         "1/cm"),
    )  # fmt: skip
    centre = _centre(studied, grid, nac)
    heights = [len(_plane(nac, axis, centre)) * _spacing(grid, axis)[0] for _, axis, _ in PLANES]
    figure = Figure((10.5, 10.5 / 4 * sum(heights) / _width_mm(grid)), layout="constrained")
    panels = figure.subplots(3, 4, height_ratios=heights)
    for column, (title, voxels, colours, (lowest, highest), unit) in enumerate(columns):
        for row, (_, axis, marks) in enumerate(PLANES):
            panel = panels[row, column]
            image = panel.imshow(
                _plane(voxels, axis, centre), cmap=colours, vmin=lowest, vmax=highest,
                aspect=np.divide(*_spacing(grid, axis)), interpolation="bilinear",
            )  # fmt: skip
            _mark(panel, marks, "#333333" if colours in ("gray_r", "RdBu_r") else "white")
        panels[0, column].set_title(title, loc="center")
        if unit:
            figure.colorbar(image, ax=panels[:, column], location="bottom", label=unit,
                            shrink=0.8, pad=0.01)  # fmt: skip
    return figure


@as_png
def _polar_maps(true_heart: PolarMap, hearts: Mapping[str, PolarMap]) -> Figure:
    """The heart by every correction in percent of its maximum, and what the model's is off by."""
    truth = true_heart.of_maximum()
    shown = {"true map": truth} | {name: heart.of_maximum() for name, heart in hearts.items()}
    figure = Figure((2.1 * (len(shown) + 1) + 0.8, 2.6), layout="constrained")
    panels = figure.subplots(1, len(shown) + 1, subplot_kw={"projection": "polar"})
    for panel, (name, values) in zip(panels, shown.items(), strict=False):
        image = draw_polar(panel, PolarMap(values), "inferno", (0.0, 100.0))
        panel.set_title(name, loc="center")
    difference = PolarMap(shown[MODEL] - truth)
    changed = draw_polar(panels[-1], difference, "RdBu_r", (-15.0, 15.0))
    panels[-1].set_title("model - true", loc="center")
    figure.colorbar(image, ax=panels[:-1], label="% of maximum", shrink=0.8, pad=0.01)
    figure.colorbar(changed, ax=panels[-1], label="points", shrink=0.8, pad=0.02)
    return figure


def _centre(studied: Study, grid: Geometry, nac: NDArray[np.float32]) -> NDArray[np.int_]:
    """Index of the heart; of the hottest voxels where nobody knows where it lies."""
    if studied.case.heart is not None:
        index = grid.to_index(studied.case.heart.centre_mm)
    else:
        index = np.argwhere(regions.hot_spot(nac)).mean(axis=0)
    centre: NDArray[np.int_] = np.clip(np.rint(index).astype(int), 0, np.array(grid.shape) - 1)
    return centre


def _plane(voxels: NDArray[np.float32], axis: int, centre: NDArray[np.int_]) -> NDArray[np.float32]:
    """One slice, with the head or the front on top."""
    plane: NDArray[np.float32] = np.take(voxels, centre[axis], axis)
    return plane if axis == 0 else plane[::-1]


def _spacing(grid: Geometry, axis: int) -> tuple[float, float]:
    down_mm, across_mm = np.delete(grid.spacing_mm, axis).tolist()
    return down_mm, across_mm


def _width_mm(grid: Geometry) -> float:
    return grid.shape[2] * grid.spacing_mm[2]


def _mark(panel: Axes, marks: str, colour: str) -> None:
    places = ((0.5, 0.98), (0.5, 0.02), (0.02, 0.5), (0.98, 0.5))
    sides = (("center", "top"), ("center", "bottom"), ("left", "center"), ("right", "center"))
    for mark, place, (across, up) in zip(marks, places, sides, strict=True):
        panel.text(*place, mark, transform=panel.transAxes, ha=across, va=up, color=colour,
                   fontsize=8)  # fmt: skip
    panel.set_axis_off()
