"""How sharply a gamma camera with parallel holes sees."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mumap_node.imaging.volume import Matrix


@dataclass(frozen=True, slots=True)
class Resolution:
    """Resolution of a crystal behind a parallel-hole collimator.

    Source: Anger, J Nucl Med 1964;5:515; Cherry, Sorenson, Phelps, Physics in Nuclear
    Medicine, 4th ed., eq. 14-4 and 14-6.

    Attributes:
        intrinsic_fwhm_mm: Of crystal and electronics; 0 or more.
        hole_diameter_mm: Flat to flat; above 0.
        hole_length_mm: Effective: the length of the holes less two mean free paths in lead;
            above 0.
        gap_mm: From the back of the collimator to where the crystal absorbs; 0 or more.

    Raises:
        ValueError: A value out of its range.
    """

    intrinsic_fwhm_mm: float
    hole_diameter_mm: float
    hole_length_mm: float
    gap_mm: float = 0.0

    def __post_init__(self) -> None:
        for name in ("hole_diameter_mm", "hole_length_mm"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"expected {name} above 0, found {getattr(self, name)}")
        for name in ("intrinsic_fwhm_mm", "gap_mm"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"expected {name} of 0 or more, found {getattr(self, name)}")

    def fwhm_mm(self, distance_mm: ArrayLike) -> Matrix:
        """Full width at half maximum of a point's image, in mm.

        Args:
            distance_mm: From the face of the collimator to the point, 0 or more.
        """
        reach_mm = self.hole_length_mm + self.gap_mm + np.asarray(distance_mm, dtype=np.float64)
        collimator_mm = self.hole_diameter_mm * reach_mm / self.hole_length_mm
        return np.hypot(self.intrinsic_fwhm_mm, collimator_mm)
