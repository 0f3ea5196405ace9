"""The demo's camera: encodes a reconstruction as NM Image and sends it over an association."""

from datetime import datetime
from typing import NamedTuple

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, NuclearMedicineImageStorage, generate_uid
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from mumap_node.dicom.codes import Code
from mumap_node.imaging.volume import Volume

CAMERA_AE_TITLE = "SPECT1"
SLICE_VECTOR = Tag("SliceVector")

TECHNETIUM_99M = Code("72454006", "SCT", "^99m^Technetium")  # CID 18
RECUMBENT = Code("102538003", "SCT", "recumbent")  # CID 19
SUPINE = Code("40199007", "SCT", "supine")  # CID 20
HEADFIRST = Code("102540008", "SCT", "headfirst")  # CID 21


class Node(NamedTuple):
    """Where the node listens."""

    host: str
    port: int
    ae_title: str


def encode_reconstruction(emission: Volume, at: datetime) -> Dataset:
    """Write a supine, transaxial volume as a camera's nAC reconstruction of a phantom.

    As GE's stations do it, frame 1 lies at the head and Spacing Between Slices is negative
    (PS3.3 C.8.4.15): the order that careless readers turn upside down.

    Args:
        emission: Counts; slices towards the head, rows to the back, columns to the left.
        at: Local time of the acquisition.
    """
    dataset = Dataset()
    dataset.SOPClassUID = NuclearMedicineImageStorage
    dataset.SOPInstanceUID = generate_uid(prefix=None)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"]
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    _describe_examination(dataset, at)
    _describe_acquisition(dataset)
    _describe_orientation(dataset)
    _place(dataset, emission)
    return dataset


def _describe_examination(dataset: Dataset, at: datetime) -> None:
    dataset.PatientName = "Torso^Analytic"
    dataset.PatientID = "DEMO-1"
    dataset.PatientBirthDate = ""
    dataset.PatientSex = "O"
    dataset.StudyInstanceUID = generate_uid(prefix=None)
    dataset.SeriesInstanceUID = generate_uid(prefix=None)
    dataset.FrameOfReferenceUID = generate_uid(prefix=None)
    dataset.PositionReferenceIndicator = ""
    for moment in ("Study", "Series", "Acquisition", "Content"):
        setattr(dataset, f"{moment}Date", at.strftime("%Y%m%d"))
        setattr(dataset, f"{moment}Time", at.strftime("%H%M%S"))
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.StudyID = "1"
    dataset.StudyDescription = "Myocardial perfusion, demo"
    dataset.Modality = "NM"
    dataset.BodyPartExamined = "HEART"
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = 1
    dataset.SeriesDescription = "Stress SPECT NAC"
    dataset.Manufacturer = "mumap-node demo"
    dataset.ManufacturerModelName = "analytic torso"


def _describe_acquisition(dataset: Dataset) -> None:
    dataset.CorrectedImage = ["UNIF", "COR", "DECY"]
    dataset.CountsAccumulated = None
    dataset.AcquisitionTerminationCondition = "TIME"
    dataset.NumberOfEnergyWindows = 1
    dataset.NumberOfDetectors = 1
    dataset.NumberOfRotations = 1
    window = Dataset()
    window.EnergyWindowLowerLimit, window.EnergyWindowUpperLimit = "126.45", "154.55"
    energy = Dataset()
    energy.EnergyWindowName = "Tc-99m 20%"
    energy.EnergyWindowRangeSequence = [window]
    dataset.EnergyWindowInformationSequence = [energy]
    tracer = Dataset()
    tracer.Radiopharmaceutical = "Tc-99m sestamibi"
    tracer.RadionuclideCodeSequence = [TECHNETIUM_99M.item()]
    dataset.RadiopharmaceuticalInformationSequence = [tracer]
    rotation = Dataset()
    rotation.StartAngle, rotation.AngularStep, rotation.ScanArc = "315", "3", "180"
    rotation.RotationDirection = "CW"
    rotation.ActualFrameDuration = "20000"
    rotation.NumberOfFramesInRotation = 60
    dataset.RotationInformationSequence = [rotation]


def _describe_orientation(dataset: Dataset) -> None:
    recumbent = RECUMBENT.item()
    recumbent.PatientOrientationModifierCodeSequence = [SUPINE.item()]
    dataset.PatientOrientationCodeSequence = [recumbent]
    dataset.PatientGantryRelationshipCodeSequence = [HEADFIRST.item()]


def _place(dataset: Dataset, emission: Volume) -> None:
    slices, rows, columns = emission.geometry.shape
    slice_mm, row_mm, column_mm = emission.geometry.spacing_mm
    x, y, z = emission.geometry.to_patient((slices - 1, 0, 0)).tolist()
    detector = Dataset()
    detector.CollimatorType = "PARA"
    detector.CollimatorGridName = "LEHR"
    detector.FocalDistance = None
    detector.ImagePositionPatient = [f"{x:.6g}", f"{y:.6g}", f"{z:.6g}"]
    detector.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    dataset.DetectorInformationSequence = [detector]
    dataset.FrameIncrementPointer = SLICE_VECTOR
    dataset.SliceVector = list(range(1, slices + 1))
    dataset.NumberOfSlices = dataset.NumberOfFrames = slices
    dataset.Rows, dataset.Columns = rows, columns
    dataset.PixelSpacing = [f"{row_mm:.6g}", f"{column_mm:.6g}"]
    dataset.SliceThickness = f"{slice_mm:.6g}"
    dataset.SpacingBetweenSlices = f"{-slice_mm:.6g}"
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 0
    head_first = np.rint(emission.voxels[::-1]).clip(0, 32767).astype("<u2")
    dataset.PixelData = head_first.tobytes()


def echo(node: Node) -> bool:
    """Ask the node whether it is there, as a camera's service menu does (C-ECHO)."""
    association = _associate(node)
    if not association.is_established:
        return False
    status = association.send_c_echo()
    association.release()
    return "Status" in status and status.Status == 0x0000


def send(dataset: Dataset, node: Node) -> int:
    """Send one object and give the DIMSE status the node answered.

    Raises:
        ConnectionError: No association, or no answer.
    """
    association = _associate(node)
    if not association.is_established:
        raise ConnectionError("the node did not open an association")
    try:
        status = association.send_c_store(dataset)
    finally:
        association.release()
    if "Status" not in status:
        raise ConnectionError("the node did not answer a C-STORE")
    return int(status.Status)


def _associate(node: Node) -> Association:
    camera = AE(CAMERA_AE_TITLE)
    camera.connection_timeout = 5
    camera.add_requested_context(NuclearMedicineImageStorage, ExplicitVRLittleEndian)
    camera.add_requested_context(Verification)
    return camera.associate(node.host, node.port, ae_title=node.ae_title)
