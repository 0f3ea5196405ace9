"""Storage commitment as messages: one request, or one report, on an association of its own.

Source: PS3.4 annex J.
"""

import threading
from collections.abc import Collection, Sequence
from dataclasses import replace
from io import BytesIO

from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context, build_role, evt
from pynetdicom.events import Event
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

from mumap_node.dicom.commitment import (
    ALL_COMMITTED,
    SOME_FAILED,
    Reference,
    Report,
    Request,
    report_dataset,
    request_dataset,
)
from mumap_node.dicom.uids import derive_uid
from mumap_node.node.calling import Call, CallFailed, Patience, Served
from mumap_node.node.commitments import REQUEST, answer_report
from mumap_node.node.deliverer.scu import not_called
from mumap_node.node.jobs.deliveries import Answer
from mumap_node.node.routing import Destination
from mumap_node.node.spool.commitments import Question, Transactions
from mumap_node.node.spool.files import Spool
from mumap_node.node.spool.records import DeliveryState

SUCCESS = 0x0000
DUPLICATE_INVOCATION = 0x0210
"""The destination knows the request: an attempt that was killed had asked it."""

FOR_NOW = frozenset({0x0110, 0x0213})
"""Processing failure and resource limitation. Source: PS3.7 annex C."""

_CONTEXTS = [
    build_context(StorageCommitmentPushModel, syntax)
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
]


def transaction_of(job_id: str, destination: str, number: int) -> str:
    """Transaction UID of what an attempt asks; the same however often it is repeated."""
    return derive_uid("storage-commitment", job_id, destination, str(number))


def reference_to(encoded: bytes) -> Reference:
    """What a stored object is asked about by."""
    header = dcmread(BytesIO(encoded), specific_tags=["SOPClassUID", "SOPInstanceUID"])
    return Reference(str(header.SOPClassUID), str(header.SOPInstanceUID))


def judge_report(report: Report, expected: Collection[str], destination: str) -> Answer:
    """What a report means for a delivery.

    Args:
        report: Of the destination.
        expected: SOP Instance UIDs of all objects of the delivery.
        destination: Its name.
    """
    kept = set(report.committed) - report.failed.keys()
    lost = [uid for uid in expected if uid not in kept]
    if not lost:
        return Answer(DeliveryState.ACCEPTED)
    reasons = sorted({report.failed[uid] for uid in lost if uid in report.failed})
    told = ", ".join(f"0x{reason:04X}" for reason in reasons) or "none"
    return Answer(
        DeliveryState.WAITING,
        reason="commitment-failed",
        sentence=f"expected {destination!r} to keep {len(expected)} objects, found it without "
        f"{len(lost)} of them, failure reason {told}",
        status=reasons[0] if reasons else None,
    )


def request_commitment(
    spool: Spool,
    question: Question,
    references: Sequence[Reference],
    destination: Destination,
    calling_ae_title: str,
    patience: Patience,
) -> Answer:
    """Ask a destination to commit itself to objects it accepted (N-ACTION).

    A report that comes at once, on the same association, is kept like any other.

    Args:
        spool: Where question and report are kept.
        question: What is asked; kept before it is.
        references: The objects.
        destination: Whom to ask.
        calling_ae_title: Who we say we are.
        patience: How long to wait.
    """
    Transactions(spool).ask(question)
    taken, answered = threading.Event(), threading.Event()

    def on_report(event: Event) -> tuple[int, None]:
        status = answer_report(spool, destination.ae_title, event)
        taken.set()
        return status, None

    def on_sent(event: Event) -> None:
        # Only now may the association be released: pynetdicom would send the answer after that.
        if taken.is_set() and isinstance(event.pdu, P_DATA_TF):
            answered.set()

    call = Call(destination, calling_ae_title, patience)
    try:
        serves: list[Served] = [
            (evt.EVT_N_EVENT_REPORT, on_report),
            (evt.EVT_PDU_SENT, on_sent),
        ]
        association = call.open(_CONTEXTS, serves=serves)
    except CallFailed as error:
        return _not_offered(not_called(error), destination)
    information = request_dataset(Request(question.transaction_uid, tuple(references)))
    try:
        status, _ = association.send_n_action(
            information, REQUEST, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
        )
        answer = _of_request(call, status, destination)
        if answer.state is DeliveryState.COMMITTING:
            answered.wait(patience.report_seconds)
    except RuntimeError:  # the association ended between its opening and the request
        return not_called(call.aborted())
    finally:
        association.release()
    return answer


def report_commitment(
    transaction_uid: str,
    references: Sequence[Reference],
    failed: dict[Reference, int],
    destination: Destination,
    calling_ae_title: str,
    patience: Patience,
) -> Answer:
    """Report to a peer which of its objects are kept (N-EVENT-REPORT), as provider.

    Args:
        transaction_uid: Of the peer's request.
        references: All objects it asked about.
        failed: Failure Reason of those that are not kept.
        destination: Where the peer wants its answers.
        calling_ae_title: Who we say we are.
        patience: How long to wait.
    """
    call = Call(destination, calling_ae_title, patience)
    try:
        association = call.open(
            _CONTEXTS,
            wanted="the report",
            roles=[build_role(StorageCommitmentPushModel, scp_role=True)],
        )
    except CallFailed as error:
        return not_called(error)
    information = report_dataset(transaction_uid, references, failed)
    try:
        status, _ = association.send_n_event_report(
            information,
            SOME_FAILED if failed else ALL_COMMITTED,
            StorageCommitmentPushModel,
            StorageCommitmentPushModelInstance,
        )
    except RuntimeError:
        return not_called(call.aborted())
    finally:
        association.release()
    return _of_report(call, status, destination)


def _of_request(call: Call, answered: Dataset, destination: Destination) -> Answer:
    status = answered.get("Status")
    if status is None:
        return not_called(call.silent("an N-ACTION response"))
    found = f"found status 0x{status:04X}"
    if status in (SUCCESS, DUPLICATE_INVOCATION):
        return Answer(
            DeliveryState.COMMITTING,
            reason="awaiting-commitment",
            sentence=f"the objects were accepted; expected {destination.name!r} to report that it "
            "keeps them, found no report yet",
            status=status,
        )
    if status in FOR_NOW:
        return Answer(
            DeliveryState.WAITING,
            reason="peer-failed",
            sentence=f"the objects were accepted; expected a request for commitment to be, {found}",
            status=status,
        )
    return Answer(
        DeliveryState.REFUSED,
        reason="commitment-refused",
        sentence=f"the objects were accepted; expected a request for commitment to be, {found}",
        status=status,
    )


def _not_offered(answer: Answer, destination: Destination) -> Answer:
    """Why no association came about; in other words where the service is what is missing."""
    if answer.reason != "no-accepted-context":
        return answer
    return replace(
        answer,
        reason="commitment-not-offered",
        sentence="the objects were accepted; expected Storage Commitment to be offered, found it "
        f"not: have it enabled there, or set commitment = false at [[destinations]] with "
        f'name = "{destination.name}"',
    )


def _of_report(call: Call, answered: Dataset, destination: Destination) -> Answer:
    status = answered.get("Status")
    if status is None:
        return not_called(call.silent("an N-EVENT-REPORT response"))
    if status == SUCCESS:
        return Answer(DeliveryState.ACCEPTED, status=status)
    return Answer(
        DeliveryState.WAITING if status in FOR_NOW else DeliveryState.REFUSED,
        reason="commitment-report-refused",
        sentence=f"expected {destination.name!r} to take the report, found status 0x{status:04X}",
        status=status,
    )
