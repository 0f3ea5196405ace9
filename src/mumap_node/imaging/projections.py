"""Measured projections: counts view by view, and where the camera stood for each."""

from dataclasses import dataclass

import numpy as np

from mumap_node.imaging.acquisition import Acquisition
from mumap_node.imaging.reconstruction.orbit import Orbit
from mumap_node.imaging.volume import Voxels


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
        radii_are_stated: False where ``orbit`` holds a usual distance for want of a stated one;
            no resolution may be modelled with it.
        direction_is_stated: False where it was taken from custom, not from the header, that the
            first row is the head end and rows run as the camera sees them.
        seconds_per_view: Time at each angle; None where the header does not say.
        accepted_beats: Share of the heartbeats whose counts are in here, 0 to 1; None where the
            acquisition was not gated, or the header does not say.
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
    radii_are_stated: bool
    direction_is_stated: bool
    seconds_per_view: float | None
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
