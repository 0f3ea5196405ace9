"""The heart reconstructed with an attenuation map, or without one and all else alike.

Only what shows the heart is reconstructed: the slices around it, on pixels no finer than SPECT
resolves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mumap_node.imaging import resampling
from mumap_node.imaging.polar import LeftVentricle
from mumap_node.imaging.projections import Projections, ScatterWindow
from mumap_node.imaging.reconstruction import (
    Orbit,
    Projector,
    Resolution,
    gaussian,
    osem,
    passes_for,
)
from mumap_node.imaging.volume import Geometry, Quantity, Volume, Voxels

ITERATIONS, SUBSETS = 4, 8
"""Of every reconstruction; of few views as many updates."""

FILTER_FWHM_MM = 8.0
"""Gaussian after the reconstruction."""

FINEST_MM = 5.0
"""Finer bins and finer slices (matrices of 128) are added up in pairs: an eighth of the work, and
the heart is the same to what SPECT resolves."""

SLAB_MARGIN_MM = 40.0
"""Reconstructed beyond both ends of the ventricle. Attenuation acts within a slice; between
slices there is only the blur of the collimator, whose FWHM is 10 to 16 mm at the heart."""

SCATTER_FWHM_MM = 15.0
"""Gaussian over the scatter windows, whose counts are few."""


@dataclass(frozen=True, eq=False, slots=True)
class Measurement:
    """What a reconstruction takes from a camera.

    Attributes:
        photopeak: Counts, (view, slice, bin); slices grow to the head.
        scatter: Estimate of the scattered counts among them; None corrects no scatter.
        orbit: Angle and radius of each view.
        resolution: Of camera and collimator; None models none.
        bin_mm: Between bins.
        slice_mm: Between slices.
        middle_mm: LPS position of the centre of rotation in the middle of the slices.
    """

    photopeak: Voxels
    scatter: Voxels | None
    orbit: Orbit
    resolution: Resolution | None
    bin_mm: float
    slice_mm: float
    middle_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)


def scatter_of(projections: Projections) -> Voxels | None:
    """Scattered counts in the photopeak of projections; None where they cannot be estimated."""
    window_kev = projections.acquisition.energy_window_kev
    spacing_mm = (projections.slice_mm, projections.bin_mm)
    return window_kev and estimate_scatter(projections.scatter, window_kev, spacing_mm)


def estimate_scatter(
    windows: Sequence[ScatterWindow],
    photopeak_kev: tuple[float, float],
    spacing_mm: tuple[float, float],
) -> Voxels | None:
    """Scatter in the photopeak by the triple energy window (Ogawa 1991, doi 10.1109/42.97591).

    Args:
        windows: At most one below and one above the photopeak. Without the upper its end of the
            trapezoid is 0, without the lower there is no estimate.
        photopeak_kev: Limits of the photopeak.
        spacing_mm: Between slices and between bins.
    """
    lowest, highest = photopeak_kev
    if not any(sum(window.limits_kev) < lowest + highest for window in windows):
        return None
    per_kev = sum(
        window.counts / np.float32(window.limits_kev[1] - window.limits_kev[0])
        for window in windows
    )
    estimate: Voxels = np.asarray(per_kev * (highest - lowest) / 2, np.float32)
    return gaussian(estimate, spacing_mm, SCATTER_FWHM_MM)


def around_heart(
    measurement: Measurement, heart: LeftVentricle
) -> tuple[Measurement, Geometry] | None:
    """The slices around the ventricle, no finer than needed, and the grid to reconstruct on.

    None where the camera did not see the whole ventricle.
    """
    rebinned = _rebinned(measurement)
    slices, bins = rebinned.photopeak.shape[1:]
    x_mm, y_mm, middle_mm = rebinned.middle_mm
    z_mm = middle_mm + (np.arange(slices) - (slices - 1) / 2) * rebinned.slice_mm
    seen = z_mm[rebinned.photopeak.any(axis=(0, 2))]
    lowest, highest = heart.axial_range_mm
    if not seen.size or lowest < seen[0] or highest > seen[-1]:
        return None
    kept = z_mm[(z_mm > lowest - SLAB_MARGIN_MM) & (z_mm < highest + SLAB_MARGIN_MM)]
    first = int(np.searchsorted(z_mm, kept[0]))
    inside = slice(first, first + len(kept))
    slab = replace(
        rebinned,
        photopeak=rebinned.photopeak[:, inside],
        scatter=None if rebinned.scatter is None else rebinned.scatter[:, inside],
        middle_mm=(x_mm, y_mm, float(kept.mean())),
    )
    affine = np.eye(4)
    affine[:3, :3] = resampling.UPRIGHT * (rebinned.slice_mm, rebinned.bin_mm, rebinned.bin_mm)
    half_mm = (bins - 1) / 2 * rebinned.bin_mm
    affine[:3, 3] = x_mm - half_mm, y_mm - half_mm, kept[0]
    return slab, Geometry((len(kept), bins, bins), affine)


def reconstruct(slab: Measurement, grid: Geometry, lac: Volume | None) -> Volume:
    """Reconstruct with a map, or without any.

    Args:
        slab: As ``around_heart`` gives it.
        grid: As ``around_heart`` gives it.
        lac: LAC in 1/cm on any grid; air where it has no voxels. None corrects no attenuation.
    """
    projector = Projector(
        grid.shape,
        grid.spacing_mm,
        slab.orbit,
        bins=slab.photopeak.shape[2],
        bin_mm=slab.bin_mm,
        resolution=slab.resolution,
        lac_per_cm=None if lac is None else np.maximum(resampling.onto(lac, grid).voxels, 0),
    )
    iterations, subsets = passes_for(slab.orbit.views, ITERATIONS, SUBSETS)
    counts = osem(
        slab.photopeak, projector, iterations=iterations, subsets=subsets, scatter=slab.scatter
    )
    smooth = gaussian(counts, grid.spacing_mm, FILTER_FWHM_MM)
    return Volume(smooth.astype(np.float32), grid, Quantity.COUNTS)


def _rebinned(measurement: Measurement) -> Measurement:
    slices, bins = measurement.photopeak.shape[1:]
    along = 2 if measurement.slice_mm < FINEST_MM and slices % 2 == 0 else 1
    across = 2 if measurement.bin_mm < FINEST_MM and bins % 2 == 0 else 1

    def added(counts: Voxels) -> Voxels:
        parts = counts.reshape(len(counts), slices // along, along, bins // across, across)
        sums: Voxels = parts.sum(axis=(2, 4))
        return sums

    return replace(
        measurement,
        photopeak=added(measurement.photopeak),
        scatter=None if measurement.scatter is None else added(measurement.scatter),
        bin_mm=across * measurement.bin_mm,
        slice_mm=along * measurement.slice_mm,
    )
