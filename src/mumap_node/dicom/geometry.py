"""Where the frames of an NM reconstruction lie in the patient, checked before it is believed.

Sources: PS3.3 C.8.4.15 (NM Reconstruction), C.7.6.2.1.1 (Image Plane), C.8.4.8 (vectors).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from mumap_node.dicom.elements import items, numbers, text, unsigned
from mumap_node.errors import InputRejected
from mumap_node.imaging.volume import Geometry

Vector = NDArray[np.float64]

LARGEST_TILT_DEGREES = 10.0
"""Slices tilted more against the transaxial plane are another view, such as short axis."""

ORTHONORMAL_TOLERANCE = 1e-3
"""Direction cosines are written with as few as four decimals."""

SPACING_TOLERANCE = 0.01
"""Relative; Slice Thickness and Spacing Between Slices are the same in reconstructions, but some
GE headers write twice the one as the other, and nobody can tell which is right."""

SAME_PLACE_TOLERANCE = 1e-3
"""In mm, or as cosine; for a place that is stated twice."""

PLAUSIBLE_SPACING_MM = (0.1, 100.0)
PLAUSIBLE_POSITION_MM = 1e5

SLICE_VECTOR = (0x0054, 0x0080)
"""The tag a RECON TOMO's Frame Increment Pointer names, and none beside it."""


@dataclass(frozen=True, eq=False, slots=True)
class Place:
    """Image Position and Orientation of frame 1.

    Attributes:
        position_mm: LPS position of the centre of its first voxel.
        orientation: Direction cosines of its rows, then of its columns.
        holder: The dataset or item that states them.
    """

    position_mm: tuple[float, ...]
    orientation: tuple[float, ...]
    holder: Dataset

    @property
    def numbers(self) -> tuple[float, ...]:
        """All nine, to compare places."""
        return (*self.position_mm, *self.orientation)


def read_slice_numbers(dataset: Dataset) -> tuple[int, ...]:
    """The slice number of every frame, from 1, in the order the frames are stored.

    Completeness is judged here, from the header: the vectors say how many frames there must be.

    Raises:
        InputRejected: ``incomplete-frames`` where vector, pointer and counts disagree.
    """
    frames = next(iter(numbers(dataset, "NumberOfFrames", 1)), 0.0)
    slices = next(iter(unsigned(dataset, "NumberOfSlices")), 0)
    vector = unsigned(dataset, "SliceVector")
    pointer = unsigned(dataset, "FrameIncrementPointer")  # AT: pairs of 16-bit numbers
    if pointer != SLICE_VECTOR:
        raise InputRejected(
            "incomplete-frames",
            "expected a Frame Increment Pointer to the Slice Vector alone, "
            f"found {len(pointer) // 2} vectors",
        )
    if not len(vector) == frames == slices or sorted(vector) != list(range(1, len(vector) + 1)):
        raise InputRejected(
            "incomplete-frames",
            f"expected every slice once, found {frames:g} frames, {slices} slices and a Slice "
            f"Vector of {len(vector)} with {len(set(vector))} different numbers",
        )
    return vector


def read_geometry(
    dataset: Dataset, slice_numbers: tuple[int, ...], rows: int, columns: int
) -> Geometry:
    """Read where the slices lie, ordered by slice number.

    Frame 1 lies at Image Position (Patient), whatever its slice number; slice numbers count along
    row x column, in steps of the signed Spacing Between Slices.

    Args:
        dataset: An NM RECON TOMO instance.
        slice_numbers: As ``read_slice_numbers`` gives them.
        rows: Rows of a frame, at least 1.
        columns: Columns of a frame, at least 1.

    Raises:
        InputRejected: The place is missing, contradicts itself, or is not transaxial.
    """
    place = read_place(dataset)
    row, column, normal = read_directions(place.orientation)
    _require_transaxial(normal)
    between_slices = _slice_spacing(dataset)
    between_rows, between_columns = read_pixel_spacing(dataset)
    affine = np.eye(4)
    affine[:3, 0] = normal * between_slices
    affine[:3, 1] = column * between_rows
    affine[:3, 2] = row * between_columns
    affine[:3, 3] = np.array(place.position_mm) - (slice_numbers[0] - 1) * affine[:3, 0]
    shape = (len(slice_numbers), rows, columns)
    return Geometry(shape, affine, text(dataset, "FrameOfReferenceUID"))


def read_place(dataset: Dataset) -> Place:
    """Read position and orientation of frame 1, from wherever the header holds them.

    They belong into the Detector Information Sequence; a copy at the top level must agree.

    Raises:
        InputRejected: ``missing-geometry``, or ``ambiguous-geometry`` where they are given twice
            and differ.
    """
    holders = (*items(dataset, "DetectorInformationSequence"), dataset)
    found = [place for place in map(_place_of, holders) if place is not None]
    if not found:
        raise InputRejected(
            "missing-geometry",
            "expected Image Position and Orientation (Patient) in the detector item, found none",
        )
    for other in found[1:]:
        differences = np.subtract(other.numbers, found[0].numbers)
        if np.abs(differences).max() > SAME_PLACE_TOLERANCE:
            raise InputRejected(
                "ambiguous-geometry",
                f"expected one position and orientation, found {len(found)} that differ",
            )
    return found[0]


def _place_of(holder: Dataset) -> Place | None:
    position = numbers(holder, "ImagePositionPatient", 3)
    orientation = numbers(holder, "ImageOrientationPatient", 6)
    if not position or not orientation:
        return None
    if max(map(abs, position)) > PLAUSIBLE_POSITION_MM:
        raise InputRejected(
            "implausible-geometry", f"expected positions within {PLAUSIBLE_POSITION_MM:g} mm"
        )
    return Place(position, orientation, holder)


def read_directions(orientation: tuple[float, ...]) -> tuple[Vector, Vector, Vector]:
    """Unit vectors along rows, columns and their normal, from Image Orientation (Patient).

    Raises:
        InputRejected: ``implausible-geometry`` where they are none, or not at right angles.
    """
    row, column = np.array(orientation).reshape(2, 3)
    lengths = np.linalg.norm((row, column), axis=1)
    cosine = float(row @ column)
    if max(*np.abs(lengths - 1), abs(cosine)) > ORTHONORMAL_TOLERANCE:
        raise InputRejected(
            "implausible-geometry",
            "expected Image Orientation of two unit vectors at right angles, found lengths "
            f"{lengths[0]:.4g} and {lengths[1]:.4g}, cosine between them {cosine:.4g}",
        )
    row, column = row / lengths[0], column / lengths[1]
    normal = np.cross(row, column)
    return row, column, normal / np.linalg.norm(normal)


def _require_transaxial(normal: Vector) -> None:
    tilt = float(np.degrees(np.arccos(min(1.0, abs(normal[2])))))
    if tilt > LARGEST_TILT_DEGREES:
        raise InputRejected(
            "not-transaxial",
            f"expected transaxial slices within {LARGEST_TILT_DEGREES:g} degrees, "
            f"found them tilted by {tilt:.1f} degrees",
        )


def _slice_spacing(dataset: Dataset) -> float:
    """Signed distance in mm from one slice number to the next, along row x column."""
    (signed,) = numbers(dataset, "SpacingBetweenSlices", 1) or (0.0,)
    (thickness,) = numbers(dataset, "SliceThickness", 1) or (abs(signed),)
    _require_plausible(abs(signed), "SpacingBetweenSlices")
    if abs(abs(signed) - thickness) > SPACING_TOLERANCE * abs(signed):
        raise InputRejected(
            "slice-spacing-mismatch",
            "expected SpacingBetweenSlices and SliceThickness of the same size, "
            f"found {signed:g} mm and {thickness:g} mm",
        )
    return signed


def read_pixel_spacing(dataset: Dataset) -> tuple[float, float]:
    """Distance in mm between rows, and between columns.

    Raises:
        InputRejected: ``missing-geometry`` or ``implausible-geometry``.
    """
    rows, columns = numbers(dataset, "PixelSpacing", 2) or (0.0, 0.0)
    for spacing in (rows, columns):
        _require_plausible(spacing, "PixelSpacing")
    return rows, columns


def _require_plausible(spacing_mm: float, keyword: str) -> None:
    smallest, largest = PLAUSIBLE_SPACING_MM
    if spacing_mm == 0:
        raise InputRejected("missing-geometry", f"expected {keyword}, found none or 0")
    if not smallest <= spacing_mm <= largest:
        raise InputRejected(
            "implausible-geometry",
            f"expected {keyword} of {smallest:g} to {largest:g} mm, found {spacing_mm:g} mm",
        )
