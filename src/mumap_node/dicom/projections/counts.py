"""Counts as they were measured: gates summed, nothing weighted, nothing lost."""

import numpy as np
from pydicom import Dataset

from mumap_node.dicom.corrections import GE
from mumap_node.dicom.elements import items, numbers, private_tags, value
from mumap_node.dicom.pixels import Stored
from mumap_node.dicom.projections.frames import Index
from mumap_node.errors import InputRejected
from mumap_node.imaging.volume import Voxels

LOST_SHARE = 0.01
"""Of the counts, by which frames and Counts Accumulated may differ: corrections of uniformity move
some events across an edge or weight them, but a view lost or doubled among sixty is 1.7 %, and a
pixel that ran over at 16 bits misses 65536 counts."""


def require_plain_counts(dataset: Dataset) -> None:
    """Refuse stored values that are not counts themselves: their noise would be misjudged.

    Raises:
        InputRejected: ``rescaled-counts``.
    """
    scales = [*numbers(dataset, "RescaleSlope", 1)]
    offsets = [*numbers(dataset, "RescaleIntercept", 1)]
    for mapping in items(dataset, "RealWorldValueMappingSequence"):
        scales += _doubles(value(mapping, "RealWorldValueSlope"))
        offsets += _doubles(value(mapping, "RealWorldValueIntercept"))
    for tag in private_tags(dataset, 0x0011, GE, 0x3B):  # Pixel Scale; Pixel Offset follows
        scales += _doubles(value(dataset, tag))
        offsets += _doubles(value(dataset, tag + 1))
    if any(scale != 1 for scale in scales) or any(offsets):
        raise InputRejected(
            "rescaled-counts",
            "expected stored values that are counts, found a slope other than 1 or an intercept "
            "other than 0 in RescaleSlope, Real World Value Mapping or GE's Pixel Scale",
        )


def summed_gates(stored: Stored, frames: Index) -> Voxels:
    """Sum the gates of each view.

    Each gate holds what was counted while it was open, over all accepted beats of all R-R
    intervals: their plain sum is what an ungated acquisition of those beats would have counted.

    Args:
        stored: Stored values [frame, row, column].
        frames: Frame numbers [gate, view].

    Returns:
        float32 [view, row, column].
    """
    counts = np.zeros((frames.shape[1], *stored.shape[1:]), np.float32)
    for gate in frames:
        counts += stored[gate]
    return counts


def require_all_counts(dataset: Dataset, stored: Stored, photopeak: Voxels) -> None:
    """Refuse counts that are none, or not all: blank views, or other than Counts Accumulated.

    That is the sum over all frames (C.8.4.9), but some count the photopeak's alone; where it is
    empty or 0 it says nothing.

    Raises:
        InputRejected: ``negative-counts``, ``incomplete-frames`` or ``counts-mismatch``.
    """
    if stored.min() < 0:
        raise InputRejected("negative-counts", "expected counts of 0 or more, found negative ones")
    blank = int((photopeak.sum(axis=(1, 2)) == 0).sum())
    if 0 < blank < len(photopeak):
        raise InputRejected(
            "incomplete-frames",
            f"expected counts in each of {len(photopeak)} views, found {blank} without any",
        )
    stated = next(iter(numbers(dataset, "CountsAccumulated", 1)), 0.0)
    found = (int(stored.sum(dtype=np.int64)), int(photopeak.sum(dtype=np.float64)))
    if stated and min(abs(counts - stated) for counts in found) > LOST_SHARE * abs(stated):
        raise InputRejected(
            "counts-mismatch",
            f"expected CountsAccumulated in the frames within {LOST_SHARE:.0%}, "
            f"found {found[0]} counts instead of {stated:.0f}",
        )


def read_accepted_beats(dataset: Dataset) -> float | None:
    """Share of the heartbeats that were accepted by any R-R interval; None where not stated.

    Beats one interval rejects another may accept (C.8.4.13), so each counts all beats. The header
    does not say at which views beats were rejected.
    """
    intervals = [
        data
        for gated in items(dataset, "GatedInformationSequence")
        for data in items(gated, "DataInformationSequence")
    ]
    accepted, rejected = (
        [next(iter(numbers(interval, keyword, 1)), 0.0) for interval in intervals]
        for keyword in ("IntervalsAcquired", "IntervalsRejected")
    )
    beats = [sum(pair) for pair in zip(accepted, rejected, strict=True)]
    if not beats or max(beats) <= 0:
        return None
    return min(1.0, max(0.0, sum(accepted) / max(beats)))


def _doubles(encoded: bytes) -> list[float]:
    """Values of VR FD; bytes that are none count as a wrong value."""
    if len(encoded) % 8:
        return [np.nan]
    return [float(number) for number in np.frombuffer(encoded, "<f8")]
