"""The durable engine, on SQLite and on PostgreSQL, in real processes."""

import contextlib
import json
import sqlite3
import subprocess
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
import sqlalchemy as sa

from builders import nac_file
from databases import Postgres, find_program
from mumap_node.dicom.elements import text
from mumap_node.dicom.files import read_dataset
from mumap_node.errors import ConfigurationError, TransientError
from mumap_node.node.engine.attempts import Attempt, Kind
from mumap_node.node.engine.client import EngineClient
from mumap_node.node.engine.database import (
    EngineOptions,
    check_durability,
    embedded_database,
    open_database,
)
from mumap_node.node.engine.lease import open_lease, take_executor_id
from mumap_node.node.engine.sweep import EXIT_STRANDED
from mumap_node.node.jobs.states import JobState
from mumap_node.node.watchdog import HUNG_EXIT_CODE
from nodes import MakeSite, Site, kill, stop
from peers import RecordingScp
from waiting import wait_until


def test_a_new_database_is_made_at_the_first_start(tmp_path: Path) -> None:
    with RecordingScp() as archive, Site(tmp_path, {"pacs": archive.port}) as site:
        site.receive(nac_file())
        site.start("work")
        site.start("deliver")
        site.wait_for("done")


def test_worker_and_deliverer_may_make_it_at_the_same_time(
    postgres: Postgres, tmp_path: Path
) -> None:
    with Site(tmp_path, {}, postgres.make_database()) as site:
        site.receive(nac_file())
        site.start("work", ready=False)
        site.start("deliver", ready=False)
        site.wait_for("done")


def test_sqlite_commits_survive_a_power_cut(tmp_path: Path) -> None:
    database = open_database(EngineOptions(embedded_database(tmp_path), tmp_path), pool_size=2)
    check_durability(database)
    database.dispose()
    assert sqlite3.connect(tmp_path / "engine.sqlite").execute(
        "PRAGMA journal_mode"
    ).fetchone() == ("wal",)


def test_a_database_that_would_forget_is_refused(tmp_path: Path) -> None:
    careless = sa.create_engine(embedded_database(tmp_path))
    with pytest.raises(ConfigurationError, match="database-not-durable"):
        check_durability(careless)
    careless.dispose()


def test_no_two_living_executors_share_an_id(make_any_site: MakeSite) -> None:
    site = make_any_site()
    options = EngineOptions(site.database_url, site.spool.run)
    first, second = open_lease(options), open_lease(options)
    one, other = take_executor_id(first, "worker"), take_executor_id(second, "worker")
    assert one != other
    assert not second.take(one)
    first.close()
    assert second.take(one)
    second.close()


def test_a_job_that_kills_its_worker_is_put_aside(make_any_site: MakeSite) -> None:
    site = make_any_site()
    site.receive(nac_file())
    for _ in range(3):
        site.start("work", ready=False, predict="crash").join()
    site.start("work", predict="crash")
    view = site.wait_for("quarantined")
    assert view.reason == "repeated-crash"
    wait_until(lambda: site.dossier().result)
    site.receive(nac_file(SOPInstanceUID="2.25.7"))
    site.processes[-1].join()  # the next one is tried, and crashes too


def test_a_person_may_retry_a_job_that_killed_its_worker(make_any_site: MakeSite) -> None:
    site = make_any_site()
    site.receive(nac_file())
    for _ in range(3):
        site.start("work", ready=False, predict="crash").join()
    site.start("work")
    view = site.wait_for("quarantined")
    site.jobs.retry(view.id)
    site.wait_for("done")


def test_a_network_that_hangs_ends_its_worker(make_site: MakeSite) -> None:
    site = make_site()
    site.receive(nac_file())
    worker = site.start("work", ready=False, predict="hang")
    worker.join()
    assert worker.exitcode == HUNG_EXIT_CODE
    site.start("work")
    site.wait_for("done")


def test_a_bug_puts_the_job_aside_and_tells_nothing_of_the_patient(make_any_site: MakeSite) -> None:
    site = make_any_site()
    site.receive(nac_file())
    site.start("work", predict="bug")
    view = site.wait_for("quarantined")
    assert view.reason == "internal-error"
    assert view.sentence.startswith("expected no exception, found KeyError at ")
    wait_until(lambda: site.dossier().result)
    assert "Phantom" not in site.log()
    assert "Phantom" not in _everything_in(site)
    assert all("Phantom" not in path.read_text() for path in site.folder.rglob("*.json"))


def test_the_database_knows_nothing_of_a_patient(make_any_site: MakeSite) -> None:
    file = nac_file()
    with RecordingScp() as archive:
        site = make_any_site(pacs=archive.port)
        site.receive(file)
        site.start("both")
        site.wait_for("done")
    source = read_dataset(file)
    content = _everything_in(site)
    assert site.dossier().job.job_id in content
    for keyword in ("PatientName", "PatientID", "SOPInstanceUID", "StudyInstanceUID", "StudyDate"):
        assert text(source, keyword) not in content


def test_an_upgrade_finishes_the_jobs_of_the_version_before(make_any_site: MakeSite) -> None:
    site = make_any_site()
    (site.folder / "hold").touch()
    site.receive(nac_file())
    old = site.start("work", predict="wait", software_version="0.1.0")
    wait_until((site.folder / "predicting").exists)
    kill(old)
    site.start("work", software_version="0.2.0")
    site.wait_for("done")
    result = site.dossier().result
    assert result is not None
    assert result.software_version == "0.2.0"


def test_without_its_database_nothing_is_lost_or_sent_again(make_site: MakeSite) -> None:
    with RecordingScp() as archive:
        site = make_site(pacs=archive.port)
        site.receive(nac_file())
        assert stop(_run_until_done(site)) == 0
        (site.folder / "hold").touch()
        site.receive(nac_file(SOPInstanceUID="2.25.7"))
        worker = site.start("work", predict="wait")
        wait_until((site.folder / "predicting").exists)
        kill(worker)
        site.engine.close()
        for path in site.folder.glob("engine.sqlite*"):
            path.unlink()

        site.start("both")
        site.wait_for("done")
        assert len({received.sop_instance_uid for received in archive.received}) == 2
        assert len(archive.received) == 2


def test_work_goes_on_after_the_database_server_crashed(
    postgres: Postgres, postgres_template: str, tmp_path: Path
) -> None:
    with RecordingScp() as archive:
        url = postgres.make_database(postgres_template)
        with Site(tmp_path, {"pacs": archive.port}, url) as site:
            (site.folder / "hold").touch()
            site.receive(nac_file())
            site.start("work", predict="wait")
            site.start("deliver")
            wait_until((site.folder / "predicting").exists)
            postgres.stop("immediate")
            (site.folder / "hold").unlink()
            wait_until(lambda: site.dossier().result)
            with pytest.raises(TransientError, match="engine-unavailable"):
                site.engine.check()
            assert site.state() == JobState.DELIVERING
            postgres.start()
            site.wait_for("done", 60)
            assert len(archive.received) == 1


def test_a_lease_that_was_lost_is_taken_again(
    postgres: Postgres, postgres_template: str, tmp_path: Path
) -> None:
    url = postgres.make_database(postgres_template)
    with Site(tmp_path, {}, url) as site:
        worker = site.start("work")
        site.engine.close()
        postgres.cut_connections(url)
        wait_until(lambda: "executor.lease_retaken" in site.log())
        site.receive(nac_file())
        site.wait_for("done")
        assert worker.exitcode is None
        lease = open_lease(EngineOptions(url, site.spool.run))
        assert not lease.take(_executor_id(site))
        lease.close()


def test_work_the_database_believes_to_be_running_is_begun_again(make_site: MakeSite) -> None:
    site = make_site()
    worker = site.start("work")
    stranded = Attempt(Kind.MAP, "no-such-job", wait_seconds=3600)
    site.engine.enqueue([stranded])
    with contextlib.closing(sqlite3.connect(site.folder / "engine.sqlite")) as connection:
        orphan = "status = 'PENDING', executor_id = ?, started_at_epoch_ms = 1"
        connection.execute(f"UPDATE workflow_status SET {orphan}", [_executor_id(site)])  # noqa: S608
        connection.commit()
    worker.join(30)
    assert worker.exitcode == EXIT_STRANDED
    site.start("work")
    wait_until(lambda: site.engine.statuses([stranded]) == {stranded.workflow_id: "SUCCESS"})


def test_a_client_without_a_database_says_so(tmp_path: Path) -> None:
    client = EngineClient(EngineOptions(embedded_database(tmp_path), tmp_path))
    with pytest.raises(TransientError, match="engine-unavailable"):
        client.enqueue([Attempt(Kind.MAP, "j")])
    assert not list(tmp_path.iterdir())


def test_asking_twice_is_asking_once(make_any_site: MakeSite) -> None:
    site = make_any_site()
    attempt = Attempt(Kind.MAP, "j", 3)
    site.engine.enqueue([attempt, attempt])
    site.engine.enqueue([attempt])
    known = site.engine.latest([attempt.series])
    assert [(k.number, k.status) for k in known.values()] == [(3, "ENQUEUED")]


def test_a_waiting_attempt_can_be_hastened(make_any_site: MakeSite) -> None:
    site = make_any_site()
    attempt = Attempt(Kind.MAP, "no-such-job", wait_seconds=3600)
    site.engine.enqueue([attempt])
    assert site.engine.statuses([attempt]) == {attempt.workflow_id: "DELAYED"}
    site.start("work")
    site.engine.hasten(attempt)
    wait_until(lambda: site.engine.statuses([attempt])[attempt.workflow_id] == "SUCCESS")


def _run_until_done(site: Site) -> ForkServerProcess:
    process = site.start("both")
    wait_until(site.is_at_rest)
    return process


def _executor_id(site: Site) -> str:
    """Of the first process that started."""
    events = map(json.loads, site.log().splitlines())
    return str(next(event["process"] for event in events if event["event"] == "executor.started"))


def _everything_in(site: Site) -> str:
    """All rows of all tables of the engine's database, as text."""
    if site.database_url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(site.folder / "engine.sqlite")) as connection:
            return "\n".join(connection.iterdump())
    command = [find_program("pg_dump"), "--data-only", "--schema=dbos", site.database_url]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
