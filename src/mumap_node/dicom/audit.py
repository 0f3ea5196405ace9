"""Audit messages: what happened, who took part and whom it concerns.

The one place outside DICOM objects in which a patient is named. Which participants and objects
each message has: PS3.15 A.5.3; codes: PS3.16 CID 400 to 402.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from pydicom import Dataset

from mumap_node.dicom.codes import Code
from mumap_node.dicom.elements import text, value
from mumap_node.dicom.quiet import quiet
from mumap_node.dicom.repertoire import decode, encodings

APPLICATION_ACTIVITY = Code("110100", "DCM", "Application Activity")
BEGIN_TRANSFERRING = Code("110102", "DCM", "Begin Transferring DICOM Instances")
TRANSFERRED = Code("110104", "DCM", "DICOM Instances Transferred")
QUERY = Code("110112", "DCM", "Query")
SECURITY_ALERT = Code("110113", "DCM", "Security Alert")
"""Events (CID 400)."""

APPLICATION_START = Code("110120", "DCM", "Application Start")
APPLICATION_STOP = Code("110121", "DCM", "Application Stop")
NODE_AUTHENTICATION = Code("110126", "DCM", "Node Authentication")
"""Kinds of events (CID 401)."""

APPLICATION = Code("110150", "DCM", "Application")
DESTINATION = Code("110152", "DCM", "Destination Role ID")
SOURCE = Code("110153", "DCM", "Source Role ID")
"""Roles of participants (CID 402)."""


class Outcome(IntEnum):
    """How an event ended (EventOutcomeIndicator)."""

    SUCCESS = 0
    MINOR_FAILURE = 4  #: it is tried again, or one thing of many
    SERIOUS_FAILURE = 8  #: for good


@dataclass(frozen=True, slots=True)
class Participant:
    """Who took part.

    Attributes:
        user_id: What it is known by: an AE title, an address, a process of this node.
        role: Source, destination or application; None for none of them.
        is_requestor: Whether it began.
        ae_title: Its AE title; empty for none.
        address: IP address, host name or URL; empty where it is unknown.
    """

    user_id: str
    role: Code | None
    is_requestor: bool
    ae_title: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """Whom it concerns.

    Attributes:
        patient_id: Patient ID; empty where it is unknown.
        name: Patient's Name.
    """

    patient_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Study:
    """Which images it concerns.

    Attributes:
        uid: Study Instance UID; empty where it is unknown.
        accession_number: Accession Number; empty for none.
        instances: SOP Class and SOP Instance UID of each.
    """

    uid: str
    accession_number: str
    instances: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked.

    Attributes:
        sop_class_uid: The information model.
        identifier: The encoded keys.
        transfer_syntax_uid: What they are encoded in.
    """

    sop_class_uid: str
    identifier: bytes
    transfer_syntax_uid: str


@dataclass(frozen=True, slots=True)
class Suspect:
    """What a security alert is about.

    Attributes:
        node: Address or AE title.
        description: What it did.
    """

    node: str
    description: str


@dataclass(frozen=True, slots=True)
class AuditMessage:
    """One event.

    Attributes:
        key: Of the event: repeated where it is told again, and nobody else's. No patient in it.
        event: What happened.
        action: C for create, R for read, E for execute.
        at: When, UTC.
        participants: At least one.
        objects: What it concerns; of at most one patient.
        kind: Which of such events; None where there is but one.
        outcome: How it ended.
        description: Why it failed; empty where it did not.
    """

    key: str
    event: Code
    action: str
    at: datetime
    participants: tuple[Participant, ...]
    objects: tuple[Patient | Study | Question | Suspect, ...] = ()
    kind: Code | None = None
    outcome: Outcome = Outcome.SUCCESS
    description: str = ""


NOBODY = (Study("", "", ()), Patient("", ""))
"""Subject of an object that cannot be read."""


@quiet()
def subject_of(headers: Sequence[Dataset]) -> tuple[Study, Patient]:
    """Study and patient of objects of one study.

    Args:
        headers: At least one, as read; they are left as they are.
    """
    first = headers[0]
    codecs = encodings(first)
    accession, patient_id, name = (
        decode(value(first, keyword).strip(b" \0"), codecs)
        for keyword in ("AccessionNumber", "PatientID", "PatientName")
    )
    instances = tuple((text(one, "SOPClassUID"), text(one, "SOPInstanceUID")) for one in headers)
    return Study(text(first, "StudyInstanceUID"), accession, instances), Patient(patient_id, name)
