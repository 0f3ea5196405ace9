"""Where body, lungs, uptake and the edge of the field of view lie; the ground of the checks.

All arrays are upright (``resampling.upright``): slice to the head, row to the back, column to
the patient's left.
"""

from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813  (its name everywhere)
from numpy.typing import NDArray

from mumap_node.imaging.volume import Voxels

Mask = NDArray[np.bool_]
Spacing = tuple[float, float, float]

LUNG_PER_CM = (0.02, 0.08)
"""LACs of lung at 140 keV (inflated 0.03-0.06, its rim up to 0.08); what is below is air."""

SOFT_TISSUE_ABOVE_PER_CM = 0.10
"""Between lung and soft tissue at 140 keV, even where they are blurred into each other."""

MODE_RANGE_PER_CM = (0.08, 0.40)
MODE_BIN_PER_CM = 0.002
"""Where the peak of soft tissue is looked for, and in which steps."""

LUNG_DEPTH_MM = 15.0
"""Lung lies deeper than this below the skin; nearer, its LACs are those of the blurred skin."""

HOT_SPOT_SHARE = 0.5
"""Of the 99.9th percentile: what is above is the hot spot, in cardiac SPECT heart and liver."""

EMISSION_SIGMA_MM = 6.0
"""Smoothing of the counts before their outline is drawn; about the resolution of SPECT."""

LOG_FLOOR = 0.05
"""Added to relative counts before their logarithm is parted in two; below it is noise."""


def body(lac: Voxels) -> Mask:
    """What is no air in a map."""
    return lac > LUNG_PER_CM[0]


def soft_tissue(lac: Voxels) -> Mask:
    """What attenuates at least like fat."""
    return lac > SOFT_TISSUE_ABOVE_PER_CM


def soft_tissue_mode_per_cm(lac: Voxels) -> float:
    """The most frequent LAC of soft tissue and bone; 0 where there is neither."""
    lowest, highest = MODE_RANGE_PER_CM
    bins = round((highest - lowest) / MODE_BIN_PER_CM)
    counts, edges = np.histogram(lac, bins, MODE_RANGE_PER_CM)
    return float(edges[counts.argmax()]) + MODE_BIN_PER_CM / 2 if counts.any() else 0.0


def lungs(lac: Voxels, spacing_mm: Spacing) -> Mask:
    """What attenuates like lung, well below the skin."""
    image = sitk.GetImageFromArray(filled(body(lac)).astype(np.uint8))
    image.SetSpacing(spacing_mm[::-1])
    depth_mm = sitk.SignedMaurerDistanceMap(image, insideIsPositive=True, squaredDistance=False,
                                            useImageSpacing=True)  # fmt: skip
    is_deep = sitk.GetArrayFromImage(depth_mm) > LUNG_DEPTH_MM
    like_lung: Mask = is_deep & (lac > LUNG_PER_CM[0]) & (lac < LUNG_PER_CM[1])
    return like_lung


def hot_spot(counts: Voxels) -> Mask:
    """The voxels with the most counts."""
    return counts > HOT_SPOT_SHARE * np.percentile(counts, 99.9)


def emission_outline(counts: Voxels, spacing_mm: Spacing) -> Mask:
    """The body as the counts show it, drawn without any model.

    Otsu's threshold of the logarithm parts body from air; the outline lies at half of the
    body's geometric mean, is filled slice by slice, and only its largest part counts.
    """
    image = sitk.GetImageFromArray(np.maximum(counts, 0))
    image.SetSpacing(spacing_mm[::-1])
    smooth = sitk.GetArrayFromImage(sitk.DiscreteGaussian(image, [EMISSION_SIGMA_MM**2] * 3))
    mean = min(smooth.mean(), smooth.max())  # of one value, it lies a rounding above it
    bright = max(smooth[smooth >= mean].mean(), np.finfo(np.float32).tiny)
    logarithm = np.log(np.clip(smooth / bright, 0, 1) + LOG_FLOOR)
    otsu = sitk.OtsuThresholdImageFilter()
    otsu.Execute(sitk.GetImageFromArray(logarithm))
    cut = min(otsu.GetThreshold(), logarithm.max())  # here too
    level = np.exp(logarithm[logarithm >= cut].mean()) - LOG_FLOOR
    return filled(largest_part(smooth > 0.5 * level * bright))


def filled(mask: Mask) -> Mask:
    """The mask with what it encloses in each slice."""
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    result = _unrolled(sitk.BinaryFillhole(_rolled_out(padded)), padded)
    return result[:, 1:-1, 1:-1]


def largest_part(mask: Mask) -> Mask:
    """The largest connected component; empty where the mask is."""
    components = sitk.ConnectedComponent(sitk.GetImageFromArray(mask.astype(np.uint8)))
    largest: Mask = sitk.GetArrayFromImage(sitk.RelabelComponent(components)) == 1
    return largest


def outline(mask: Mask) -> Mask:
    """Voxels of the mask with a neighbour in their slice that is not, or at its border."""
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    surrounded = (
        padded[:, :-2, 1:-1] & padded[:, 2:, 1:-1] & padded[:, 1:-1, :-2] & padded[:, 1:-1, 2:]
    )
    return mask & ~surrounded


def edge_of_field(counts: Voxels) -> Mask:
    """Voxels at the edge of what the camera saw.

    That is the border of each slice, and what lies next to the area of exact zeros that some
    reconstructions leave around their field of view. Zeros narrower than three voxels are those
    of noise.
    """
    empty = np.pad(counts == 0, ((0, 0), (2, 2), (2, 2)), constant_values=True)
    wide = sitk.BinaryMorphologicalOpening(_rolled_out(empty), (1, 1))
    unseen = sitk.ConnectedThreshold(wide, [(0, 0)], 1, 1)
    edge = _unrolled(sitk.BinaryDilate(unseen, (1, 1)), empty)
    return edge[:, 2:-2, 2:-2]


def edge_of_box(shape: tuple[int, ...], spacing_mm: Spacing, box_mm: NDArray[np.float64]) -> Mask:
    """Voxels at, or beyond, the in-plane border of a box round the middle of a volume."""
    rows, columns = (
        np.abs(np.arange(size) - (size - 1) / 2) * step > box / 2 - step
        for size, step, box in zip(shape[1:], spacing_mm[1:], box_mm[1:], strict=True)
    )
    return np.broadcast_to(rows[:, None] | columns, shape)


def _rolled_out(padded: Mask) -> Any:
    """All slices below each other as one image, kept apart by their padding.

    Filters that work within slices need one call then, which halves their time.
    """
    return sitk.GetImageFromArray(padded.reshape(-1, padded.shape[2]).astype(np.uint8))


def _unrolled(image: Any, padded: Mask) -> Mask:
    mask: Mask = sitk.GetArrayFromImage(image).reshape(padded.shape) == 1
    return mask


def share(part: Mask, of: Mask) -> float:
    """Share of a mask that lies in another; 0 of an empty one."""
    return int(np.count_nonzero(part & of)) / max(int(np.count_nonzero(of)), 1)


def dice(one: Mask, other: Mask) -> float:
    """Dice coefficient of two masks, at least one of which holds something."""
    held = np.count_nonzero(one) + np.count_nonzero(other)
    return float(2 * np.count_nonzero(one & other) / held)


def areas_cm2(body: Mask, spacing_mm: Spacing) -> NDArray[np.float64]:
    """In-plane area from the first slice that holds body to the last."""
    areas = body.sum(axis=(1, 2)) * (spacing_mm[1] * spacing_mm[2] / 100)
    return np.trim_zeros(areas)


def largest_change(areas_cm2: NDArray[np.float64]) -> float:
    """Largest change between neighbours, relative to the larger; the end slices are left out.

    A slice at the end may hold a body in part of its thickness only.
    """
    inner = areas_cm2[1:-1]
    if inner.size < 2:
        return 0.0
    larger = np.maximum(np.maximum(inner[1:], inner[:-1]), np.finfo(float).tiny)
    return float((np.abs(np.diff(inner)) / larger).max())


def left_half(body: Mask) -> Mask:
    """Everything on the patient's left of the middle of the body."""
    middle = np.nonzero(body)[2].mean()
    return np.broadcast_to(np.arange(body.shape[2]) > middle, body.shape)


def left_lateral(body: Mask, spacing_mm: Spacing) -> Mask:
    """Everything within 45° of the patient's left, as seen from the middle of the body."""
    _, rows, columns = np.nonzero(body)
    back_mm = (np.arange(body.shape[1]) - rows.mean())[:, None] * spacing_mm[1]
    left_mm = (np.arange(body.shape[2]) - columns.mean()) * spacing_mm[2]
    return np.broadcast_to(left_mm >= np.abs(back_mm), body.shape)


def longest_mm(contour: Mask, spacing_mm: Spacing) -> float:
    """Length of a contour along the rows' direction in the slice that has most of it."""
    return float(np.count_nonzero(contour, axis=(1, 2)).max()) * spacing_mm[1]
