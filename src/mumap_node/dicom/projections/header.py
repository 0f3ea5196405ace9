"""What a reconstruction of projections would say of itself.

A map of projections lies on the grid that the node defines (docs/coordinates.md), which no header
of theirs holds. With this header it is written like the map of any reconstruction.
"""

from collections.abc import Sequence

from pydicom import Dataset
from pydicom.dataelem import DataElement
from pydicom.tag import Tag
from pydicom.valuerep import format_number_as_ds

from mumap_node.dicom.elements import elements, find, items
from mumap_node.dicom.geometry import SLICE_VECTOR
from mumap_node.dicom.projections.collimators import require_parallel_holes
from mumap_node.dicom.projections.frames import read_frames
from mumap_node.dicom.projections.rotations import read_rotations
from mumap_node.dicom.projections.windows import read_windows
from mumap_node.imaging.volume import Geometry

_OF_FRAMES = frozenset(
    Tag(keyword)
    for keyword in (
        "PixelData", "EnergyWindowVector", "DetectorVector", "RotationVector", "RRIntervalVector",
        "TimeSlotVector", "AngularViewVector", "GatedInformationSequence",
    )
)  # fmt: skip
"""Elements that say which frame is which projection."""


def as_reconstruction(dataset: Dataset, grid: Geometry) -> Dataset:
    """The header of a reconstruction of the photopeak on a grid; it has no pixel data.

    Args:
        dataset: An NM TOMO or GATED TOMO instance that ``read_projections`` could read.
        grid: Upright transaxial slices, as ``Projections.grid``.
    """
    header = Dataset()
    for element in elements(dataset):
        if element.tag not in _OF_FRAMES:
            header[element.tag] = element
    header.file_meta = dataset.file_meta
    slices, header.Rows, header.Columns = grid.shape
    header.NumberOfFrames = header.NumberOfSlices = slices
    header.FrameIncrementPointer = Tag(SLICE_VECTOR)
    header.SliceVector = list(range(1, slices + 1))
    between_slices, between_rows, between_columns = grid.spacing_mm
    header.PixelSpacing = _decimals((between_rows, between_columns))
    header.SliceThickness = header.SpacingBetweenSlices = _decimals((between_slices,))[0]
    _put(header, "EnergyWindowInformationSequence", _photopeak(dataset))
    _put(header, "DetectorInformationSequence", [_detector(dataset, grid)])
    return header


def _photopeak(dataset: Dataset) -> Sequence[Dataset]:
    frames = read_frames(dataset, [rotation.views for rotation in read_rotations(dataset)])
    photopeak = read_windows(dataset, frames.windows).photopeak
    return items(dataset, "EnergyWindowInformationSequence")[photopeak - 1 : photopeak]


def _detector(dataset: Dataset, grid: Geometry) -> Dataset:
    """One for all heads: a reconstruction has one place and one collimator (C.8.4.8)."""
    detector = Dataset()
    for head in items(dataset, "DetectorInformationSequence")[:1]:
        focal_distance = find(head, "FocalDistance")
        if focal_distance is not None:
            detector[focal_distance.tag] = focal_distance
    detector.CollimatorType, name = require_parallel_holes(dataset)
    if name:
        detector.CollimatorGridName = name
    _, column, row = grid.directions.T
    detector.ImagePositionPatient = _decimals(grid.to_patient((0, 0, 0)).tolist())
    detector.ImageOrientationPatient = _decimals((*row.tolist(), *column.tolist()))
    return detector


def _decimals(values: Sequence[float]) -> list[str]:
    return [format_number_as_ds(value) for value in values]


def _put(header: Dataset, keyword: str, sequence: Sequence[Dataset]) -> None:
    header[Tag(keyword)] = DataElement(Tag(keyword), "SQ", list(sequence))
