"""Series, frame of reference, equipment and SOP common: the modules around the image.

One function per module of PS3.3; each gives the attributes of its module. Type 2 attributes we
have no value for are written empty, as the standard asks.
"""

import re
from datetime import datetime, timedelta, timezone

from pydicom import Dataset
from pydicom.tag import Tag

from mumap_node.dicom import codes, describing
from mumap_node.dicom.deidentified import dates_may_be_altered
from mumap_node.dicom.elements import text, value
from mumap_node.dicom.marks import NODE_MODEL_NAME
from mumap_node.dicom.orientation import SCT_ENTRY, SCT_RECUMBENT, SCT_SIDE, position_of
from mumap_node.dicom.provenance import Provenance
from mumap_node.dicom.verbatim import CODE, Attribute, copy_items, copy_valid, raw_element
from mumap_node.imaging.model_card import ModelCard

UNPAIRED = frozenset((
    "ABDOMEN", "ABDOMENPELVIS", "AORTA", "BACK", "BLADDER", "BRAIN", "CHEST", "CHESTABDOMEN",
    "CHESTABDPELVIS", "COLON", "CSPINE", "ESOPHAGUS", "FACE", "GALLBLADDER", "HEAD", "HEADNECK",
    "HEART", "JAW", "LIVER", "LSPINE", "LSSPINE", "MEDIASTINUM", "NECK", "NECKCHEST",
    "NECKCHESTABDOMEN", "NECKCHESTABDPELV", "NOSE", "PANCREAS", "PELVIS", "PROSTATE", "SKULL",
    "SPINE", "SPLEEN", "SSPINE", "STERNUM", "STOMACH", "THYROID", "TSPINE", "UTERUS", "WHOLEBODY",
))  # fmt: skip
"""Terms of PS3.16 Annex L without a side: Laterality, type 2C, is absent with them."""

_ORIENTATION = (*CODE, Attribute("PatientOrientationModifierCodeSequence", 2, items=CODE))


def sop_common(
    source: Dataset, sop_class_uid: str, sop_instance_uid: str, made_at: datetime
) -> Dataset:
    """SOP Common (C.12.1); the time zone is stated only where the source states it."""
    offset = ["TimezoneOffsetFromUTC"] if local_offset(source) else []
    module = copy_valid(source, ["LongitudinalTemporalInformationModified", *offset])
    module.SOPClassUID = sop_class_uid
    module.SOPInstanceUID = sop_instance_uid
    module.update(time_of_making(source, made_at, "InstanceCreation"))
    return module


def general_series(
    source: Dataset, series_instance_uid: str, made_at: datetime, modality: str, made: str
) -> Dataset:
    """General Series (C.7.3.1): new, and named after the series it was made from."""
    module = Dataset()
    module.Modality = modality
    module.SeriesInstanceUID = series_instance_uid
    module.SeriesNumber = _series_number(source, series_instance_uid)
    module.update(time_of_making(source, made_at, "Series"))
    description = describing.series_description(source, made)
    module[Tag("SeriesDescription")] = raw_element(Tag("SeriesDescription"), "LO", description)
    module.update(_body_part(source))
    return module


def patient_orientation(source: Dataset) -> Dataset:
    """NM/PET Patient Orientation (C.8.4.6): the source's codes, or its Patient Position coded."""
    module = Dataset()
    entry, side = position_of(source)
    lying = copy_items(source, "PatientOrientationCodeSequence", _ORIENTATION)
    entering = copy_items(source, "PatientGantryRelationshipCodeSequence", CODE)
    if not lying and side is not None:
        recumbent = SCT_RECUMBENT.item()
        recumbent.PatientOrientationModifierCodeSequence = [SCT_SIDE[side].item()]
        lying = [recumbent]
    if not entering and entry is not None:
        entering = [SCT_ENTRY[entry].item()]
    module.PatientOrientationCodeSequence = lying
    module.PatientGantryRelationshipCodeSequence = entering
    return module


def frame_of_reference(source: Dataset) -> Dataset:
    """Frame of Reference (C.7.4.1), where the source has one."""
    module = copy_valid(source, ["FrameOfReferenceUID", "PositionReferenceIndicator"])
    if "FrameOfReferenceUID" not in module:
        return Dataset()
    if "PositionReferenceIndicator" not in module:
        module.PositionReferenceIndicator = None
    return module


def equipment(
    source: Dataset, card: ModelCard, provenance: Provenance, profile: str, made_at: datetime
) -> Dataset:
    """General Equipment (C.7.5.1) and Contributing Equipment (C.12.1): the node, and the camera."""
    module = _node(card, provenance)
    module.StationName = provenance.ae_title
    node = _node(card, provenance)
    node.PurposeOfReferenceCodeSequence = [codes.PROCESSING_EQUIPMENT.item()]
    if not dates_may_be_altered(source):
        node.ContributionDateTime = made_at.strftime("%Y%m%d%H%M%S")
    node.ContributionDescription = describing.contribution(card, provenance, profile)
    camera = copy_valid(
        source,
        (
            "Manufacturer", "InstitutionName", "StationName", "ManufacturerModelName",
            "DeviceSerialNumber", "SoftwareVersions",
        ),
    )  # fmt: skip
    camera.PurposeOfReferenceCodeSequence = [codes.ACQUISITION_EQUIPMENT.item()]
    made_by = "Manufacturer" in camera  # type 1 there; without it the item would be invalid
    module.ContributingEquipmentSequence = [camera, node] if made_by else [node]
    return module


def local_time(source: Dataset, moment: datetime) -> datetime:
    """A moment in the time zone of the source, or its own where the source states none."""
    return moment.astimezone(local_offset(source) or moment.tzinfo)


def local_offset(source: Dataset) -> timezone | None:
    """The Timezone Offset From UTC the source states; None where it states none."""
    stated = re.fullmatch(r"([+-])(0\d|1[0-4])([0-5]\d)", text(source, "TimezoneOffsetFromUTC"))
    if stated is None:
        return None
    offset = timedelta(hours=int(stated[2]), minutes=int(stated[3]))
    return timezone(-offset if stated[1] == "-" else offset)


def time_of_making(source: Dataset, made_at: datetime, of: str) -> Dataset:
    """Date and time of what was made, such as ``Series``.

    Left out where the dates of the source may be altered: most maps are made on the day of their
    source, so the difference would give away by how much.
    """
    module = Dataset()
    if not dates_may_be_altered(source):
        setattr(module, f"{of}Date", made_at.strftime("%Y%m%d"))
        setattr(module, f"{of}Time", made_at.strftime("%H%M%S"))
    return module


def _node(card: ModelCard, provenance: Provenance) -> Dataset:
    item = Dataset()
    item.Manufacturer = item.ManufacturerModelName = NODE_MODEL_NAME
    # the hash has all 64 characters of VR LO, so it must not be the last, which may be padded
    item.SoftwareVersions = [provenance.software_version, card.sha256, card.identity]
    return item


def _body_part(source: Dataset) -> Dataset:
    """The source's, whatever it is: another body part must never look like a chest.

    Where it says nothing it is the chest, which stations sort by and the models are made for.
    """
    module = copy_valid(source, ["BodyPartExamined"])
    if not value(source, "BodyPartExamined").strip(b"\0 "):
        module.BodyPartExamined = "CHEST"
    if text(module, "BodyPartExamined") not in UNPAIRED:
        side = text(source, "Laterality")
        module.Laterality = side if side in ("R", "L") else None
    return module


def _series_number(source: Dataset, series_instance_uid: str) -> int:
    """Beyond any camera's range, sorted by the source's number, and distinct for each map.

    One, the source's number (up to 999, else 0) in three digits, six digits of the new UID.
    """
    number = describing.series_number(source) or 0
    distinct = int(series_instance_uid.rsplit(".", 1)[-1]) % 1_000_000
    return 1_000_000_000 + (number if number < 1000 else 0) * 1_000_000 + distinct


def instance_reference(referenced: Dataset) -> Dataset:
    """An item that names one object (SOP Instance Reference Macro, PS3.3 table 10-11).

    Args:
        referenced: With its SOP Class and SOP Instance UID.
    """
    item = Dataset()
    item.ReferencedSOPClassUID = text(referenced, "SOPClassUID")
    item.ReferencedSOPInstanceUID = text(referenced, "SOPInstanceUID")
    return item
