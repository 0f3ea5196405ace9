"""A volume onto another geometry: copied where the grids coincide, else interpolated."""

from itertools import permutations

import numpy as np
import SimpleITK as sitk  # noqa: N813  (its name everywhere)

from mumap_node.imaging.volume import Geometry, Matrix, Volume, Voxels

UPRIGHT = np.eye(3)[::-1]
"""Model axes in LPS, as columns: slice to the head, row to the back, column to the left."""

SAME_GRID_VOXELS = 1e-3
"""Grids whose voxel centres agree within this part of a voxel are one grid: nothing is
interpolated. Decimal strings in DICOM headers round at about a hundredth of that."""

FWHM_PER_SIGMA = 2.3548
"""Of a Gaussian: the square root of 8 ln 2."""


def upright(geometry: Geometry) -> Geometry:
    """The same voxels counted along the model axes: the grid is flipped and permuted, never moved.

    An oblique grid stays oblique; each axis gets the nearest direction.
    """
    directions = UPRIGHT.T @ geometry.directions  # [model axis, source axis]
    order = max(
        permutations(range(3)),
        key=lambda axes: sum(abs(directions[model, axis]) for model, axis in enumerate(axes)),
    )
    signs = [1 if directions[model, axis] > 0 else -1 for model, axis in enumerate(order)]
    first = np.zeros(3)
    affine = np.eye(4)
    for model, (axis, sign) in enumerate(zip(order, signs, strict=True)):
        affine[:3, model] = sign * geometry.affine[:3, axis]
        first[axis] = 0 if sign > 0 else geometry.shape[axis] - 1
    affine[:3, 3] = geometry.to_patient(first)
    slices, rows, columns = (geometry.shape[axis] for axis in order)
    return Geometry((slices, rows, columns), affine, geometry.frame_of_reference_uid)


def onto(
    volume: Volume, geometry: Geometry, *, outside: float = 0.0, is_smooth: bool = False
) -> Volume:
    """Sample a volume on another grid of the same patient coordinates.

    Where every voxel centre of ``geometry`` falls on one of the volume, voxels are copied bit by
    bit, whatever the orders and directions of the axes. Otherwise they are interpolated, after
    smoothing along axes that become coarser so that counts do not alias.

    Args:
        volume: What to sample.
        geometry: Where; its Frame of Reference UID is taken over.
        outside: Value where ``volume`` has no voxels (more than half a voxel beyond its centres).
        is_smooth: Interpolate with cubic B-splines, held within the range of the values, as
            suits what has no noise; else linearly.
    """
    index_map = np.linalg.inv(volume.geometry.affine) @ geometry.affine
    nearest = np.rint(index_map)
    if _is_same_grid(index_map, nearest, geometry.shape):
        voxels = _copy(volume.voxels, nearest.astype(int), geometry.shape, outside)
    else:
        voxels = _interpolate(
            volume.voxels, index_map, geometry.shape, outside, is_smooth=is_smooth
        )
    return Volume(voxels, geometry, volume.quantity)


def _is_same_grid(index_map: Matrix, nearest: Matrix, shape: tuple[int, int, int]) -> bool:
    """Whether the index map is a signed permutation with a whole offset, up to rounding."""
    steps = np.abs(nearest[:3, :3])
    is_permutation = (steps.sum(axis=0) == 1).all() and (steps.sum(axis=1) == 1).all()
    deviation = np.abs(index_map - nearest)[:3] @ (*shape, 1)  # at the far corner, in voxels
    return bool(is_permutation and (deviation < SAME_GRID_VOXELS).all())


def _copy(
    voxels: Voxels, index_map: np.ndarray, shape: tuple[int, int, int], outside: float
) -> Voxels:
    result = np.full(shape, outside, dtype=np.float32)
    order = np.abs(index_map[:3, :3]).argmax(axis=0)  # source axis of each target axis
    taken, filled = [], []
    for target, source in enumerate(order):
        index = index_map[source, target] * np.arange(shape[target]) + index_map[source, 3]
        exists = (index >= 0) & (index < voxels.shape[source])
        taken.append(index[exists])
        filled.append(np.flatnonzero(exists))
    result[np.ix_(*filled)] = voxels.transpose(order)[np.ix_(*taken)]
    return result


def _interpolate(
    voxels: Voxels,
    index_map: Matrix,
    shape: tuple[int, int, int],
    outside: float,
    *,
    is_smooth: bool,
) -> Voxels:
    """Resample in index space: SimpleITK sees unit grids, so no direction is beyond it."""
    image = _smooth(sitk.GetImageFromArray(voxels), np.linalg.norm(index_map[:3, :3], axis=1))
    transform = sitk.AffineTransform(
        index_map[2::-1, 2::-1].ravel().tolist(),  # SimpleITK counts (column, row, slice)
        index_map[2::-1, 3].tolist(),
    )
    resampled = sitk.Resample(
        image, shape[::-1], transform, sitk.sitkBSpline if is_smooth else sitk.sitkLinear,
        (0, 0, 0), (1, 1, 1), np.eye(3).ravel().tolist(), outside, sitk.sitkFloat32,
    )  # fmt: skip
    result: Voxels = sitk.GetArrayFromImage(resampled)
    if is_smooth:  # splines swing over at edges
        lowest, highest = min(voxels.min(), outside), max(voxels.max(), outside)
        np.clip(result, lowest, highest, out=result)
    return result


def _smooth(image: sitk.Image, coarser: np.ndarray) -> sitk.Image:
    """Blur each axis as voxels ``coarser`` times as large would: their FWHM, in quadrature."""
    variance = np.maximum(coarser**2 - 1, 0) / FWHM_PER_SIGMA**2
    if not variance.any():
        return image
    return sitk.DiscreteGaussian(
        image, variance[::-1].tolist(), maximumKernelWidth=64, useImageSpacing=False
    )
