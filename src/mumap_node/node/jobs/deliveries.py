"""What is written down about deliveries, and the line that says how a job ended."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from mumap_node.node.engine.attempts import Attempt
from mumap_node.node.engine.retries import is_over, wait_before_attempt
from mumap_node.node.jobs.counting import count_answer
from mumap_node.node.jobs.dossier import delivery_file, read_delivery, read_dossier
from mumap_node.node.jobs.states import FINAL, JobState
from mumap_node.node.spool.files import Spool, locked, write_record
from mumap_node.node.spool.records import UNDER_WAY, Delivery, DeliveryState

ASK_AGAIN = timedelta(hours=1)
"""After which a destination that has not said whether it keeps the objects is asked again."""

log = structlog.get_logger()

_EVENTS = {
    DeliveryState.COMMITTING: "delivery.committing",
    DeliveryState.ACCEPTED: "delivery.accepted",
    DeliveryState.REFUSED: "delivery.refused",
    DeliveryState.WAITING: "delivery.postponed",
    DeliveryState.GAVE_UP: "delivery.given_up",
    DeliveryState.CANCELLED: "delivery.cancelled",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt.

    Attributes:
        state: Accepted; refused for good; waiting, which is to be tried again; or committing.
        reason: Stable code of docs/operations.md; empty where accepted.
        sentence: Expected and found; never the peer's own words, which may name a patient.
        status: DIMSE status; None where there was no answer.
        transfer_syntax_uid: What it was sent in; empty where it was not.
        stored_by: Number of the attempt whose objects are to be committed; 0 for none.
        wait_seconds: How long the peer asks to be left alone.
        may_hold: Whether the destination may hold objects now; None where that is not known anew.
    """

    state: DeliveryState
    reason: str = ""
    sentence: str = ""
    status: int | None = None
    transfer_syntax_uid: str = ""
    stored_by: int = 0
    wait_seconds: float = 0.0
    may_hold: bool | None = None


def keep_stopped(
    spool: Spool, now: Callable[[], datetime], attempt: Attempt, reason: str, sentence: str
) -> None:
    """Keep that an attempt ended by a bug or by repeated crashes."""
    keep_answer(spool, attempt, Answer(DeliveryState.REFUSED, reason, sentence), now(), 0.0)


def keep_begun(spool: Spool, delivery: Delivery, job_id: str) -> None:
    """Write down, before the first object leaves, that the destination may hold some."""
    if delivery.may_hold:
        return
    with locked(spool.job_folder(job_id)):
        current = read_delivery(spool, job_id, delivery.destination)
        path = spool.delivery_file(job_id, delivery.destination)
        write_record(path, replace(current, may_hold=True))


def keep_answer(
    spool: Spool, attempt: Attempt, answer: Answer, now: datetime, seconds: float
) -> Delivery:
    """Write down what came of an attempt, and say so in the log.

    Args:
        spool: Where the delivery is kept.
        attempt: The attempt that ended.
        answer: What came of it.
        now: UTC.
        seconds: How long it took.
    """
    with locked(spool.job_folder(attempt.job_id)):
        before = read_delivery(spool, attempt.job_id, attempt.destination, attempt.kind)
        delivery = record_answer(before, attempt, answer, now)
        path = delivery_file(spool, attempt.kind, attempt.job_id, attempt.destination)
        write_record(path, delivery)
    count_answer(spool, attempt, before, delivery)
    log.info(
        _EVENTS[delivery.state],
        kind=attempt.kind,
        job_id=attempt.job_id,
        destination=attempt.destination,
        attempt=attempt.number,
        reason=delivery.reason,
        sentence=delivery.sentence,
        status=delivery.status,
        transfer_syntax_uid=delivery.transfer_syntax_uid,
        seconds=round(seconds, 3),
    )
    log_if_finished(spool, attempt.job_id)
    return delivery


def record_answer(before: Delivery, attempt: Attempt, answer: Answer, now: datetime) -> Delivery:
    """What is written down about a delivery after an attempt.

    Args:
        before: What was written down until then.
        attempt: The attempt that ended.
        answer: What came of it.
        now: UTC.
    """
    first = before.first_attempt_at or now
    usual = wait_before_attempt(attempt.number + 1, attempt.series)
    wait = max(usual, timedelta(seconds=answer.wait_seconds))
    state, next_attempt_at = answer.state, None
    if before.state is DeliveryState.CANCELLED and state is not DeliveryState.ACCEPTED:
        state = DeliveryState.CANCELLED  # by a person, while it was under way
    elif state in UNDER_WAY:
        if state is DeliveryState.COMMITTING:
            wait = ASK_AGAIN
        if is_over(first, now, wait):
            state = DeliveryState.GAVE_UP
        else:
            next_attempt_at = now + wait
    return Delivery(
        destination=before.destination,
        state=state,
        attempts=attempt.number,
        reason=answer.reason,
        sentence=answer.sentence,
        status=answer.status,
        transfer_syntax_uid=answer.transfer_syntax_uid,
        first_attempt_at=first,
        last_attempt_at=now,
        next_attempt_at=next_attempt_at,
        stored_by=answer.stored_by,
        may_hold=before.may_hold if answer.may_hold is None else answer.may_hold,
    )


def log_if_finished(spool: Spool, job_id: str) -> None:
    """Write the one line that says how a job ended, where it has."""
    dossier = read_dossier(spool, job_id)
    if dossier is None:
        return
    standing = dossier.standing()
    if standing.state not in FINAL | {JobState.QUARANTINED}:
        return
    job, decision, result = dossier.job, dossier.decision, dossier.result
    begin = decision.received_at if decision else job.created_at
    log.info(
        "job.finished",
        job_id=job_id,
        series=decision.series if decision else "",
        state=standing.state,
        reason=standing.reason,
        sentence=standing.sentence,
        model=job.model,
        route=job.route,
        run=job.run,
        runtime=result.runtime if result else "",
        seconds={
            "total": _rounded(max(dossier.times) - begin),
            **(result.seconds if result else {}),
        },
    )


def _rounded(duration: timedelta) -> float:
    return round(duration.total_seconds(), 3)
