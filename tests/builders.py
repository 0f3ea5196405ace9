"""Tiny synthetic objects for tests; every argument has a default, and every default is valid.

Objects come as bytes of a file, as a camera would send them, and are read by the code under test:
``nac_file`` gives the bytes, ``nac`` the dataset read from them.
"""

import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    NuclearMedicineImageStorage,
    RLELossless,
)

from mumap_node.dicom.elements import text
from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.dicom.identity import is_valid_uid
from mumap_node.dicom.provenance import Provenance
from mumap_node.dicom.writing import PROFILES
from mumap_node.imaging.findings import Finding, Verdict
from mumap_node.imaging.model_card import ModelCard, parse_model_card
from mumap_node.imaging.volume import Voxels
from mumap_node.pipeline import Model

SHARED_DATA = Path(__file__).parents[1] / ".." / "shared" / "data"
"""Real and hostile files that are not ours to ship; tests that need them skip without."""

STUDY_UID = "2.25.100"
SERIES_UID = "2.25.101"
INSTANCE_UID = "2.25.102"
FRAME_OF_REFERENCE_UID = "2.25.103"

EVERY_PROFILE = (*PROFILES, "pseudo-ct symbia-130kvp")
"""Each kind of profile once."""

TRANSAXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
"""Rows towards the patient's left, columns towards the back."""


@dataclass(frozen=True)
class Coding:
    """The codes one generation of cameras writes."""

    scheme: str
    recumbent: str
    supine: str
    prone: str
    head_first: str
    feet_first: str
    technetium: str


SNOMED_CT = Coding("SCT", "102538003", "40199007", "1240000", "102540008", "102541007", "72454006")
SNOMED_RT = Coding("SRT", "F-10450", "F-10340", "F-10310", "F-10470", "F-10480", "C-163A8")


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """An item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def imaged_with_thallium() -> dict[str, object]:
    """Attributes of an acquisition of Tl-201."""
    limits, window, tracer = Dataset(), Dataset(), Dataset()
    limits.EnergyWindowLowerLimit, limits.EnergyWindowUpperLimit = 60, 85
    window.EnergyWindowRangeSequence = [limits]
    tracer.RadionuclideCodeSequence = [code("60057003", "SCT", "^201^Thallium")]
    return {
        "EnergyWindowInformationSequence": [window],
        "RadiopharmaceuticalInformationSequence": [tracer],
    }


def torso_counts(shape: tuple[int, int, int] = (16, 48, 48)) -> NDArray[np.int16]:
    """Counts of an elliptical body with one hot spot left of the middle, in stored values."""
    slices, rows, columns = shape
    _, row, column = np.ogrid[:slices, :rows, :columns]
    y, x = (row - (rows - 1) / 2) / (rows / 2), (column - (columns - 1) / 2) / (columns / 2)
    body = (x / 0.8) ** 2 + (y / 0.7) ** 2 <= 1
    counts = np.where(np.broadcast_to(body, shape), 100, 0).astype(np.int16)
    counts[slices // 2, rows // 2, (3 * columns) // 4 - 1] = 900
    return counts


def nac_object(
    *,
    voxels: ArrayLike | None = None,
    shape: tuple[int, int, int] = (16, 48, 48),
    spacing_mm: tuple[float, float, float] = (9.0, 9.0, 9.0),
    position_mm: Sequence[float] = (-211.5, -211.5, -67.5),
    orientation: Sequence[float] = TRANSAXIAL,
    slice_vector: Sequence[int] | None = None,
    signed: bool = True,
    entry: str = "head_first",
    side: str = "supine",
    coding: Coding = SNOMED_CT,
    **attributes: object,
) -> Dataset:
    """An NM RECON TOMO of the emission, not converted to bytes yet.

    Args:
        voxels: Stored values in the order of the frames; a torso of ``shape`` where left out.
        shape: Frames, rows and columns.
        spacing_mm: Between slices (signed), rows and columns.
        position_mm: Of frame 1.
        orientation: Image Orientation (Patient).
        slice_vector: Slice number of each frame; 1, 2, 3 … where left out.
        signed: Pixel Representation 1.
        entry: ``head_first`` or ``feet_first``.
        side: ``supine`` or ``prone``.
        coding: Whose codes to write.
        attributes: Further or other values by keyword; None removes an attribute.
    """
    pixels = np.asarray(torso_counts(shape) if voxels is None else voxels)
    dataset = Dataset()
    _identify(dataset)
    _describe_image(dataset, pixels, spacing_mm, slice_vector, signed=signed)
    _describe_acquisition(dataset, position_mm, orientation, coding)
    _describe_patient_orientation(dataset, entry, side, coding)
    change(dataset, attributes)
    return dataset


def _identify(dataset: Dataset) -> None:
    dataset.SOPClassUID = NuclearMedicineImageStorage
    dataset.SOPInstanceUID = INSTANCE_UID
    dataset.StudyInstanceUID = STUDY_UID
    dataset.SeriesInstanceUID = SERIES_UID
    dataset.FrameOfReferenceUID = FRAME_OF_REFERENCE_UID
    dataset.PositionReferenceIndicator = ""
    dataset.PatientName, dataset.PatientID = "Phantom^One", "PHANTOM1"
    dataset.PatientBirthDate, dataset.PatientSex = "19700101", "O"
    dataset.StudyDate, dataset.StudyTime = "20260101", "120000"
    dataset.StudyID, dataset.AccessionNumber = "1", "A1"
    dataset.ReferringPhysicianName = ""
    dataset.AcquisitionDate, dataset.AcquisitionTime = "20260101", "121500"
    dataset.Modality = "NM"
    dataset.SeriesDescription = "STRESS nAC"
    dataset.SeriesNumber, dataset.InstanceNumber = 3, 1
    dataset.BodyPartExamined = "HEART"
    dataset.Manufacturer = "Phantom Cameras"
    dataset.ManufacturerModelName = "P1"
    dataset.SoftwareVersions = "7.1"


def _describe_image(
    dataset: Dataset,
    pixels: NDArray[np.generic],
    spacing_mm: tuple[float, float, float],
    slice_vector: Sequence[int] | None,
    *,
    signed: bool,
) -> None:
    frames, rows, columns = pixels.shape
    between_slices, between_rows, between_columns = spacing_mm
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"]
    dataset.ImageID = "STRESS"
    dataset.CountsAccumulated = None
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = rows, columns
    dataset.NumberOfFrames = dataset.NumberOfSlices = frames
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = int(signed)
    dataset.FrameIncrementPointer = Tag("SliceVector")
    dataset.SliceVector = list(slice_vector or range(1, frames + 1))
    dataset.PixelSpacing = [between_rows, between_columns]
    dataset.SpacingBetweenSlices, dataset.SliceThickness = between_slices, abs(between_slices)
    put_bytes(dataset, "PixelData", pixels.astype("<i2" if signed else "<u2").tobytes())


def _describe_acquisition(
    dataset: Dataset, position_mm: Sequence[float], orientation: Sequence[float], coding: Coding
) -> None:
    limits, window, tracer, detector = Dataset(), Dataset(), Dataset(), Dataset()
    limits.EnergyWindowLowerLimit, limits.EnergyWindowUpperLimit = 126, 154
    window.EnergyWindowRangeSequence, window.EnergyWindowName = [limits], "Tc99m"
    tracer.RadionuclideCodeSequence = [code(coding.technetium, coding.scheme, "^99m^Technetium")]
    detector.CollimatorType, detector.CollimatorGridName = "PARA", "LEHR"
    detector.FocalDistance = 0
    detector.ImagePositionPatient = list(position_mm)
    detector.ImageOrientationPatient = list(orientation)
    rotation = Dataset()
    rotation.RotationDirection, rotation.StartAngle, rotation.ScanArc = "CW", 45, 180
    rotation.AngularStep, rotation.ActualFrameDuration = 3, 25000
    rotation.NumberOfFramesInRotation = 60
    dataset.NumberOfEnergyWindows = dataset.NumberOfDetectors = dataset.NumberOfRotations = 1
    dataset.EnergyWindowInformationSequence = [window]
    dataset.RadiopharmaceuticalInformationSequence = [tracer]
    dataset.DetectorInformationSequence = [detector]
    dataset.RotationInformationSequence = [rotation]


def _describe_patient_orientation(dataset: Dataset, entry: str, side: str, coding: Coding) -> None:
    lying = code(coding.recumbent, coding.scheme, "recumbent")
    lying.PatientOrientationModifierCodeSequence = [
        code(getattr(coding, side), coding.scheme, side)
    ]
    dataset.PatientOrientationCodeSequence = [lying]
    dataset.PatientGantryRelationshipCodeSequence = [
        code(getattr(coding, entry), coding.scheme, entry.replace("_", "-"))
    ]


def nac_file(transfer_syntax: str = ExplicitVRLittleEndian, **arguments: Any) -> bytes:
    """The bytes of such an object's file; arguments as for ``nac_object``."""
    return file_of(nac_object(**arguments), transfer_syntax)


def nac(transfer_syntax: str = ExplicitVRLittleEndian, **arguments: Any) -> Dataset:
    """Such an object as the node reads it; arguments as for ``nac_object``."""
    return read_dataset(nac_file(transfer_syntax, **arguments))


def change(dataset: Dataset, attributes: Mapping[str, object]) -> None:
    """Set attributes by keyword; None removes one. Bytes are taken as they are, but even."""
    for keyword, value in attributes.items():
        if value is None:
            delattr(dataset, keyword)
        elif isinstance(value, bytes):
            put_bytes(dataset, keyword, value + b" " * (len(value) % 2))
        else:
            setattr(dataset, keyword, value)


def put_bytes(dataset: Dataset, keyword: str, value: bytes) -> None:
    """Store an encoded value that pydicom would refuse, or encode otherwise."""
    tag = Tag(keyword)
    vr = {"OB or OW": "OW", "US or SS": "US"}.get(dictionary_VR(tag), dictionary_VR(tag))
    dataset[tag] = RawDataElement(
        tag, vr, len(value), value, 0, is_implicit_VR=False, is_little_endian=True
    )


def file_of(dataset: Dataset, transfer_syntax: str = ExplicitVRLittleEndian) -> bytes:
    """Encode in any transfer syntax whose encoder we have; compressed ones lossless."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = NuclearMedicineImageStorage
    named = text(dataset, "SOPInstanceUID")
    dataset.file_meta.MediaStorageSOPInstanceUID = named if is_valid_uid(named) else INSTANCE_UID
    dataset.file_meta.ImplementationClassUID = "2.25.1"
    if transfer_syntax == ExplicitVRLittleEndian:
        return to_bytes(dataset)
    return transcoded(to_bytes(dataset), transfer_syntax)


DCMTK_OPTION = {
    "1.2.840.10008.1.2": ["dcmconv", "+ti"],
    "1.2.840.10008.1.2.2": ["dcmconv", "+tb"],
    "1.2.840.10008.1.2.1.99": ["dcmconv", "+td"],
    "1.2.840.10008.1.2.4.70": ["dcmcjpeg", "+e1"],
    "1.2.840.10008.1.2.4.80": ["dcmcjpls", "+el"],
}


def transcoded(file: bytes, transfer_syntax: str) -> bytes:
    """The same object in another transfer syntax, written by others: DCMTK, or pydicom."""
    if transfer_syntax in (RLELossless, JPEG2000Lossless):
        dataset = dcmread(BytesIO(file))
        dataset.compress(transfer_syntax, generate_instance_uid=False)
        buffer = BytesIO()
        dcmwrite(buffer, dataset)
        return buffer.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "before.dcm"), Path(folder, "after.dcm")
        before.write_bytes(file)
        command = [*DCMTK_OPTION[transfer_syntax], str(before), str(after)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return after.read_bytes()


CARD_TEXT = """
name = "test"
version = "1"
sha256 = "{sha256}"
summary = "made for a test"
intended_use = "tests"
training_population = "none"
[input]
[output]
emission_energy_kev = 140.5
beam = "narrow"
[limits]
radionuclides = ["Tc-99m"]
energy_window_kev = [100.0, 200.0]
collimator_types = ["PARA", "PINH", "UNKN", ""]
matrix = [1, 512]
slices = [1, 512]
spacing_mm = [0.1, 100.0]
field_of_view_mm = [1.0, 2000.0]
[plausibility]
body_99th_percentile_per_cm = [0.0, 10.0]
maximum_per_cm = 10.0
soft_tissue_mode_per_cm = [0.0, 10.0]
soft_tissue_mode_warn_per_cm = [0.0, 10.0]
air_mean_per_cm = {{ warn = 10.0, fail = 10.0 }}
body_component_share = {{ warn = 0.0, fail = 0.0 }}
body_area_cm2 = [0.0, 1e6]
area_change_share = {{ warn = 1e6 }}
border_contact_share = {{ warn = 1.0, fail = 1.0 }}
hot_spot_outside_share = {{ warn = 1.0, fail = 1.0 }}
outline_dice = {{ warn = 0.0 }}
[golden]
tolerance = 1e-4
"""


def card(sha256: str = "0" * 64) -> ModelCard:
    """A model card that limits nothing."""
    return parse_model_card(CARD_TEXT.format(sha256=sha256))


def water_where_counts(counts: Voxels) -> Voxels:
    """The simplest network: water, 0.154/cm, wherever there is more than a tenth of the mean."""
    return np.where(counts > 0.1, np.float32(0.154), np.float32(0)).astype(np.float32)


def model(predict: Callable[[Voxels], Voxels] = water_where_counts) -> Model:
    """A network of a few lines, behind a card that limits nothing."""
    return Model(card(), predict)


MADE_AT = datetime(2026, 3, 1, 9, 30, 15, tzinfo=timezone(timedelta(hours=1)))


def provenance(**changes: Any) -> Provenance:
    """Who made a map, in tests."""
    usual = Provenance(
        ae_title="MUMAP",
        software_version="0.1.0",
        runtime="numpy",
        made_at=MADE_AT,
        run=1,
        settings="assume-nac=yes relax=none",
    )
    return replace(usual, **changes)


def finding(check: str = "spacing", verdict: Verdict = Verdict.PASS) -> Finding:
    """A finding of any check."""
    return Finding(check, verdict, "9 mm", "2.5 to 10 mm")


def edited(file: bytes, **attributes: Any) -> bytes:
    """An explicit VR little endian file with some attributes changed, all others untouched."""
    dataset = read_dataset(file)
    change(dataset, attributes)
    return to_bytes(dataset)
