"""Delivery: objects to one destination by C-STORE, one attempt, and what its answers mean."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from pydicom import Dataset, dcmread
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at import

from mumap_node.node.calling import Call, CallFailed, Patience
from mumap_node.node.deliverer.answers import MAY_HOLD, judge
from mumap_node.node.jobs.deliveries import Answer
from mumap_node.node.routing import Destination
from mumap_node.node.spool.records import DeliveryState

SLOWEST_BYTES_PER_SECOND = 100_000
"""Link speed that is still waited for: pynetdicom's timeout runs while the bytes are under way."""


@dataclass(frozen=True, slots=True)
class Sent:
    """How far an attempt came.

    Attributes:
        accepted: How many objects were accepted, the first ones.
        answer: To the first that was not, else to the last.
        is_unanswered: Whether nothing was answered to the first sending of an object.
    """

    accepted: int
    answer: Answer
    is_unanswered: bool = False

    @property
    def may_have_left_some(self) -> bool:
        """Whether the destination may hold objects now."""
        return self.accepted > 0 or self.is_unanswered or self.answer.reason in MAY_HOLD


_REFUSED = DeliveryState.REFUSED
_RETRY = DeliveryState.WAITING


def send(
    objects: Sequence[bytes],
    destination: Destination,
    calling_ae_title: str,
    *,
    accept_warnings: bool = False,
    patience: Patience | None = None,
) -> Sent:
    """Send stored objects over one association, in order, up to the first that is not accepted.

    A file's own transfer syntax is preferred, and the uncompressed ones offered beside it.
    Every sending of a file in the same transfer syntax has the same bytes.

    pynetdicom's SCU can lose a response to its own reactor thread and then waits until its
    timeout, though the peer has stored the object; so an unanswered C-STORE is repeated at once
    on a fresh association before it counts as a failure.

    Args:
        objects: Whole files, at least one.
        destination: Where they go.
        calling_ae_title: Who we say we are.
        accept_warnings: Whether 0xB000, 0xB006 and 0xB007 count as accepted.
        patience: How long to wait for the peer.
    """
    datasets = [dcmread(BytesIO(encoded)) for encoded in objects]
    allowance = max(map(len, objects)) / SLOWEST_BYTES_PER_SECOND
    call = Call(destination, calling_ae_title, patience or Patience(), allowance)
    accepted, answer = _store_all(call, datasets, accept_warnings=accept_warnings)
    is_unanswered = answer is None
    if is_unanswered:
        more, answer = _store_all(call, datasets[accepted:], accept_warnings=accept_warnings)
        accepted += more
    silent = Answer(
        _RETRY,
        reason="peer-silent",
        sentence=f"expected a C-STORE response from {destination.name!r}, found none, twice",
    )
    return Sent(accepted, answer or silent, is_unanswered)


def echo(
    destination: Destination, calling_ae_title: str, patience: Patience | None = None
) -> Answer:
    """Ask a destination whether it is there (C-ECHO)."""
    call = Call(destination, calling_ae_title, patience or Patience())
    try:
        return judge(_echo(call), accept_warnings=False)
    except CallFailed as failed:
        return not_called(failed)


def _store_all(
    call: Call, datasets: Sequence[Dataset], *, accept_warnings: bool
) -> tuple[int, Answer | None]:
    """C-STORE on a fresh association, up to the first that is not accepted.

    Returns:
        How many were accepted, and the last answer; None where none came in time.
    """
    accepted = 0
    answer: Answer | None = None
    try:
        association = call.open(_offered(datasets))
        try:
            for dataset in datasets:
                answer = _store(call, association, dataset)
                answer = answer and judge(answer, accept_warnings=accept_warnings)
                if answer is None or answer.state is not DeliveryState.ACCEPTED:
                    break
                accepted += 1
        finally:
            association.release()
    except CallFailed as failed:
        answer = not_called(failed)
    return accepted, answer


def _store(call: Call, association: Association, dataset: Dataset) -> Answer | None:
    """C-STORE; None where nothing was answered in time."""
    used = _used(association, dataset)
    if not used:
        raise call.not_taken("the object")
    started = time.monotonic()
    try:
        status = association.send_c_store(dataset)
    except RuntimeError:  # the association ended between its opening and the request
        raise call.aborted() from None
    if "Status" in status:
        return Answer(_RETRY, status=status.Status, transfer_syntax_uid=used)
    if time.monotonic() - started < call.answer_seconds:
        raise call.aborted()
    return None


def _echo(call: Call) -> Answer:
    """C-ECHO on a fresh association."""
    association = call.open([build_context(UID(Verification), ImplicitVRLittleEndian)])
    try:
        status = association.send_c_echo()
    except RuntimeError:
        raise call.aborted() from None
    finally:
        association.release()
    if "Status" not in status:
        raise call.silent("a C-ECHO response")
    return Answer(_RETRY, status=status.Status)


def not_called(failed: CallFailed) -> Answer:
    """What a call that failed means for a delivery."""
    state = _REFUSED if failed.is_final else _RETRY
    return Answer(state, reason=failed.reason, sentence=failed.sentence)


def _offered(datasets: Sequence[Dataset]) -> list[PresentationContext]:
    """One context per SOP class and transfer syntax: of several, the peer would choose."""
    pairs = {
        (UID(dataset.SOPClassUID), UID(syntax)): None
        for dataset in datasets
        for syntax in (
            dataset.file_meta.TransferSyntaxUID,
            ExplicitVRLittleEndian,
            ImplicitVRLittleEndian,
        )
    }
    return [build_context(sop_class, syntax) for sop_class, syntax in pairs]


def _used(association: Association, dataset: Dataset) -> str:
    """The transfer syntax pynetdicom sends in: the file's own where it was accepted."""
    own = dataset.file_meta.TransferSyntaxUID
    accepted = [
        context.transfer_syntax[0]
        for context in association.accepted_contexts
        if context.abstract_syntax == dataset.SOPClassUID
    ]
    return str(own if own in accepted else (*accepted, "")[0])
