"""The image itself: pixels, their meaning, their place, and what they were made from.

One function per module of PS3.3; each gives the attributes of its module. Type 2 attributes we
have no value for are written empty, as the standard asks.
"""

from collections.abc import Iterable
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.tag import Tag
from pydicom.uid import JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless

from mumap_node.dicom import codes, describing
from mumap_node.dicom.elements import items, text, value
from mumap_node.dicom.geometry import read_place
from mumap_node.dicom.marks import SYNTHETIC
from mumap_node.dicom.modules.series import instance_reference, time_of_making
from mumap_node.dicom.verbatim import (
    CODE,
    Attribute,
    copy_item,
    copy_items,
    copy_numbers,
    copy_valid,
    raw_element,
)
from mumap_node.imaging.findings import Finding
from mumap_node.imaging.volume import Voxels

STORED_PER_LAC = 10000
"""Stored value of 1/cm: water at 140 keV is some 1540, a step is 0.0001/cm."""

LARGEST_STORED = 32767
"""GE workstations read 16 bits as signed."""

LARGEST_PER_CM = LARGEST_STORED / STORED_PER_LAC
"""What NM objects can hold; all profiles of a map say the same."""

SHOWN_STORED = (1000, 2000)
"""Window centre and width in stored values: 0 to 0.2/cm, air to spongy bone."""

_LOSSY_TRANSFER_SYNTAXES = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless)

_COLLIMATOR_TYPES = ("PARA", "PINH", "FANB", "CONE", "SLNT", "ASTG", "DIVG", "NONE", "UNKN")
_ENERGY_WINDOW = (
    Attribute("EnergyWindowName", 3),
    Attribute(
        "EnergyWindowRangeSequence",
        3,
        items=(Attribute("EnergyWindowLowerLimit", 3), Attribute("EnergyWindowUpperLimit", 3)),
    ),
)
_RADIOPHARMACEUTICAL = (
    Attribute("Radiopharmaceutical", 3),
    Attribute("RadionuclideCodeSequence", 2, items=CODE),
)
_DETECTOR = (
    Attribute("CollimatorGridName", 3),
    Attribute("CollimatorType", 2, terms=_COLLIMATOR_TYPES),
    Attribute("FocalDistance", 2),
)
_ROTATION = (
    Attribute("RotationDirection", 1, terms=("CW", "CC")),
    Attribute("RadialPosition", 3),
    Attribute("ScanArc", 1),
    Attribute("AngularStep", 1),
    Attribute("ActualFrameDuration", 1),
    Attribute("NumberOfFramesInRotation", 1),
    Attribute("StartAngle", 1),
)


def general_image(
    source: Dataset,
    derivation: str,
    findings: Iterable[Finding],
    made_at: datetime,
    *,
    keeps_place: bool,
) -> Dataset:
    """General Acquisition, General Image and General Reference (C.7.10.1, C.7.6.1, C.12.4).

    Args:
        source: The instance the image was made from.
        derivation: How the pixels came about.
        findings: Every check.
        made_at: Local time.
        keeps_place: Whether the pixels lie where those of the source lie.
    """
    module = copy_valid(source, ("AcquisitionDate", "AcquisitionTime"))
    module.InstanceNumber = 1
    module.update(time_of_making(source, made_at, "Content"))
    module.ImageComments = describing.comments(findings)
    module.DerivationDescription = derivation
    module.BurnedInAnnotation = "NO"
    of_phantom = text(source, "QualityControlImage") == "YES"
    module.QualityControlImage = "YES" if of_phantom else "NO"
    module.update(lossy_compression(source))
    reference = instance_reference(source)
    reference.SpatialLocationsPreserved = "YES" if keeps_place else "NO"
    reference.PurposeOfReferenceCodeSequence = [codes.SOURCE_IMAGE.item()]
    module.SourceImageSequence = [reference]
    return module


def within_range(lac_per_cm: Voxels) -> Voxels:
    """LACs as every profile can hold them: 0 where they are no numbers, clipped to the range."""
    held: Voxels = np.clip(np.nan_to_num(lac_per_cm, nan=0.0), 0, LARGEST_PER_CM)
    return held


def lossy_compression(source: Dataset) -> Dataset:
    """What of General Image tells of lossy compression: once lossy, always lossy (C.7.6.1.1.5)."""
    module = Dataset()
    if _was_lossy(source):
        module = copy_valid(source, ("LossyImageCompressionRatio", "LossyImageCompressionMethod"))
    module.LossyImageCompression = "01" if _was_lossy(source) else "00"
    return module


def common_instance_reference(source: Dataset) -> Dataset:
    """Common Instance Reference (C.12.2): the series of the source."""
    series = copy_valid(source, ["SeriesInstanceUID"])
    series.ReferencedInstanceSequence = [instance_reference(source)]
    module = Dataset()
    module.ReferencedSeriesSequence = [series]
    return module


def image_pixel(stored: NDArray[np.uint16]) -> Dataset:
    """Image Pixel, NM Image Pixel and VOI LUT (C.7.6.3, C.8.4.7, C.11.2).

    Args:
        stored: Stored values, shape (frame, row, column).
    """
    module = Dataset()
    module.SamplesPerPixel = 1
    module.PhotometricInterpretation = "MONOCHROME2"
    module.Rows, module.Columns = stored.shape[1:]
    module.BitsAllocated, module.BitsStored, module.HighBit = 16, 16, 15
    module.PixelRepresentation = 0
    module.PresentationLUTShape = "IDENTITY"
    module.WindowCenter, module.WindowWidth = SHOWN_STORED
    pixels = stored.astype("<u2").tobytes()
    module[Tag("PixelData")] = raw_element(Tag("PixelData"), "OW", pixels)
    return module


def multi_frame(source: Dataset, frames: int) -> Dataset:
    """Multi-frame and NM Multi-frame (C.7.6.6, C.8.4.8): frames as the source orders them."""
    module = Dataset()
    module.NumberOfFrames = module.NumberOfSlices = frames
    module.FrameIncrementPointer = Tag("SliceVector")
    module.NumberOfEnergyWindows = module.NumberOfDetectors = module.NumberOfRotations = 1
    vector = value(source, "SliceVector")
    module[Tag("SliceVector")] = raw_element(Tag("SliceVector"), "US", vector)
    return module


def nm_image() -> Dataset:
    """NM Image (C.8.4.9) with the Real World Value Mapping that gives the pixels their unit."""
    module = Dataset()
    module.ImageType = ["DERIVED", "PRIMARY", "RECON TOMO", "TRANSMISSION", SYNTHETIC]
    module.ImageID = describing.MAP
    module.CountsAccumulated = None  # type 2; a map has no counts
    module.RealWorldValueMappingSequence = [real_world_values()]
    return module


def acquisition(source: Dataset) -> Dataset:
    """NM Isotope, NM Detector and NM TOMO Acquisition (C.8.4.10, C.8.4.11, C.8.4.12).

    Distance Source to Detector is left out: there was no transmission source.
    """
    module = Dataset()
    for keyword, attributes in (
        ("EnergyWindowInformationSequence", _ENERGY_WINDOW),
        ("RadiopharmaceuticalInformationSequence", _RADIOPHARMACEUTICAL),
    ):
        setattr(module, keyword, copy_items(source, keyword, attributes))
    rotations = copy_items(source, "RotationInformationSequence", _ROTATION)
    module.RotationInformationSequence = rotations if len(rotations) == 1 else []
    described = (*items(source, "DetectorInformationSequence"), Dataset())[0]
    (detector,) = copy_item(source, described, _DETECTOR)
    for keyword, count in (("ImagePositionPatient", 3), ("ImageOrientationPatient", 6)):
        detector[Tag(keyword)] = copy_numbers(read_place(source).holder, keyword, count)
    module.DetectorInformationSequence = [detector]
    return module


def reconstruction(source: Dataset) -> Dataset:
    """NM Reconstruction (C.8.4.15) and Pixel Spacing: the grid of the source, sign and all."""
    module = Dataset()
    module[Tag("PixelSpacing")] = copy_numbers(source, "PixelSpacing", 2)
    module[Tag("SpacingBetweenSlices")] = copy_numbers(source, "SpacingBetweenSlices", 1)
    module[Tag("SliceThickness")] = copy_numbers(source, "SliceThickness", 1)
    return module


def real_world_values(stored_per_lac: float = STORED_PER_LAC, vr: str = "US") -> Dataset:
    """The item that gives stored values their meaning: LAC in 1/cm (PS3.3 C.7.6.16.2.11).

    Args:
        stored_per_lac: Stored value of 1/cm.
        vr: Of a stored value, SS where Pixel Representation is 1.
    """
    quantity = Dataset()
    quantity.ValueType = "CODE"
    quantity.ConceptNameCodeSequence = [codes.QUANTITY.item()]
    quantity.ConceptCodeSequence = [codes.ATTENUATION_COEFFICIENT.item()]
    item = Dataset()
    item.LUTExplanation = "Linear attenuation coefficient"
    item.LUTLabel = "MU"
    item.add_new("RealWorldValueFirstValueMapped", vr, 0)
    item.add_new("RealWorldValueLastValueMapped", vr, LARGEST_STORED)
    item.RealWorldValueIntercept = 0.0
    item.RealWorldValueSlope = 1 / stored_per_lac
    item.MeasurementUnitsCodeSequence = [codes.PER_CENTIMETER.item()]
    item.QuantityDefinitionSequence = [quantity]
    return item


def _was_lossy(source: Dataset) -> bool:
    transfer_syntax = text(source.file_meta, "TransferSyntaxUID")
    return (
        text(source, "LossyImageCompression") == "01" or transfer_syntax in _LOSSY_TRANSFER_SYNTAXES
    )
