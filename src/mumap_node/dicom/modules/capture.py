"""The modules of a secondary capture, as PS3.3 A.8.1 lists them for the SC Image IOD."""

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.tag import Tag

from mumap_node.dicom.marks import SYNTHETIC
from mumap_node.dicom.verbatim import raw_element


def sc_equipment() -> Dataset:
    """SC Equipment (C.8.6.1): a picture made by a computer."""
    module = Dataset()
    module.ConversionType = "SYN"
    return module


def sc_image() -> Dataset:
    """What General Image (C.7.6.1) asks of a picture that lies nowhere in the patient."""
    module = Dataset()
    module.ImageType = ["DERIVED", "SECONDARY", "OTHER", SYNTHETIC]
    module.PatientOrientation = None
    return module


def colour_pixel(picture: NDArray[np.uint8]) -> Dataset:
    """Image Pixel (C.7.6.3) of a colour picture, (row, column, 3); an even number of pixels."""
    module = Dataset()
    module.SamplesPerPixel = 3
    module.PhotometricInterpretation = "RGB"
    module.PlanarConfiguration = 0
    module.Rows, module.Columns, _ = picture.shape
    module.BitsAllocated, module.BitsStored, module.HighBit = 8, 8, 7
    module.PixelRepresentation = 0
    module[Tag("PixelData")] = raw_element(Tag("PixelData"), "OB", picture.tobytes())
    return module
