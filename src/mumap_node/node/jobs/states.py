"""The life of a job as people see it, derived from what was written down and never stored."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mumap_node.node.spool.records import (
    UNDER_WAY,
    Admission,
    Decision,
    Delivery,
    DeliveryState,
    Job,
    OperatorWord,
    Outcome,
    Result,
    Verb,
)


class JobState(StrEnum):
    """Where a job, or a received instance that became none, stands."""

    COLLECTING = "collecting"  #: received; nobody has looked at it yet
    QUEUED = "queued"  #: waits for a worker
    RUNNING = "running"  #: a worker is making the map
    DELIVERING = "delivering"  #: the map is stored, not yet accepted by all destinations
    DONE = "done"  #: every destination accepted the map, or the route delivers nothing
    HELD = "held"  #: no route, an undecided header, or the wrong images; a person must
    QUARANTINED = "quarantined"  #: stopped for good; a person must look
    IGNORED = "ignored"  #: a route or a person says so, or it is our own map
    CANCELLED = "cancelled"  #: stopped by a person, or superseded by a corrected instance
    RETRACTED = "retracted"  #: sent, and taken back by a person


FINAL = frozenset({JobState.DONE, JobState.IGNORED, JobState.CANCELLED, JobState.RETRACTED})
"""States nobody needs to look at again; retention removes only these."""

FOR_A_PERSON = frozenset({JobState.HELD, JobState.QUARANTINED})
"""States that last until a person says what becomes of it."""

BY_ADMISSION: Mapping[Admission, JobState] = {
    Admission.JOB: JobState.QUEUED,  # between the decision and its job
    Admission.HELD: JobState.HELD,
    Admission.IGNORED: JobState.IGNORED,
    Admission.QUARANTINED: JobState.QUARANTINED,
}
"""State of an instance that is no job, by what was decided on it."""

BY_WORD: Mapping[Verb, JobState] = {
    Verb.CANCEL: JobState.CANCELLED,
    Verb.DISCARD: JobState.IGNORED,
    Verb.RETRACT: JobState.CANCELLED,  # where nothing was sent
}
"""State of a job that is not done, by what a person said."""

BY_OUTCOME: Mapping[Outcome, JobState] = {
    Outcome.MADE: JobState.DELIVERING,  # done once every delivery was accepted
    Outcome.FAILED_CHECKS: JobState.QUARANTINED,
    Outcome.REJECTED: JobState.QUARANTINED,
    Outcome.STOPPED: JobState.QUARANTINED,
}
"""State of a job by how the making of its map ended."""

UNKNOWN = ""
"""Stands for the word of an engine that knows nothing of a job, or cannot be asked."""

BY_ENGINE: Mapping[str, JobState] = {
    UNKNOWN: JobState.QUEUED,  # the reconciler will hand it over
    "ENQUEUED": JobState.QUEUED,
    "DELAYED": JobState.QUEUED,
    "PENDING": JobState.RUNNING,
    "SUCCESS": JobState.QUEUED,  # that attempt gave no result; the next one may
    "ERROR": JobState.QUARANTINED,
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": JobState.QUARANTINED,
    "CANCELLED": JobState.CANCELLED,
}
"""State of a job without a result, by the engine's word for its latest attempt."""

ENGINE_REASONS: Mapping[str, str] = {
    "ERROR": "internal-error",
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": "repeated-crash",
}
"""Why a job without a result is quarantined, by the engine's word."""

FAILED_DELIVERIES = frozenset({DeliveryState.REFUSED, DeliveryState.GAVE_UP})


@dataclass(frozen=True, slots=True)
class Standing:
    """Where something stands, and why.

    Attributes:
        state: As shown to people.
        reason: Stable code of docs/operations.md; empty where there is nothing to explain.
        sentence: Expected and found; empty where there is nothing to explain.
    """

    state: JobState
    reason: str = ""
    sentence: str = ""


def standing_of(
    decision: Decision | None,
    word: OperatorWord | None = None,
    result: Result | None = None,
    deliveries: Collection[Delivery] = (),
    engine_status: str = UNKNOWN,
    *,
    job: Job | None = None,
    notes: Collection[Delivery] = (),
) -> Standing:
    """Derive where a received instance, or a job, stands.

    Args:
        decision: On the instance; None where nobody has looked at it, or it was purged.
        word: A person's, on the job.
        result: How the making of its map ended.
        deliveries: One per destination.
        engine_status: The engine's word for the latest attempt.
        job: The job; without one, the decision alone counts.
        notes: Rejection notes, one per destination that is to get one.
    """
    if job is None:
        return _of_instance(decision)
    if word is not None and word.verb is Verb.RETRACT and any(map(may_be_there, deliveries)):
        return _of_notes(word, notes)
    made = _of_deliveries(deliveries) if result and result.outcome is Outcome.MADE else None
    if made is not None and made.state is JobState.DONE:
        return made  # a word that came too late takes nothing back
    if word is not None:
        return Standing(BY_WORD[word.verb], _reason_of(word))
    under_way = made.state is JobState.DELIVERING if made else result is None
    if under_way and replaced_by(decision, job):
        return _superseded()
    if result is None:
        return Standing(BY_ENGINE[engine_status], ENGINE_REASONS.get(engine_status, ""))
    return made or Standing(BY_OUTCOME[result.outcome], result.reason, result.sentence)


def may_be_there(delivery: Delivery) -> bool:
    """Whether the destination has, or may have, objects of the map."""
    # By the state too: records of older versions do not say it otherwise.
    accepted = delivery.state in (DeliveryState.ACCEPTED, DeliveryState.COMMITTING)
    return accepted or delivery.may_hold


def replaced_by(decision: Decision | None, job: Job) -> str:
    """What is to be answered, or answers, instead of a job; empty where nothing is.

    That is the instance with corrected attributes, or the job of a rerun.
    """
    if decision is None:
        return ""
    return decision.superseded_by or (decision.job_id if decision.run > job.run else "")


def _of_instance(decision: Decision | None) -> Standing:
    if decision is None:
        return Standing(JobState.COLLECTING)
    if decision.superseded_by and decision.admission is Admission.HELD:
        return _superseded()
    return Standing(BY_ADMISSION[decision.admission], decision.reason, decision.sentence)


def _of_deliveries(deliveries: Collection[Delivery]) -> Standing:
    for delivery in deliveries:
        if delivery.state in FAILED_DELIVERIES:
            return Standing(JobState.QUARANTINED, delivery.reason, delivery.sentence)
    for delivery in deliveries:
        if delivery.state in UNDER_WAY:
            return Standing(JobState.DELIVERING, delivery.reason, delivery.sentence)
    if not deliveries:
        return Standing(
            JobState.DONE,
            reason="shadow",
            sentence="the route delivers nothing: the map is stored, and compared where a "
            "measured one comes",
        )
    if all(d.state is DeliveryState.CANCELLED for d in deliveries):
        return Standing(JobState.CANCELLED)
    return Standing(JobState.DONE)


def _of_notes(word: OperatorWord, notes: Collection[Delivery]) -> Standing:
    """Retracted, once every destination that takes a note has it or refused it."""
    for note in notes:
        if note.state in UNDER_WAY:
            return Standing(JobState.DELIVERING, note.reason or "retracted", note.sentence)
    for note in notes:
        if note.state in FAILED_DELIVERIES:
            return Standing(JobState.RETRACTED, reason="note-not-delivered", sentence=note.sentence)
    return Standing(
        JobState.RETRACTED,
        reason="retracted",
        sentence=f"expected a map that may be used, found it taken back: {word.reason}",
    )


def _reason_of(word: OperatorWord) -> str:
    if word.verb is Verb.RETRACT:
        return "retracted"
    return "discarded" if word.verb is Verb.DISCARD else ""


def _superseded() -> Standing:
    return Standing(
        JobState.CANCELLED,
        reason="superseded",
        sentence="the same images came again with other attributes, or were asked for again",
    )
