"""Sending: what one attempt at one delivery does: the map, and after it the report, if any."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo

import structlog

from mumap_node.dicom.audit import Outcome
from mumap_node.dicom.marks import REPORT
from mumap_node.node.audit.events import Transfer
from mumap_node.node.audit.trail import Audit, unaudited
from mumap_node.node.calling import Patience
from mumap_node.node.deliverer import scu, stow
from mumap_node.node.deliverer.commitment import (
    judge_report,
    reference_to,
    request_commitment,
    transaction_of,
)
from mumap_node.node.deliverer.notes import rejection_note
from mumap_node.node.dicomweb.destination import AnyDestination, WebDestination
from mumap_node.node.engine.attempts import Attempt, Kind
from mumap_node.node.engine.retries import another
from mumap_node.node.jobs.deliveries import Answer, keep_answer, keep_begun, keep_stopped
from mumap_node.node.jobs.dossier import (
    Dossier,
    next_delivery_attempt,
    read_dossier,
    read_map,
)
from mumap_node.node.routing import Destination
from mumap_node.node.spool.commitments import Question, Transactions
from mumap_node.node.spool.files import Spool, locked, make_folder
from mumap_node.node.spool.records import UNDER_WAY, Delivery, DeliveryState, MapFile

_ACCEPTED = DeliveryState.ACCEPTED

_DAMAGED = Answer(
    DeliveryState.REFUSED,
    reason="map-damaged",
    sentence="expected map and report as they were made, found one changed or gone",
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SendingOptions:
    """How maps are sent.

    Attributes:
        ae_title: Who we say we are.
        destinations: Where maps may go, by name.
        accept_warnings: Whether 0xB000, 0xB006 and 0xB007 count as accepted.
        patience: How long a destination is waited for.
        audit: Where it is told what was sent.
        software_version: Of this node, for rejection notes.
        timezone: Of the site, for rejection notes.
    """

    ae_title: str
    destinations: Mapping[str, AnyDestination]
    accept_warnings: bool = False
    patience: Patience = Patience()  # noqa: RUF009  (frozen)
    audit: Audit = unaudited
    software_version: str = ""
    timezone: tzinfo = UTC


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
        if not self._spool.job_file(attempt.job_id).exists():
            return []
        lane = self._spool.job_folder(attempt.job_id) / f"sending-{attempt.destination}"
        make_folder(lane)
        with locked(lane):  # or a rejection note could overtake the map it is about
            dossier = read_dossier(self._spool, attempt.job_id)
            return self._attempt_alone(dossier, attempt) if dossier else []

    def _attempt_alone(self, dossier: Dossier, attempt: Attempt) -> Sequence[Attempt]:
        is_note = attempt.kind is Kind.NOTE
        waiting = dossier.to_notify if is_note else dossier.to_deliver
        delivery = next((d for d in waiting if d.destination == attempt.destination), None)
        if delivery is None:
            return []
        if delivery.attempts < attempt.number:
            started = time.monotonic()
            send = self._notify if is_note else self._deliver
            answer = send(dossier, delivery, attempt)
            seconds = time.monotonic() - started
            delivery = keep_answer(self._spool, attempt, answer, self._now(), seconds)
        if delivery.state not in UNDER_WAY:
            return []
        return [next_delivery_attempt(attempt.job_id, delivery, self._now(), attempt.kind)]

    def _deliver(self, dossier: Dossier, delivery: Delivery, attempt: Attempt) -> Answer:
        keep_begun(self._spool, delivery, attempt.job_id)
        answer = self._try(dossier, delivery, attempt)
        return replace(answer, may_hold=delivery.may_hold or bool(answer.may_hold))

    def _try(self, dossier: Dossier, delivery: Delivery, attempt: Attempt) -> Answer:
        destination = self._options.destinations.get(attempt.destination)
        if destination is None:
            return unknown(attempt.destination)
        if isinstance(destination, Destination) and destination.commitment:
            return self._commit(dossier, delivery, attempt, destination)
        if delivery.stored_by:  # and the site no longer asks for more
            return Answer(_ACCEPTED, transfer_syntax_uid=delivery.transfer_syntax_uid)
        return self._send(dossier, attempt, destination)

    def _commit(
        self, dossier: Dossier, delivery: Delivery, attempt: Attempt, destination: Destination
    ) -> Answer:
        """Store, unless an earlier attempt did; then have the destination commit itself."""
        stored_by, syntax = delivery.stored_by, delivery.transfer_syntax_uid
        # Of this attempt too: it may have been killed after it had asked.
        answer = self._reported(dossier, stored_by or attempt.number, attempt)
        if answer is None and not stored_by:
            sent = self._send(dossier, attempt, destination)
            if sent.state is not _ACCEPTED:
                return sent
            stored_by, syntax = attempt.number, sent.transfer_syntax_uid
        if answer is None:
            asked = self._ask(dossier, attempt, destination)
            answer = self._reported(dossier, stored_by, attempt)
            answer = answer or replace(asked, stored_by=stored_by)
        return replace(answer, transfer_syntax_uid=syntax, may_hold=True)

    def _reported(self, dossier: Dossier, first: int, attempt: Attempt) -> Answer | None:
        """What the destination reported to the last of some attempts; None where nothing."""
        mumap, report = _files(dossier, attempt.destination)
        expected = [file.sop_instance_uid for file in (*mumap, *report)]
        for number in range(attempt.number, first - 1, -1):
            transaction = transaction_of(attempt.job_id, attempt.destination, number)
            found = Transactions(self._spool).report(transaction)
            if found is not None:
                return judge_report(found, expected, attempt.destination)
        return None

    def _ask(self, dossier: Dossier, attempt: Attempt, destination: Destination) -> Answer:
        objects = self._objects(dossier, destination.name)
        if objects is None:
            return _DAMAGED
        question = Question(
            transaction_of(attempt.job_id, destination.name, attempt.number),
            attempt.job_id,
            destination.name,
            destination.ae_title,
            self._now(),
        )
        return request_commitment(
            self._spool,
            question,
            [reference_to(encoded) for encoded in objects],
            destination,
            self._options.ae_title,
            self._options.patience,
        )

    def _send(self, dossier: Dossier, attempt: Attempt, destination: AnyDestination) -> Answer:
        mumap, _ = _files(dossier, destination.name)
        objects = self._objects(dossier, destination.name)
        if objects is None:
            return _DAMAGED
        sent = self._audited(attempt.workflow_id, objects, destination)
        is_part = sent.accepted < len(mumap)
        answer = _of_part(sent, len(mumap)) if is_part else _of_report(sent.answer)
        return replace(answer, may_hold=sent.may_have_left_some)

    def _notify(self, dossier: Dossier, _note: Delivery, attempt: Attempt) -> Answer:
        """Tell a destination that what it got is retracted."""
        destination = self._options.destinations.get(attempt.destination)
        if destination is None:
            return unknown(attempt.destination)
        objects = self._objects(dossier, destination.name)
        if objects is None:
            return _DAMAGED
        options = self._options
        note = rejection_note(
            dossier, objects, options.ae_title, options.software_version, options.timezone
        )
        return self._audited(attempt.workflow_id, [note], destination).answer

    def _audited(self, key: str, objects: Sequence[bytes], destination: AnyDestination) -> scu.Sent:
        """Send, and tell before what is meant to be sent: a crash leaves no transfer untold."""
        told = Transfer(key, objects, self._options.ae_title, destination)
        self._options.audit(told.begins(self._now()))
        sent = self._sent(objects, destination)
        answer = sent.answer
        is_final = answer.state is DeliveryState.REFUSED
        outcome = Outcome.SERIOUS_FAILURE if is_final else Outcome.MINOR_FAILURE
        for message in told.ended(self._now(), sent.accepted, outcome, answer.sentence):
            self._options.audit(message)
        return sent

    def _sent(self, objects: Sequence[bytes], destination: AnyDestination) -> scu.Sent:
        warnings, patience = self._options.accept_warnings, self._options.patience
        if isinstance(destination, WebDestination):
            return stow.post(objects, destination, accept_warnings=warnings, patience=patience)
        return scu.send(
            objects,
            destination,
            self._options.ae_title,
            accept_warnings=warnings,
            patience=patience,
        )

    def _objects(self, dossier: Dossier, name: str) -> list[bytes] | None:
        """All objects of a delivery, in order; None where one is not what was made."""
        mumap, report = _files(dossier, name)
        stored = [read_map(self._spool, dossier.job.job_id, file) for file in (*mumap, *report)]
        objects = [encoded for encoded in stored if encoded is not None]
        return objects if mumap and len(objects) == len(stored) else None


def unknown(destination: str) -> Answer:
    """What comes of an attempt where the settings no longer have the destination."""
    return Answer(
        DeliveryState.REFUSED,
        reason="destination-unknown",
        sentence=f"expected destination {destination!r} in the settings, found none",
    )


def _files(dossier: Dossier, name: str) -> tuple[tuple[MapFile, ...], tuple[MapFile, ...]]:
    """The map as a destination gets it, and the report that follows it."""
    files = dossier.result.files if dossier.result else {}
    return files.get(dossier.job.profiles[name], ()), files.get(REPORT, ())


def _of_part(sent: scu.Sent, objects: int) -> Answer:
    """What became of a delivery whose map was not, or not wholly, accepted.

    A station that holds some slices of a map may use them: people have to know.
    """
    if not sent.accepted:
        return sent.answer
    return replace(
        sent.answer,
        sentence=f"the first {sent.accepted} of {objects} objects of the map were accepted, "
        f"the next was not: {sent.answer.sentence}",
    )


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
