"""Events of this node as audit messages: which participants and objects each of them has."""

import hashlib
import json
import os
import socket
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from io import BytesIO

from pydicom import Dataset, dcmread

from mumap_node.dicom.audit import (
    APPLICATION,
    APPLICATION_ACTIVITY,
    APPLICATION_START,
    APPLICATION_STOP,
    BEGIN_TRANSFERRING,
    DESTINATION,
    NOBODY,
    NODE_AUTHENTICATION,
    QUERY,
    SECURITY_ALERT,
    SOURCE,
    TRANSFERRED,
    AuditMessage,
    Outcome,
    Participant,
    Question,
    Suspect,
    subject_of,
)
from mumap_node.dicom.codes import Code
from mumap_node.dicom.elements import text
from mumap_node.node.dicomweb.destination import AnyDestination, WebDestination

_SUBJECT = ("SpecificCharacterSet", "AccessionNumber", "PatientID", "PatientName",
            "StudyInstanceUID", "SOPClassUID", "SOPInstanceUID")  # fmt: skip


def started(component: str, ae_title: str, at: datetime) -> AuditMessage:
    """A process of this node began."""
    return _application(component, ae_title, at, APPLICATION_START)


def stopped(component: str, ae_title: str, at: datetime) -> AuditMessage:
    """A process of this node ended, as it was asked to."""
    return _application(component, ae_title, at, APPLICATION_STOP)


def died(component: str, ae_title: str, at: datetime, how: str) -> AuditMessage:
    """A process of this node ended unasked, as its supervisor saw.

    Args:
        component: Which.
        ae_title: Of this node.
        at: When it was seen, UTC.
        how: Exit code or signal.
    """
    return replace(
        _application(component, ae_title, at, APPLICATION_STOP),
        outcome=Outcome.SERIOUS_FAILURE,
        description=f"ended unasked: {how}",
    )


def _application(component: str, ae_title: str, at: datetime, kind: Code) -> AuditMessage:
    us = _us(ae_title, APPLICATION, is_requestor=False)
    return AuditMessage(
        key=key_of("application", kind.value, component, str(os.getpid()), at.isoformat()),
        event=APPLICATION_ACTIVITY,
        action="E",
        at=at,
        participants=(replace(us, user_id=f"mumap-node {component}"),),
        kind=kind,
    )


def received(
    name: str, header: Dataset | None, at: datetime, *, is_new: bool = True, refused: str = ""
) -> AuditMessage:
    """An instance came.

    Args:
        name: Of its file in the inbox: the same for as long as it is there.
        header: As read, with its file meta information; None where it cannot be.
        at: When it was acknowledged, UTC.
        is_new: Whether the node did not have it already.
        refused: Why it is put aside; empty where it is not.
    """
    meta = header.file_meta if header is not None else Dataset()
    sender, ours = (
        text(meta, keyword)
        for keyword in ("SourceApplicationEntityTitle", "ReceivingApplicationEntityTitle")
    )
    address = text(meta, "SourcePresentationAddress")
    return AuditMessage(
        key=key_of("received", name),
        event=TRANSFERRED,
        action="C" if is_new else "R",  # PS3.15 A.5.3.7
        at=at,
        participants=(
            Participant(
                sender or "unknown", SOURCE, is_requestor=True, ae_title=sender, address=address
            ),
            _us(ours, DESTINATION, is_requestor=False),
        ),
        objects=NOBODY if header is None else subject_of([header]),
        outcome=Outcome.MINOR_FAILURE if refused else Outcome.SUCCESS,
        description=refused,
    )


class Transfer:
    """Objects on their way to a destination, in one attempt."""

    def __init__(
        self, key: str, objects: Sequence[bytes], ae_title: str, destination: AnyDestination
    ) -> None:
        """Read whom they are of.

        Args:
            key: Of the attempt.
            objects: Whole files, of one study.
            ae_title: Of this node.
            destination: Where they go.
        """
        self._key = key
        self._headers = [dcmread(BytesIO(one), specific_tags=list(_SUBJECT)) for one in objects]
        self._participants = (
            _us(ae_title, SOURCE, is_requestor=True),
            _them(destination),
        )

    def begins(self, at: datetime) -> AuditMessage:
        """All of them are about to be sent."""
        return self._told("begin", BEGIN_TRANSFERRING, at, self._headers, action="E")

    def ended(
        self, at: datetime, accepted: int, outcome: Outcome, description: str
    ) -> list[AuditMessage]:
        """What was accepted, and what was not: a message each, where there are such objects.

        Args:
            at: UTC.
            accepted: How many were, the first ones.
            outcome: Of those that were not.
            description: Why they were not.
        """
        told = []
        if taken := self._headers[:accepted]:
            told.append(self._told("accepted", TRANSFERRED, at, taken))
        if others := self._headers[accepted:]:
            message = self._told("not accepted", TRANSFERRED, at, others)
            told.append(replace(message, outcome=outcome, description=description))
        return told

    def _told(
        self, what: str, event: Code, at: datetime, headers: Sequence[Dataset], action: str = "R"
    ) -> AuditMessage:
        return AuditMessage(
            key=key_of("sent", self._key, what),
            event=event,
            action=action,
            at=at,
            participants=self._participants,
            objects=subject_of(headers),
        )


def asked(question: Question, archive: AnyDestination, ae_title: str, at: datetime) -> AuditMessage:
    """An archive is about to be asked what it has.

    Args:
        question: What is asked.
        archive: Who is.
        ae_title: Of this node.
        at: UTC.
    """
    return AuditMessage(
        key=key_of("query", archive.name, at.isoformat(), question.identifier.hex()),
        event=QUERY,
        action="E",
        at=at,
        participants=(
            _us(ae_title, SOURCE, is_requestor=True),
            _them(archive),
        ),
        objects=(question,),
    )


def turned_away(
    ae_title: str, calling_ae_title: str, address: str, at: datetime, description: str
) -> AuditMessage:
    """Somebody was refused an association.

    Args:
        ae_title: Of this node.
        calling_ae_title: What the caller says it is; empty where it said nothing yet.
        address: IP address it called from; empty for several callers.
        at: UTC.
        description: Why.
    """
    who = calling_ae_title or address or "several callers"
    return AuditMessage(
        key=key_of("alert", who, address, at.isoformat(), description),
        event=SECURITY_ALERT,
        action="E",
        at=at,
        participants=(
            _us(ae_title, APPLICATION, is_requestor=False),
            Participant(who, None, is_requestor=True, ae_title=calling_ae_title, address=address),
        ),
        objects=(Suspect(who, description),),
        kind=NODE_AUTHENTICATION,
        outcome=Outcome.MINOR_FAILURE,
        description=description,
    )


def key_of(*parts: str) -> str:
    """Key of an event: the same whenever the parts are; tells nothing of them."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _us(ae_title: str, role: Code, *, is_requestor: bool) -> Participant:
    return Participant(ae_title or "mumap-node", role, is_requestor, ae_title, socket.gethostname())


def _them(destination: AnyDestination) -> Participant:
    if isinstance(destination, WebDestination):
        return Participant(
            destination.url, DESTINATION, is_requestor=False, address=destination.url
        )
    title = destination.ae_title
    return Participant(
        title, DESTINATION, is_requestor=False, ae_title=title, address=destination.host
    )
