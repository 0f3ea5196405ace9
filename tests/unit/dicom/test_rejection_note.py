"""A rejection note names what it rejects, belongs to its study, and is understood when read."""

import dataclasses
import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import KeyObjectSelectionDocumentStorage

from builders import card, edited, finding, nac_file, provenance
from mumap_node.dicom.codes import Code
from mumap_node.dicom.elements import value
from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.dicom.patient import PATIENT, STUDY
from mumap_node.dicom.reading import read_reconstruction
from mumap_node.dicom.rejection_note import REASONS, read_key_objects, write_rejection_note
from mumap_node.dicom.secondary_capture import write_report
from mumap_node.dicom.writing import write_attenuation_map
from mumap_node.errors import InputRejected
from mumap_node.imaging.volume import Quantity, Volume
from validators import dcentvfy, errors

GOLDEN = Path(__file__).parents[2] / "golden" / "rejection-note" / "expected.json"
PICTURE = np.zeros((6, 8, 3), np.uint8)


def sent(source: bytes | None = None) -> list[bytes]:
    """A map and its report, as they went out."""
    dataset = read_dataset(source or nac_file())
    volume = read_reconstruction(dataset).volume
    mumap = Volume(np.zeros_like(volume.voxels), volume.geometry, Quantity.LAC_PER_CM)
    (made,) = write_attenuation_map(mumap, dataset, card(), [finding()], provenance(), 140.5)
    report = write_report(PICTURE, dataset, card(), [finding()], provenance(), 140.5)
    return [to_bytes(made), to_bytes(report)]


def read(encoded: bytes) -> Dataset:
    return dcmread(BytesIO(encoded))


def note(objects: list[bytes], reason: str = "quality", **changes) -> bytes:
    datasets = [read_dataset(encoded) for encoded in objects]
    return to_bytes(write_rejection_note(datasets, reason, provenance(**changes)))


@pytest.mark.parametrize(
    ("reason", "title"), [("quality", "113001"), ("safety", "113037"), ("worklist", "113038")]
)
def test_what_is_written_names_map_and_report_and_reads_back_as_that_reason(reason, title):
    objects = sent()
    mumap, report = (dcmread(BytesIO(encoded)) for encoded in objects)

    found = read_key_objects(read_dataset(note(objects, reason)))

    assert (found.reason, found.title[:2], found.elsewhere) == (reason, (title, "DCM"), 0)
    assert found.study_instance_uid == mumap.StudyInstanceUID
    assert {dataclasses.astuple(named) for named in found.objects} == {
        (it.StudyInstanceUID, it.SeriesInstanceUID, it.SOPClassUID, it.SOPInstanceUID)
        for it in (mumap, report)
    }


def test_the_written_note_is_the_golden_one(update_golden):
    """Attribute by attribute; UIDs we derive are normalised."""
    objects = sent()
    found = dcmread(BytesIO(note(objects)))
    found.SeriesNumber = None
    as_text = json.dumps(json.loads(found.to_json()), indent=1, sort_keys=True) + "\n"
    for name, dataset in zip(("note", "map", "report"), (found, *map(read, objects)), strict=True):
        as_text = as_text.replace(dataset.SOPInstanceUID, f"<{name}>")
        as_text = as_text.replace(dataset.SeriesInstanceUID, f"<series of {name}>")
    if update_golden:
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(as_text, encoding="utf-8")

    assert as_text == GOLDEN.read_text(encoding="utf-8")


def test_its_content_shows_the_same_objects_as_its_evidence():
    objects = sent()
    written = dcmread(BytesIO(note(objects)))

    assert written.SOPClassUID == KeyObjectSelectionDocumentStorage
    assert written.file_meta.MediaStorageSOPInstanceUID == written.SOPInstanceUID
    assert (written.Modality, written.SeriesDescription) == ("KO", "SYNTHETIC map rejected")
    assert written.ContentTemplateSequence[0].TemplateIdentifier == "2010"
    shown = [i.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for i in written.ContentSequence]
    assert shown == [dcmread(BytesIO(encoded)).SOPInstanceUID for encoded in objects]


def test_patient_and_study_are_those_of_the_map_byte_for_byte():
    source = edited(
        nac_file(), SpecificCharacterSet=b"ISO_IR 192", PatientName="王^小东".encode() + b" "
    )
    before, after = read_dataset(source), read_dataset(note(sent(source)))

    for keyword in ("SpecificCharacterSet", *PATIENT, *STUDY):
        assert value(after, keyword) == value(before, keyword), keyword


def test_a_retry_makes_the_same_object_and_another_reason_another():
    objects = sent()
    first, again, other = (
        dcmread(BytesIO(note(objects, r))) for r in ("quality",) * 2 + ("safety",)
    )

    for keyword in ("SOPInstanceUID", "SeriesInstanceUID"):
        assert first[keyword].value == again[keyword].value != other[keyword].value
    assert first.SeriesInstanceUID != dcmread(BytesIO(objects[0])).SeriesInstanceUID


def test_where_dates_may_be_altered_it_does_not_tell_the_day_it_was_made():
    source = edited(
        nac_file(), PatientIdentityRemoved="YES", DeidentificationMethod="basic profile"
    )
    written = dcmread(BytesIO(note(sent(source))))

    assert (written.ContentDate, written.ContentTime) == ("19000101", "000000")
    assert "InstanceCreationDate" not in written


def test_what_belongs_to_no_one_study_or_has_no_known_reason_is_a_bug_of_ours():
    other = sent(edited(nac_file(), StudyInstanceUID="2.25.999"))
    for objects, reason in (([], "quality"), (sent() + other, "quality"), (sent(), "retention")):
        with pytest.raises(ValueError, match="expected objects of one study"):
            note(objects, reason)


@pytest.mark.parametrize(
    "code",
    [
        Code("113039", "DCM", "Data Retention Policy Expired"),
        Code("113000", "DCM", "Of Interest"),
        Code("113001", "99SITE", "Rejected for Quality Reasons"),
    ],
)
def test_other_titles_reject_nothing(code):
    received = dcmread(BytesIO(note(sent())))
    received.ConceptNameCodeSequence = [code.item()]

    assert read_key_objects(received).reason == ""


def test_objects_it_names_in_another_study_are_counted_and_not_rejected():
    received = dcmread(BytesIO(note(sent())))
    received.StudyInstanceUID = "2.25.999"

    found = read_key_objects(received)

    assert (found.objects, found.elsewhere) == ((), 2)


@pytest.mark.parametrize(
    "missing",
    ["ConceptNameCodeSequence", "StudyInstanceUID", "CurrentRequestedProcedureEvidenceSequence"],
)
def test_one_that_does_not_say_what_it_is_about_is_unreadable(missing):
    received: Dataset = dcmread(BytesIO(note(sent())))
    delattr(received, missing)

    with pytest.raises(InputRejected) as caught:
        read_key_objects(received)
    assert caught.value.reason == "unreadable"


def test_every_reason_is_a_title_of_the_standard():
    from pydicom.sr.codedict import Collection

    titles = {(code.value, code.meaning) for code in Collection("CID7010").concepts.values()}

    assert {(code.value, code.meaning) for code in REASONS.values()} <= titles


def test_dciodvfy_finds_no_error(tmp_path):
    before, after = tmp_path / "map.dcm", tmp_path / "note.dcm"
    before.write_bytes(sent()[0])
    after.write_bytes(note(sent()))

    assert errors(after) == []
    # of NM images dcentvfy files the Accession Number of the NM modules under the series
    known = "attribute - Element=<AccessionNumber> IE <Series> versus <Study>"
    assert [line for line in dcentvfy(before, after).splitlines() if known not in line] == []
