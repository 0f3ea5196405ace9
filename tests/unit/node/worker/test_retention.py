"""What is removed when, and what never is."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from mumap_node.node.jobs.dossier import read_dossier
from mumap_node.node.spool.files import Spool, read_record, write_durably, write_record
from mumap_node.node.spool.measured import keep, key_of, read_measured
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


def _measure(spool: Spool, study: str, *ages_days: float) -> None:
    """Keep files of a study that came so many days before NOW."""
    for number, age in enumerate(ages_days):
        path = spool.store_arrival(b"slice", b"")
        received = (NOW - timedelta(days=age)).timestamp()
        os.utime(path, (received, received))
        keep(spool, path, study=study, series="1.1", instance=f"1.1.{number}")


def test_measured_maps_go_when_nothing_came_to_their_study_for_long(spool: Spool) -> None:
    _measure(spool, "1.2", 40, 31)
    _measure(spool, "1.3", 40, 29)
    _purge(spool, 0)
    assert read_measured(spool, key_of("1.2")) is None
    kept = read_measured(spool, key_of("1.3"))
    assert kept is not None
    assert [len(files) for files in kept.series.values()] == [2]


def test_what_is_left_of_a_study_is_never_taken_for_the_whole(spool: Spool) -> None:
    """A purge that was interrupted leaves nothing a map could be compared with."""
    _measure(spool, "1.2", 31, 31)
    folder = spool.measured / key_of("1.2")
    folder.rename(folder.with_suffix(".part"))
    next(spool.measured.rglob("*.dcm")).unlink()
    assert read_measured(spool, key_of("1.2")) is None
    _purge(spool, -10)
    assert not list(spool.measured.iterdir())


def test_what_an_interrupted_purge_left_is_in_nobodys_way(spool: Spool) -> None:
    for _ in range(2):
        _measure(spool, "1.2", 31)
        folder = spool.measured / key_of("1.2")
        if not folder.with_suffix(".part").exists():
            folder.rename(folder.with_suffix(".part"))
    _purge(spool, 0)
    assert not list(spool.measured.iterdir())


def test_a_folder_a_crash_left_empty_goes_too(spool: Spool) -> None:
    folder = spool.measured / key_of("1.2")
    folder.mkdir()
    os.utime(folder, (0, 0))
    _purge(spool, 0)
    assert not list(spool.measured.iterdir())


def test_measured_maps_are_removed_without_their_jobs(spool: Spool) -> None:
    write_job(spool, job(), made=result(), sent=ACCEPTED)
    _measure(spool, "1.2", 31)
    before = _files(spool) - {path.name for path in spool.measured.rglob("*.dcm")}
    _purge(spool, 0)
    assert _files(spool) == before
