"""The maps that a network learns to give, of a site's CT or simulated, and their resolution."""

import numpy as np
import SimpleITK as sitk  # noqa: N813  (its name everywhere)

from mumap_node.imaging import regions
from mumap_node.imaging.resampling import FWHM_PER_SIGMA
from mumap_node.imaging.volume import Geometry, Volume, Voxels

TARGET_FWHM_MM = 10.0
"""Of a point in any map: about what SPECT resolves, as sites smooth CT maps before they correct
with them."""

MOSTLY = 0.5
"""Share of what a voxel of the truth averages that must be known."""

BLOCK_MM = 3.0
"""Voxels of a CT are averaged up to this: far below the resolution, and a tenth of the time."""

LEAST_BLOCKS = 4
"""Along an axis: what a cubic spline needs."""

COUCH_MM = 8.0
"""Bridges thinner than this between the body and what it lies on are cut."""


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


def to_truth(ct: Volume, onto: Geometry) -> Volume:
    """The map a SPECT reconstruction should be answered with, from the CT of its study.

    The couch goes, as no emission shows it.

    Args:
        ct: LAC in 1/cm.
        onto: Grid of the reconstruction; NaN where most of what would be averaged is unknown.
    """
    ct = _in_blocks(ct)
    body = ct.with_voxels(without_couch(ct))
    truth = at_target_resolution(body, onto, outside=float("nan"))
    known = np.isfinite(ct.voxels)
    if known.all():
        return truth
    of_known = ct.with_voxels(known.astype(np.float32))
    share = at_target_resolution(of_known, onto, outside=float("nan")).voxels
    return truth.with_voxels(
        np.where(share > MOSTLY, truth.voxels / np.maximum(share, MOSTLY), np.float32("nan"))
    )


def without_couch(ct: Volume) -> Voxels:
    """LACs of the largest part of the volume that is no air, with what it encloses; else 0."""
    solid = sitk.GetImageFromArray(regions.body(ct.voxels).astype(np.uint8))
    reach = [0, *(round(COUCH_MM / 2 / spacing) for spacing in ct.geometry.spacing_mm[1:])]
    opened = sitk.GetArrayFromImage(sitk.BinaryMorphologicalOpening(solid, reach[::-1])) == 1
    body = regions.filled(regions.largest_part(opened))
    kept: Voxels = np.where(body, np.nan_to_num(ct.voxels), np.float32(0))
    return kept


def _in_blocks(ct: Volume) -> Volume:
    """Means of as many voxels along each axis as make a block of at most ``BLOCK_MM``.

    What is left over at an end is dropped; a block of which less than half is known is not known.
    """
    sizes = [
        max(min(int(BLOCK_MM // step), count // LEAST_BLOCKS), 1)
        for step, count in zip(ct.geometry.spacing_mm, ct.geometry.shape, strict=True)
    ]
    if sizes == [1, 1, 1]:
        return ct
    slices, rows, columns = (
        count // size for count, size in zip(ct.voxels.shape, sizes, strict=True)
    )
    means = np.empty((slices, rows, columns), np.float32)
    for number in range(slices):  # by themselves: all at once take three times the memory of a CT
        kept = ct.voxels[number * sizes[0] : (number + 1) * sizes[0]]
        kept = kept[:, : rows * sizes[1], : columns * sizes[2]]
        blocks = kept.reshape(sizes[0], rows, sizes[1], columns, sizes[2])
        known = np.isfinite(blocks).sum(axis=(0, 2, 4))
        sums = np.nansum(blocks, axis=(0, 2, 4))
        means[number] = np.where(
            known > MOSTLY * np.prod(sizes), sums / np.maximum(known, 1), np.float32("nan")
        )
    affine = ct.geometry.affine @ np.diag((*sizes, 1))
    affine[:3, 3] = ct.geometry.to_patient((np.array(sizes) - 1) / 2)
    frame = ct.geometry.frame_of_reference_uid
    return Volume(means, Geometry(means.shape, affine, frame), ct.quantity)
