"""What only a CT image has: Hounsfield units, and a Patient Position (PS3.3 A.3)."""

import numpy as np
from pydicom import Dataset
from pydicom.tag import Tag

from mumap_node.dicom.marks import SYNTHETIC
from mumap_node.dicom.orientation import patient_position
from mumap_node.dicom.verbatim import raw_element
from mumap_node.imaging.volume import Voxels

SMALLEST_HU, LARGEST_HU = -1024, 3071
"""What 12 bits hold: every CT reader knows it."""

SHOWN_HU = (40, 400)
"""Window centre and width: soft tissue."""


def patient_place(source: Dataset) -> Dataset:
    """What General Series (C.7.3.1) asks of a CT more: how the patient lay, empty where unknown."""
    module = Dataset()
    module.PatientPosition = patient_position(source)
    return module


def ct_image(hu: Voxels, number: int) -> Dataset:
    """CT Image, Image Pixel and VOI LUT (C.8.2.1, C.7.6.3, C.11.2) of one slice.

    Args:
        hu: Shape (row, column); rounded, and clipped to SMALLEST_HU and LARGEST_HU.
        number: Of the slice, counted from 0.
    """
    stored = np.clip(np.rint(hu), SMALLEST_HU, LARGEST_HU) - SMALLEST_HU
    module = Dataset()
    module.ImageType = ["DERIVED", "SECONDARY", "AXIAL", SYNTHETIC]
    module.InstanceNumber = number + 1
    module.AcquisitionNumber = None  # type 2: nothing was acquired
    module.KVP = None  # type 2: there was no tube
    module.SamplesPerPixel = 1
    module.PhotometricInterpretation = "MONOCHROME2"
    module.Rows, module.Columns = hu.shape
    module.BitsAllocated, module.BitsStored, module.HighBit = 16, 16, 15
    module.PixelRepresentation = 0
    module.RescaleIntercept, module.RescaleSlope, module.RescaleType = SMALLEST_HU, 1, "HU"
    module.WindowCenter, module.WindowWidth = SHOWN_HU
    pixels = stored.astype("<u2").tobytes()
    module[Tag("PixelData")] = raw_element(Tag("PixelData"), "OW", pixels)
    return module
