"""Counts that a camera may expect of a patient: all of the physics but chance.

Left out: penetration of septa, scatter in collimator and camera, dead time, and the time a
detector needs from stop to stop.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicSpline

from mumap_node.imaging.reconstruction import Orbit, Projector, Resolution
from mumap_node.imaging.volume import Geometry, Voxels
from mumap_node.training.simulation.camera import DETECTOR_WIDTH_MM, Camera, Window
from mumap_node.training.simulation.conditions import Conditions
from mumap_node.training.simulation.pixels import onto_pixels
from mumap_node.training.simulation.scatter import PEAK_KEV, acceptance, project_scatter

SCATTER_STEP_DEG = 12.0
"""Scatter is smooth: it is computed for views at most this far apart, others lie between."""

SCATTER_COARSER = 2
"""Voxels of the scatter model, in voxels of the anatomy, along each axis."""

VIEWS_AT_ONCE = 16
"""Views a projector is made for; more need more memory and are no faster."""

AXIAL_MARGIN_MM = 40.0
"""Beyond the axial field of view, from where counts still blur into it."""


class Attenuator(Protocol):
    """What a camera needs to know of an anatomy."""

    @property
    def geometry(self) -> Geometry:
        """Upright grid of cubic voxels, even numbers of them, the middle slice at z = 0.

        Its origin is the centre of rotation and the middle of the axial field of view.
        """

    @property
    def lac_per_cm(self) -> Voxels:
        """At 140.5 keV, without the table."""

    @property
    def table_per_cm(self) -> Voxels:
        """Of the table alone."""


@dataclass(frozen=True, eq=False, slots=True)
class Expected:
    """Counts without noise, in an arbitrary scale common to all; float32 [view, slice, bin].

    Attributes:
        primary: In the photopeak window, unscattered.
        scatter: In the photopeak window, scattered.
        lower: In the window below, scattered and not; None where it was not asked for.
        upper: In the window above; None where the camera has none or it was not asked for.
    """

    primary: Voxels
    scatter: Voxels
    lower: Voxels | None
    upper: Voxels | None


@dataclass(frozen=True, eq=False, slots=True)
class _Filled:
    """The part of the grid that holds anything.

    Attributes:
        activity: Per voxel.
        lac_per_cm: With the table.
        edge_mm: Of a voxel.
        offset_mm: LPS (x, y) of the middle, from the centre of rotation.
    """

    activity: Voxels
    lac_per_cm: Voxels
    edge_mm: float
    offset_mm: tuple[float, float]


def expect(
    anatomy: Attenuator,
    activity: Voxels,
    camera: Camera,
    orbit: Orbit,
    conditions: Conditions,
    *,
    scatter_windows: bool = True,
) -> Expected:
    """Attenuation, resolution, scatter, motion and decay, on the camera's pixels."""
    filled = _filled(anatomy, activity)
    decay = camera.decay[:, None, None].astype(np.float32)
    fine = _project(filled, orbit, camera)
    direct = decay * onto_pixels(fine, filled.edge_mm, camera, conditions.motion)
    windows = [camera.photopeak_kev] + [camera.lower_kev] * scatter_windows
    scattered = [
        decay
        * np.float32(conditions.scatter_amplitude)
        * onto_pixels(coarse, SCATTER_COARSER * filled.edge_mm, camera, conditions.motion)
        for coarse in _project_scatter(filled, orbit, camera, windows)
    ]

    def primary(window_kev: Window) -> Voxels:
        return direct * np.float32(acceptance(PEAK_KEV, window_kev, camera.energy_resolution))

    return Expected(
        primary=primary(camera.photopeak_kev),
        scatter=scattered[0],
        lower=primary(camera.lower_kev) + scattered[1] if scatter_windows else None,
        upper=primary(camera.upper_kev) if scatter_windows and camera.upper_kev else None,
    )


def _filled(anatomy: Attenuator, activity: Voxels) -> _Filled:
    """Cut away empty rows and columns; even numbers of them stay."""
    geometry = anatomy.geometry
    lac = anatomy.lac_per_cm + anatomy.table_per_cm
    held = (activity > 0) | (lac > 0)
    rows, columns = _even_span(held.any(axis=(0, 2))), _even_span(held.any(axis=(0, 1)))
    middle = (0, (rows.start + rows.stop - 1) / 2, (columns.start + columns.stop - 1) / 2)
    x, y, _ = geometry.to_patient(middle).tolist()
    return _Filled(
        activity[:, rows, columns], lac[:, rows, columns], geometry.spacing_mm[0], (x, y)
    )


def _even_span(held: ArrayLike) -> slice:
    """From the first to the last that is held, or one more."""
    first, last = np.flatnonzero(held)[[0, -1]].tolist()
    first -= (last + 1 - first) % SCATTER_COARSER
    return slice(first, last + 1) if first >= 0 else slice(0, last + 2)


def _project(filled: _Filled, orbit: Orbit, camera: Camera) -> Voxels:
    """Unscattered counts on bins as wide as the voxels.

    Voxels and their turning blur by 5.7 mm, which stands for the crystal's 3.3-4.2 mm too.
    """
    edge_mm = filled.edge_mm
    near = _near_the_field(len(filled.activity), edge_mm, camera)
    activity, lac = filled.activity[near], filled.lac_per_cm[near]
    crystal = camera.resolution
    collimator = Resolution(0.0, crystal.hole_diameter_mm, crystal.hole_length_mm)
    parts = []
    for first in range(0, orbit.views, VIEWS_AT_ONCE):
        projector = Projector(
            activity.shape, (edge_mm, edge_mm, edge_mm),
            orbit.select(slice(first, first + VIEWS_AT_ONCE)),
            bins=2 * int(DETECTOR_WIDTH_MM / edge_mm / 2 + 1), bin_mm=edge_mm,
            resolution=collimator, lac_per_cm=lac, offset_mm=filled.offset_mm,
        )  # fmt: skip
        parts.append(projector.forward(activity))
    return np.concatenate(parts)


def _near_the_field(slices: int, edge_mm: float, camera: Camera) -> slice:
    """Slices in the axial field of view and a margin round it, as many on either side."""
    field_mm = min(camera.axial_field_mm, camera.matrix * camera.pixel_mm)
    half = int(np.ceil((field_mm / 2 + AXIAL_MARGIN_MM) / edge_mm))
    beyond = max((slices - 2 * half) // 2, 0)
    return slice(beyond, slices - beyond)


def _project_scatter(
    filled: _Filled, orbit: Orbit, camera: Camera, windows_kev: list[Window]
) -> list[Voxels]:
    """Scattered counts of each window, on a coarse grid and splined between a few views."""
    count = int(np.ceil(camera.arc_deg / SCATTER_STEP_DEG)) + 1
    chosen = np.unique(np.rint(np.linspace(0, orbit.views - 1, count)).astype(int))
    coarse = project_scatter(
        _coarse(filled.activity) * SCATTER_COARSER**3, _coarse(filled.lac_per_cm),
        SCATTER_COARSER * filled.edge_mm, orbit.select(chosen), camera.resolution, windows_kev,
        camera.energy_resolution, offset_mm=filled.offset_mm,
    )  # fmt: skip
    every = np.arange(orbit.views)
    return [
        np.maximum(CubicSpline(chosen, projections)(every), 0).astype(np.float32)
        for projections in coarse
    ]


def _coarse(voxels: Voxels) -> Voxels:
    """Means over blocks; the sizes are multiples of a block."""
    slices, rows, columns = (size // SCATTER_COARSER for size in voxels.shape)
    blocks = voxels.reshape(
        slices, SCATTER_COARSER, rows, SCATTER_COARSER, columns, SCATTER_COARSER
    )
    means: Voxels = blocks.mean(axis=(1, 3, 5))
    return means
