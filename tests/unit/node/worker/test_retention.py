"""What is removed when, and what never is."""

from datetime import timedelta
from pathlib import Path

import pytest

from mumap_node.node.jobs.dossier import read_dossier
from mumap_node.node.spool.files import Spool, read_record, write_durably, write_record
from mumap_node.node.spool.records import (
    Admission,
    Decision,
    DeliveryState,
    OperatorWord,
    Outcome,
    Result,
    Verb,
)
from mumap_node.node.worker.retention import Retention, purge
from records import NOW, decision, delivery, job, result, write_job

KEPT = Retention(spool_days=30, jobs_days=365)
ACCEPTED = [delivery(DeliveryState.ACCEPTED)]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


def _purge(spool: Spool, days: float) -> None:
    purge(spool, KEPT, NOW + timedelta(days=days))


def _files(spool: Spool) -> set[str]:
    return {path.name for path in spool.root.rglob("*") if path.is_file()}


def test_nothing_goes_before_its_time(spool: Spool) -> None:
    write_job(spool, job(), made=result(), sent=ACCEPTED)
    before = _files(spool)
    _purge(spool, 29)
    assert _files(spool) == before


def test_first_the_images_go_and_the_records_say_so(spool: Spool) -> None:
    write_job(spool, job(), made=result(), sent=ACCEPTED)
    _purge(spool, 31)
    assert not {name for name in _files(spool) if name.endswith(".dcm")}
    kept = read_record(Decision, spool.decision_file("instance"))
    assert kept is not None
    assert kept.purged_at == NOW + timedelta(days=31)
    assert read_dossier(spool, "job") is not None


def test_then_the_records_go_too(spool: Spool) -> None:
    write_job(spool, job(), made=result(), sent=ACCEPTED)
    _purge(spool, 31)
    _purge(spool, 366)
    assert not _files(spool)
    assert not list(spool.job_ids())
    assert not list(spool.instance_ids())


@pytest.mark.parametrize(
    "made",
    [
        None,
        result(),
        result(Outcome.REJECTED),
        result(Outcome.FAILED_CHECKS),
        result(Outcome.STOPPED),
    ],
)
def test_what_is_not_finished_or_must_be_looked_at_never_goes(
    spool: Spool, made: Result | None
) -> None:
    write_job(spool, job(), made=made)
    before = _files(spool)
    _purge(spool, 10_000)
    assert _files(spool) == before


def test_what_was_refused_never_goes(spool: Spool) -> None:
    write_job(spool, job(), made=result(), sent=[delivery(DeliveryState.REFUSED)])
    before = _files(spool)
    _purge(spool, 10_000)
    assert _files(spool) == before


@pytest.mark.parametrize("admission", [Admission.HELD, Admission.QUARANTINED])
def test_what_is_held_never_goes(spool: Spool, admission: Admission) -> None:
    write_record(spool.decision_file("instance"), decision(admission))
    write_durably(spool.instance_file("instance"), b"images")
    _purge(spool, 10_000)
    assert _files(spool) == {"decision.json", "instance.dcm"}


@pytest.mark.parametrize("verb", list(Verb))
def test_what_a_person_put_aside_goes(spool: Spool, verb: Verb) -> None:
    rejected = result(Outcome.REJECTED)
    write_job(spool, job(), made=rejected, word=OperatorWord(verb, NOW + timedelta(days=100)))
    _purge(spool, 366)
    assert "instance.dcm" not in _files(spool)
    assert "job.json" in _files(spool)
    _purge(spool, 466)
    assert not _files(spool)


def test_an_instance_stays_as_long_as_one_of_its_jobs_is_not_finished(spool: Spool) -> None:
    write_job(spool, job(job_id="first"), made=result(), sent=ACCEPTED)
    second = decision(job_id="second", run=2)
    write_job(spool, job(job_id="second", run=2), decided=second)
    before = _files(spool)
    _purge(spool, 10_000)
    assert _files(spool) == before


def test_a_purge_that_was_interrupted_is_finished_by_the_next(spool: Spool) -> None:
    write_job(spool, job(), made=result(), sent=ACCEPTED)
    spool.job_file("job").unlink()
    _purge(spool, 0)
    assert not list(spool.job_ids())
