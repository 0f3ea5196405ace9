"""The life of a job: what people are shown, from what was written down."""

import pytest
from dbos._sys_db import WorkflowStatusString
from hypothesis import given
from hypothesis import strategies as st

from mumap_node.node.jobs.states import (
    BY_ENGINE,
    ENGINE_REASONS,
    FINAL,
    UNKNOWN,
    JobState,
    may_be_there,
    standing_of,
)
from mumap_node.node.spool.records import (
    UNDER_WAY,
    Admission,
    Decision,
    Delivery,
    DeliveryState,
    OperatorWord,
    Outcome,
    Result,
    Verb,
)
from records import NOW, decision, job, result


def deliveries(*states: DeliveryState) -> tuple[Delivery, ...]:
    return tuple(
        Delivery(f"d{n}", state, reason=f"because-{state}") for n, state in enumerate(states)
    )


CANCEL = OperatorWord(Verb.CANCEL, NOW)
DISCARD = OperatorWord(Verb.DISCARD, NOW)
RETRACT = OperatorWord(Verb.RETRACT, NOW, "quality")
MADE = result()
WAITING, ACCEPTED, REFUSED, GAVE_UP, DROPPED = (
    DeliveryState.WAITING,
    DeliveryState.ACCEPTED,
    DeliveryState.REFUSED,
    DeliveryState.GAVE_UP,
    DeliveryState.CANCELLED,
)


def test_the_table_names_every_state_of_the_engine() -> None:
    assert BY_ENGINE.keys() == {status.value for status in WorkflowStatusString} | {UNKNOWN}
    assert ENGINE_REASONS.keys() < BY_ENGINE.keys()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, JobState.COLLECTING),
        (decision(), JobState.QUEUED),
        (decision(Admission.HELD), JobState.HELD),
        (decision(Admission.IGNORED), JobState.IGNORED),
        (decision(Admission.QUARANTINED), JobState.QUARANTINED),
        (decision(Admission.HELD, superseded_by="newer"), JobState.CANCELLED),
        (decision(Admission.QUARANTINED, superseded_by="newer"), JobState.QUARANTINED),
    ],
)
def test_an_instance_without_a_job(found: Decision | None, expected: JobState) -> None:
    assert standing_of(found).state is expected


@pytest.mark.parametrize(
    ("word", "made", "sent", "engine", "expected"),
    [
        (None, None, (), UNKNOWN, JobState.QUEUED),
        (None, None, (), "ENQUEUED", JobState.QUEUED),
        (None, None, (), "DELAYED", JobState.QUEUED),
        (None, None, (), "SUCCESS", JobState.QUEUED),
        (None, None, (), "PENDING", JobState.RUNNING),
        (None, None, (), "ERROR", JobState.QUARANTINED),
        (None, None, (), "MAX_RECOVERY_ATTEMPTS_EXCEEDED", JobState.QUARANTINED),
        (None, None, (), "CANCELLED", JobState.CANCELLED),
        (None, result(Outcome.REJECTED), (), "SUCCESS", JobState.QUARANTINED),
        (None, result(Outcome.FAILED_CHECKS), (), "SUCCESS", JobState.QUARANTINED),
        (None, result(Outcome.STOPPED), (), "ERROR", JobState.QUARANTINED),
        (None, MADE, (WAITING, ACCEPTED), "SUCCESS", JobState.DELIVERING),
        (None, MADE, (WAITING, REFUSED), "SUCCESS", JobState.QUARANTINED),
        (None, MADE, (ACCEPTED, GAVE_UP), "SUCCESS", JobState.QUARANTINED),
        (None, MADE, (ACCEPTED, ACCEPTED), "SUCCESS", JobState.DONE),
        (None, MADE, (ACCEPTED, DROPPED), "SUCCESS", JobState.DONE),
        (None, MADE, (DROPPED, DROPPED), "SUCCESS", JobState.CANCELLED),
        (None, MADE, (), "SUCCESS", JobState.DONE),
        (CANCEL, None, (), "PENDING", JobState.CANCELLED),
        (CANCEL, MADE, (WAITING,), "SUCCESS", JobState.CANCELLED),
        (DISCARD, result(Outcome.REJECTED), (), "SUCCESS", JobState.IGNORED),
        (DISCARD, MADE, (REFUSED,), "SUCCESS", JobState.IGNORED),
        (CANCEL, MADE, (ACCEPTED,), "SUCCESS", JobState.DONE),
        (RETRACT, None, (WAITING,), "PENDING", JobState.CANCELLED),
        (RETRACT, MADE, (WAITING,), "SUCCESS", JobState.CANCELLED),
        (RETRACT, MADE, (REFUSED, GAVE_UP), "SUCCESS", JobState.CANCELLED),
        (RETRACT, MADE, (WAITING, ACCEPTED), "SUCCESS", JobState.RETRACTED),
        (RETRACT, MADE, (DeliveryState.COMMITTING,), "SUCCESS", JobState.RETRACTED),
    ],
)
def test_a_job(
    word: OperatorWord | None,
    made: Result | None,
    sent: tuple[DeliveryState, ...],
    engine: str,
    expected: JobState,
) -> None:
    found = standing_of(decision(), word, made, deliveries(*sent), engine, job=job())
    assert found.state is expected


def test_a_quarantined_job_says_why() -> None:
    rejected = result(Outcome.REJECTED, "irregular-slices")
    assert standing_of(decision(), result=rejected, job=job()).reason == "irregular-slices"
    crashed = standing_of(decision(), engine_status="MAX_RECOVERY_ATTEMPTS_EXCEEDED", job=job())
    assert crashed.reason == "repeated-crash"
    sent = deliveries(ACCEPTED, REFUSED)
    assert standing_of(decision(), None, MADE, sent, job=job()).reason == "because-refused"


@pytest.mark.parametrize(
    ("notes", "expected", "reason"),
    [
        ((), JobState.RETRACTED, "retracted"),
        ((ACCEPTED,), JobState.RETRACTED, "retracted"),
        ((ACCEPTED, WAITING), JobState.DELIVERING, "because-waiting"),
        ((ACCEPTED, REFUSED), JobState.RETRACTED, "note-not-delivered"),
        ((GAVE_UP,), JobState.RETRACTED, "note-not-delivered"),
    ],
)
def test_a_map_is_retracted_once_every_note_came_to_an_end(
    notes: tuple[DeliveryState, ...], expected: JobState, reason: str
) -> None:
    sent, told = deliveries(ACCEPTED), deliveries(*notes)
    found = standing_of(decision(), RETRACT, MADE, sent, job=job(), notes=told)
    assert (found.state, found.reason) == (expected, reason)


def test_a_job_that_goes_nowhere_is_done_and_says_so() -> None:
    standing = standing_of(decision(), None, MADE, job=job())
    assert (standing.state, standing.reason) == (JobState.DONE, "shadow")


@pytest.mark.parametrize(
    "newer", [decision(superseded_by="newer"), decision(run=2, job_id="second")]
)
def test_a_superseded_job_is_cancelled_where_anything_was_left_to_do(newer: Decision) -> None:
    def state(made: Result | None, *sent: DeliveryState) -> JobState:
        return standing_of(newer, None, made, deliveries(*sent), "PENDING", job=job()).state

    assert state(None) is JobState.CANCELLED
    assert state(MADE, WAITING) is JobState.CANCELLED
    assert state(MADE, ACCEPTED) is JobState.DONE
    assert state(MADE, REFUSED) is JobState.QUARANTINED
    assert state(result(Outcome.REJECTED)) is JobState.QUARANTINED


@given(
    st.sampled_from([None, *(decision(a) for a in Admission), decision(superseded_by="newer")]),
    st.sampled_from([None, CANCEL, DISCARD, RETRACT]),
    st.sampled_from([None, *(result(outcome) for outcome in Outcome)]),
    st.lists(
        st.builds(Delivery, st.just("d"), st.sampled_from(DeliveryState), may_hold=st.booleans()),
        max_size=3,
    ),
    st.sampled_from(sorted(BY_ENGINE)),
    st.lists(st.sampled_from(DeliveryState), max_size=3),
)
def test_whatever_was_written_down_there_is_a_state(
    found: Decision | None,
    word: OperatorWord | None,
    made: Result | None,
    sent: list[Delivery],
    engine: str,
    notes: list[DeliveryState],
) -> None:
    told = deliveries(*notes)
    standing = standing_of(found, word, made, sent, engine, job=job(), notes=told)
    if standing.state is JobState.DONE:
        assert made is not None
        assert made.outcome is Outcome.MADE
        assert {delivery.state for delivery in sent} <= {ACCEPTED, DROPPED}
    if standing.state is JobState.RETRACTED:
        assert word is RETRACT
        assert not set(notes) & UNDER_WAY
    if word is RETRACT and any(map(may_be_there, sent)):
        assert standing.state in {JobState.RETRACTED, JobState.DELIVERING}
    if word is None and made and made.outcome is not Outcome.MADE:
        assert standing.state not in FINAL
