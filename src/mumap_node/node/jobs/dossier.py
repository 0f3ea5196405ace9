"""The dossier of a job: everything the spool holds about it, and what is to be tried next."""

import contextlib
import hashlib
import re
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from mumap_node.node.engine.attempts import Attempt, Kind
from mumap_node.node.jobs.states import (
    FAILED_DELIVERIES,
    UNKNOWN,
    Standing,
    may_be_there,
    replaced_by,
    standing_of,
)
from mumap_node.node.spool.files import (
    RecordDamagedError,
    Spool,
    locked,
    read_record,
    write_record,
)
from mumap_node.node.spool.records import (
    UNDER_WAY,
    Agreement,
    Decision,
    Delivery,
    Job,
    MapFile,
    OperatorWord,
    Outcome,
    Result,
    Verb,
)

_ARCHIVED = re.compile(r"result-(?P<attempt>[0-9]+)\.json")


@dataclass(frozen=True, slots=True)
class Dossier:
    """What was asked, decided, made, sent and said by people.

    Attributes:
        job: What was asked.
        decision: On the instance it answers; None where that was purged.
        word: What a person decided for good; None where nobody did.
        result: How the making of its map ended; None where it has not.
        deliveries: One per destination, in the order of the route.
        agreement: How its map compares with what was measured; None where nothing was yet.
        notes: Of a retracted map, one per destination that has it and takes rejection notes.
    """

    job: Job
    decision: Decision | None
    word: OperatorWord | None
    result: Result | None
    deliveries: tuple[Delivery, ...]
    agreement: Agreement | None = None
    notes: tuple[Delivery, ...] = ()

    @property
    def superseded_by(self) -> str:
        """The instance, or the job of a rerun, that counts instead; empty where none does."""
        return replaced_by(self.decision, self.job)

    def standing(self, engine_status: str = UNKNOWN) -> Standing:
        """Where the job stands, given the engine's word for its latest attempt."""
        return standing_of(
            self.decision, self.word, self.result, self.deliveries, engine_status,
            job=self.job, notes=self.notes,
        )  # fmt: skip

    @property
    def is_wanted(self) -> bool:
        """Whether anything may still be done for it."""
        return self.word is None and not self.superseded_by

    @property
    def is_made(self) -> bool:
        """Whether there is a map that may be sent."""
        return self.result is not None and self.result.outcome is Outcome.MADE

    @property
    def to_deliver(self) -> tuple[Delivery, ...]:
        """Deliveries that are still to be made."""
        if not (self.is_made and self.is_wanted):
            return ()
        return tuple(d for d in self.deliveries if d.state in UNDER_WAY)

    @property
    def is_retracted(self) -> bool:
        """Whether a person took back what destinations have, or may have."""
        retracted = self.word is not None and self.word.verb is Verb.RETRACT
        return retracted and any(map(may_be_there, self.deliveries))

    @property
    def needs_a_person(self) -> tuple[str, ...]:
        """Destinations where a retracted map must be deleted by hand."""
        if not self.is_retracted:
            return ()
        told = {n.destination for n in self.notes if n.state not in FAILED_DELIVERIES}
        there = (d.destination for d in self.deliveries if may_be_there(d))
        return tuple(name for name in there if name not in told)

    @property
    def to_notify(self) -> tuple[Delivery, ...]:
        """Rejection notes that are still to be sent."""
        return tuple(note for note in self.notes if note.state in UNDER_WAY)

    @property
    def times(self) -> tuple[datetime, ...]:
        """When something was written down, UTC; never empty."""
        times = [
            self.job.created_at,
            self.result.finished_at if self.result else None,
            self.word.at if self.word else None,
            *(delivery.last_attempt_at for delivery in (*self.deliveries, *self.notes)),
        ]
        return tuple(time for time in times if time is not None)


def read_dossier(spool: Spool, job_id: str) -> Dossier | None:
    """Read a job's dossier; None where there is no such job.

    Raises:
        ValueError: A record is damaged.
    """
    job = read_record(Job, spool.job_file(job_id))
    if job is None:
        return None
    word = read_record(OperatorWord, spool.operator_file(job_id))
    deliveries = tuple(read_delivery(spool, job_id, name) for name in job.profiles)
    return Dossier(
        job,
        read_record(Decision, spool.decision_file(job.instance_id)),
        word,
        read_record(Result, spool.result_file(job_id)),
        deliveries,
        read_agreement(spool, job_id),
        tuple(
            read_delivery(spool, job_id, sent.destination, Kind.NOTE)
            for sent in deliveries
            if word and sent.destination in word.notes and may_be_there(sent)
        ),
    )


def read_delivery(
    spool: Spool, job_id: str, destination: str, kind: Kind = Kind.DELIVER
) -> Delivery:
    """Where a delivery stands; waiting for its first attempt where nothing was written yet."""
    written = read_record(Delivery, delivery_file(spool, kind, job_id, destination))
    return written or Delivery(destination)


def delivery_file(spool: Spool, kind: Kind, job_id: str, destination: str) -> Path:
    """Where the delivery of a map, or of its rejection note, is kept."""
    if kind is Kind.NOTE:
        return spool.job_folder(job_id) / f"note-{destination}.json"
    return spool.delivery_file(job_id, destination)


def read_agreement(spool: Spool, job_id: str) -> Agreement | None:
    """How a map compares; None where that was not written, or is damaged: then it is made anew.

    It is derived, and must not keep people from a job that is whole.
    """
    with contextlib.suppress(RecordDamagedError):
        return read_record(Agreement, spool.agreement_file(job_id))
    return None


def read_map(spool: Spool, job_id: str, file: MapFile) -> bytes | None:
    """A stored object of a map; None where it is gone, or not what was made."""
    path = spool.job_folder(job_id) / file.name
    encoded = path.read_bytes() if path.exists() else b""
    return encoded if hashlib.sha256(encoded).hexdigest() == file.sha256 else None


def archived_attempts(spool: Spool, job_id: str) -> list[int]:
    """Attempts at a map whose results a person had retried."""
    with contextlib.suppress(FileNotFoundError):
        names = (path.name for path in spool.job_folder(job_id).iterdir())
        return [int(match["attempt"]) for match in map(_ARCHIVED.fullmatch, names) if match]
    return []


def next_map_attempt(spool: Spool, job_id: str, latest: int = 0) -> Attempt:
    """The next attempt at a map.

    Args:
        spool: Knows the attempts whose results were archived.
        job_id: The job.
        latest: Number of the latest attempt the engine knows; 0 for none.
    """
    return Attempt(Kind.MAP, job_id, 1 + max(latest, *archived_attempts(spool, job_id), 0))


def next_delivery_attempt(
    job_id: str, delivery: Delivery, now: datetime, kind: Kind = Kind.DELIVER
) -> Attempt:
    """The next attempt at a delivery, to begin when its time has come."""
    seconds = seconds_left(delivery, now)
    return Attempt(kind, job_id, delivery.attempts + 1, delivery.destination, seconds)


def seconds_left(delivery: Delivery, now: datetime) -> float:
    """Seconds until the time of the next attempt has come."""
    due = delivery.next_attempt_at or now
    return max((due - now).total_seconds(), 0.0)


def next_compare_attempt(dossier: Dossier, measured: str, latest: int = 0) -> Attempt:
    """The next attempt at a comparison.

    Args:
        dossier: Of the job; its comparison, if there is one, was with other files.
        measured: Digest of the files to compare with.
        latest: Number of the latest attempt with them that the engine knows; 0 for none.
    """
    written = dossier.agreement.attempt if dossier.agreement else 0
    number = 1 + max(latest, written)
    return Attempt(Kind.COMPARE, dossier.job.job_id, number, measured=measured)


def skip_attempt(spool: Spool, attempt: Attempt) -> Delivery | None:
    """Count a delivery attempt that ended without a word, since nobody wanted it while it ran.

    Returns:
        The delivery as it stands then; None where it is not waiting for that attempt.
    """
    with locked(spool.job_folder(attempt.job_id)):
        delivery = read_delivery(spool, attempt.job_id, attempt.destination, attempt.kind)
        waits = delivery.state in UNDER_WAY
        if not waits or delivery.attempts >= attempt.number:
            return None
        skipped = replace(delivery, attempts=attempt.number)
        path = delivery_file(spool, attempt.kind, attempt.job_id, attempt.destination)
        write_record(path, skipped)
        return skipped
