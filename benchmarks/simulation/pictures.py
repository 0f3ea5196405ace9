"""The pictures of docs/simulation.md, as small PNG files."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from bodies import (
    ANGLES_DEG,
    CAMERA_ARC,
    HEIGHTS_MM,
    LAC_EDGES_PER_CM,
    SLAB_MM,
    Body,
    Values,
)
from counts import ACROSS_MM
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from physics import DEPTHS_CM, RADII_MM, THICKNESSES_MM, WINDOWS_KEV, Checks
from PIL import Image
from scipy import ndimage
from subjects import Looked, Portrait

from mumap_node.imaging.attenuation import WATER_LAC_140KEV_PER_CM
from mumap_node.imaging.volume import Volume
from mumap_node.training.evaluation.drawing import as_png

FOLDER = Path(__file__).parents[2] / "docs" / "simulation"
GREYS = 48
"""Of pictures of patients: more are not seen, and take more bytes."""

SIMULATED, WOMEN, MEN = "#0b6e99", "#b0457b", "#0b6e99"
REAL = ("#d1495b", "#e08e1b", "#5b8e3e", "#6f5aa8", "#444444")
"""In the order of the files' names."""

DATA_SHEET_MM = 7.5
"""FWHM at 100 mm, Siemens LEHR with a crystal of 9.5 mm."""

HEART_MM = 25.0
"""Above the diaphragm: about where the CTs, whose slabs end soon above, have their hearts."""

HALF_MM = {"x": 235.0, "y": 165.0, "z": 165.0}
"""Of the part of the patient that pictures show, around the middle of the field of view."""

PIXEL_MM = 3.0

LAC_WINDOW = (0.0, 0.22)
NAC_WINDOW = 1.15
"""Upper end, in means of the wall of the left ventricle."""


def write(name: str, png: bytes, colours: int = 256) -> None:
    """Write a file of few colours."""
    FOLDER.mkdir(exist_ok=True)
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    few = picture.quantize(colours, dither=Image.Dither.NONE)
    few.save(FOLDER / f"{name}.png", optimize=True)


@as_png
def torsos(portraits: Sequence[Portrait]) -> Figure:
    """Map, activity and nAC of each patient in three planes through the left ventricle."""
    planes = ("x", "y"), ("x", "z"), ("y", "z")
    widths = [HALF_MM[across] for across, _ in planes] * 3
    figure = Figure(figsize=(12.6, 5.75))
    grid = figure.add_gridspec(
        len(portraits), 9, width_ratios=widths,
        left=0.125, right=0.997, top=0.91, bottom=0.005, wspace=0.03, hspace=0.04,
    )  # fmt: skip
    for row, portrait in enumerate(portraits):
        case = portrait.case
        shown = (
            (case.lac, "gray", LAC_WINDOW),
            (portrait.activity, "gray_r", (0.0, 1.1)),
            (case.nac, "gray_r", (0.0, NAC_WINDOW * _wall(portrait))),
        )
        for kind, (volume, colours, limits) in enumerate(shown):
            for number, plane in enumerate(planes):
                axes = figure.add_subplot(grid[row, 3 * kind + number])
                axes.imshow(
                    _section(volume, case.heart.centre_mm, plane),
                    cmap=colours, vmin=limits[0], vmax=limits[1], aspect="equal",
                    interpolation="bilinear",
                )  # fmt: skip
                axes.set_xticks([])
                axes.set_yticks([])
                axes.spines[:].set_visible(True)
                axes.spines[:].set_color("#bbbbbb")
                if not row:
                    name = ("transverse", "coronal", "sagittal")[number]
                    axes.set_title(name, loc="center", fontweight="normal", fontsize=8.5)
        middle = 0.91 - 0.905 * (row + 0.5) / len(portraits)
        figure.text(0.004, middle, _caption(portrait), va="center", fontsize=8, linespacing=1.35)
    for kind, name in enumerate(
        ("true map, 0 to 0.22 /cm", "activity, 0 to 1.1 of myocardium",
         "reconstruction without AC (nAC)")
    ):  # fmt: skip
        middle = 0.125 + 0.872 * (kind + 0.5) / 3
        figure.text(middle, 0.965, name, ha="center", fontweight="bold", fontsize=9.5)
    return figure


@as_png
def coverage(looked: Sequence[Looked], real: Sequence[Body]) -> Figure:
    """The simulated population as bands, real torsos as lines."""
    drawn = comparable(looked)
    figure = Figure(figsize=(10.4, 6.6), layout="constrained")
    first, second, third, fourth = figure.subplots(2, 2).ravel()
    lac = (LAC_EDGES_PER_CM[1:] + LAC_EDGES_PER_CM[:-1]) / 2
    _bands(first, lac, [body.histogram for body in drawn])
    _bands(second, HEIGHTS_MM, [body.area_cm2 for body in drawn])
    _bands(third, HEIGHTS_MM, [body.lung_cm2 for body in drawn])
    _bands(fourth, ANGLES_DEG, [body.through(HEART_MM).rays for body in drawn])
    for body, colour in zip(real, REAL, strict=False):
        line = {"color": colour, "linewidth": 1.5, "label": body.name}
        if body.has_ct_values:
            first.plot(lac, body.histogram, **line)
        second.plot(HEIGHTS_MM, body.area_cm2, **line)
        third.plot(HEIGHTS_MM, body.lung_cm2, **line)
        if not body.has_arms:
            fourth.plot(ANGLES_DEG, body.rays, **line)
    first.set(
        title="LAC of the body, smoothed to 10 mm", xlabel="LAC (1/cm)",
        ylabel=f"% of the body per {LAC_EDGES_PER_CM[1]:.3f} /cm", xlim=(0, 0.22),
    )  # fmt: skip
    first.text(0.03, 0.95, f"{SLAB_MM[0]:g} to +{SLAB_MM[1]:g} mm from the diaphragm",
               transform=first.transAxes, va="top", fontsize=8)  # fmt: skip
    above = "height above the diaphragm (mm)"
    second.set(title="Area of the body", xlabel=above, ylabel="cm²")
    third.set(title="Area of the lungs", xlabel=above, ylabel="cm²")
    fourth.set(
        title="Attenuation from the left ventricle to the camera",
        xlabel="camera angle: 0° behind, 90° at the left, 180° in front",
        ylabel="line integral of the LAC", xlim=(0, 355), xticks=range(0, 360, 45), ylim=(0, None),
    )  # fmt: skip
    fourth.axvspan(45, 225, color="#f2e8c9", zorder=-1, linewidth=0)
    fourth.text(135, 0.12, "usual arc", ha="center", fontsize=8)
    _legend(figure, second)
    return figure


@as_png
def sizes(looked: Sequence[Looked], real: Sequence[Body]) -> Figure:
    """What goes with the body mass index; that of the real torsos is unknown."""
    measures: tuple[tuple[str, Callable[[Body], float]], ...] = (
        ("Width at the ventricle (mm)", lambda body: float(body.heart_section[1])),
        ("Depth at the ventricle (mm)", lambda body: float(body.heart_section[2])),
        ("Line integral, mean of 180°", lambda body: float(body.rays[CAMERA_ARC].mean())),
    )
    figure = Figure(figsize=(10.4, 3.3), layout="constrained")
    for axes, (name, measure) in zip(figure.subplots(1, 3), measures, strict=True):
        for sex, label, colour in (("F", "women", WOMEN), ("M", "men", MEN)):
            for position, marker in (("supine", "o"), ("prone", "^")):
                those = [
                    one
                    for one in looked
                    if (one.patient.sex, one.patient.position) == (sex, position)
                    and one.patient.arms == "up"
                ]
                axes.scatter(
                    [one.patient.bmi for one in those], [measure(one.body) for one in those],
                    s=18, color=colour, alpha=0.75, linewidths=0, marker=marker,
                    label=f"{label}, {position}",
                )  # fmt: skip
        for body, colour in zip(real, REAL, strict=False):
            if body.has_arms:
                continue
            axes.axhline(measure(body), color=colour, linewidth=1.1, linestyle="--",
                         label=body.name, zorder=-1)  # fmt: skip
        axes.set(title=name, xlabel="body mass index (kg/m²)")
    _legend(figure, axes)
    return figure


@as_png
def physics(checks: Checks, looked: Sequence[Looked]) -> Figure:
    """Slabs, scatter, resolution, and what all of it makes of a patient."""
    figure = Figure(figsize=(10.4, 6.4), layout="constrained")
    first, second, third, fourth = figure.subplots(2, 2).ravel()
    thick_cm = THICKNESSES_MM / 10
    fine_cm = np.linspace(0, thick_cm[-1], 100)
    first.semilogy(fine_cm, np.exp(-WATER_LAC_140KEV_PER_CM * fine_cm), color="#888888",
                   label=f"exp(-{WATER_LAC_140KEV_PER_CM} x)")  # fmt: skip
    first.semilogy(thick_cm, checks.transmission, "o", color=SIMULATED, markersize=5,
                   label="projected")  # fmt: skip
    first.set(
        title="Narrow beam through water", xlabel="thickness (cm)", ylabel="transmission",
        yticks=[0.05, 0.1, 0.2, 0.5, 1], yticklabels=["0.05", "0.1", "0.2", "0.5", "1"],
    )  # fmt: skip
    first.minorticks_off()
    for colour, name, modelled, traced in zip(
        REAL, WINDOWS_KEV, checks.modelled, checks.traced, strict=False
    ):
        second.plot(DEPTHS_CM, modelled, color=colour, label=f"{name}, model")
        second.plot(DEPTHS_CM, traced, "o", color=colour, markersize=5, label="traced photons")
    second.set(title="Scatter to primary, point in 22 cm of water", xlabel="depth (cm)",
               ylabel="ratio", ylim=(0, None))  # fmt: skip
    third.plot(RADII_MM, checks.stated_mm, color="#888888",
               label="Anger's formula, crystal 3.8 mm")  # fmt: skip
    third.plot(RADII_MM, checks.fwhm_mm, "o", color=SIMULATED, markersize=5,
               label="point as projected")  # fmt: skip
    third.plot([100], [DATA_SHEET_MM], "s", color=REAL[0], markersize=10, fillstyle="none",
               markeredgewidth=1.5, label="data sheet")  # fmt: skip
    third.set(title="Resolution, LEHR 1.11 x 24.05 mm", xlabel="distance (mm)",
              ylabel="FWHM (mm)", ylim=(0, None))  # fmt: skip
    _bands(fourth, ACROSS_MM, [one.counted.profile for one in looked if one.counted])
    fourth.set(
        title="nAC from right to left through the left ventricle", ylim=(0, 2),
        xlabel="to the left of the middle of the ventricle (mm)", ylabel="mean of the wall = 1",
    )  # fmt: skip
    for axes in (first, second, third, fourth):
        axes.legend(frameon=False, fontsize=8)
    return figure


def comparable(looked: Sequence[Looked]) -> list[Body]:
    """Torsos that lie as the real ones do: on the back with the arms up."""
    return [
        one.body for one in looked if (one.patient.position, one.patient.arms) == ("supine", "up")
    ]


def _bands(axes: Axes, across: Values, curves: Sequence[Values]) -> None:
    """Percentiles of many curves."""
    levels = np.nanpercentile(curves, (5, 25, 50, 75, 95), axis=0)
    for (low, high), shade in zip(((0, 4), (1, 3)), ("#d5e6ee", "#a9cbd9"), strict=True):
        label = ("5th to 95th percentile", "25th to 75th")[low]
        axes.fill_between(across, levels[low], levels[high], color=shade, linewidth=0, label=label)
    axes.plot(across, levels[2], color=SIMULATED, linewidth=1.2, label="median")
    axes.margins(x=0)


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 9),
                  frameon=False, fontsize=8)  # fmt: skip


def _wall(portrait: Portrait) -> float:
    case = portrait.case
    return float(case.nac.voxels[case.segments > 0].mean())


def _caption(portrait: Portrait) -> str:
    case = portrait.case
    patient, camera = case.patient, case.camera
    who = "woman" if patient.sex == "F" else "man"
    return "\n".join(
        (
            f"{who}, BMI {patient.bmi:.0f}, {patient.position}",
            f"{case.uptake.tracer}, {case.uptake.state}",
            f"{camera.collimator}, {camera.arc_deg:.0f}°, {camera.matrix} x {camera.matrix}",
            f"{case.strata.counts / 1e6:.1f} million counts",
            " ".join(case.protocol.describe().split()[:2]),
        )
    )


def _section(volume: Volume, centre_mm: Sequence[float], plane: tuple[str, str]) -> Values:
    """A plane through a point, with the head or the front on top, the patient's right left."""
    steps_mm = {axis: np.arange(-half_mm, half_mm, PIXEL_MM) for axis, half_mm in HALF_MM.items()}
    steps_mm["z"] = steps_mm["z"][::-1]
    across, down = plane
    places_mm = dict(zip("xyz", np.broadcast_arrays(*centre_mm), strict=True))
    places_mm[across], places_mm[down] = np.meshgrid(steps_mm[across], steps_mm[down])
    points_mm = np.stack(np.broadcast_arrays(*places_mm.values()), axis=-1)
    index = np.moveaxis(volume.geometry.to_index(points_mm), -1, 0)
    return ndimage.map_coordinates(volume.voxels, index, order=1)
