"""What people see of jobs and can do with them, without any process running."""

from pathlib import Path

import pytest

from mumap_node.node.engine.client import EngineClient
from mumap_node.node.engine.database import EngineOptions, embedded_database
from mumap_node.node.jobs.dossier import read_delivery, read_dossier
from mumap_node.node.jobs.lookup import NotPossibleError
from mumap_node.node.jobs.states import JobState
from mumap_node.node.jobs.verbs import Jobs
from mumap_node.node.spool.files import Spool, read_record, write_durably, write_record
from mumap_node.node.spool.records import (
    Admission,
    Decision,
    Delivery,
    DeliveryState,
    OperatorWord,
    Outcome,
    Verb,
)
from records import (
    NOW,
    MemoryEngine,
    decision,
    delivery,
    job,
    result,
    write_job,
)

WAITING, ACCEPTED, REFUSED, DROPPED = (
    DeliveryState.WAITING,
    DeliveryState.ACCEPTED,
    DeliveryState.REFUSED,
    DeliveryState.CANCELLED,
)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


@pytest.fixture
def engine() -> MemoryEngine:
    return MemoryEngine()


@pytest.fixture
def jobs(spool: Spool, engine: MemoryEngine) -> Jobs:
    return Jobs(spool, engine, lambda: NOW)


def _hold(
    spool: Spool, admission: Admission = Admission.HELD, reason: str = "no-route"
) -> Decision:
    held = decision(admission, reason=reason)
    write_record(spool.decision_file(held.instance_id), held)
    write_durably(spool.instance_file(held.instance_id), b"images")
    return held


def test_everything_received_is_listed_in_its_state(spool: Spool, jobs: Jobs) -> None:
    spool.store_arrival(b"", b"images")
    write_job(spool, job(), made=result(), sent=[delivery(ACCEPTED)])
    held = decision(Admission.HELD, instance_id="other", reason="no-route")
    write_record(spool.decision_file("other"), held)
    write_durably(spool.instance_file("other"), b"images")
    states = {view.state for view in jobs.list_jobs()}
    assert states == {JobState.COLLECTING, JobState.DONE, JobState.HELD}
    assert [view.id for view in jobs.list_jobs(states=[JobState.HELD])] == ["other"]
    assert len(jobs.list_jobs(limit=2)) == 2


def test_a_job_that_is_written_while_the_list_is_read_is_in_it(tmp_path: Path) -> None:
    class Hasty(Spool):
        """Looks for jobs before the one of the instance it has seen is written."""

        def job_ids(self) -> list[str]:
            seen = list(super().job_ids())
            write_job(self, job())
            return seen

    spool = Hasty(tmp_path)
    write_record(spool.decision_file("instance"), decision(job_id="job"))
    views = Jobs(spool, MemoryEngine()).list_jobs()
    assert [(view.id, view.state) for view in views] == [("job", JobState.QUEUED)]


def test_the_engine_tells_which_jobs_are_running(
    spool: Spool, jobs: Jobs, engine: MemoryEngine
) -> None:
    write_job(spool, job())
    assert jobs.show("job").state is JobState.QUEUED
    engine.workflows["map/job/1"] = "PENDING"
    assert jobs.show("job").state is JobState.RUNNING


def test_without_an_engine_jobs_are_listed_all_the_same(spool: Spool, tmp_path: Path) -> None:
    absent = EngineClient(EngineOptions(embedded_database(tmp_path), tmp_path))
    write_job(spool, job())
    jobs = Jobs(spool, absent)
    assert [view.state for view in jobs.list_jobs()] == [JobState.QUEUED]
    assert jobs.cancel("job").state is JobState.CANCELLED
    assert jobs.retry("job").state is JobState.QUEUED


def test_an_id_may_be_shortened_as_long_as_it_is_unique(spool: Spool, jobs: Jobs) -> None:
    write_job(spool, job(job_id="abc1"))
    write_job(spool, job(job_id="abd2"), decided=decision(job_id="abd2"))
    assert jobs.show("abc").id == "abc1"
    with pytest.raises(NotPossibleError, match="ambiguous-job"):
        jobs.show("ab")
    with pytest.raises(NotPossibleError, match="no-such-job"):
        jobs.show("x")


def test_a_held_instance_is_decided_on_again(spool: Spool, jobs: Jobs) -> None:
    _hold(spool)
    jobs.retry("instance")
    (arrival,) = spool.arrivals()
    assert arrival.read_bytes() == b"images"
    assert [view.state for view in jobs.list_jobs()] == [JobState.COLLECTING]
    with pytest.raises(NotPossibleError, match="images-gone"):
        jobs.retry("instance")


@pytest.mark.parametrize("admission", [Admission.HELD, Admission.QUARANTINED])
def test_what_a_person_discards_is_ignored(spool: Spool, jobs: Jobs, admission: Admission) -> None:
    _hold(spool, admission)
    view = jobs.discard("instance")
    assert (view.state, view.reason) == (JobState.IGNORED, "discarded")
    kept = read_record(Decision, spool.decision_file("instance"))
    assert kept is not None
    assert kept.admission is Admission.IGNORED


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.FAILED_CHECKS, Outcome.STOPPED])
def test_a_job_without_a_map_is_tried_again(
    spool: Spool, jobs: Jobs, engine: MemoryEngine, outcome: Outcome
) -> None:
    write_job(spool, job(), made=result(outcome, attempt=3))
    engine.workflows["map/job/3"] = "SUCCESS"
    assert jobs.show("job").state is JobState.QUARANTINED
    assert jobs.retry("job").state is JobState.QUEUED
    assert engine.workflows["map/job/4"] == "ENQUEUED"
    assert (spool.job_folder("job") / "result-3.json").exists()


def test_a_job_that_crashed_and_was_not_recorded_yet_is_tried_again(
    spool: Spool, jobs: Jobs, engine: MemoryEngine
) -> None:
    write_job(spool, job())
    engine.workflows["map/job/1"] = "MAX_RECOVERY_ATTEMPTS_EXCEEDED"
    assert jobs.show("job").reason == "repeated-crash"
    jobs.retry("job")
    assert engine.workflows["map/job/2"] == "ENQUEUED"


def test_a_waiting_job_is_hastened(spool: Spool, jobs: Jobs, engine: MemoryEngine) -> None:
    write_job(spool, job())
    engine.workflows["map/job/2"] = "DELAYED"
    jobs.retry("job")
    assert engine.workflows == {"map/job/2": "ENQUEUED"}


def test_refused_and_waiting_deliveries_are_tried_now(
    spool: Spool, jobs: Jobs, engine: MemoryEngine
) -> None:
    sent = [
        delivery(REFUSED, "a", attempts=1),
        delivery(WAITING, "b", attempts=2, next_attempt_at=NOW),
        delivery(ACCEPTED, "c"),
    ]
    write_job(spool, job("a", "b", "c"), made=result(), sent=sent)
    engine.workflows["deliver/job/b/3"] = "DELAYED"
    assert jobs.retry("job").state is JobState.DELIVERING
    assert engine.workflows == {"deliver/job/b/3": "ENQUEUED", "deliver/job/a/2": "ENQUEUED"}
    again = read_delivery(spool, "job", "a")
    assert (again.state, again.attempts, again.first_attempt_at) == (WAITING, 1, None)


def test_only_the_destination_that_is_named_is_retried(
    spool: Spool, jobs: Jobs, engine: MemoryEngine
) -> None:
    sent = [delivery(REFUSED, "a"), delivery(REFUSED, "b")]
    write_job(spool, job("a", "b"), made=result(), sent=sent)
    jobs.retry("job", "b")
    assert engine.workflows == {"deliver/job/b/2": "ENQUEUED"}
    assert read_delivery(spool, "job", "a").state is REFUSED


def test_a_delivery_that_ended_without_a_word_gets_another_attempt(
    spool: Spool, jobs: Jobs, engine: MemoryEngine
) -> None:
    write_job(spool, job(), made=result(), word=OperatorWord(Verb.CANCEL, NOW))
    engine.workflows["deliver/job/pacs/1"] = "SUCCESS"
    assert jobs.show("job").state is JobState.CANCELLED
    assert jobs.retry("job").state is JobState.DELIVERING
    assert engine.workflows["deliver/job/pacs/2"] == "ENQUEUED"


def test_there_is_nothing_to_retry_about_a_job_that_is_done(spool: Spool, jobs: Jobs) -> None:
    write_job(spool, job(), made=result(), sent=[delivery(ACCEPTED)])
    with pytest.raises(NotPossibleError, match="not-possible"):
        jobs.retry("job")


@pytest.mark.parametrize("verb", ["retry", "rerun"])
def test_what_is_superseded_is_left_alone(spool: Spool, jobs: Jobs, verb: str) -> None:
    write_job(spool, job(), decided=decision(superseded_by="newer"), made=result())
    assert jobs.show("job").superseded_by == "newer"
    with pytest.raises(NotPossibleError, match="superseded"):
        getattr(jobs, verb)("job")


def test_a_rerun_puts_the_instance_back_with_its_number(spool: Spool, jobs: Jobs) -> None:
    write_job(spool, job(), made=result(), sent=[delivery(ACCEPTED)])
    assert jobs.rerun("job") == 2
    (arrival,) = spool.arrivals()
    assert arrival.name.endswith(".run2.dcm")
    with pytest.raises(NotPossibleError, match="images-gone"):
        jobs.rerun("job")


def test_a_job_that_is_not_finished_has_no_rerun(spool: Spool, jobs: Jobs) -> None:
    write_job(spool, job())
    with pytest.raises(NotPossibleError, match="found it queued"):
        jobs.rerun("job")


def test_a_cancelled_job_is_not_wanted_until_it_is_retried(spool: Spool, jobs: Jobs) -> None:
    write_job(spool, job(), made=result())
    assert jobs.cancel("job").state is JobState.CANCELLED
    dossier = read_dossier(spool, "job")
    assert dossier is not None
    assert not dossier.to_deliver
    assert jobs.retry("job").state is JobState.DELIVERING


def test_what_is_finished_cannot_be_cancelled(spool: Spool, jobs: Jobs) -> None:
    write_job(spool, job(), made=result(), sent=[delivery(ACCEPTED)])
    with pytest.raises(NotPossibleError, match="found it done"):
        jobs.cancel("job")
    _hold(spool, Admission.HELD)
    with pytest.raises(NotPossibleError, match="found it held"):
        jobs.cancel("instance")


def test_only_what_a_person_must_look_at_can_be_discarded(spool: Spool, jobs: Jobs) -> None:
    write_job(spool, job())
    with pytest.raises(NotPossibleError, match="found it queued"):
        jobs.discard("job")


def test_a_quarantined_job_is_discarded(spool: Spool, jobs: Jobs) -> None:
    write_job(spool, job(), made=result(Outcome.REJECTED, "irregular-slices"))
    view = jobs.discard("job")
    assert (view.state, view.reason) == (JobState.IGNORED, "discarded")


@pytest.mark.parametrize("verb", ["cancel", "discard"])
def test_one_destination_can_be_dropped(spool: Spool, jobs: Jobs, verb: str) -> None:
    sent = [delivery(REFUSED, "a"), delivery(ACCEPTED, "b")]
    write_job(spool, job("a", "b"), made=result(), sent=sent)
    assert jobs.show("job").state is JobState.QUARANTINED
    assert getattr(jobs, verb)("job", "a").state is JobState.DONE
    with pytest.raises(NotPossibleError, match="accepted"):
        getattr(jobs, verb)("job", "b")
    with pytest.raises(NotPossibleError, match="'c'"):
        getattr(jobs, verb)("job", "c")


def test_views_say_everything_but_who_the_patient_is(spool: Spool, jobs: Jobs) -> None:
    write_job(spool, job(), made=result(), sent=[Delivery("pacs")])
    view = jobs.show("job")
    assert (view.model, view.runtime, view.route, view.peer) == ("test-1", "numpy", "all", "camera")
    assert view.received_at == view.changed_at == NOW
