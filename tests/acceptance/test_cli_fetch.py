"""`mumap-node fetch` and `mumap-node watch`, as an administrator runs them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from builders import STUDY_UID, nac_file
from commands import SETTINGS, run, running, write_settings
from mumap_node.node.worker.decisions import series_of
from peers import answers, dcmqrscp, store, unused_port

pytestmark = pytest.mark.peers

OF_ARCHIVE = SETTINGS.replace('ae_title = "ARCHIVE"', 'ae_title = "QRSCP"')

WATCHING = (
    OF_ARCHIVE.replace('destinations = ["sender"]', "deliver = false")
    + """
[[watch]]
name = "night"
from = "archive"
every_seconds = 1
retrieve = "get"
"""
)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[int]:
    """An archive with one study of today."""
    with dcmqrscp(tmp_path / "archive", {}) as port:
        path = tmp_path / "nac.dcm"
        path.write_bytes(nac_file(StudyDate=f"{datetime.now(UTC):%Y%m%d}"))
        assert answers(store(port, path, called="QRSCP")) == ["Success"]
        yield port


def _fetch(settings: Path, *more: str) -> tuple[int, str, str]:
    done = run("fetch", "-c", settings, "--from", "archive", "--retrieve", "get", *more)
    return done.returncode, done.stdout, done.stderr


def test_a_study_is_fetched_by_what_a_person_knows_of_it(tmp_path: Path, archive: int) -> None:
    settings = write_settings(tmp_path, archive, OF_ARCHIVE)
    today = f"{datetime.now(UTC):%Y%m%d}"
    for asked in (
        ["--study", STUDY_UID],
        ["--accession", "A1"],
        ["--patient-id", "PHANTOM1", "--date", f"20260101-{today}"],
        ["--patient-id", "PHANTOM1", "--date", "20260101-"],
    ):
        code, told, _ = _fetch(settings, *asked, "--json")
        assert code == 0
        (row,) = json.loads(told)
        assert (row["series"], row["found"], row["taken"]) == (series_of("2.25.101"), 1, 1)
    assert len(list((tmp_path / "data" / "inbox").glob("*.dcm"))) == 4

    _, table, _ = _fetch(settings, "--study", STUDY_UID)
    assert series_of("2.25.101") in table
    assert "PHANTOM" not in table.upper()
    assert STUDY_UID not in table


def test_what_is_not_there_is_not_found(tmp_path: Path, archive: int) -> None:
    settings = write_settings(tmp_path, archive, OF_ARCHIVE)
    for asked in (
        ["--accession", "A2"],
        ["--patient-id", "*"],
        ["--accession", "A1", "--date", "-20251231"],
        ["--accession", "A1", "--modality", "CT"],
    ):
        code, told, problem = _fetch(settings, *asked)
        assert (code, told) == (3, "none\n")
        assert problem.startswith("nothing-found: ")


def test_an_archive_that_cannot_send_is_a_failed_peer(tmp_path: Path, archive: int) -> None:
    settings = write_settings(tmp_path, archive, OF_ARCHIVE)
    unknown_here = run("fetch", "-c", settings, "--from", "archive", "--study", STUDY_UID)
    assert unknown_here.returncode == 4
    assert unknown_here.stderr.startswith("move-destination-unknown: ")

    code, _, problem = _fetch(write_settings(tmp_path, unused_port(), OF_ARCHIVE), "--study", "1.2")
    assert code == 4
    assert problem.startswith("peer-unreachable: ")


@pytest.mark.parametrize(
    "wrong",
    [
        ["--from", "archive"],
        ["--from", "nobody", "--study", "1.2"],
        ["--from", "archive", "--study", "1.2", "--date", "yesterday"],
    ],
)
def test_what_makes_no_sense_is_a_wrong_command_line(tmp_path: Path, wrong: list[str]) -> None:
    settings = write_settings(tmp_path, 104)
    assert run("fetch", "-c", settings, *wrong).returncode == 2


def test_a_watch_of_nothing_is_refused(tmp_path: Path) -> None:
    refused = run("watch", "-c", write_settings(tmp_path, 104))
    assert refused.returncode == 2
    assert "nothing-to-watch: " in refused.stderr


def test_serve_watches_and_a_map_is_made_of_what_comes(tmp_path: Path, archive: int) -> None:
    settings = write_settings(tmp_path, archive, WATCHING)
    with running("serve", "-c", settings, log=tmp_path / "log") as node:
        assert node.wait_for("series.fetched", "fetcher")["count"] == 1
        assert node.wait_for("job.finished", "worker")["state"] == "done"
        assert run("health", "-c", settings).returncode == 0
        assert run("health", "fetcher", "-c", settings).returncode == 0
        assert node.stop() == 0
    assert len(node.events("series.fetched")) == 1
    assert len(node.events("job.finished")) == 1
    gone = run("health", "-c", settings)
    assert "fetcher" in gone.stderr
