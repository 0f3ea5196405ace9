"""`jobs`, as a person uses it on a node whose processes do not run."""

import json
import os
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from commands import run, write_settings
from mumap_node.node.rejections import Rejections
from mumap_node.node.spool.files import Spool, write_record
from mumap_node.node.spool.records import Delivery
from records import agreement
from spools import put_instance, put_job


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return write_settings(tmp_path, 104)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    (tmp_path / "data").mkdir()
    return Spool(tmp_path / "data")


def test_jobs_are_listed_for_people_and_for_scripts(settings, spool):
    held, job = put_instance(spool, 1), put_job(spool, 2)
    table = run("jobs", "list", "-c", settings).stdout
    assert table.splitlines()[0].split() == [
        "received", "state", "id", "from", "route", "reason", "destinations",
    ]  # fmt: skip
    assert "no-route" in table
    assert "archive accepted" in table
    listed = json.loads(run("jobs", "list", "--json", "-c", settings).stdout)
    assert {view["id"]: view["state"] for view in listed} == {
        held.instance_id: "held",
        job.job_id: "done",
    }
    only = json.loads(run("jobs", "list", "--state", "held", "--json", "-c", settings).stdout)
    assert [view["id"] for view in only] == [held.instance_id]


def test_one_job_is_shown_with_everything_about_it(settings, spool):
    held = put_instance(spool, 1)
    shown = run("jobs", "show", held.instance_id[:20], "-c", settings).stdout
    assert "no-route: expected a route that matches, found none" in shown
    assert "SeriesDescription = <b>NAC</b>" in shown


def test_a_job_shows_how_its_map_compares(settings, spool):
    job = put_job(spool, 2)
    write_record(spool.agreement_file(job.job_id), agreement())
    shown = run("jobs", "show", job.job_id, "-c", settings).stdout
    assert "a CT" in shown
    assert "NMAE: 0.0321" in shown
    assert "Dice 0.93" in shown
    told = json.loads(run("jobs", "show", job.job_id, "--json", "-c", settings).stdout)
    assert told["agreement"]["figures"]["nmae_range"] == 0.0321


def test_a_held_image_is_discarded(settings, spool):
    held = put_instance(spool, 1)
    answer = run("jobs", "discard", held.instance_id, "--json", "-c", settings)
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert (told["state"], told["reason"]) == ("ignored", "discarded")


def test_a_map_is_taken_back_and_a_person_told_where_to_delete_it(settings, spool):
    job = put_job(spool, 2)
    answer = run("jobs", "retract", job.job_id, "--reason", "typo", "-c", settings)
    assert answer.returncode == 2
    assert "expected quality, safety, worklist; found typo" in " ".join(answer.stderr.split())
    options = ("--reason", "quality", "--comment", "heart cut off")
    shown = run("jobs", "retract", job.job_id, *options, "-c", settings).stdout
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "state retracted" in lines
    assert "heart cut off" in lines
    assert "by hand at archive delete the series of object 2.25.1" in lines  # its file is gone
    assert any(line.startswith("retracted quality, ") for line in lines)
    again = run("jobs", "retract", job.job_id, "--reason", "quality", "-c", settings)
    assert again.stderr.startswith("retracted: ")


def test_what_makes_no_sense_is_told_and_is_exit_code_1(settings, spool):
    job = put_job(spool, 2)
    answer = run("jobs", "cancel", job.job_id, "-c", settings)
    assert answer.returncode == 1
    assert answer.stderr.startswith("not-possible: ")


def test_a_beginning_that_fits_several_is_told(settings, spool):
    put_instance(spool, 1)
    put_instance(spool, 2)
    assert run("jobs", "show", "0", "-c", settings).stderr.startswith("ambiguous-job: ")


def test_a_map_is_asked_to_be_sent_again(settings, spool):
    job = put_job(spool, 2)
    spool.instance_file(job.instance_id).write_bytes(b"image")
    answer = run("jobs", "retry", job.job_id, "--destination", "archive", "--json", "-c", settings)
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert [delivery["state"] for delivery in told["deliveries"]] == ["waiting"]


def test_another_run_is_asked_for(settings, spool):
    job = put_job(spool, 2)
    answer = run("jobs", "rerun", job.job_id, "-c", settings)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == "run 2 was asked for\n"
    assert len(spool.arrivals()) == 1


def test_a_damaged_record_costs_nobody_else_their_place_in_the_list(settings, spool):
    held, job = put_instance(spool, 1), put_job(spool, 2)
    spool.delivery_file(job.job_id, "archive").write_text('{"Doe^Jane"')
    listed = run("jobs", "list", "--json", "-c", settings)
    assert listed.returncode == 0, listed.stderr
    found = {view["id"]: (view["state"], view["reason"]) for view in json.loads(listed.stdout)}
    assert found == {
        held.instance_id: ("held", "no-route"),
        job.job_id: ("quarantined", "record-damaged"),
    }
    shown = run("jobs", "show", job.job_id, "-c", settings)
    assert shown.returncode == 1
    assert shown.stderr.startswith("record-damaged: ")
    assert "Doe" not in shown.stderr + listed.stdout


def test_a_retry_that_is_refused_takes_back_nobodys_word(settings, spool):
    waiting = Delivery("archive", attempts=1)
    job = put_job(spool, 2, waiting)
    assert run("jobs", "cancel", job.job_id, "-c", settings).returncode == 0
    refused = run("jobs", "retry", job.job_id, "--destination", "nosuch", "-c", settings)
    assert (refused.returncode, refused.stderr) == (
        1,
        "not-possible: expected a delivery to 'nosuch', found none\n",
    )
    shown = json.loads(run("jobs", "show", job.job_id, "--json", "-c", settings).stdout)
    assert shown["state"] == "cancelled"


def test_a_superseded_job_says_so_in_the_list(settings, spool):
    held = put_instance(spool, 1, superseded_by="b" * 16)
    assert "superseded" in run("jobs", "list", "-c", settings).stdout
    assert held.superseded_by


def test_a_failure_nobody_expected_is_one_line_without_its_text(settings):
    """The list does not fit on a full device; nobody catches that but the command line itself."""
    buffered = {key: os.environ[key] for key in os.environ if key != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("w") as full:
        answer = subprocess.run(
            [sys.executable, "-m", "mumap_node", "jobs", "list", "--json", "-c", settings],
            env=buffered,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr


def test_what_was_turned_away_and_what_is_held_is_shown_with_the_settings_that_admit_it(
    settings, spool
):
    put_instance(spool, 1)
    Rejections(spool.run, lambda: datetime(2026, 1, 1, tzinfo=UTC)).keep(
        "STRANGER",
        "MUMAP",
        "192.0.2.9",
        reason="calling-ae-title",
        sentence="expected the AE title of a peer, found 'STRANGER'",
        settings='[[peers]]\nname = "stranger"\n',
    )

    told = run("rejected", "-c", settings).stdout
    facts = json.loads(run("rejected", "--json", "-c", settings).stdout)

    assert "STRANGER at 192.0.2.9, called MUMAP  once, last" in told
    assert '    name = "stranger"' in told
    assert "no-route: expected a route that matches, found none" in told
    assert tomllib.loads(facts["held"][0]["settings"])["routes"][0]["name"] == "new"
    assert facts["refused"][0]["calling_ae_title"] == "STRANGER"


def test_where_nobody_was_turned_away_it_says_so(settings, spool):
    told = run("rejected", "-c", settings).stdout

    assert told.splitlines() == ["Associations turned away: none", "", "Images held: none"]
