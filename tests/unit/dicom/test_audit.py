"""Audit messages as PS3.15 A.5 has them, whatever a header holds."""

from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.sr.codedict import codes
from pydicom.tag import Tag

from mumap_node.dicom import audit, audit_xml
from mumap_node.dicom.audit import (
    AuditMessage,
    Code,
    Outcome,
    Participant,
    Patient,
    Question,
    Study,
    Suspect,
    subject_of,
)
from mumap_node.dicom.audit_xml import LONGEST_TEXT, MOST_NAMED, xml_of
from trails import invalid, parsed

NM = "1.2.840.10008.5.1.4.1.1.20"
CAMERA = Participant("SPECT1", audit.SOURCE, is_requestor=True, ae_title="SPECT1", address="::1")
NODE = Participant("MUMAP", audit.DESTINATION, is_requestor=False, address="node1")
SERVICE = Participant("x", None, is_requestor=False, address="https://pacs.example.org/dicom-web")
STUDY = Study("1.2.3", "A-1", ((NM, "1.2.3.1"), (NM, "1.2.3.2")))
UNKNOWN = Participant("unknown", audit.SOURCE, is_requestor=True)
TRANSFER = AuditMessage(
    "0" * 32,
    audit.TRANSFERRED,
    "C",
    datetime(2026, 3, 1, 8, 30, tzinfo=UTC),
    (CAMERA, NODE),
    (STUDY, Patient("4711", "Doe^Jane")),
)


def told(message: AuditMessage) -> Element:
    return parsed(xml_of(message, "MUMAP"))


def header(**attributes: object) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = NM, "1.2.3.1"
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def test_messages_of_every_kind_are_as_the_schema_has_them(tmp_path):
    question = Question("1.2.840.10008.5.1.4.1.2.2.1", b"\x00keys", "1.2.840.10008.1.2")
    messages = [
        TRANSFER,
        replace(TRANSFER, participants=(SERVICE, UNKNOWN), objects=audit.NOBODY),
        replace(TRANSFER, outcome=Outcome.SERIOUS_FAILURE, description="found <none> & nothing"),
        replace(TRANSFER, event=audit.QUERY, objects=(question,)),
        replace(
            TRANSFER,
            event=audit.SECURITY_ALERT,
            kind=audit.NODE_AUTHENTICATION,
            objects=(Suspect("192.0.2.1", "found another certificate"),),
        ),
    ]

    assert invalid([xml_of(message, "MUMAP") for message in messages], tmp_path / "told") == ""


@pytest.mark.parametrize("broken", ["EventID", "UserIsRequestor", "AuditSourceID"])
def test_the_schema_of_these_tests_finds_what_is_missing(tmp_path, broken):
    words = xml_of(TRANSFER, "MUMAP").replace(broken, "Other")

    assert "fails to validate" in invalid([words], tmp_path / "told")


def test_codes_are_those_of_dicom():
    ours = [code for code in (vars(audit) | vars(audit_xml)).values() if isinstance(code, Code)]

    known = {code.value: code.meaning for code in map(codes.DCM.__getattr__, codes.DCM.dir())}

    assert {code.value: known.get(code.value) for code in ours} == {
        **{code.value: code.meaning for code in ours},
        "2": None,  # of RFC 3881
    }


def test_a_transfer_says_who_sent_what_of_whom_to_whom():
    root = told(TRANSFER)

    assert root.find("EventIdentification").attrib == {
        "EventActionCode": "C",
        "EventDateTime": "2026-03-01T08:30:00.000000Z",
        "EventOutcomeIndicator": "0",
    }
    assert [
        (
            one.get("UserID"),
            one.get("NetworkAccessPointID"),
            one.get("NetworkAccessPointTypeCode"),
            one.find("RoleIDCode").get("originalText"),
        )
        for one in root.findall("ActiveParticipant")
    ] == [
        ("SPECT1", "::1", "2", "Source Role ID"),
        ("MUMAP", "node1", "1", "Destination Role ID"),
    ]
    assert root.find("ActiveParticipant").get("AlternativeUserID") == "AETITLES=SPECT1"
    objects = root.findall("ParticipantObjectIdentification")
    assert [one.get("ParticipantObjectID") for one in objects] == ["1.2.3", "4711"]
    assert objects[1].findtext("ParticipantObjectName") == "Doe^Jane"
    (sop_class,) = root.iter("SOPClass")
    assert (sop_class.get("UID"), sop_class.get("NumberOfInstances")) == (NM, "2")
    assert [one.get("UID") for one in sop_class] == ["1.2.3.1", "1.2.3.2"]


def test_a_service_is_known_by_its_address():
    (participant,) = told(replace(TRANSFER, participants=(SERVICE,))).findall("ActiveParticipant")

    assert participant.get("NetworkAccessPointTypeCode") == "5"


def test_times_are_universal():
    at = datetime(2026, 3, 1, 10, 30, tzinfo=timezone(timedelta(hours=2)))

    assert 'EventDateTime="2026-03-01T08:30:00.000000Z"' in xml_of(
        replace(TRANSFER, at=at), "MUMAP"
    )


def test_a_question_is_told_as_it_was_encoded():
    question = Question("1.2", b"\x00\xffkeys", "1.2.840.10008.1.2")
    root = told(replace(TRANSFER, objects=(question,)))

    assert b64decode(root.findtext(".//ParticipantObjectQuery")) == b"\x00\xffkeys"
    assert b64decode(root.find(".//ParticipantObjectDetail").get("value")) == b"1.2.840.10008.1.2"


def test_of_many_instances_the_number_is_told_and_the_message_stays_short_enough_for_any_server():
    uids = tuple((NM, f"1.2.{number}".ljust(64, "0")) for number in range(MOST_NAMED + 1))
    long = Patient("9" * 10000, "X" * 10000)
    (all_named, only_counted) = (
        xml_of(replace(TRANSFER, objects=(Study("1" * 64, "A", named), long)), "MUMAP")
        for named in (uids[1:], uids)
    )

    assert all_named.count("<Instance ") == MOST_NAMED
    assert only_counted.count("<Instance ") == 0
    assert f'NumberOfInstances="{MOST_NAMED + 1}"' in only_counted
    assert len(all_named.encode()) < 32000
    assert all_named.count("X") == LONGEST_TEXT


@given(name=st.text(), patient_id=st.text(alphabet=st.characters()))
def test_whatever_a_name_is_made_of_the_message_is_one_line_of_xml(name, patient_id):
    patient = Patient(patient_id, f"<&\"'>{name}\r\n\x1b\x00\ud800")
    words = xml_of(replace(TRANSFER, objects=(patient,)), "MUMAP")

    assert words.splitlines() == [words]
    told_name = parsed(words).findtext(".//ParticipantObjectName")
    assert told_name.startswith("<&\"'>")
    assert len(told_name) == min(len(patient.name), LONGEST_TEXT)


@pytest.mark.parametrize(
    ("character_set", "name", "expected"),
    [
        ("ISO_IR 100", "Müller^Jörg".encode("latin-1"), "Müller^Jörg"),
        ("ISO_IR 192", "Χριστίνα^Ω".encode(), "Χριστίνα^Ω"),
        (
            "\\ISO 2022 IR 87",
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
            "Yamada^Tarou=山田^太郎",
        ),
        ("GB18030", "王^小东".encode("gb18030"), "王^小东"),
        ("ISO_IR 6", b"M\xfcller", "M\ufffdller"),
    ],
)
def test_names_are_told_in_unicode_whatever_they_were_sent_in(character_set, name, expected):
    dataset = header(StudyInstanceUID="1.2.3", AccessionNumber="A-1", PatientID="4711 ")
    for keyword, vr, value in (
        ("SpecificCharacterSet", "CS", character_set.encode()),
        ("PatientName", "PN", name),
    ):
        tag = Tag(keyword)
        dataset[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)

    study, patient = subject_of([dataset])

    assert patient == Patient("4711", expected)
    assert study == Study("1.2.3", "A-1", ((NM, "1.2.3.1"),))


def test_of_a_header_without_patient_and_study_there_is_nothing_to_tell():
    study, patient = subject_of([header()])

    assert (study.uid, study.accession_number, patient) == ("", "", Patient("", ""))
    assert "<Accession" not in xml_of(replace(TRANSFER, objects=(study, patient)), "MUMAP")
