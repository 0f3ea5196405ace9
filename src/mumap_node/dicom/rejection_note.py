"""Rejection notes: key object selections that say which objects must not be used any more.

Source: IHE RAD TF, Imaging Object Change Management; PS3.3 A.35.4, PS3.16 TID 2010.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from types import MappingProxyType

from pydicom import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage

from mumap_node.dicom.codes import (
    REJECTED_FOR_QUALITY,
    REJECTED_FOR_SAFETY,
    WRONG_WORKLIST_ENTRY,
    Code,
    code_of,
)
from mumap_node.dicom.deidentified import dates_may_be_altered
from mumap_node.dicom.elements import items, text
from mumap_node.dicom.marks import NODE_MODEL_NAME, REJECTION_NOTE, SYNTHETIC
from mumap_node.dicom.modules import series
from mumap_node.dicom.naming import file_meta
from mumap_node.dicom.patient import patient_and_study
from mumap_node.dicom.provenance import Provenance
from mumap_node.dicom.quiet import quiet
from mumap_node.dicom.uids import derive_uid
from mumap_node.errors import InputRejected

REASONS: Mapping[str, Code] = MappingProxyType(
    {
        "quality": REJECTED_FOR_QUALITY,
        "safety": REJECTED_FOR_SAFETY,
        "worklist": WRONG_WORKLIST_ENTRY,
    }
)
"""Titles that reject, by the word a person says. Data Retention Policy Expired (113039) is none of
them: what it names was right, and is only no longer kept."""

NO_DATE, NO_TIME = "19000101", "000000"
"""Content Date and Time, type 1, where the dates of a study may be altered: see
``series.time_of_making``."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """One object a note names.

    Attributes:
        study_instance_uid: Its study.
        series_instance_uid: Its series.
        sop_class_uid: What it is.
        sop_instance_uid: Which it is.
    """

    study_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class KeyObjects:
    """What a key object selection says.

    Attributes:
        title: Its document title, with the meaning it was sent with.
        study_instance_uid: The study it belongs to itself.
        objects: Those it names as evidence in that study, in order.
        elsewhere: How many it names in other studies.
    """

    title: Code
    study_instance_uid: str
    objects: tuple[Rejected, ...]
    elsewhere: int

    @property
    def reason(self) -> str:
        """The key of REASONS its title means; empty where it rejects nothing."""
        found = (self.title.value, self.title.scheme)
        return next((key for key, code in REASONS.items() if code[:2] == found), "")


@quiet()
def write_rejection_note(
    objects: Sequence[Dataset], reason: str, provenance: Provenance
) -> Dataset:
    """Encode a note that rejects objects of ours, in a new series of their study.

    Args:
        objects: At least one, all of one study, as they were sent.
        reason: A key of REASONS.
        provenance: Who rejects them, and when.

    Returns:
        A dataset with file meta information; encode it with ``files.to_bytes``. The same objects
        and reason give the same UIDs.

    Raises:
        ValueError: No objects, objects of several studies, or an unknown reason.
    """
    studies = {text(sent, "StudyInstanceUID") for sent in objects}
    if len(studies) != 1 or reason not in REASONS:
        raise ValueError(
            f"expected objects of one study and a reason of {', '.join(REASONS)}; "
            f"found {len(studies)} studies and {reason!r}"
        )
    first = objects[0]
    made_of = (REJECTION_NOTE, reason, *sorted(text(sent, "SOPInstanceUID") for sent in objects))
    instance_uid, series_uid = derive_uid("instance", *made_of), derive_uid("series", *made_of)
    made_at = series.local_time(first, provenance.made_at)
    dataset = Dataset()
    for module in (
        patient_and_study(first),
        _series(series_uid),
        _equipment(provenance),
        _document(first, objects, made_at),
        _content(objects, REASONS[reason]),
        series.sop_common(first, KeyObjectSelectionDocumentStorage, instance_uid, made_at),
    ):
        dataset.update(module)
    dataset.file_meta = file_meta(KeyObjectSelectionDocumentStorage, instance_uid, provenance)
    return dataset


def read_key_objects(dataset: Dataset) -> KeyObjects:
    """Read a key object selection of anybody.

    Raises:
        InputRejected: ``unreadable``; it has no title, no study, or names nothing.
    """
    title = next(map(code_of, items(dataset, "ConceptNameCodeSequence")), Code("", "", ""))
    study = text(dataset, "StudyInstanceUID")
    evidence = tuple(_evidence_of(dataset))
    if not (title.value and study and evidence):
        raise InputRejected(
            "unreadable",
            "expected key objects with title, study and evidence, found one of them missing",
        )
    here = tuple(named for named in evidence if named.study_instance_uid == study)
    return KeyObjects(title, study, here, len(evidence) - len(here))


def _series(series_instance_uid: str) -> Dataset:
    """Key Object Document Series (C.17.6.1)."""
    module = Dataset()
    module.Modality = "KO"
    module.SeriesInstanceUID = series_instance_uid
    module.SeriesNumber = 1_000_000_000 + int(series_instance_uid.rsplit(".", 1)[-1]) % 1_000_000
    module.SeriesDescription = f"{SYNTHETIC} map rejected"
    module.ReferencedPerformedProcedureStepSequence = []
    return module


def _equipment(provenance: Provenance) -> Dataset:
    """General Equipment (C.7.5.1)."""
    module = Dataset()
    module.Manufacturer = module.ManufacturerModelName = NODE_MODEL_NAME
    module.SoftwareVersions = provenance.software_version
    module.StationName = provenance.ae_title
    return module


def _document(first: Dataset, objects: Sequence[Dataset], made_at: datetime) -> Dataset:
    """Key Object Document (C.17.6.2)."""
    module = Dataset()
    module.InstanceNumber = 1
    module.ContentDate, module.ContentTime = NO_DATE, NO_TIME
    if not dates_may_be_altered(first):
        module.ContentDate, module.ContentTime = made_at.strftime("%Y%m%d %H%M%S").split()
    study = Dataset()
    study.StudyInstanceUID = text(first, "StudyInstanceUID")
    study.ReferencedSeriesSequence = list(_series_items(objects))
    module.CurrentRequestedProcedureEvidenceSequence = [study]
    return module


def _series_items(objects: Sequence[Dataset]) -> Iterator[Dataset]:
    def of_series(sent: Dataset) -> str:
        return text(sent, "SeriesInstanceUID")

    for uid, members in groupby(sorted(objects, key=of_series), of_series):
        item = Dataset()
        item.ReferencedSOPSequence = [series.instance_reference(sent) for sent in members]
        item.SeriesInstanceUID = uid
        yield item


def _content(objects: Sequence[Dataset], title: Code) -> Dataset:
    """SR Document Content (C.17.3) by TID 2010: the title, and every object."""
    module = Dataset()
    module.ValueType = "CONTAINER"
    module.ConceptNameCodeSequence = [title.item()]
    module.ContinuityOfContent = "SEPARATE"
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "2010"
    module.ContentTemplateSequence = [template]
    module.ContentSequence = [_image(sent) for sent in objects]
    return module


def _image(sent: Dataset) -> Dataset:
    item = Dataset()
    item.RelationshipType = "CONTAINS"
    item.ValueType = "IMAGE"
    item.ReferencedSOPSequence = [series.instance_reference(sent)]
    return item


def _evidence_of(dataset: Dataset) -> Iterator[Rejected]:
    for study in items(dataset, "CurrentRequestedProcedureEvidenceSequence"):
        for of_series in items(study, "ReferencedSeriesSequence"):
            for named in items(of_series, "ReferencedSOPSequence"):
                yield Rejected(
                    text(study, "StudyInstanceUID"),
                    text(of_series, "SeriesInstanceUID"),
                    text(named, "ReferencedSOPClassUID"),
                    text(named, "ReferencedSOPInstanceUID"),
                )
