"""`status`, as an administrator and a monitoring system use it."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from authorities import Authority
from commands import COMMAND, SETTINGS, by_tls, run, write_settings
from mumap_node.node.presence import present
from mumap_node.node.spool.files import Spool
from mumap_node.node.spool.opened import OpenedModel, write_opened
from mumap_node.node.spool.records import Delivery, DeliveryState
from mumap_node.service.status import Level, Line, Status, StatusReader
from mumap_node.settings.loading import load_settings
from spools import NOW, put_instance, put_job


@pytest.fixture
def spool(tmp_path: Path, sqlite_template: Path) -> Spool:
    spool = Spool(tmp_path / "data")
    shutil.copy(sqlite_template, spool.root)
    return spool


@pytest.fixture
def alive(spool: Spool) -> Iterator[None]:
    """All processes hold their locks."""
    with ExitStack() as held:
        for process in ("receiver", "worker", "deliverer", "web"):
            held.enter_context(present(spool.run, process))
        yield


def read(folder: Path, settings: str = SETTINGS) -> Status:
    with StatusReader(load_settings(write_settings(folder, 104, settings))) as reader:
        return reader.read()


def line(status: Status, name: str) -> Line:
    (found,) = [line for line in status.lines if line.name == name]
    return found


@pytest.mark.usefixtures("alive")
def test_a_node_that_works_is_ok(tmp_path, spool):
    put_job(spool, 30)
    model = OpenedModel("test-1", "ab" * 32, "onnxruntime 1.31.1 CPUExecutionProvider", NOW)
    write_opened(spool.run, (model,))
    status = read(tmp_path)
    assert {line.level for line in status.lines} == {Level.OK}
    assert (status.level, status.level.exit_code) == (Level.OK, 0)
    assert line(status, "camera").at == NOW - timedelta(minutes=30)
    assert line(status, "archive").at == NOW - timedelta(minutes=30)
    assert line(status, "test-1").at == NOW
    assert "sha256 abababababab, onnxruntime 1.31.1 CPU" in line(status, "test-1").sentence


@pytest.mark.usefixtures("alive")
def test_what_waits_for_a_person_is_a_warning(tmp_path, spool):
    put_instance(spool, 1)
    put_instance(spool, 5, reason="correction-undecidable")
    put_job(spool, 2, delivery=Delivery("archive", DeliveryState.REFUSED, 1, reason="refused"))
    status = read(tmp_path)
    assert status.level is Level.WARNING
    held = line(status, "held")
    assert "2 wait for a person: 1 correction-undecidable, 1 no-route" in held.sentence
    assert (held.level, held.at) == (Level.WARNING, NOW - timedelta(minutes=5))
    assert "1 refused" in line(status, "quarantined").sentence


@pytest.mark.usefixtures("alive")
def test_a_map_that_waits_for_long_is_a_warning(tmp_path, spool):
    begun = datetime.now(UTC) - timedelta(minutes=50)
    put_job(spool, 2, delivery=Delivery("archive", attempts=4, first_attempt_at=begun))
    found = line(read(tmp_path), "archive")
    assert (found.level, found.reason) == (Level.WARNING, "delivery-late")
    assert "a map has waited for 50 minutes; 1 waiting, 0 failed" in found.sentence


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize(
    ("days", "level"), [(90, Level.OK), (10, Level.WARNING), (-1, Level.CRITICAL)]
)
def test_certificates_are_told_with_their_end(tmp_path, spool, hospital: Authority, days, level):
    status = read(tmp_path, by_tls(hospital.issue(f"status-{days}", days=days)))
    assert (status.level, line(status, "certificates").level) == (level, level)
    end = line(status, "tls.certificate").at
    assert end is not None
    assert abs((end - NOW) / timedelta(days=1) - days) < 1


def test_processes_that_are_gone_are_critical_but_for_the_page(tmp_path, spool):
    status = read(tmp_path)
    levels = {line.name: line.level for line in status.lines if line.reason == "process-missing"}
    critical = dict.fromkeys(("receiver", "worker", "deliverer"), Level.CRITICAL)
    assert levels == critical | {"web": Level.WARNING}
    assert status.level.exit_code == 2


@pytest.mark.usefixtures("alive")
def test_a_spool_that_cannot_be_read_is_critical(tmp_path, spool):
    settings = load_settings(write_settings(tmp_path, 104))
    with StatusReader(settings) as reader:
        shutil.rmtree(spool.jobs)
        status = reader.read()
    assert status.level is Level.CRITICAL
    found = {line.reason for line in status.lines if line.level is Level.CRITICAL}
    assert found == {"spool-failed"}


def test_scripts_and_pipes_get_what_they_can_read(tmp_path, spool):
    put_instance(spool, 1)
    settings = write_settings(tmp_path, 104)
    told, as_json = run("status", "-c", settings), run("status", "--json", "-c", settings)
    assert (told.returncode, as_json.returncode) == (2, 2)
    assert "\x1b" not in told.stdout
    assert [text for text in told.stdout.splitlines() if text != text.rstrip()] == []
    (held,) = [text for text in told.stdout.splitlines() if text.startswith("warning   held")]
    assert re.search(r"1 wait for a person: 1 no-route; the first \d{4}-.+ ago$", held)
    found = json.loads(as_json.stdout)
    assert (found["level"], found["states"]["held"]) == ("critical", 1)
    both = run("status", "--json", "--watch", "-c", settings)
    assert both.returncode == 2
    assert "choose one" in both.stderr


@pytest.mark.usefixtures("alive")
def test_watching_shows_what_happens_until_it_is_interrupted(tmp_path, spool):
    """On a terminal, in colours; the last that was seen stays, and decides the exit code."""
    watch = [*COMMAND, "status", "--watch", "-c", str(write_settings(tmp_path, 104))]
    command = ["env", "--default-signal=INT", *watch]  # what runs in the background ignores it
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120", "LINES": "50"}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        try:
            seen = read_until(ours, b"nothing received")
            assert b"\x1b[32mok" in seen
            put_instance(spool, 1)
            read_until(ours, b"1 no-route")
            process.send_signal(signal.SIGINT)
            last = read_until(ours, None)
            assert process.wait(30) == 1
        finally:
            process.kill()
    os.close(ours)
    assert b"1 no-route" in last
    assert b"Traceback" not in last


def read_until(terminal: int, wanted: bytes | None) -> bytes:
    """What a terminal shows until something is there; to its end for None."""
    seen = b""
    while wanted is None or wanted not in seen:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # closed by the other side
            break
        seen += piece
    assert wanted is None or wanted in seen
    return seen
