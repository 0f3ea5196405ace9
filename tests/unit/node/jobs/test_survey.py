"""The survey: it says what the list of jobs says, and reads again only what was written since."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mumap_node.node.engine.attempts import Attempt, Kind
from mumap_node.node.jobs.states import JobState
from mumap_node.node.jobs.survey import Survey
from mumap_node.node.jobs.verbs import Jobs
from mumap_node.node.jobs.views import JobView, list_views
from mumap_node.node.spool.files import Spool, read_record, write_record
from mumap_node.node.spool.records import Admission, Decision, Delivery, DeliveryState
from mumap_node.node.worker.retention import Retention, purge
from records import MemoryEngine
from spools import NOW, put_instance, put_job

Standing = tuple[str, JobState, str, tuple[Delivery, ...]]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


def standing(view: JobView) -> Standing:
    return view.id, view.state, view.reason, view.deliveries


def age(spool: Spool, seconds: int = 0) -> None:
    """Let everything be written long ago, so that the survey may rely on it."""
    for folder in (*spool.jobs.iterdir(), *spool.instances.iterdir()):
        os.utime(folder, (seconds, seconds))


def accept(spool: Spool) -> None:
    for path in spool.jobs.glob("*/delivery-archive.json"):
        write_record(path, Delivery("archive", DeliveryState.ACCEPTED, 2))


def supersede(spool: Spool) -> None:
    path = next(spool.instances.glob("*4/decision.json"))
    found = read_record(Decision, path)
    assert found is not None
    write_record(path, replace(found, superseded_by="newer"))


def return_to_inbox(spool: Spool) -> None:
    spool.return_to_inbox(f"{1:016x}-{1:032x}")


def become_a_job(spool: Spool) -> None:
    """Between its decision and its job there is a moment."""
    put_instance(spool, 9, admission=Admission.JOB, reason="", job_id=f"{9:032x}")


def damage(spool: Spool) -> None:
    path = next(spool.jobs.glob("*3/result.json"))
    path.unlink()
    path.write_text("{")


CHANGES: dict[str, Callable[[Spool], object]] = {
    "nothing": lambda _spool: None,
    "another is held": lambda spool: put_instance(spool, 8),
    "another is made": lambda spool: put_job(spool, 8),
    "an object arrives": lambda spool: spool.store_arrival(b"head", b"dataset"),
    "deliveries succeed": accept,
    "a source is superseded": supersede,
    "a held one is decided on again": return_to_inbox,
    "one is about to be a job": become_a_job,
    "a record is damaged": damage,
    "a person discards": lambda spool: Jobs(spool, MemoryEngine()).discard("0" * 15 + "1"),
    "retention removes": lambda spool: purge(spool, Retention(0, 0), NOW.replace(year=2100)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_survey_says_what_the_list_says(spool: Spool, change: str) -> None:
    engine = MemoryEngine()
    put_instance(spool, 1)
    put_job(spool, 2)
    put_job(spool, 3, delivery=Delivery("archive", DeliveryState.REFUSED, 1, reason="refused"))
    put_job(spool, 4, delivery=Delivery("archive", attempts=1))
    age(spool)
    survey = Survey(spool, engine)
    survey.views()
    CHANGES[change](spool)
    expected = {standing(view) for view in list_views(spool, engine)}
    assert {standing(view) for view in survey.views()} == expected
    age(spool, seconds=1)
    for _ in range(2):  # it is read, and remembered
        assert {standing(view) for view in survey.views()} == expected


def test_a_job_without_a_result_stands_where_the_engine_says(spool: Spool) -> None:
    engine = MemoryEngine()
    job = put_job(spool, 1)
    spool.result_file(job.job_id).unlink()
    age(spool)
    survey = Survey(spool, engine)
    assert [view.state for view in survey.views()] == [JobState.QUEUED]
    engine.workflows[Attempt(Kind.MAP, job.job_id).workflow_id] = "PENDING"
    assert [view.state for view in survey.views()] == [JobState.RUNNING]


def test_what_did_not_change_is_not_read_again(spool: Spool) -> None:
    """Files that nobody could read any more, in folders that look as they did."""
    job = put_job(spool, 1)
    put_instance(spool, 2)
    age(spool)
    survey = Survey(spool, MemoryEngine())
    before = {standing(view) for view in survey.views()}
    for path in (spool.job_file(job.job_id), *spool.instances.glob("*/decision.json")):
        path.write_text("{")
    assert {standing(view) for view in survey.views()} == before
    assert {view.state for view in list_views(spool, MemoryEngine())} == {JobState.QUARANTINED}


def test_what_was_only_just_written_is_read_again(spool: Spool) -> None:
    """Within one tick of the clock another change bears the same time."""
    job = put_job(spool, 1)
    survey = Survey(spool, MemoryEngine())
    assert {view.state for view in survey.views()} == {JobState.DONE}
    spool.delivery_file(job.job_id, "archive").write_text("{")
    assert {view.state for view in survey.views()} == {JobState.QUARANTINED}


def test_an_instance_that_becomes_a_job_is_seen_once(spool: Spool) -> None:
    job = put_job(spool, 1)
    spool.job_file(job.job_id).unlink()
    age(spool)
    survey = Survey(spool, MemoryEngine())
    assert [(view.id, view.state) for view in survey.views()] == [
        (job.instance_id, JobState.QUEUED)
    ]
    write_record(spool.job_file(job.job_id), job)
    assert [(view.id, view.state) for view in survey.views()] == [(job.job_id, JobState.DONE)]
