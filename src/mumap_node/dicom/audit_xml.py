"""Audit messages as XML, after the schema of PS3.15 A.5.1."""

import re
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import ip_address
from xml.etree.ElementTree import Element, SubElement, tostring

from mumap_node.dicom.audit import (
    AuditMessage,
    Participant,
    Patient,
    Question,
    Study,
    Suspect,
)
from mumap_node.dicom.codes import Code

_STUDY = Code("110180", "DCM", "Study Instance UID")
_SOP_CLASS = Code("110181", "DCM", "SOP Class UID")
_NODE = Code("110182", "DCM", "Node ID")
_PATIENT = Code("2", "RFC-3881", "Patient Number")  # RFC 3881 5.5.4
"""What identifiers of objects are (CID 404)."""

LONGEST_TEXT = 256
"""Characters of a value; VR PN has up to 194 (PS3.5 6.2), a hostile header more."""

MOST_NAMED = 200
"""Instances a message names one by one; of more it tells the number. Servers take messages of
32768 bytes (PS3.15 A.6)."""

_NO_TEXT = re.compile("[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Controls, which syslog and people trip over, and what XML 1.0 forbids (2.2)."""


def xml_of(message: AuditMessage, source_id: str) -> str:
    """A message as one line of XML.

    Args:
        message: What to tell.
        source_id: Who tells it.
    """
    root = Element("AuditMessage")
    event = SubElement(root, "EventIdentification")
    event.set("EventActionCode", message.action)
    event.set("EventDateTime", time_of(message.at))
    event.set("EventOutcomeIndicator", str(int(message.outcome)))
    _code(event, "EventID", message.event)
    if message.kind is not None:
        _code(event, "EventTypeCode", message.kind)
    if message.description:
        SubElement(event, "EventOutcomeDescription").text = plain(message.description)
    for participant in message.participants:
        _participant(root, participant)
    origin = SubElement(root, "AuditSourceIdentification", AuditSourceID=plain(source_id))
    SubElement(origin, "AuditSourceTypeCode", {"csd-code": "4"})  # application server process
    for one in message.objects:
        _object(root, one)
    return f'<?xml version="1.0" encoding="UTF-8"?>{tostring(root, encoding="unicode")}'


def time_of(at: datetime) -> str:
    """A time as the schema and syslog have it (RFC 3339), UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def plain(words: str) -> str:
    """Text that XML can hold, on one line, and not longer than needed."""
    return _NO_TEXT.sub("\ufffd", words[:LONGEST_TEXT])


def _code(parent: Element, name: str, code: Code) -> None:
    SubElement(
        parent,
        name,
        {"csd-code": code.value, "codeSystemName": code.scheme, "originalText": code.meaning},
    )


def _participant(root: Element, participant: Participant) -> None:
    element = SubElement(root, "ActiveParticipant", UserID=plain(participant.user_id))
    if participant.ae_title:
        element.set("AlternativeUserID", f"AETITLES={plain(participant.ae_title)}")
    element.set("UserIsRequestor", str(participant.is_requestor).lower())
    if participant.address:
        element.set("NetworkAccessPointID", plain(participant.address))
        element.set("NetworkAccessPointTypeCode", _kind_of(participant.address))
    if participant.role is not None:
        _code(element, "RoleIDCode", participant.role)


def _kind_of(address: str) -> str:
    """NetworkAccessPointTypeCode: 5 for a URL, 2 for an IP address, 1 for a name."""
    if "://" in address:
        return "5"
    try:
        ip_address(address)
    except ValueError:
        return "1"
    return "2"


def _object(root: Element, one: Patient | Study | Question | Suspect) -> None:
    match one:
        case Patient():
            _named(root, _PATIENT, one.patient_id, one.name, ("1", "1"))
        case Study():
            _study(_named(root, _STUDY, one.uid, one.uid, ("2", "3")), one)
        case Suspect():
            element = _named(root, _NODE, one.node, one.node, ("2", "13"))
            _detail(element, "Alert Description", plain(one.description).encode())
        case _:  # a question
            element = _identified(root, _SOP_CLASS, one.sop_class_uid, ("2", "3"))
            asked = b64encode(one.identifier).decode()
            SubElement(element, "ParticipantObjectQuery").text = asked
            _detail(element, "TransferSyntax", one.transfer_syntax_uid.encode())


def _identified(root: Element, code: Code, identifier: str, role: tuple[str, str]) -> Element:
    """An object by its identifier.

    Args:
        root: Of the message.
        code: What the identifier is.
        identifier: Which object.
        role: ParticipantObjectTypeCode and -Role: 1, 1 patient; 2, 3 report; 2, 13 resource.
    """
    element = SubElement(root, "ParticipantObjectIdentification")
    element.set("ParticipantObjectID", plain(identifier))
    element.set("ParticipantObjectTypeCode", role[0])
    element.set("ParticipantObjectTypeCodeRole", role[1])
    _code(element, "ParticipantObjectIDTypeCode", code)
    return element


def _named(root: Element, code: Code, identifier: str, name: str, role: tuple[str, str]) -> Element:
    element = _identified(root, code, identifier, role)
    SubElement(element, "ParticipantObjectName").text = plain(name)
    return element


def _detail(element: Element, kind: str, content: bytes) -> None:
    encoded = b64encode(content).decode()
    SubElement(element, "ParticipantObjectDetail", {"type": kind, "value": encoded})


def _study(element: Element, study: Study) -> None:
    description = SubElement(element, "ParticipantObjectDescription")
    if study.accession_number:
        SubElement(description, "Accession", Number=plain(study.accession_number))
    for sop_class_uid, uids in _by_class(study.instances):
        number = str(len(uids))
        of_class = SubElement(
            description, "SOPClass", UID=plain(sop_class_uid), NumberOfInstances=number
        )
        for uid in uids if len(study.instances) <= MOST_NAMED else ():
            SubElement(of_class, "Instance", UID=plain(uid))


def _by_class(instances: Iterable[tuple[str, str]]) -> Iterable[tuple[str, list[str]]]:
    found: dict[str, list[str]] = defaultdict(list)
    for sop_class_uid, uid in instances:
        found[sop_class_uid].append(uid)
    return found.items()
