"""How far a predicted attenuation map is from the true one.

Whole volume means every voxel of the nAC's grid, air included; the body is where the truth
attenuates more than air. All differences are prediction minus truth.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates, uniform_filter

from mumap_node.imaging import regions, resampling
from mumap_node.imaging.polar import PolarMap
from mumap_node.imaging.volume import Volume

Errors = dict[str, float]
"""Value by the name it has in ``definitions.METRICS``; NaN where there is nothing to measure."""

SOFT_TISSUE_PER_CM = (0.13, 0.17)
"""True LACs that are soft tissue, fat to muscle; between lung and this lie blurred edges."""

NO_TISSUES: Mapping[str, regions.Mask] = MappingProxyType({})
"""Where nobody drew them."""

SSIM_WINDOW = 7
SSIM_CONSTANTS = (0.01, 0.03)
"""Edge of the cubic window in voxels, and K1 and K2 (Wang 2004, doi 10.1109/TIP.2003.819861)."""

USUAL_ANGLES_DEG = tuple(range(45, 226, 3))
"""Left posterior to right anterior oblique: the usual arc over the heart."""

RAY_STEP_MM = 2.0
LONGEST_RAY_MM = 700.0
"""From the heart to the detector; no patient is thicker."""

JOINT_RANGE_PER_CM = (0.0, 0.3)
JOINT_BINS = 60
"""Of the joint histogram, the same along both axes."""


def map_errors(
    predicted: Volume, truth: Volume, tissues: Mapping[str, regions.Mask] = NO_TISSUES
) -> Errors:
    """Compare two maps voxel by voxel.

    Args:
        predicted: LAC in 1/cm, on the grid of the truth.
        truth: LAC in 1/cm; holds some body. Voxels that are NaN, beyond a CT, count nowhere.
        tissues: Where "lung", "soft" and "bone" are, on the upright grid of the truth; those that
            are not given the LACs of the truth tell, as ``tissues_of`` does.

    Returns:
        ``nmae_range``: mean |difference| over the whole volume / (max - min of the truth);
        ``nmae_body``: mean |difference| in the body / max of the truth;
        ``nmae_sum``: sum |difference| / sum of the truth;
        ``nmse``: sum of squared differences / sum of the squared truth;
        ``ssim``, ``psnr_db``: with the range of the truth as data range;
        ``lac_body_per_cm``, ``lac_soft_per_cm``: mean of the prediction in body and soft tissue;
        ``bias_*_per_cm``: mean difference in the body, in its lungs, soft tissue and bone;
        ``dice_body``, ``dice_lungs``: overlap of the regions of either map.
    """
    grid = resampling.upright(truth.geometry)
    p, t = (
        resampling.onto(volume, grid).voxels.astype(np.float64) for volume in (predicted, truth)
    )
    is_known = np.isfinite(t)
    p, t = (np.where(is_known, lac, 0.0) for lac in (p, t))
    difference, data_range = p - t, np.ptp(t)
    masks = {"body": regions.body(t.astype(np.float32)), **tissues_of(truth)}
    body, lungs = masks["body"], masks["lung"]
    masks |= {name: mask & is_known for name, mask in tissues.items()}
    predicted_lungs = regions.lungs(p.astype(np.float32), grid.spacing_mm)
    errors = {
        "nmae_range": np.abs(difference[is_known]).mean() / data_range,
        "nmae_body": np.abs(difference[body]).mean() / t.max(),
        "nmae_sum": np.abs(difference).sum() / np.abs(t).sum(),
        "nmse": (difference**2).sum() / (t**2).sum(),
        "ssim": ssim(p, t, data_range, is_known),
        "psnr_db": _psnr_db(difference[is_known], data_range),
        **{f"lac_{name}_per_cm": _mean(p[masks[name]]) for name in ("body", "soft")},
        **{f"bias_{name}_per_cm": _mean(difference[mask]) for name, mask in masks.items()},
        "dice_body": regions.dice(regions.body(p.astype(np.float32)), body),
        "dice_lungs": regions.dice(predicted_lungs, lungs) if lungs.any() else np.nan,
    }
    return {name: float(value) for name, value in errors.items()}


def tissues_of(truth: Volume) -> dict[str, regions.Mask]:
    """Where "lung", "soft" and "bone" are, on the upright grid of a map.

    Args:
        truth: LAC in 1/cm at 140.5 keV: at another energy tissues have others. NaN is none.
    """
    lowest, highest = SOFT_TISSUE_PER_CM
    upright = resampling.onto(truth, resampling.upright(truth.geometry))
    lac = np.nan_to_num(upright.voxels)
    return {
        "lung": regions.lungs(lac, upright.geometry.spacing_mm),
        "soft": (lac > lowest) & (lac < highest),
        "bone": lac >= highest,
    }


def ssim(
    one: NDArray[np.float64],
    other: NDArray[np.float64],
    data_range: float,
    counted: regions.Mask,
) -> float:
    """Mean structural similarity over windows within the volume whose centre is counted."""
    c1, c2 = ((constant * data_range) ** 2 for constant in SSIM_CONSTANTS)
    mean_one, mean_other = uniform_filter(one, SSIM_WINDOW), uniform_filter(other, SSIM_WINDOW)
    voxels = SSIM_WINDOW**3
    sample = voxels / (voxels - 1)
    variance_one = sample * (uniform_filter(one * one, SSIM_WINDOW) - mean_one**2)
    variance_other = sample * (uniform_filter(other * other, SSIM_WINDOW) - mean_other**2)
    covariance = sample * (uniform_filter(one * other, SSIM_WINDOW) - mean_one * mean_other)
    similarity = (2 * mean_one * mean_other + c1) * (2 * covariance + c2)
    similarity /= (mean_one**2 + mean_other**2 + c1) * (variance_one + variance_other + c2)
    inner = (slice(SSIM_WINDOW // 2, -(SSIM_WINDOW // 2)),) * 3
    return _mean(similarity[inner][counted[inner]])


def acf_errors_percent(
    predicted: Volume, truth: Volume, from_mm: ArrayLike, angles_deg: ArrayLike
) -> NDArray[np.float64]:
    """Error of the attenuation correction factor from a point to the camera.

    The factor of a ray is exp of the line integral of the LAC along it, so its relative error is
    exp(integral of the difference) - 1.

    Args:
        predicted: LAC in 1/cm.
        truth: LAC in 1/cm.
        from_mm: LPS position of the point, the middle of the left ventricle.
        angles_deg: Camera angles, 0 at the patient's back, 90 at the left (docs/coordinates.md).

    Returns:
        Percent, one value an angle.
    """
    angles = np.deg2rad(np.asarray(angles_deg, dtype=np.float64))
    directions = np.stack([np.sin(angles), np.cos(angles), np.zeros_like(angles)], axis=-1)
    distance_mm = np.arange(RAY_STEP_MM / 2, LONGEST_RAY_MM, RAY_STEP_MM)
    points_mm = np.asarray(from_mm) + distance_mm[:, None] * directions[:, None, :]
    integrals = [
        _sampled(volume, points_mm).sum(axis=-1) * RAY_STEP_MM / 10 for volume in (predicted, truth)
    ]
    errors: NDArray[np.float64] = 100 * np.expm1(integrals[0] - integrals[1])
    return errors


def path_errors(
    predicted: Volume, truth: Volume, from_mm: ArrayLike, angles_deg: ArrayLike
) -> Errors:
    """Mean and 95th percentile over the angles of the |error| above, in percent."""
    errors = np.abs(acf_errors_percent(predicted, truth, from_mm, angles_deg))
    return {
        "acf_mean_percent": float(errors.mean()),
        "acf_95th_percent": float(np.percentile(errors, 95)),
    }


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


def joint_histogram_cm3(predicted: Volume, truth: Volume) -> NDArray[np.float64]:
    """Volume in cm³ by (true, predicted) LAC, of everything that is body in either map."""
    p, t = predicted.voxels, truth.voxels
    either = np.isfinite(t) & (regions.body(p) | regions.body(t))
    lowest, highest = JOINT_RANGE_PER_CM
    counts, _, _ = np.histogram2d(
        np.clip(t[either], lowest, highest),
        np.clip(p[either], lowest, highest),
        bins=JOINT_BINS,
        range=(JOINT_RANGE_PER_CM, JOINT_RANGE_PER_CM),
    )
    volume_cm3 = np.prod(truth.geometry.spacing_mm) / 1000
    joint: NDArray[np.float64] = counts * volume_cm3
    return joint


def _psnr_db(difference: NDArray[np.float64], data_range: float) -> float:
    mean_square = float((difference**2).mean())
    return 10 * np.log10(data_range**2 / mean_square) if mean_square else np.inf


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else np.nan


def _sampled(volume: Volume, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    index = np.moveaxis(volume.geometry.to_index(points_mm), -1, 0)
    samples: NDArray[np.float64] = map_coordinates(
        volume.voxels, index, np.float64, order=1, mode="grid-constant"
    )
    return samples
