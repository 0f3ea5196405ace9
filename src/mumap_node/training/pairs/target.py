"""The resolution of the maps that a network learns to give: of a site's CT, or simulated."""

import numpy as np
import SimpleITK as sitk  # noqa: N813  (its name everywhere)

from mumap_node.imaging.resampling import FWHM_PER_SIGMA
from mumap_node.imaging.volume import Geometry, Volume, Voxels

TARGET_FWHM_MM = 10.0
"""Of a point in any map: about what SPECT resolves, as sites smooth CT maps before they correct
with them."""


def at_target_resolution(lac: Volume, grid: Geometry, *, outside: float = 0.0) -> Volume:
    """LACs on another grid, blurred to ``TARGET_FWHM_MM`` whatever the voxels of both grids.

    Each voxel of ``lac`` is a mean over its extent, which is part of the blur: its variance, a
    twelfth of the square of the edge, is left out of the Gaussian. The cubic spline between its
    voxels adds none, so grids of all spacings and places get the same resolution.

    Args:
        lac: In 1/cm, 0 or more; voxels below 14 mm bring less blur than there shall be.
        grid: Where to sample.
        outside: Value where ``lac`` has no voxels (more than half a voxel beyond its centres).
    """
    edges_mm = np.array(lac.geometry.spacing_mm)
    variance = np.maximum((TARGET_FWHM_MM / FWHM_PER_SIGMA / edges_mm) ** 2 - 1 / 12, 0)
    smooth = sitk.DiscreteGaussian(
        sitk.GetImageFromArray(lac.voxels),
        variance[::-1].tolist(), maximumKernelWidth=128, maximumError=1e-4, useImageSpacing=False,
    )  # fmt: skip
    index_map = np.linalg.inv(lac.geometry.affine) @ grid.affine
    transform = sitk.AffineTransform(  # SimpleITK counts (column, row, slice) on unit grids
        index_map[2::-1, 2::-1].ravel().tolist(), index_map[2::-1, 3].tolist()
    )
    sampled = sitk.Resample(
        smooth, grid.shape[::-1], transform, sitk.sitkBSpline, (0, 0, 0), (1, 1, 1),
        np.eye(3).ravel().tolist(), outside, sitk.sitkFloat32,
    )  # fmt: skip
    voxels: Voxels = np.maximum(sitk.GetArrayFromImage(sampled), 0)  # splines undershoot a little
    return Volume(voxels, grid, lac.quantity)
