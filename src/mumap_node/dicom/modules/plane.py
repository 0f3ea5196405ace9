"""Planes in the patient: where slices lie, as image planes and functional groups state it."""

import numpy as np
from numpy.typing import ArrayLike
from pydicom import Dataset
from pydicom.valuerep import format_number_as_ds

from mumap_node.dicom.elements import text
from mumap_node.dicom.modules.series import frame_of_reference as of_source
from mumap_node.dicom.uids import derive_uid
from mumap_node.imaging.volume import Geometry


def frame_of_reference(source: Dataset) -> Dataset:
    """Frame of Reference (C.7.4.1) where it is mandatory: a source without one is given one."""
    module = of_source(source)
    if not module:
        module.FrameOfReferenceUID = derive_uid(
            "frame of reference", text(source, "SOPInstanceUID")
        )
        module.PositionReferenceIndicator = None
    return module


def pixel_measures(grid: Geometry) -> Dataset:
    """Pixel Spacing, Slice Thickness and Spacing Between Slices, all positive."""
    slice_mm, row_mm, column_mm = grid.spacing_mm
    module = Dataset()
    module.PixelSpacing = _decimals((row_mm, column_mm))
    module.SliceThickness = module.SpacingBetweenSlices = format_number_as_ds(slice_mm)
    return module


def orientation(grid: Geometry) -> Dataset:
    """Image Orientation (Patient), the same for all slices of a grid."""
    module = Dataset()
    # first the way from column to column, then that from row to row (C.7.6.2.1.1)
    module.ImageOrientationPatient = _decimals(grid.directions[:, (2, 1)].T.ravel())
    return module


def position(grid: Geometry, number: int) -> Dataset:
    """Image Position (Patient) of one slice of a grid, counted from 0."""
    module = Dataset()
    module.ImagePositionPatient = _decimals(grid.to_patient((number, 0, 0)))
    return module


def _decimals(numbers: ArrayLike) -> list[str]:
    """Decimal strings of at most 16 characters; never -0."""
    return [format_number_as_ds(number + 0.0) for number in np.asarray(numbers).tolist()]
