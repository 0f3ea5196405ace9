"""Low-pass filters of volumes and projections."""

from collections.abc import Sequence

import numpy as np
from scipy.fft import dctn, idctn
from scipy.ndimage import gaussian_filter

from mumap_node.imaging.resampling import FWHM_PER_SIGMA
from mumap_node.imaging.volume import Voxels


def gaussian(voxels: Voxels, spacing_mm: Sequence[float], fwhm_mm: float) -> Voxels:
    """Smooth with a Gaussian, alike in mm along every axis; the edge continues outside.

    Args:
        voxels: float32; its last axes are filtered, as many as there are spacings.
        spacing_mm: Of these axes.
        fwhm_mm: Full width at half maximum, 0 or more.
    """
    axes = _axes(voxels, spacing_mm)
    if not 0 <= fwhm_mm < np.inf:
        raise ValueError(f"expected a FWHM of 0 or more, found {fwhm_mm} mm")
    sigmas = fwhm_mm / FWHM_PER_SIGMA / np.array(spacing_mm)
    smooth: Voxels = gaussian_filter(voxels, sigmas, mode="nearest", axes=axes)
    return smooth


def butterworth(
    voxels: Voxels, spacing_mm: Sequence[float], cutoff_per_cm: float, order: float
) -> Voxels:
    """Low-pass filter with the response 1 / (1 + (f / cutoff)^(2 order)), half at the cutoff.

    Three spacings filter a volume; two filter each projection by itself. The image is continued
    as its own mirror at the edges, so counts are kept.

    Args:
        voxels: float32; its last axes are filtered, as many as there are spacings.
        spacing_mm: Of these axes.
        cutoff_per_cm: In cycles per cm, above 0; vendors that speak of Nyquist mean
            5 / pixel size in mm.
        order: Above 0; the "power" of some vendors is twice that.
    """
    axes = _axes(voxels, spacing_mm)
    if not (0 < cutoff_per_cm < np.inf and 0 < order < np.inf):
        raise ValueError(
            f"expected a cutoff and an order above 0, found {cutoff_per_cm} /cm, {order}"
        )
    squared = np.zeros(())
    for axis, step_mm in zip(axes, spacing_mm, strict=True):
        size = voxels.shape[axis]
        frequency = np.arange(size) / (2 * size * step_mm / 10)  # of a cosine transform, per cm
        squared = np.add.outer(squared, frequency**2)
    response = 1 / (1 + (squared / cutoff_per_cm**2) ** order)
    spectrum = dctn(voxels, axes=axes)
    spectrum *= response.astype(np.float32)
    smooth: Voxels = idctn(spectrum, axes=axes)
    return smooth


def _axes(voxels: Voxels, spacing_mm: Sequence[float]) -> tuple[int, ...]:
    if not 1 <= len(spacing_mm) <= voxels.ndim:
        raise ValueError(f"expected 1 to {voxels.ndim} spacings, found {len(spacing_mm)}")
    if not 0 < min(spacing_mm) <= max(spacing_mm) < np.inf:
        raise ValueError(f"expected spacings above 0, found {spacing_mm}")
    return tuple(range(voxels.ndim - len(spacing_mm), voxels.ndim))
