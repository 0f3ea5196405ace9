"""Charts of the report, as SVG: how the figures are distributed, and how methods agree."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from mumap_node.imaging.definitions import METRICS
from mumap_node.imaging.metrics import JOINT_RANGE_PER_CM
from mumap_node.imaging.polar import PolarMap, segment_labels
from mumap_node.imaging.statistics import agreement
from mumap_node.training.evaluation.drawing import COLOURS, PAIRED, as_svg, draw_polar
from mumap_node.training.evaluation.methods import MODEL
from mumap_node.training.evaluation.results import corrected_with, normalised_segments
from mumap_node.training.evaluation.studies import CaseResult


@as_svg
def distribution(results: Sequence[CaseResult], metric: str) -> Figure:
    """Box plots of a figure: one box a method and stratum, every case a dot."""
    shown = METRICS[metric]
    figure, axes = _figure(4.6, 2.6)
    groups = _by_stratum(results)
    methods = [name for name in COLOURS if any(_values(results, name, metric))]
    width = len(methods) + 0.8
    for place, (_, kept) in enumerate(groups):
        for offset, method in enumerate(methods):
            _box(axes, place * width + offset, _values(kept, method, metric), COLOURS[method])
    middle = (len(methods) - 1) / 2
    axes.set_xticks(
        [place * width + middle for place in range(len(groups))],
        [f"{name} (n = {len(kept)})" for name, kept in groups],
    )
    axes.set_title(shown.heading)
    axes.grid(axis="y", color="#e6e6e6")
    axes.set_axisbelow(True)
    handles = [Patch(facecolor=COLOURS[method], alpha=0.5, label=method) for method in methods]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return figure


@as_svg
def histogram(results: Sequence[CaseResult], metric: str) -> Figure:
    """How a figure of the model is distributed over the cases, by stratum."""
    shown = METRICS[metric]
    figure, axes = _figure(4.6, 2.6)
    groups = [(name, _values(kept, MODEL, metric)) for name, kept in _by_stratum(results)]
    everything = np.concatenate([values for _, values in groups])
    bins = np.linspace(everything.min(), everything.max() + 1e-9, 21).tolist()
    colours = PAIRED[: len(groups)]
    axes.hist(
        [values for _, values in groups],
        bins,
        stacked=True,
        color=colours,
        label=[f"{name} (n = {len(values)})" for name, values in groups],
        edgecolor="white",
        linewidth=0.5,
    )
    axes.set_xlabel(shown.heading)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("cases")
    axes.legend(frameon=False, fontsize=8)
    return figure


@as_svg
def bland_altman(results: Sequence[CaseResult], method: str) -> Figure:
    """Difference against mean of all mean-normalised segments, with the limits of agreement."""
    found, truth = normalised_segments(results, method)
    mean, difference = ((found + truth) / 2).ravel(), (found - truth).ravel()
    limits = agreement(difference)
    figure, axes = _figure(4.6, 2.9)
    axes.scatter(
        mean, difference, s=7, color=COLOURS[method], alpha=0.5, linewidths=0, rasterized=True
    )
    for value, style in ((limits.bias, "-"), (limits.lower, "--"), (limits.upper, "--")):
        axes.axhline(value, color="#333333", linewidth=0.9, linestyle=style)
        axes.annotate(
            _signed(value),
            (1.0, value),
            xycoords=("axes fraction", "data"),
            fontsize=8,
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
        )
    axes.set_title(f"{method} against truth")
    axes.set_xlabel("mean of both (% of the map's mean)")
    axes.set_ylabel("difference (%)")
    return figure


@as_svg
def segment_bias(results: Sequence[CaseResult]) -> Figure:
    """Mean difference of each of the 17 mean-normalised segments by method, on polar maps."""
    methods = corrected_with(results)
    pairs = [normalised_segments(results, method) for method in methods]
    differences = [(found - truth).mean(axis=0) for found, truth in pairs]
    reach = max(1.0, float(np.abs(differences).max()))
    figure = Figure((2.5 * len(methods) + 0.4, 2.7), layout="constrained")
    for number, (method, values) in enumerate(zip(methods, differences, strict=True)):
        axes = figure.add_subplot(1, len(methods), number + 1, projection="polar")
        polar = PolarMap(values[segment_labels() - 1])
        shown = draw_polar(axes, polar, "RdBu_r", (-reach, reach))
        _number_segments(axes, values, reach)
        axes.set_title(method, loc="center")
    figure.colorbar(shown, ax=figure.axes, label="mean difference (%)", shrink=0.75)
    return figure


@as_svg
def joint(joint_cm3: NDArray[np.float64]) -> Figure:
    """Joint histogram of true and predicted LAC over all cases."""
    figure, axes = _figure(3.9, 3.2)
    lowest, highest = JOINT_RANGE_PER_CM
    litres = np.ma.masked_less_equal(joint_cm3.T / 1000, 0)
    image = axes.imshow(
        litres, origin="lower", extent=(lowest, highest, lowest, highest), cmap="viridis",
        norm=LogNorm(vmin=litres.max() / 1e4, vmax=litres.max()), interpolation="nearest",
    )  # fmt: skip
    axes.plot((lowest, highest), (lowest, highest), color="#c0392b", linewidth=0.8)
    axes.set_xlabel("true LAC (1/cm)")
    axes.set_ylabel("predicted LAC (1/cm)")
    figure.colorbar(image, ax=axes, label="volume (litres)", shrink=0.85)
    return figure


def _number_segments(axes: Axes, values: NDArray[np.float64], reach: float) -> None:
    labels = segment_labels()
    rings, angles = labels.shape
    around = 2 * np.pi * (np.arange(angles) + 0.5) / angles
    for number, value in enumerate(values, start=1):
        ring, angle = np.nonzero(labels == number)
        radius = 0.0 if number == 17 else (ring.mean() + 0.5) / rings
        middle = np.angle(np.exp(1j * around[angle]).sum())
        colour = "white" if abs(value) > 0.6 * reach else "black"
        axes.text(
            middle, radius, _signed(value), ha="center", va="center", fontsize=6.5, color=colour
        )


def _by_stratum(results: Sequence[CaseResult]) -> list[tuple[str, list[CaseResult]]]:
    if any(result.is_core is None for result in results):
        return [("all", list(results))]
    groups = [
        ("core", [result for result in results if result.is_core]),
        ("rest", [result for result in results if not result.is_core]),
    ]
    return [(name, kept) for name, kept in groups if kept]


def _values(results: Sequence[CaseResult], method: str, metric: str) -> NDArray[np.float64]:
    every = [result.errors.get(method, {}).get(metric, np.nan) for result in results]
    return np.array([value for value in every if np.isfinite(value)])


def _signed(value: float) -> str:
    """With one digit; never -0.0."""
    return f"{round(value, 1) + 0.0:+.1f}"


def _box(axes: Axes, at: float, values: NDArray[np.float64], colour: str) -> None:
    if not values.size:
        return
    axes.boxplot(
        values, positions=[at], widths=0.6, showfliers=False, patch_artist=True,
        boxprops={"facecolor": colour, "alpha": 0.25, "edgecolor": colour},
        medianprops={"color": colour, "linewidth": 1.8},
        whiskerprops={"color": colour}, capprops={"color": colour},
    )  # fmt: skip
    spread = np.linspace(-0.2, 0.2, 7)[np.arange(values.size) % 7]
    axes.scatter(at + spread, values, s=5, color=colour, alpha=0.6, linewidths=0, zorder=3)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure in inches; without the state that pyplot keeps."""
    figure = Figure((width, height), layout="constrained")
    return figure, figure.add_subplot()
