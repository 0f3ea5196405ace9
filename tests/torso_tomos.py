"""Projections of the toy torso: what a camera would have acquired of it."""

import numpy as np
from pydicom import Dataset

from builders import torso_counts
from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.imaging.reconstruction import Projector
from tomos import acquired, orbit_of, tomo

EMPTY_BELOW, EMPTY_ABOVE = 2, 1
"""Slices of the matrix that no detector saw."""


def torso_tomo(seen: int = 13, size: int = 48, edge_mm: float = 9.0) -> Dataset:
    """Projections of a body of water, on a matrix longer than the detector.

    Args:
        seen: Slices that lay before a detector.
        size: Columns.
        edge_mm: Of a pixel.
    """
    orbit, shape = orbit_of(views=32), (seen, size, size)
    activity = torso_counts(shape).astype(np.float32)
    water = np.where(activity > 0, np.float32(0.154), np.float32(0))
    projector = Projector(shape, (edge_mm,) * 3, orbit, bins=size, bin_mm=edge_mm, lac_per_cm=water)
    counts = np.rint(projector.forward(activity) / 20)
    ideal = acquired(
        orbit,
        windows_kev={"photopeak": (126.45, 154.55)},
        counts=np.pad(counts, ((0, 0), (EMPTY_BELOW, EMPTY_ABOVE), (0, 0)))[None],
        spacing_mm=(edge_mm, edge_mm),
    )
    return read_dataset(to_bytes(tomo(ideal)))
