"""Storage commitment on the wire: what N-ACTION and N-EVENT-REPORT are answered.

Success is a promise that what was said is on disk; who has to act on it is told by the bell.
Source: PS3.4 annex J.3.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import IntEnum
from io import BytesIO

import structlog
from pynetdicom.dimse_primitives import N_ACTION, N_EVENT_REPORT
from pynetdicom.events import Event
from pynetdicom.sop_class import (
    StorageCommitmentPushModelInstance,
)

from mumap_node.dicom.commitment import ALL_COMMITTED, SOME_FAILED, read_report, read_request
from mumap_node.errors import InputRejected, NodeError
from mumap_node.node import bell
from mumap_node.node.routing import Peer
from mumap_node.node.spool.commitments import Asked, Transactions
from mumap_node.node.spool.files import Spool

LONGEST_MESSAGE = 1_500_000
"""Bytes of a request or report that is decoded: 10 000 objects with the longest UIDs there are."""

REQUEST = 1
"""Action type: request storage commitment. Source: PS3.4 table J.3-1."""


class Status(IntEnum):
    """Answers to N-ACTION and N-EVENT-REPORT. Source: PS3.7 annex C."""

    SUCCESS = 0x0000  #: kept durably
    PROCESSING_FAILURE = 0x0110  #: cannot be answered, or a bug of ours
    NO_SUCH_INSTANCE = 0x0112  #: not the well-known instance of storage commitment
    NO_SUCH_EVENT = 0x0113
    INVALID_ARGUMENT = 0x0115  #: malformed, or of a transaction the sender has no part in
    DUPLICATE_INVOCATION = 0x0210  #: another request has this transaction UID
    RESOURCE_LIMITATION = 0x0213  #: too long; or the disk is full or broken
    NO_SUCH_ACTION = 0x0123


STATUS_BY_REASON = {
    "commitment-instance": Status.NO_SUCH_INSTANCE,
    "commitment-event": Status.NO_SUCH_EVENT,
    "commitment-action": Status.NO_SUCH_ACTION,
    "commitment-malformed": Status.INVALID_ARGUMENT,
    "commitment-too-long": Status.RESOURCE_LIMITATION,
    "commitment-no-reply-to": Status.PROCESSING_FAILURE,
    "commitment-repeated": Status.DUPLICATE_INVOCATION,
    "unknown-transaction": Status.INVALID_ARGUMENT,
    "spool-write-failed": Status.RESOURCE_LIMITATION,
    "receiver-error": Status.PROCESSING_FAILURE,
}
"""docs/conformance.md has the same table."""

_log = structlog.get_logger()


def answer_request(spool: Spool, peer: Peer, event: Event) -> int:
    """Keep what a peer asks us to commit ourselves to, and give the status of the N-ACTION.

    Args:
        spool: Where it is kept.
        peer: Who asks.
        event: The N-ACTION.
    """

    def take() -> str:
        message: N_ACTION = event.request  # type: ignore[assignment]  # bound to nothing else
        _check(message.RequestedSOPInstanceUID, message.ActionInformation)
        if message.ActionTypeID != REQUEST:
            raise InputRejected("commitment-action", "expected action type 1, found another")
        if not peer.reply_to:
            raise InputRejected(
                "commitment-no-reply-to",
                f"expected reply_to at peer {peer.name!r}, where to report to; found none",
            )
        request = read_request(event.action_information)
        uid, references = request.transaction_uid, request.references
        asked = Asked(uid, peer.name, peer.reply_to, references, datetime.now(UTC))
        transactions = Transactions(spool)
        if transactions.keep_asked(asked):
            return "requested"
        known = transactions.asked(uid)
        if known is None or (known.peer, known.references) != (peer.name, references):
            raise InputRejected(
                "commitment-repeated", "expected a new transaction, found one with other objects"
            )
        return "requested again"

    hint = f'[[peers]]\nname = "{peer.name}"\nreply_to = "DESTINATION"\n'
    return _answered(spool, take, peer=peer.name, **({} if peer.reply_to else {"settings": hint}))


def answer_report(spool: Spool, sender: str, event: Event) -> int:
    """Keep what a destination reports, and give the status of the N-EVENT-REPORT.

    Args:
        spool: Where it is kept.
        sender: AE title of who reports.
        event: The N-EVENT-REPORT.
    """

    def take() -> str:
        message: N_EVENT_REPORT = event.request  # type: ignore[assignment]  # as above
        _check(message.AffectedSOPInstanceUID, message.EventInformation)
        if message.EventTypeID not in (ALL_COMMITTED, SOME_FAILED):
            raise InputRejected("commitment-event", "expected event type 1 or 2, found another")
        report = read_report(event.event_information)
        transactions = Transactions(spool)
        question = transactions.question(report.transaction_uid)
        if question is None or question.ae_title.strip() != sender.strip():
            raise InputRejected(
                "unknown-transaction",
                f"expected a transaction that was asked of {sender.strip()!r}, found none",
            )
        is_new = transactions.keep_report(report)
        return "reported" if is_new else "reported again"

    return _answered(spool, take, calling_ae_title=sender.strip())


def _check(sop_instance_uid: str | None, information: BytesIO | None) -> None:
    if sop_instance_uid != StorageCommitmentPushModelInstance:
        raise InputRejected(
            "commitment-instance",
            f"expected the instance {StorageCommitmentPushModelInstance}, found another",
        )
    size = len(information.getbuffer()) if information else 0
    if size > LONGEST_MESSAGE:
        raise InputRejected(
            "commitment-too-long", f"expected up to {LONGEST_MESSAGE} bytes, found {size}"
        )


def _answered(spool: Spool, take: Callable[[], str], **who: str) -> int:
    """Status of a message, once it was taken or refused, and the line in the log."""
    try:
        _log.info("commitment.taken", outcome=take(), **who)
    except NodeError as error:
        reason, sentence = error.reason, error.sentence
    except OSError as error:
        reason = "spool-write-failed"
        sentence = f"expected to keep the message, found: {error.strerror}"
    # A bug must not become a status that nobody explains, as in receiver/reception.py.
    except Exception:  # noqa: BLE001
        _log.exception("receiver.failed", **who)
        reason, sentence = "receiver-error", "expected to keep the message, found a bug"
    else:
        bell.ring(spool.bell)
        return Status.SUCCESS
    status = STATUS_BY_REASON.get(reason, Status.PROCESSING_FAILURE)
    _log.error(
        "commitment.refused", reason=reason, sentence=sentence, status=f"{status:#06x}", **who
    )
    return status
