"""A volume: voxels, the place they lie in and what their values mean."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Voxels = NDArray[np.float32]
Matrix = NDArray[np.float64]


class Quantity(StrEnum):
    """What the values of a volume mean, as a UCUM unit."""

    COUNTS = "{counts}"  #: reconstructed counts, in the scanner's arbitrary scale
    NETWORK = "1"  #: what a network takes or gives, as its model card says
    LAC_PER_CM = "/cm"  #: linear attenuation coefficient at a stated photon energy


@dataclass(frozen=True, eq=False, slots=True)
class Geometry:
    """Where the voxels of a volume lie in the patient.

    Index order is (slice, row, column); an index names the centre of a voxel. Patient
    coordinates are DICOM's LPS: x grows to the patient's left, y to the back (posterior),
    z to the head (PS3.3 C.7.6.2.1.1), in mm.

    Attributes:
        shape: Number of slices, rows and columns, each at least 1.
        affine: float64, 4 x 4, read-only; takes (slice, row, column, 1) to (x, y, z, 1) in mm.
        frame_of_reference_uid: The source's Frame of Reference UID; empty where it has none.

    Raises:
        ValueError: A shape below 1, or an affine that is not finite and invertible.
    """

    shape: tuple[int, int, int]
    affine: Matrix
    frame_of_reference_uid: str = ""

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise ValueError(f"expected a shape of three positive numbers, found {self.shape}")
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise ValueError("expected a finite affine of 4 x 4")
        if not np.array_equal(affine[3], (0.0, 0.0, 0.0, 1.0)):
            raise ValueError(f"expected a last affine row of 0 0 0 1, found {affine[3]}")
        if abs(np.linalg.det(affine[:3, :3])) < 1e-9:
            raise ValueError("expected an invertible affine")
        affine.flags.writeable = False
        object.__setattr__(self, "affine", affine)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along (slice, row, column), positive."""
        slices, rows, columns = np.linalg.norm(self.affine[:3, :3], axis=0).tolist()
        return slices, rows, columns

    @property
    def directions(self) -> Matrix:
        """Unit vectors in LPS along (slice, row, column), as the columns of a 3 x 3 matrix."""
        directions: Matrix = self.affine[:3, :3] / np.array(self.spacing_mm)
        return directions

    @property
    def centre_mm(self) -> Matrix:
        """LPS position of the middle of the volume, in mm."""
        return self.to_patient((np.array(self.shape) - 1) / 2)

    def to_patient(self, index: ArrayLike) -> Matrix:
        """LPS position in mm of (slice, row, column), whole or fractional; last axis 3."""
        points: Matrix = np.asarray(index, dtype=np.float64) @ self.affine[:3, :3].T
        return points + self.affine[:3, 3]

    def of_slices(self, part: slice) -> "Geometry":
        """The grid of consecutive slices of this one, from ``part.start`` to ``part.stop``."""
        affine = self.affine.copy()
        affine[:3, 3] = self.to_patient((part.start, 0, 0))
        shape = (part.stop - part.start, *self.shape[1:])
        return Geometry(shape, affine, self.frame_of_reference_uid)

    def to_index(self, point_mm: ArrayLike) -> Matrix:
        """Fractional (slice, row, column) of LPS positions in mm; last axis 3."""
        inverse = np.linalg.inv(self.affine[:3, :3])
        indices: Matrix = (np.asarray(point_mm, dtype=np.float64) - self.affine[:3, 3]) @ inverse.T
        return indices


@dataclass(frozen=True, eq=False, slots=True)
class Volume:
    """Voxels, place and quantity that belong together.

    Attributes:
        voxels: float32, shape ``geometry.shape`` = (slice, row, column); read-only once here.
        geometry: Where the voxels lie in the patient.
        quantity: What the values mean, and so their unit.

    Raises:
        ValueError: Voxels of another type or shape than promised.
    """

    voxels: Voxels
    geometry: Geometry
    quantity: Quantity

    def __post_init__(self) -> None:
        if self.voxels.dtype != np.float32:
            raise ValueError(f"expected float32 voxels, found {self.voxels.dtype}")
        if self.voxels.shape != self.geometry.shape:
            raise ValueError(
                f"expected voxels of shape {self.geometry.shape}, found {self.voxels.shape}"
            )
        self.voxels.flags.writeable = False

    def with_voxels(self, voxels: Voxels, quantity: Quantity | None = None) -> Self:
        """The same place with other voxels, and another quantity where one is named."""
        return type(self)(voxels, self.geometry, quantity or self.quantity)
