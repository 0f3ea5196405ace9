"""One look for all charts and pictures of the report, and the same file for the same figures."""

import io
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from mumap_node.imaging.polar import PolarMap
from mumap_node.training.evaluation.methods import MEAN_MAP, MODEL, NO_MAP, WATER

Given = ParamSpec("Given")

COLOURS = {MODEL: "#0b6e99", WATER: "#d98324", MEAN_MAP: "#7a9e59", NO_MAP: "#8a8a8a"}
"""Of the methods, in every chart."""

PAIRED = ("#0b6e99", "#a9cbd9")
"""Of two strata of one method."""

DOTS_PER_INCH = 110

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "svg.hashsalt": "mumap-node",
}

BORDERS = ((0.25, 4, 45.0), (0.5, 6, 30.0), (0.75, 6, 30.0))
"""Of the segments on a polar map: inner radius, number around, and first border in degrees."""


def as_svg(draw: Callable[Given, Figure]) -> Callable[Given, bytes]:
    """Draw in our style, to an SVG file."""
    return _file_of(draw, "svg", {"Date": None})


def as_png(draw: Callable[Given, Figure]) -> Callable[Given, bytes]:
    """Draw in our style, to a PNG file."""
    return _file_of(draw, "png", {"Software": None})


def draw_polar(axes: Axes, polar: PolarMap, colours: str, limits: tuple[float, float]) -> QuadMesh:
    """A polar map with the borders of its segments: anterior on top, lateral right."""
    rings, angles = polar.values.shape
    axes.set_theta_zero_location("N")  # type: ignore[attr-defined]  # of polar axes alone
    axes.set_theta_direction(-1)  # type: ignore[attr-defined]
    image = axes.pcolormesh(
        np.linspace(0, 2 * np.pi, angles + 1),
        np.linspace(0, 1, rings + 1),
        polar.values,
        cmap=colours,
        vmin=limits[0],
        vmax=limits[1],
        rasterized=True,
    )
    around = np.linspace(0, 2 * np.pi, 181)
    line: dict[str, Any] = {
        "color": "white" if colours == "inferno" else "#777777",
        "linewidth": 0.6,
    }
    for inner, number, first_deg in BORDERS:
        axes.plot(around, np.full_like(around, inner), **line)
        for border in np.deg2rad(first_deg + 360 / number * np.arange(number)):
            axes.plot((border, border), (inner, inner + 0.25), **line)
    axes.set_ylim(0, 1)
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines["polar"].set_visible(False)
    return image


def _file_of(
    draw: Callable[Given, Figure], form: str, metadata: dict[str, None]
) -> Callable[Given, bytes]:
    """``metadata`` names what would tell time and place, and is left out."""

    @wraps(draw)
    def drawn(*args: Given.args, **kwargs: Given.kwargs) -> bytes:
        file = io.BytesIO()
        with mpl.rc_context(STYLE):
            figure = draw(*args, **kwargs)
            figure.savefig(file, format=form, dpi=DOTS_PER_INCH, metadata=metadata)
        return file.getvalue()

    return drawn
