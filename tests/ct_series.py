"""A CT series of a toy patient, as the CT beside a camera would make it (PS3.3 A.3)."""

import numpy as np
from pydicom import Dataset
from pydicom.uid import CTImageStorage

from mumap_node.dicom.orientation import Side
from mumap_node.imaging.attenuation import HU_TABLES
from mumap_node.imaging.volume import Volume, Voxels
from mumap_node.training.simulation.objects.examination import (
    Examination,
    begin_object,
    decimal,
)

TABLE = HU_TABLES["symbia-130kvp"]
"""The curve whose inverse gives the CT numbers."""

TUBE_KVP = 130

AIR_HU = -1000.0

STORED_AT_0_HU = 1024

PATIENT_POSITION = {Side.SUPINE: "HFS", Side.PRONE: "HFP"}


def encode_ct(examination: Examination, lac: Volume) -> list[Dataset]:
    """Write LACs as axial CT slices in whole HU, from the feet to the head.

    Args:
        examination: Whom they belong to; its frame of reference is theirs.
        lac: LAC in 1/cm at 140.5 keV, with or without the table, on an upright grid of its own.
    """
    hu = np.rint(_hu(lac.voxels))
    stored = (hu + STORED_AT_0_HU).clip(0, 4095).astype("<u2")
    return [
        _slice(examination, lac, number, pixels.tobytes()) for number, pixels in enumerate(stored)
    ]


def _hu(lac_per_cm: Voxels) -> Voxels:
    above_water = lac_per_cm - np.float32(TABLE.water_per_cm)
    slope = np.where(above_water < 0, TABLE.below_per_hu, TABLE.above_per_hu)
    hu: Voxels = np.where(lac_per_cm > 0, above_water / slope, AIR_HU)
    return hu.astype(np.float32)


def _slice(examination: Examination, lac: Volume, number: int, pixels: bytes) -> Dataset:
    slice_mm, row_mm, column_mm = lac.geometry.spacing_mm
    dataset = begin_object(
        examination,
        CTImageStorage,
        series="ct",
        number=4,
        description="SIMULATED CT",
        instance=number + 1,
    )
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.Modality = "CT"
    dataset.BodyPartExamined = "CHEST"
    dataset.PatientPosition = PATIENT_POSITION[examination.side]
    dataset.AcquisitionNumber = 1
    dataset.KVP = str(TUBE_KVP)
    first_mm = lac.geometry.to_patient((number, 0, 0)).round(6)
    dataset.ImagePositionPatient = [decimal(part) for part in first_mm.tolist()]
    dataset.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    dataset.SliceThickness = decimal(slice_mm)
    dataset.PixelSpacing = [decimal(row_mm), decimal(column_mm)]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = lac.geometry.shape[1:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.RescaleSlope, dataset.RescaleIntercept = "1", str(-STORED_AT_0_HU)
    dataset.RescaleType = "HU"
    dataset.PixelData = pixels
    return dataset
