"""A volume onto another geometry: copied where the grids coincide, else interpolated."""

from itertools import permutations

import numpy as np
import SimpleITK as sitk  # noqa: N813  (its name everywhere)
from scipy import ndimage, sparse

from mumap_node.imaging.volume import Geometry, Matrix, Volume, Voxels

UPRIGHT = np.eye(3)[::-1]
"""Model axes in LPS, as columns: slice to the head, row to the back, column to the left."""

SAME_GRID_VOXELS = 1e-3
"""Grids whose voxel centres agree within this part of a voxel are one grid: nothing is
interpolated. Decimal strings in DICOM headers round at about a hundredth of that."""

NEGLIGIBLE_WEIGHT = 1e-7
"""Of a voxel in an interpolated value; below the precision of float32."""

FWHM_PER_SIGMA = float(np.sqrt(8 * np.log(2)))
"""Of a Gaussian."""


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
    if _is_permutation(nearest) and _is_same(nearest, index_map, geometry.shape):
        voxels = _copy(volume.voxels, nearest.astype(int), geometry.shape, outside)
    else:
        voxels = _interpolate(
            volume.voxels, index_map, geometry.shape, outside, is_smooth=is_smooth
        )
    return Volume(voxels, geometry, volume.quantity)


def _is_permutation(index_map: Matrix) -> bool:
    """Whether each step along an axis is a whole step along another, forwards or backwards."""
    steps = np.abs(index_map[:3, :3])
    return bool((steps.sum(axis=0) == 1).all() and (steps.sum(axis=1) == 1).all())


def _is_same(one: Matrix, other: Matrix, shape: tuple[int, int, int]) -> bool:
    """Whether two index maps lead to the same places, up to rounding."""
    deviation = np.abs(one - other)[:3] @ (*shape, 1)  # at the far corner, in voxels
    return bool((deviation < SAME_GRID_VOXELS).all())


def _source_axes(index_map: Matrix) -> list[int]:
    """The axis of the source that each axis of the target runs along."""
    axes: list[int] = np.abs(index_map[:3, :3]).argmax(axis=0).tolist()
    return axes


def _copy(
    voxels: Voxels, index_map: np.ndarray, shape: tuple[int, int, int], outside: float
) -> Voxels:
    result = np.full(shape, outside, dtype=np.float32)
    order = _source_axes(index_map)
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
    order = _source_axes(index_map)
    straight = np.zeros((4, 4))
    straight[order, range(3)] = index_map[order, range(3)]
    straight[:, 3] = index_map[:, 3]
    is_parallel = sorted(order) == [0, 1, 2] and _is_same(straight, index_map, shape)
    resample = _resample_by_axis if is_parallel else _resample
    result = resample(voxels, index_map, shape, outside, is_smooth=is_smooth)
    if is_smooth:  # splines swing over at edges
        lowest, highest = min(voxels.min(), outside), max(voxels.max(), outside)
        np.clip(result, lowest, highest, out=result)
    return result


def _resample(
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
    return result


def _resample_by_axis(
    voxels: Voxels,
    index_map: Matrix,
    shape: tuple[int, int, int],
    outside: float,
    *,
    is_smooth: bool,
) -> Voxels:
    """What ``_resample`` gives where the grids are parallel, several times as fast."""
    order = _source_axes(index_map)
    weights = []
    for target, source in enumerate(order):
        step, first = index_map[source, [target, 3]]
        sizes = (shape[target], voxels.shape[source])
        weights.append(_weights(sizes, step, first, is_smooth=is_smooth))
    result = voxels.transpose(order)
    for along in weights:  # the axis in front; what is resampled goes to the end
        flat = result.reshape(len(result), -1)
        resampled = sparse.csr_array(along) @ flat  # sparse: 0 times NaN would be NaN
        result = resampled.T.reshape(*result.shape[1:], len(along))
    for target, along in enumerate(weights):
        np.moveaxis(result, target, 0)[~along.any(axis=1)] = outside
    return result


def _weights(sizes: tuple[int, int], step: float, first: float, *, is_smooth: bool) -> Voxels:
    """What each voxel along an axis adds to each of the target's; nothing to one outside.

    It is what becomes of a voxel of 1 among voxels of 0.

    Args:
        sizes: Number of the target's voxels and of the source's.
        step: From one voxel of the target to the next, in voxels of the source; may be negative.
        first: Index in the source of the target's first voxel.
        is_smooth: As in ``onto``.

    Returns:
        float32, of shape ``sizes``.
    """
    lone = _smooth(sitk.GetImageFromArray(np.eye(sizes[1])), np.array((step, 1)))
    order, mode = (3, "mirror") if is_smooth else (1, "nearest")  # SimpleITK's way past the ends
    weights: Voxels = ndimage.affine_transform(
        sitk.GetArrayFromImage(lone), (step, 1), (first, 0), sizes, np.float32, order, mode
    )
    weights[np.abs(weights) < NEGLIGIBLE_WEIGHT] = 0
    from_middle = np.abs(first + step * np.arange(sizes[0]) - (sizes[1] - 1) / 2)
    weights[from_middle > sizes[1] / 2 + SAME_GRID_VOXELS] = 0
    return weights


def _smooth(image: sitk.Image, coarser: np.ndarray) -> sitk.Image:
    """Blur each axis as voxels ``coarser`` times as large would: their FWHM, in quadrature."""
    variance = np.maximum(coarser**2 - 1, 0) / FWHM_PER_SIGMA**2
    if not variance.any():
        return image
    return sitk.DiscreteGaussian(
        image, variance[::-1].tolist(), maximumKernelWidth=64, useImageSpacing=False
    )
