"""Backup, restore, upgrade and rollback of the installed node, as its administrator does them."""

import io
import json
import os
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from builders import nac_file, torso_counts
from commands import (
    COMMAND,
    PATIENCE_SECONDS,
    SETTINGS,
    Running,
    is_alive,
    run,
    running,
    write_settings,
)
from mumap_node.node.backup.contents import STAGING
from mumap_node.node.jobs.dossier import read_dossier
from mumap_node.node.spool.files import Spool
from peers import CommittingScp, RecordingScp, answers, store, unused_port
from waiting import wait_until

pytestmark = pytest.mark.ops

PROJECT = Path(__file__).parents[2]


def two_archives(later: int) -> str:
    """Settings with an archive that commits itself, and one that does not answer yet.

    Another patient's images are held.
    """
    text = SETTINGS.replace("port = {port}", "port = {port}\ncommitment = true")
    text = text.replace('"sender"', '"archive", "later"')
    text = text.replace('name = "all"', 'name = "all"\nmatch = {{ PatientID = "PHANTOM1" }}')
    return f"""{text}
[[peers]]
name = "archive"
ae_title = "ARCHIVE"
hosts = ["127.0.0.1"]

[[destinations]]
name = "later"
ae_title = "ARCHIVE"
host = "127.0.0.1"
port = {later}
"""


def send(node: Running, folder: Path, number: int, **attributes: str) -> None:
    path = folder / f"{number}.dcm"
    uid = f"2.25.{number}"
    path.write_bytes(nac_file(voxels=torso_counts() + number, SOPInstanceUID=uid, **attributes))
    port = int(node.wait_for("receiver.started")["port"])
    assert answers(store(port, path, called="MUMAP")) == ["Success"]


def jobs(settings: Path) -> dict[str, dict[str, Any]]:
    """Everything people see, by id."""
    listed: list[dict[str, Any]] = json.loads(run("jobs", "list", "--json", "-c", settings).stdout)
    return {item["id"]: item for item in listed}


def deliveries(settings: Path) -> list[dict[str, str]]:
    """States by destination, of every job."""
    spool = Spool(settings.parent / "data")
    dossiers = [read_dossier(spool, job_id) for job_id in spool.job_ids()]
    return [{d.destination: str(d.state) for d in found.deliveries} for found in dossiers if found]


@contextmanager
def ending_in_flight(node: Running) -> Iterator[None]:
    """The worker stands still in the block; then the machine has lost its power."""
    worker = int(node.wait_for("process.started", "worker")["pid"])
    os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        node.process.kill()  # first: it would start the worker again
        os.kill(worker, signal.SIGKILL)
    wait_until(lambda: not any(is_alive(int(e["pid"])) for e in node.events("process.started")))


def uids(archive: RecordingScp) -> list[str]:
    return [received.sop_instance_uid for received in archive.received]


def test_a_backup_of_a_running_node_becomes_another_that_goes_on_where_it_was(tmp_path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir(), second.mkdir()
    later_port = unused_port()
    with CommittingScp(at_once=True) as archive:
        settings = write_settings(first, archive.port, two_archives(later_port))
        with running("serve", "-c", settings, log=first / "log") as node:
            send(node, tmp_path, 1)
            send(node, tmp_path, 2, PatientID="SOMEBODY")
            node.wait_for("instance.held", "worker")
            wait_until(
                lambda: deliveries(settings) == [{"archive": "accepted", "later": "waiting"}]
            )
            with ending_in_flight(node):
                send(node, tmp_path, 3)
                before = jobs(settings)
                with (tmp_path / "node.backup").open("wb") as output:
                    command = [*COMMAND, "backup", "-o", "-", "-c", settings]
                    subprocess.run(command, stdout=output, check=True)

        with tarfile.open(tmp_path / "node.backup") as tar:
            file = tar.extractfile("settings/mumap-node.toml")
            assert file is not None
            there = second / "mumap-node.toml"
            there.write_bytes(file.read())
        told = run("restore", tmp_path / "node.backup", "-c", there)
        assert told.returncode == 0, told.stderr
        assert "restored 3 instances, 1 jobs" in told.stderr
        assert jobs(there) == before
        assert len(list((second / "data" / "commitments").iterdir())) == 1

        with RecordingScp(port=later_port) as later:
            with running("serve", "-c", there, log=second / "log") as node:
                node.wait_for("delivery.accepted", "deliverer")
                (waiting,) = (i for i in before if before[i]["state"] == "delivering")
                run("jobs", "retry", waiting, "-c", there)  # unless it was due by then
                all_there = [{"archive": "accepted", "later": "accepted"}] * 2
                wait_until(lambda: deliveries(there) == all_there, PATIENCE_SECONDS)
                assert node.stop() == 0
            assert sorted(i["state"] for i in jobs(there).values()) == ["done", "done", "held"]
            assert before.keys() & jobs(there).keys() == before.keys() - {_arrival(before)}
        assert len(uids(archive)) == len(set(uids(archive))) == 2, "nothing is sent twice"
        assert sorted(uids(later)) == sorted(uids(archive))
        assert len(archive.transactions()) == 2


def _arrival(items: dict[str, dict[str, Any]]) -> str:
    (found,) = (item["id"] for item in items.values() if item["state"] == "collecting")
    return found


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Of a node that has more than a pipe takes."""
    settings = write_settings(tmp_path, 104)
    for _ in range(8):
        Spool(tmp_path / "data").store_arrival(os.urandom(50_000), b"")
    return settings


def test_a_backup_killed_on_its_way_is_no_backup(tmp_path, settings) -> None:
    command = [*COMMAND, "backup", "-o", "-", "-c", str(settings)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        begun = process.stdout.read(1000)  # and no more: it waits until somebody reads on
        process.kill()
        (tmp_path / "cut").write_bytes(begun + process.stdout.read())
    (tmp_path / "data").rename(tmp_path / "lost")

    refused = run("restore", tmp_path / "cut", "-c", settings)

    assert refused.returncode == 2
    assert "backup-damaged" in refused.stderr
    assert not list((tmp_path / "data").iterdir())


def test_a_restore_killed_on_its_way_keeps_the_node_from_starting_until_it_is_ended(
    tmp_path, settings
) -> None:
    backup = tmp_path / "node.backup"
    assert run("backup", "-o", backup, "-c", settings).returncode == 0
    (tmp_path / "data").rename(tmp_path / "lost")
    command = [*COMMAND, "restore", "-", "-c", str(settings)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(backup.read_bytes()[:200_000])
        process.stdin.flush()
        unpacked = tmp_path / "data" / STAGING / "data" / "inbox"
        wait_until(lambda: unpacked.exists() and list(unpacked.iterdir()))
        process.kill()

    for verb in (["serve"], ["jobs", "list"]):
        refused = run(*verb, "-c", settings)
        assert refused.returncode == 2
        assert "restore-unfinished" in refused.stdout + refused.stderr

    assert run("restore", backup, "-c", settings).returncode == 0
    assert [item["state"] for item in jobs(settings).values()] == ["collecting"] * 8


def test_an_upgrade_and_its_rollback_go_on_with_what_is_in_flight(tmp_path, monkeypatch) -> None:
    before, present = _version_before(tmp_path / "before"), str(PROJECT / "src")
    others = os.environ.get("PYTHONPATH", "")
    port = unused_port()
    settings = write_settings(tmp_path, port)
    for number, version in ((1, before), (2, present)):
        monkeypatch.setenv("PYTHONPATH", f"{version}{os.pathsep}{others}")
        with running("serve", "-c", settings, log=tmp_path / f"log-{number}") as node:
            if number == 1:
                send(node, tmp_path, 0)
            node.wait_for("delivery.postponed", "deliverer")  # of what came before it was stopped
            with ending_in_flight(node):
                send(node, tmp_path, number)
    monkeypatch.setenv("PYTHONPATH", f"{before}{os.pathsep}{others}")
    with RecordingScp(port=port) as archive:
        with running("serve", "-c", settings, log=tmp_path / "log-3") as node:
            node.wait_for("delivery.accepted", "deliverer")
            for job in jobs(settings):  # unless its time has come already
                run("jobs", "retry", job, "-c", settings)
            done = [{"archive": "accepted"}] * 3
            wait_until(lambda: deliveries(settings) == done, PATIENCE_SECONDS)
        assert len(uids(archive)) == len(set(uids(archive))) == 3


def _version_before(folder: Path) -> str:
    """Source of the commit before the present one."""
    git = ["git", "-C", str(PROJECT), "archive", "HEAD~1", "src", "models", "pyproject.toml"]
    try:
        archive = subprocess.run(git, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("the history of git is absent: no commit before this one to upgrade from")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return str(folder / "src")
