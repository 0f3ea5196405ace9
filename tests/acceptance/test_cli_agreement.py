"""`agreement`, as a physicist uses it on a node whose processes do not run."""

import csv
import io
from pathlib import Path

import pytest

from agreements import (
    BEGIN,
    CAMERA,
    FIGURES,
    MODEL,
    agreement,
    month,
    not_compared,
    put_agreement,
)
from commands import run, write_settings
from mumap_node.imaging.definitions import METRICS
from mumap_node.node.spool.files import Spool


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return write_settings(tmp_path, 104)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    (tmp_path / "data").mkdir()
    return Spool(tmp_path / "data")


@pytest.fixture
def compared(spool: Spool) -> Spool:
    put_agreement(spool, 1, agreement(0))
    put_agreement(spool, 2, agreement(40))
    put_agreement(spool, 3, not_compared(41))
    return spool


@pytest.mark.usefixtures("compared")
def test_the_table_says_at_once_how_maps_agree(settings):
    answer = run("agreement", "-c", settings)
    assert answer.returncode == 0, answer.stderr
    heading, row, *others = answer.stdout.splitlines()
    assert heading.split("  ")[0] == "camera"
    assert row.split() == [
        *CAMERA.split(), MODEL, "2", "1",
        "0.0200", "0.0200", "to", "0.0200", "+0.0010", "5.0",
    ]  # fmt: skip
    assert "left out: ct-voltage 1" in others


def test_alarms_are_sentences_below_the_table(settings, spool):
    for number, found in enumerate(month(studies=20, changed_from=13, factor=5), start=1):
        put_agreement(spool, number, found)
    *_, last = run("agreement", "-c", settings).stdout.splitlines()
    assert last.startswith("2026-10-0")
    assert f": the maps of {CAMERA} ({MODEL}) agree less: NMAE in the body 0." in last
    assert last.endswith(" studies since 2026-10-04")


def test_a_node_without_comparisons_says_so(settings, spool):
    answer = run("agreement", "-c", settings)
    assert (answer.returncode, answer.stdout) == (0, "none\n")


@pytest.mark.usefixtures("compared")
def test_the_csv_is_written_as_it_is_standardised(settings, tmp_path):
    file = tmp_path / "record.csv"
    answer = run("agreement", "--csv", "-o", file, "-c", settings)
    assert answer.stdout == f"{file} written\n"
    content = file.read_bytes()
    assert content.count(b"\r\n") == 4
    rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    assert [row["reason"] for row in rows] == ["", "", "ct-voltage"]
    assert float(rows[0]["acf_mean_percent"]) == FIGURES["acf_mean_percent"]


@pytest.mark.usefixtures("compared")
def test_the_csv_may_be_piped(settings):
    assert run("agreement", "--csv", "-c", settings).stdout.startswith(
        "received_at,compared_at,job"
    )


@pytest.mark.usefixtures("compared")
def test_the_page_is_one_file_with_everything(settings, tmp_path):
    file = tmp_path / "record.html"
    assert run("agreement", "--html", "-o", file, "-c", settings).returncode == 0
    text = file.read_text(encoding="utf-8")
    assert "RESEARCH - SYNTHETIC" in text
    assert METRICS["nmae_range"].definition in text
    assert text.count("<svg") == 3


@pytest.mark.usefixtures("compared")
@pytest.mark.parametrize("kind", ["--csv", "--html"])
def test_nothing_of_the_headers_of_a_study_is_exported_but_its_equipment(settings, kind):
    text = run("agreement", kind, "-c", settings).stdout
    assert CAMERA in text
    assert "NAC" not in text  # the series description that the routes looked at


@pytest.mark.usefixtures("compared")
def test_since_counts_from_the_midnight_of_the_site(settings):
    later = BEGIN.replace(day=11)
    only = run("agreement", "--since", f"{later:%Y-%m-%d}", "-c", settings).stdout.splitlines()[1]
    assert only.split()[len(CAMERA.split()) + 1 :][:2] == ["1", "1"]


@pytest.mark.parametrize(
    "arguments", [("--csv", "--html"), ("-o", "x.csv"), ("--since", "yesterday")], ids=" ".join
)
def test_a_command_line_that_makes_no_sense_is_exit_code_2(settings, arguments):
    answer = run("agreement", *arguments, "-c", settings)
    assert answer.returncode == 2
    assert "Invalid value" in answer.stderr


def test_a_file_that_cannot_be_written_is_told(settings, spool, tmp_path):
    answer = run("agreement", "--csv", "-o", tmp_path, "-c", settings)
    assert answer.returncode == 2
    assert answer.stderr.startswith("output-not-writable: ")
