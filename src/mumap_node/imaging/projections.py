"""Measured projections: counts view by view, and where the camera stood for each."""

from dataclasses import dataclass

import numpy as np

from mumap_node.imaging.acquisition import Acquisition
from mumap_node.imaging.reconstruction.orbit import Orbit
from mumap_node.imaging.volume import Geometry, Voxels

SEEN_SHARE = 0.01
"""Of the mean counts of a row: with less, no part of it lay before a detector. A square matrix is
larger than most detectors are long."""


@dataclass(frozen=True, eq=False, slots=True)
class ScatterWindow:
    """Counts of an energy window that borders on the photopeak's.

    Attributes:
        counts: float32 [view, slice, bin], as those of the photopeak; read-only once here.
        limits_kev: Lower and upper limit.
    """

    counts: Voxels
    limits_kev: tuple[float, float]


@dataclass(frozen=True, eq=False, slots=True)
class Projections:
    """Measured projections, ungated: gates are summed, every count is as it was measured.

    Attributes:
        photopeak: float32 counts of 0 or more, [view, slice, bin]: slices towards the head, bins
            as docs/coordinates.md draws them; read-only once here.
        scatter: Windows that border on the photopeak's, by rising energy; empty where there are
            none.
        orbit: Angles and radii of the views, which may come in any order.
        slice_mm: Distance between slices.
        bin_mm: Distance between bins; their middle is the centre of rotation.
        middle_z_mm: LPS z of the middle of the slices; None where the header does not say.
        frame_of_reference_uid: Of the header; empty where it has none.
        radii_are_stated: False where ``orbit`` holds a usual distance for want of a stated one;
            no resolution may be modelled with it.
        direction_is_stated: False where it was taken from custom, not from the header, that the
            first row is the head end and rows run as the camera sees them.
        is_head_first: Whether the header says that the head entered the gantry first.
        accepted_beats: Share of the heartbeats whose counts are in here, 0 to 1; None where the
            acquisition was not gated, or the header does not say. Views may hold different
            shares (``beats``).
        acquisition: Radionuclide, photopeak window and collimator.

    Raises:
        ValueError: Counts of another type, or shapes that differ.
    """

    photopeak: Voxels
    scatter: tuple[ScatterWindow, ...]
    orbit: Orbit
    slice_mm: float
    bin_mm: float
    middle_z_mm: float | None
    frame_of_reference_uid: str
    radii_are_stated: bool
    direction_is_stated: bool
    is_head_first: bool
    accepted_beats: float | None
    acquisition: Acquisition

    def __post_init__(self) -> None:
        for counts in (self.photopeak, *(window.counts for window in self.scatter)):
            if counts.dtype != np.float32:
                raise ValueError(f"expected float32 counts, found {counts.dtype}")
            if counts.ndim != 3 or counts.shape != self.photopeak.shape:
                raise ValueError(f"expected counts of one shape, found {counts.shape}")
            counts.flags.writeable = False
        if len(self.photopeak) != self.orbit.views:
            raise ValueError(
                f"expected counts of {self.orbit.views} views, found {len(self.photopeak)}"
            )

    @property
    def grid(self) -> Geometry:
        """The grid of a map: Columns x Columns x Rows of the detector, upright.

        The centre of rotation is x = y = 0, as docs/coordinates.md defines it; the middle of the
        slices is z = 0 where the header does not state its height.
        """
        _, slices, bins = self.photopeak.shape
        affine = np.eye(4)
        affine[:3, :3] = np.fliplr(np.diag([self.bin_mm, self.bin_mm, self.slice_mm]))
        middle_z_mm = self.middle_z_mm or 0.0
        first_mm = -(bins - 1) / 2 * self.bin_mm
        affine[:3, 3] = first_mm, first_mm, middle_z_mm - (slices - 1) / 2 * self.slice_mm
        return Geometry((slices, bins, bins), affine, self.frame_of_reference_uid)

    @property
    def seen_slices(self) -> slice:
        """The slices that lay before a detector, from the first to the last with counts."""
        counts = self.photopeak.sum(axis=(0, 2), dtype=np.float64)
        seen = np.flatnonzero(counts > SEEN_SHARE * counts.mean())
        return slice(int(seen[0]), int(seen[-1]) + 1) if seen.size else slice(0, len(counts))
