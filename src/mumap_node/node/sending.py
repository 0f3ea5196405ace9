"""Sending: one attempt at one delivery, and what is written down about it."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from mumap_node.node.answers import Answer
from mumap_node.node.delivery import Patience, send
from mumap_node.node.dossier import (
    Dossier,
    next_delivery_attempt,
    read_delivery,
    read_dossier,
)
from mumap_node.node.engine.attempts import Attempt
from mumap_node.node.records import Delivery, DeliveryState
from mumap_node.node.retries import is_over, wait_before_attempt
from mumap_node.node.routing import Destination
from mumap_node.node.spool import Spool, locked, write_record
from mumap_node.node.states import FINAL, JobState

log = structlog.get_logger()

_EVENTS = {
    DeliveryState.ACCEPTED: "delivery.accepted",
    DeliveryState.REFUSED: "delivery.refused",
    DeliveryState.WAITING: "delivery.postponed",
    DeliveryState.GAVE_UP: "delivery.given_up",
    DeliveryState.CANCELLED: "delivery.cancelled",
}


@dataclass(frozen=True, slots=True)
class SendingOptions:
    """How maps are sent.

    Attributes:
        ae_title: Who we say we are.
        destinations: Where maps may go, by name.
        accept_warnings: Whether 0xB000, 0xB006 and 0xB007 count as accepted.
        patience: How long a destination is waited for.
    """

    ae_title: str
    destinations: Mapping[str, Destination]
    accept_warnings: bool = False
    patience: Patience = Patience()  # noqa: RUF009  (frozen)


class Sending:
    """What an attempt at a delivery does."""

    def __init__(self, spool: Spool, options: SendingOptions, now: Callable[[], datetime]) -> None:
        """Prepare.

        Args:
            spool: Where maps and records are.
            options: How maps are sent.
            now: The time, UTC.
        """
        self._spool = spool
        self._options = options
        self._now = now

    def attempt(self, attempt: Attempt) -> Sequence[Attempt]:
        """Send once and keep what came of it; may be repeated after a crash.

        Returns:
            The next attempt, where there is to be one.
        """
        try:
            return self._attempt(attempt)
        except OSError as error:
            wait = wait_before_attempt(attempt.number + 1, attempt.series)
            log.error(
                "delivery.postponed",
                job_id=attempt.job_id,
                destination=attempt.destination,
                reason="spool-failed",
                exc_info=error,
            )
            number = attempt.number + 1
            return [replace(attempt, number=number, wait_seconds=wait.total_seconds())]

    def stopped(self, attempt: Attempt, reason: str, sentence: str) -> None:
        """Keep that an attempt ended by a bug or by repeated crashes."""
        keep_stopped(self._spool, self._now, attempt, reason, sentence)

    def _attempt(self, attempt: Attempt) -> Sequence[Attempt]:
        dossier = read_dossier(self._spool, attempt.job_id)
        if dossier is None or attempt.destination not in dossier.job.profiles:
            return []
        delivery = read_delivery(self._spool, attempt.job_id, attempt.destination)
        if delivery not in dossier.to_deliver:
            return []
        if delivery.attempts < attempt.number:
            started = time.monotonic()
            answer = self._send(dossier, attempt.destination)
            seconds = time.monotonic() - started
            delivery = _keep(self._spool, attempt, answer, self._now(), seconds)
        if delivery.state is not DeliveryState.WAITING:
            return []
        return [next_delivery_attempt(attempt.job_id, delivery, self._now())]

    def _send(self, dossier: Dossier, name: str) -> Answer:
        destination = self._options.destinations.get(name)
        if destination is None:
            return Answer(
                DeliveryState.REFUSED,
                reason="destination-unknown",
                sentence=f"expected destination {name!r} in the settings, found none",
            )
        path = self._map_file(dossier, name)
        if path is None:
            return Answer(
                DeliveryState.REFUSED,
                reason="map-damaged",
                sentence="expected the map as it was made, found it changed or gone",
            )
        return send(
            path,
            destination,
            self._options.ae_title,
            accept_warnings=self._options.accept_warnings,
            patience=self._options.patience,
        )

    def _map_file(self, dossier: Dossier, name: str) -> Path | None:
        """The stored map for a destination; None where it is not what was made."""
        if dossier.result is None:
            return None
        file = dossier.result.files[dossier.job.profiles[name]]
        path = self._spool.job_folder(dossier.job.job_id) / file.name
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != file.sha256:
            return None
        return path


def keep_stopped(
    spool: Spool, now: Callable[[], datetime], attempt: Attempt, reason: str, sentence: str
) -> None:
    """Keep that an attempt ended by a bug or by repeated crashes."""
    _keep(spool, attempt, Answer(DeliveryState.REFUSED, reason, sentence), now(), 0.0)


def _keep(
    spool: Spool, attempt: Attempt, answer: Answer, now: datetime, seconds: float
) -> Delivery:
    with locked(spool.job_folder(attempt.job_id)):
        before = read_delivery(spool, attempt.job_id, attempt.destination)
        delivery = record_answer(before, attempt, answer, now)
        write_record(spool.delivery_file(attempt.job_id, attempt.destination), delivery)
    log.info(
        _EVENTS[delivery.state],
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
    wait = wait_before_attempt(attempt.number + 1, attempt.series)
    state, next_attempt_at = answer.state, None
    if state is DeliveryState.WAITING:
        if before.state is DeliveryState.CANCELLED:  # by a person, while it was under way
            state = DeliveryState.CANCELLED
        elif is_over(first, now, wait):
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
