"""What a CT shows of a torso, and where a heart fits into it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.signal import fftconvolve

from mumap_node.imaging import regions
from mumap_node.imaging.resampling import onto
from mumap_node.imaging.volume import Geometry, Volume, Voxels
from mumap_node.training.simulation.anatomy.tissues import Tissue

Mask = NDArray[np.bool_]

GAS_BELOW, LUNG_BELOW, FAT_BELOW, SOFT_BELOW, BONE_BELOW = 0.004, 0.10, 0.149, 0.172, 0.21
"""Upper LAC in 1/cm of gas, lung, fat, muscle and organs, and spongy bone; cortex lies above."""

SQUARE = np.ones((1, 3, 3), np.bool_)
"""A voxel and its neighbours in the slice."""

LUNG_ML = 80.0
LUNG_LAC_PER_CM = 0.012
"""Smaller parts, or parts of a lower mean, are gas in bowel and airways."""

COUCH_SHARE = 0.3
"""Of the slices: what lies apart from the body in the same place in more of them is the couch, or
an arm beside the body; where it touches the body it is cut off."""

LIVER_DEPTH_MM = 150.0
LIVER_EDGE_MM = 45.0
LIVER_RISE = 0.6
"""The liver lies under the right lung down to this depth below the diaphragm. To the left it ends
so far beyond the midline at the diaphragm, and less by this share of the depth."""

HEART_RIGHT_MM = 25.0
"""What is less far right of the midline, above the diaphragm, is heart rather than liver."""

LIVER_THICKNESS_MM = 30.0
"""What is thinner there is muscle or bowel."""

FITS_AS_WELL = 0.02
"""Of two places whose share of the heart differs less, the one more to the left and lower wins:
the left ventricle lies there within the heart."""


@dataclass(frozen=True, eq=False, slots=True)
class Torso:
    """A torso on an upright grid of cubic voxels, without what it lies on.

    Attributes:
        geometry: The grid.
        lac_per_cm: LAC at 140.5 keV.
        body: Everything inside the skin.
        lungs: Both of them.
    """

    geometry: Geometry
    lac_per_cm: Voxels
    body: Mask
    lungs: Mask

    @property
    def slab_mm(self) -> tuple[float, float]:
        """Z of the lowest and the highest slice that was scanned."""
        ends = np.array([(0, 0, 0), (self.geometry.shape[0] - 1, 0, 0)])
        lowest, highest = self.geometry.to_patient(ends)[:, 2].tolist()
        return lowest, highest

    @property
    def middle(self) -> tuple[float, float]:
        """Row and column of the middle of the body."""
        _, rows, columns = np.nonzero(self.body)
        return float(np.median(rows)), float(np.median(columns))

    @property
    def dome_mm(self) -> float:
        """Z of the diaphragm: the lowest slice with half of the largest lung area of all."""
        area = self.lungs.sum(axis=(1, 2))
        lowest = np.flatnonzero(area > 0.5 * area.max())[0]
        return float(self.geometry.to_patient((lowest, 0, 0))[2])


def find_torso(volume: Volume, edge_mm: float) -> Torso:
    """Find body and lungs.

    Args:
        volume: LAC in 1/cm at 140.5 keV, in any orientation.
        edge_mm: Of the voxels to make.
    """
    geometry = _grid_round(volume.geometry, edge_mm)
    lac = onto(volume, geometry).voxels
    body = find_body(lac)
    airy = ndimage.binary_erosion(body, SQUARE, iterations=2) & (lac < LUNG_BELOW)
    lungs = ndimage.binary_opening(airy, SQUARE)
    parts, count = ndimage.label(lungs)
    every = np.arange(1, count + 1)
    is_large = ndimage.sum_labels(lungs, parts, every) * edge_mm**3 / 1000 > LUNG_ML
    is_lung = is_large & (ndimage.mean(lac, parts, every) > LUNG_LAC_PER_CM)
    in_body = np.where(body, lac, np.float32(0))
    return Torso(geometry, in_body, body, np.isin(parts, every[is_lung]))


def find_body(lac_per_cm: Voxels) -> Mask:
    """Everything inside the skin, without couch and arms that lie apart.

    The largest part of soft tissue in each slice is filled, freed from what lies apart elsewhere,
    opened, which cuts what is thin, and gets back the blurred rim of the skin.
    """
    soft = regions.soft_tissue(lac_per_cm)
    largest = regions.filled(np.concatenate([regions.largest_part(part[None]) for part in soft]))
    apart = (soft & ~largest).sum(axis=0)
    is_couch = apart > COUCH_SHARE * np.count_nonzero(soft.any(axis=(1, 2)))
    thick = ndimage.binary_opening(largest & ~is_couch, SQUARE, iterations=2)
    body = regions.largest_part(thick)
    body |= ndimage.binary_dilation(body, SQUARE) & regions.body(lac_per_cm)
    return body


def _grid_round(geometry: Geometry, edge_mm: float) -> Geometry:
    """An upright grid on the extent of another, but its outermost voxels.

    Resampling and smoothing have often half emptied those.
    """
    ends = np.array(np.meshgrid(*((1, size - 2) for size in geometry.shape))).reshape(3, -1).T
    corners = geometry.to_patient(ends)
    lowest, extent = corners.min(axis=0), np.ptp(corners, axis=0)
    columns, rows, slices = (np.floor(extent / edge_mm).astype(int) + 1).tolist()
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(np.eye(3)) * edge_mm
    affine[:3, 3] = lowest
    return Geometry((slices, rows, columns), affine)


def between_lungs(torso: Torso) -> Mask:
    """Soft tissue with lung on either side in its row, in front of the middle of the body."""
    row, column = torso.middle
    right, left = torso.lungs.copy(), torso.lungs.copy()
    right[:, :, int(column) + 1 :] = False
    left[:, :, : int(column)] = False
    columns = np.arange(torso.lungs.shape[2])
    from_column = np.where(right, columns, -1).max(axis=2, keepdims=True)
    to_column = np.where(left, columns, columns.size).min(axis=2, keepdims=True)
    has_both = (from_column >= 0) & (to_column < columns.size)
    between: Mask = has_both & (columns > from_column) & (columns < to_column)
    between &= torso.body & (torso.lac_per_cm > LUNG_BELOW)
    between[:, int(row) + 1 :] = False
    return between


def place_heart(torso: Torso, ventricle: Mask) -> tuple[tuple[float, float, float], float]:
    """Where a left ventricle fits best between the lungs.

    Args:
        torso: With lung on both sides.
        ventricle: The ventricle on voxels of the same size, its centre in the middle of an odd
            number of voxels along each axis.

    Returns:
        LPS position of its centre, as much of it as possible within the slab that was scanned;
        and the share of it that lies between the lungs. Where the slab ends within the heart the
        share is small, and the ventricle lies as high as the slab allows.
    """
    between, inside = (
        fftconvolve(mask.astype(np.float32), ventricle[::-1, ::-1, ::-1], "same")
        / np.count_nonzero(ventricle)
        for mask in (between_lungs(torso), torso.body)
    )
    score = between + 2 * inside
    best = np.argwhere(score >= score.max() - FITS_AS_WELL)
    head, _, left = best.T
    chosen = best[(left - head).argmax()]
    x, y, z = torso.geometry.to_patient(chosen).tolist()
    return (x, y, z), float(between[tuple(chosen)])


def classify(torso: Torso) -> NDArray[np.uint8]:
    """The tissue of every voxel, by its LAC and place."""
    lac = torso.lac_per_cm
    limits = (GAS_BELOW, LUNG_BELOW, FAT_BELOW, SOFT_BELOW, BONE_BELOW)
    tissues = (
        Tissue.GAS, Tissue.FAT, Tissue.FAT, Tissue.MUSCLE, Tissue.SPONGY_BONE, Tissue.CORTICAL_BONE,
    )  # fmt: skip
    labels = np.array(tissues, np.uint8)[np.searchsorted(limits, lac, side="right")]
    labels[torso.lungs] = Tissue.LUNG
    labels[liver(torso)] = Tissue.LIVER
    labels[~torso.body] = Tissue.AIR
    return labels


def liver(torso: Torso) -> Mask:
    """The largest thick part of soft tissue under the right lung."""
    edge_mm = torso.geometry.spacing_mm[0]
    z_mm = torso.geometry.to_patient(np.argwhere(np.ones((torso.geometry.shape[0], 1, 1))))[:, 2]
    depth_mm = (torso.dome_mm - z_mm)[:, None, None]
    left_mm = (np.arange(torso.body.shape[2]) - torso.middle[1]) * edge_mm
    ends_mm = np.where(depth_mm > 0, LIVER_EDGE_MM - LIVER_RISE * depth_mm, -HEART_RIGHT_MM)
    smooth = ndimage.gaussian_filter(torso.lac_per_cm, 1.0)
    under_lung = np.cumsum(torso.lungs[::-1], axis=0)[::-1] > 0
    candidates = torso.body & (smooth > FAT_BELOW) & (smooth < SOFT_BELOW) & ~torso.lungs
    candidates &= (depth_mm < LIVER_DEPTH_MM) & (left_mm < ends_mm)
    candidates &= under_lung | (depth_mm > 0)
    reach = round(LIVER_THICKNESS_MM / 2 / edge_mm)
    ball = ndimage.iterate_structure(ndimage.generate_binary_structure(3, 1), reach)
    thick = ndimage.binary_opening(candidates, ball)
    return regions.largest_part(thick) if thick.any() else thick
