"""What a map is worth to the heart: reconstructions with it, and their polar maps compared.

Every method gets the same projections, the same settings and the same sampling, so that only
the map differs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mumap_node.imaging import resampling
from mumap_node.imaging.polar import LeftVentricle, PolarMap
from mumap_node.imaging.reconstruction import Orbit, Projector, Resolution, gaussian, osem
from mumap_node.imaging.volume import Geometry, Quantity, Volume, Voxels
from mumap_node.training.evaluation.metrics import Errors

ITERATIONS, SUBSETS = 4, 8
"""Of every reconstruction, with attenuation, distance-dependent resolution and scatter."""

FILTER_FWHM_MM = 8.0
"""Gaussian after the reconstruction."""

FINEST_BIN_MM = 5.0
"""Finer projections (matrices of 128) are added up 2 x 2: an eighth of the work, and the heart
is the same to what SPECT resolves."""

SLAB_MARGIN_MM = 40.0
"""Reconstructed beyond both ends of the ventricle. Attenuation acts within a slice; between
slices there is only the blur of the collimator, whose FWHM is 10 to 16 mm at the heart."""

SCATTER_FWHM_MM = 15.0
"""Gaussian over the scatter windows, whose counts are few."""


@dataclass(frozen=True, eq=False, slots=True)
class Projections:
    """What the camera measured of a patient.

    The centre of rotation is x = y = 0, the middle of the slices z = 0, in LPS.

    Attributes:
        photopeak: Counts, (view, slice, bin); slices grow to the head.
        scatter: Estimate of the scattered counts among them, or None.
        orbit: Angle and radius of each view.
        resolution: Of camera and collimator.
        bin_mm: Between bins.
        slice_mm: Between slices.
    """

    photopeak: Voxels
    scatter: Voxels | None
    orbit: Orbit
    resolution: Resolution
    bin_mm: float
    slice_mm: float


def estimate_scatter(
    counts: Mapping[str, Voxels],
    widths_kev: Mapping[str, float],
    spacing_mm: tuple[float, float],
) -> Voxels | None:
    """Scatter in the photopeak by the triple energy window (Ogawa 1991, doi 10.1109/42.97591).

    Args:
        counts: (view, slice, bin) of the windows "photopeak", "lower" and "upper"; without the
            upper its end of the trapezoid is 0, without the lower there is no estimate.
        widths_kev: Of the windows.
        spacing_mm: Between slices and between bins.
    """
    if "lower" not in counts:
        return None
    beside = (name for name in ("lower", "upper") if name in counts)
    per_kev = sum(counts[name] / np.float32(widths_kev[name]) for name in beside)
    estimate: Voxels = np.asarray(per_kev * widths_kev["photopeak"] / 2, np.float32)
    return gaussian(estimate, spacing_mm, SCATTER_FWHM_MM)


def around_heart(
    projections: Projections, heart: LeftVentricle
) -> tuple[Projections, Geometry] | None:
    """The slices around the ventricle, no finer than needed, and the grid to reconstruct on.

    None where the camera did not see the whole ventricle.
    """
    rebinned = _rebinned(projections)
    slices, bins = rebinned.photopeak.shape[1:]
    z_mm = (np.arange(slices) - (slices - 1) / 2) * rebinned.slice_mm
    seen = z_mm[rebinned.photopeak.any(axis=(0, 2))]
    lowest, highest = heart.axial_range_mm
    if not seen.size or lowest < seen[0] or highest > seen[-1]:
        return None
    inside = (z_mm > lowest - SLAB_MARGIN_MM) & (z_mm < highest + SLAB_MARGIN_MM)
    slab = replace(
        rebinned,
        photopeak=rebinned.photopeak[:, inside],
        scatter=None if rebinned.scatter is None else rebinned.scatter[:, inside],
    )
    affine = np.eye(4)
    affine[:3, :3] = resampling.UPRIGHT * (rebinned.slice_mm, rebinned.bin_mm, rebinned.bin_mm)
    corner_mm = -(bins - 1) / 2 * rebinned.bin_mm
    affine[:3, 3] = corner_mm, corner_mm, z_mm[inside][0]
    return slab, Geometry((int(inside.sum()), bins, bins), affine)


def reconstruct(slab: Projections, grid: Geometry, lac: Volume | None) -> Volume:
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
    counts = osem(
        slab.photopeak, projector, iterations=ITERATIONS, subsets=SUBSETS, scatter=slab.scatter
    )
    smooth = gaussian(counts, grid.spacing_mm, FILTER_FWHM_MM)
    return Volume(smooth.astype(np.float32), grid, Quantity.COUNTS)


def heart_errors(found: PolarMap, truth: PolarMap) -> Errors:
    """Compare the polar maps of two corrections; segments are means of their values.

    Returns:
        ``lv_bias_percent``: mean of the map / mean of the true map - 1;
        ``segment_ape_percent``: mean over 17 segments of |difference| / truth;
        ``segment_mean_normalised_percent``: the same difference after each map's segments were
        divided by their mean, in percent of that mean;
        ``segment_max_normalised_percent``: after each map was divided by its largest value, in
        percent of that value;
        ``segment_worst_percent``: largest of the 17 mean-normalised;
        ``polar_distance``: mean |difference| of the maps scaled to 0-100, as Huxohl 2023
        (doi 10.1186/s40658-023-00568-1).
    """
    f, t = found.segments(), truth.segments()
    of_mean = np.abs(100 * (f / f.mean() - t / t.mean()))
    f_of_maximum, t_of_maximum = found.of_maximum(), truth.of_maximum()
    of_maximum = np.abs(PolarMap(f_of_maximum).segments() - PolarMap(t_of_maximum).segments())
    return {
        "lv_bias_percent": float(100 * (found.values.mean() / truth.values.mean() - 1)),
        "segment_ape_percent": float(np.mean(100 * np.abs(f - t) / t)),
        "segment_mean_normalised_percent": float(of_mean.mean()),
        "segment_max_normalised_percent": float(of_maximum.mean()),
        "segment_worst_percent": float(of_mean.max()),
        "polar_distance": float(np.abs(f_of_maximum - t_of_maximum).mean()),
    }


def _rebinned(projections: Projections) -> Projections:
    sizes = projections.photopeak.shape[1:]
    if projections.bin_mm >= FINEST_BIN_MM or any(size % 2 for size in sizes):
        return projections
    scatter = projections.scatter
    return replace(
        projections,
        photopeak=_pairs_added(projections.photopeak),
        scatter=None if scatter is None else _pairs_added(scatter),
        bin_mm=2 * projections.bin_mm,
        slice_mm=2 * projections.slice_mm,
    )


def _pairs_added(counts: Voxels) -> Voxels:
    views, slices, bins = counts.shape
    pairs = counts.reshape(views, slices // 2, 2, bins // 2, 2)
    added: Voxels = pairs.sum(axis=(2, 4))
    return added
