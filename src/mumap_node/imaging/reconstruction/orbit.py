"""Where the camera stood for each view."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mumap_node.imaging.volume import Matrix

Views = slice | list[int] | NDArray[np.intp]
"""Which views, and in which order: what NumPy takes as an index of one axis."""

ALL = slice(None)


@dataclass(frozen=True, eq=False, slots=True)
class Orbit:
    """Angles and distances of a camera, view by view, in any order.

    An angle is DICOM's (PS3.3 C.8.4.13, Start Angle): 0° has the detector at the patient's back,
    90° at the patient's left, 180° in front. The sequence is free: 180° or 360°, either
    direction, two heads one after the other or interleaved, uneven steps, repeated angles.

    Attributes:
        angles_deg: float64, one per view; read-only.
        radii_mm: float64, one per view; centre of rotation to the face of the collimator,
            positive; read-only.

    Raises:
        ValueError: No view, numbers of angles and radii that differ, or a value out of range.
    """

    angles_deg: Matrix
    radii_mm: Matrix

    def __post_init__(self) -> None:
        angles_deg = np.array(self.angles_deg, dtype=np.float64)
        radii_mm = np.array(self.radii_mm, dtype=np.float64)
        if angles_deg.ndim != 1 or angles_deg.size == 0:
            raise ValueError(f"expected one angle per view, found shape {angles_deg.shape}")
        if radii_mm.shape != angles_deg.shape:
            raise ValueError(f"expected {angles_deg.size} radii, found shape {radii_mm.shape}")
        if not np.isfinite(angles_deg).all():
            raise ValueError("expected finite angles")
        if not (np.isfinite(radii_mm) & (radii_mm > 0)).all():
            raise ValueError("expected finite radii above 0 mm")
        angles_deg.flags.writeable = radii_mm.flags.writeable = False
        object.__setattr__(self, "angles_deg", angles_deg)
        object.__setattr__(self, "radii_mm", radii_mm)

    @property
    def views(self) -> int:
        """How many views there are."""
        return self.angles_deg.size

    @property
    def detector_directions(self) -> Matrix:
        """From the centre of rotation to the detector: unit vectors in LPS (x, y), per view."""
        angles = np.deg2rad(self.angles_deg)
        return np.stack((np.sin(angles), np.cos(angles)), axis=1)

    @property
    def bin_directions(self) -> Matrix:
        """Where the bins of a projection grow to: unit vectors in LPS (x, y), per view.

        A projection shows the patient as the camera sees them: from the front, bins grow to the
        patient's left.
        """
        angles = np.deg2rad(self.angles_deg)
        return np.stack((-np.cos(angles), np.sin(angles)), axis=1)

    def select(self, views: Views) -> "Orbit":
        """The orbit of some views only, or of all in another order."""
        return Orbit(self.angles_deg[views], self.radii_mm[views])
