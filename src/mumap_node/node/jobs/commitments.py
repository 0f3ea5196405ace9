"""Reports to peers about what is kept of their objects: how far they came, what is next."""

from datetime import datetime

import structlog

from mumap_node.node.engine.attempts import Attempt, Kind
from mumap_node.node.jobs.deliveries import Answer, record_answer
from mumap_node.node.jobs.dossier import seconds_left
from mumap_node.node.spool.commitments import Transactions
from mumap_node.node.spool.files import locked, write_record
from mumap_node.node.spool.records import Delivery, DeliveryState

log = structlog.get_logger()

_EVENTS = {
    DeliveryState.ACCEPTED: "commitment.answered",
    DeliveryState.REFUSED: "commitment.not_answered",
    DeliveryState.WAITING: "commitment.postponed",
    DeliveryState.GAVE_UP: "commitment.given_up",
}


def next_report_attempt(key: str, progress: Delivery, now: datetime) -> Attempt:
    """The next attempt at a report, to begin when its time has come.

    Args:
        key: Of the transaction.
        progress: How far the report came.
        now: UTC.
    """
    seconds = seconds_left(progress, now)
    return Attempt(Kind.COMMIT, key, progress.attempts + 1, progress.destination, seconds)


def keep_progress(
    transactions: Transactions, attempt: Attempt, answer: Answer, now: datetime
) -> Delivery:
    """Write down what came of an attempt at a report, and say so in the log."""
    path = transactions.progress_file(attempt.job_id)
    with locked(path.parent):
        before = transactions.progress(attempt.job_id, attempt.destination)
        progress = record_answer(before, attempt, answer, now)
        write_record(path, progress)
    log.info(
        _EVENTS[progress.state],
        destination=attempt.destination,
        attempt=attempt.number,
        reason=progress.reason,
        sentence=progress.sentence,
        status=progress.status,
    )
    return progress
