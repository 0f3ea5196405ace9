"""Sending: what one attempt at one delivery does: the map, and after it the report, if any."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from mumap_node.dicom.marks import REPORT
from mumap_node.node.calling import Patience
from mumap_node.node.deliverer.scu import send
from mumap_node.node.engine.attempts import Attempt
from mumap_node.node.engine.retries import another
from mumap_node.node.jobs.deliveries import Answer, keep_answer, keep_stopped
from mumap_node.node.jobs.dossier import (
    Dossier,
    next_delivery_attempt,
    read_delivery,
    read_dossier,
    read_map,
)
from mumap_node.node.routing import Destination
from mumap_node.node.spool.files import Spool
from mumap_node.node.spool.records import DeliveryState

log = structlog.get_logger()


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
            following = another(attempt)
            log.error(
                "delivery.postponed",
                job_id=attempt.job_id,
                destination=attempt.destination,
                reason="spool-failed",
                wait_seconds=following.wait_seconds,
                exc_info=error,
            )
            return [following]

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
            delivery = keep_answer(self._spool, attempt, answer, self._now(), seconds)
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
        files = dossier.result.files if dossier.result else {}
        mumap, report = files.get(dossier.job.profiles[name], ()), files.get(REPORT, ())
        stored = [read_map(self._spool, dossier.job.job_id, file) for file in (*mumap, *report)]
        objects = [encoded for encoded in stored if encoded is not None]
        if not mumap or len(objects) < len(stored):
            return Answer(
                DeliveryState.REFUSED,
                reason="map-damaged",
                sentence="expected map and report as they were made, found one changed or gone",
            )
        sent = send(
            objects,
            destination,
            self._options.ae_title,
            accept_warnings=self._options.accept_warnings,
            patience=self._options.patience,
        )
        return sent.answer if sent.accepted < len(mumap) else _of_report(sent.answer)


def _of_report(answer: Answer) -> Answer:
    """What became of a delivery whose map was accepted."""
    if answer.state is DeliveryState.ACCEPTED:
        return answer
    is_refused = answer.state is DeliveryState.REFUSED
    return replace(
        answer,
        reason="report-refused" if is_refused else answer.reason,
        sentence=f"the map was accepted, its report was not: {answer.sentence}",
    )
