"""What all objects of one examination share: patient, study, frame of reference, equipment."""

from dataclasses import dataclass
from datetime import datetime

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from mumap_node import __version__
from mumap_node.dicom.orientation import Side
from mumap_node.dicom.uids import (
    IMPLEMENTATION_CLASS_UID,
    derive_uid,
    implementation_version_name,
)


@dataclass(frozen=True, slots=True)
class Examination:
    """Who was examined when; equal examinations give equal objects, byte for byte.

    Attributes:
        key: What its UIDs are derived from: nothing else has it.
        patient_name: VR PN, such as "SIMULATED^1-00042".
        patient_id: VR LO.
        sex: "F", "M" or "O".
        side: Supine or prone; the head always enters the gantry first.
        at: Local time of the acquisition.
        description: Study Description, at most 64 characters.
        height_m: Of the patient; 0 where nobody measured it.
        weight_kg: Of the patient; 0 where nobody measured it.
    """

    key: tuple[str, ...]
    patient_name: str
    patient_id: str
    sex: str
    side: Side
    at: datetime
    description: str
    height_m: float = 0.0
    weight_kg: float = 0.0

    def uid(self, *part: str) -> str:
        """The UID of a part of this examination."""
        return derive_uid("simulated", *self.key, *part)


def decimal(value: float) -> str:
    """VR DS: at most 16 characters (PS3.5 6.2), exact to a thousandth of a micrometre."""
    return f"{value:.9g}"


def begin_object(
    examination: Examination,
    sop_class_uid: str,
    *,
    series: str,
    number: int,
    description: str,
    instance: int = 1,
) -> Dataset:
    """An object with everything but its image.

    Modules: Patient, General Study, Patient Study, General Series, Frame of Reference, General
    Equipment, General Image and SOP Common (PS3.3 C.7, C.12). It says that it is simulated
    wherever a person looks, and that it is no image of a patient in Quality Control Image.

    Args:
        examination: Whom it belongs to.
        sop_class_uid: What it will be.
        series: Names the series within the examination.
        number: Series Number.
        description: Series Description.
        instance: Instance Number in the series, from 1.
    """
    dataset = Dataset()
    dataset.SOPClassUID = sop_class_uid
    dataset.SOPInstanceUID = examination.uid(series, str(instance))
    dataset.PatientName = examination.patient_name
    dataset.PatientID = examination.patient_id
    dataset.PatientBirthDate = ""
    dataset.PatientSex = examination.sex
    if examination.height_m:
        dataset.PatientSize = decimal(round(examination.height_m, 3))
    if examination.weight_kg:
        dataset.PatientWeight = decimal(round(examination.weight_kg, 1))
    dataset.StudyInstanceUID = examination.uid("study")
    dataset.StudyID = "1"
    dataset.StudyDescription = examination.description
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.SeriesInstanceUID = examination.uid(series)
    dataset.SeriesNumber = number
    dataset.SeriesDescription = description
    for moment in ("Study", "Series", "Acquisition", "Content"):
        setattr(dataset, f"{moment}Date", examination.at.strftime("%Y%m%d"))
        setattr(dataset, f"{moment}Time", examination.at.strftime("%H%M%S"))
    dataset.FrameOfReferenceUID = examination.uid("frame of reference")
    dataset.PositionReferenceIndicator = ""
    dataset.Manufacturer = "mumap-node"
    dataset.ManufacturerModelName = "simulation"
    dataset.SoftwareVersions = __version__
    dataset.InstanceNumber = instance
    dataset.QualityControlImage = "YES"  # "or phantom image": C.7.6.1
    dataset.BurnedInAnnotation = "NO"
    dataset.LossyImageCompression = "00"
    dataset.file_meta = _file_meta(dataset)
    return dataset


def _file_meta(dataset: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = implementation_version_name(__version__)
    return meta
