"""What Prometheus is told of a node, and which alerts it fires."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from authorities import Authority
from builders import nac_file
from commands import SETTINGS, by_tls, write_settings
from monitoring import fired, promtool, samples_of
from mumap_node import __version__
from mumap_node.node.presence import present
from mumap_node.node.spool.files import Spool
from mumap_node.node.spool.records import Delivery, DeliveryState, Outcome, Result
from mumap_node.node.totals import Total, count
from mumap_node.node.worker.retention import Retention, purge
from mumap_node.service.website import start_website
from mumap_node.settings.loading import load_settings
from nodes import MakeSite
from peers import HOST, RecordingScp, answers, store
from receivers import receiving
from spools import NOW, put_instance, put_job

LABELS = frozenset(
    {
        "version", "check", "certificate", "number", "model", "sha256", "runtime", "state",
        "reason", "peer", "destination", "decision", "outcome", "verdict", "step", "le",
    }
)  # fmt: skip
"""By which anything may be counted: names of the settings, and words of ours."""


@contextmanager
def exposing(folder: Path, settings: str = SETTINGS) -> Iterator[Callable[..., str]]:
    """The web process of a node whose data lie in ``data``; scrapes it."""
    Spool(folder / "data")
    website = start_website(
        load_settings(write_settings(folder, 104, settings)), Spool(folder / "data")
    )

    def scrape(accept: str = "text/plain") -> str:
        address = f"http://{HOST}:{website.port}/metrics"
        request = Request(address, headers={"Accept": accept})
        with urlopen(request, timeout=30) as answer:  # noqa: S310  (of ours)
            assert answer.headers["Content-Type"].startswith(accept)
            text: str = answer.read().decode()
            return text

    try:
        yield scrape
    finally:
        website.stop()


def values(exposition: str, name: str, *labels: str) -> dict[object, float]:
    """Samples of one name, by some of their labels."""
    found = [sample for sample in samples_of(exposition) if sample.name == f"mumap_node_{name}"]
    return {tuple(sample.labels[label] for label in labels): sample.value for sample in found}


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "data")


@pytest.fixture
def alive(spool: Spool, sqlite_template: Path) -> Iterator[None]:
    """All processes hold their locks, and there is an engine."""
    shutil.copy(sqlite_template, spool.root)
    with ExitStack() as held:
        for process in ("receiver", "worker", "deliverer", "web"):
            held.enter_context(present(spool.run, process))
        yield


def test_prometheus_finds_nothing_to_object_to(tmp_path, spool):
    put_instance(spool, 1)
    put_job(spool, 2)
    count(spool.run, Total.DELIVERIES, "archive", "accepted", "")
    with exposing(tmp_path) as scrape:
        exposition = scrape()
        assert scrape("application/openmetrics-text").endswith("# EOF\n")
    linted = promtool("check", "metrics", given=exposition)
    assert (linted.returncode, linted.stderr) == (0, "")
    assert values(exposition, "build_info", "version") == {(__version__,): 1}


def test_the_spool_is_added_up(tmp_path, spool):
    put_instance(spool, 1)
    put_instance(spool, 2, reason="correction-undecidable")
    put_job(spool, 3)
    refused = Delivery("archive", DeliveryState.REFUSED, 2, reason="dataset-refused")
    put_job(spool, 4, delivery=refused)
    begun = NOW - timedelta(minutes=10)
    waiting = Delivery("archive", attempts=3, first_attempt_at=begun, last_attempt_at=NOW)
    put_job(spool, 5, delivery=waiting)
    arrival = spool.store_arrival(b"head", b"dataset")
    os.utime(arrival, (NOW.timestamp() - 100, NOW.timestamp() - 100))
    with exposing(tmp_path) as scrape:
        exposition = scrape()
    states = values(exposition, "jobs", "state")
    assert {state: n for (state,), n in states.items() if n} == {
        "collecting": 1, "held": 2, "done": 1, "quarantined": 1, "delivering": 1,
    }  # fmt: skip
    assert values(exposition, "jobs_for_a_person", "state", "reason") == {
        ("held", "no-route"): 1,
        ("held", "correction-undecidable"): 1,
        ("quarantined", "dataset-refused"): 1,
    }
    assert values(exposition, "deliveries", "destination", "state") == {
        ("archive", "accepted"): 1, ("archive", "refused"): 1, ("archive", "waiting"): 1,
    }  # fmt: skip
    newest = (NOW - timedelta(minutes=1)).timestamp()
    assert values(exposition, "peer_last_received_timestamp_seconds", "peer") == {
        ("camera",): newest
    }
    accepted = (NOW - timedelta(minutes=3)).timestamp()
    assert values(exposition, "destination_last_success_timestamp_seconds", "destination") == {
        ("archive",): accepted
    }
    assert values(exposition, "delivery_waiting_seconds")[()] >= 600
    assert values(exposition, "queue_jobs") == {(): 1}
    assert values(exposition, "queue_oldest_seconds")[()] >= 100


def test_a_map_is_counted_on_its_way(make_site: MakeSite):
    with RecordingScp() as archive:
        site = make_site(archive=archive.port)
        (site.folder / "data").symlink_to(".")
        site.receive(nac_file())
        site.receive(nac_file())
        site.start("both")
        site.wait_for("done")
        with exposing(site.folder) as scrape:
            exposition = scrape()
    decided = values(exposition, "instances_decided_total", "decision", "reason")
    assert decided == {("job", ""): 1, ("repeated", ""): 1}
    assert values(exposition, "maps_ended_total", "outcome", "reason") == {("made", ""): 1}
    assert values(exposition, "delivery_attempts_total", "destination", "state", "reason") == {
        ("archive", "accepted", ""): 1
    }
    steps = values(exposition, "step_seconds_count", "step")
    assert steps == {("read",): 1, ("infer",): 1, ("line",): 1, ("store",): 1}
    assert values(exposition, "answer_seconds_count", "destination") == {("archive",): 1}
    assert 0 < values(exposition, "answer_seconds_sum", "destination")[("archive",)] < 300
    within = values(exposition, "answer_seconds_bucket", "le")
    assert within[("+Inf",)] == within[("300.0",)] == 1
    assert within[("0.1",)] == 0
    (model,) = values(exposition, "model_info", "model")
    assert model == ("test-1",)


def test_what_is_received_refused_and_turned_away_is_counted(tmp_path, spool):
    file = tmp_path / "object.dcm"
    file.write_bytes(nac_file())
    with exposing(tmp_path) as scrape:
        assert values(scrape(), "objects_received_total", "peer") == {("camera",): 0}
        with receiving(spool.root) as node:
            assert answers(store(node.port, file, file, called="MUMAP")) == ["Success", "Success"]
            assert answers(store(node.port, file, called="OTHER")) == []
        with receiving(spool.root, min_free_gb=1e9) as node:
            assert answers(store(node.port, file, called="MUMAP")) == ["Refused: OutOfResources"]
        exposition = scrape()
    assert values(exposition, "objects_received_total", "peer") == {("camera",): 2}
    assert values(exposition, "objects_refused_total", "reason") == {("disk-low",): 1}
    assert values(exposition, "associations_rejected_total", "reason") == {("called-ae-title",): 1}


def test_what_was_counted_stays_when_the_records_go(tmp_path, spool):
    put_job(spool, 1)
    count(spool.run, Total.ENDED, "made", "")
    in_years = NOW + timedelta(days=900)
    with exposing(tmp_path) as scrape:
        before = scrape()
    purge(spool, Retention(), in_years)
    with exposing(tmp_path) as scrape:
        after = scrape()
    jobs = [values(found, "jobs", "state")[("done",)] for found in (before, after)]
    maps = [values(found, "maps_ended_total")[()] for found in (before, after)]
    assert (jobs, maps) == ([1, 0], [1, 1])


def test_a_spool_that_cannot_be_read_is_told_by_health(tmp_path, spool):
    with exposing(tmp_path) as scrape:
        shutil.rmtree(spool.jobs)
        exposition = scrape()
    assert values(exposition, "health", "check")[("queue",)] == 0
    assert values(exposition, "ready") == {(): 0}
    assert values(exposition, "jobs") == {}


def test_nothing_of_a_patient_a_stranger_or_a_job_is_exposed(make_site: MakeSite):
    secrets = {
        "PatientName": "CANARY^NAME", "PatientID": "CANARY-ID", "AccessionNumber": "CANARYACC",
        "PatientBirthDate": "19330303", "StudyInstanceUID": "1.2.3.987654",
        "SeriesDescription": "CANARY series", "InstitutionName": "CANARY clinic",
    }  # fmt: skip
    with RecordingScp() as archive:
        site = make_site(archive=archive.port)
        (site.folder / "data").symlink_to(".")
        site.receive(nac_file(**secrets))
        site.start("both")
        view = site.wait_for("done")
        file = site.folder / "object.dcm"
        file.write_bytes(nac_file(**secrets))
        with receiving(site.folder) as node:
            assert answers(store(node.port, file, called="CANARY")) == []
        with exposing(site.folder) as scrape:
            exposition = scrape()
    for secret in (*secrets.values(), "CANARY", view.id, view.instance_id, view.series, HOST):
        assert secret.lower() not in exposition.lower()
    assert {label for sample in samples_of(exposition) for label in sample.labels} <= LABELS


def delivered(spool: Spool) -> None:
    put_job(spool, 1)


def held(spool: Spool) -> None:
    put_instance(spool, 1)


def failed_checks(spool: Spool) -> None:
    reason, sentence = "implausible-map", "expected water, found bone"
    result = Result(Outcome.FAILED_CHECKS, 1, reason, sentence, (), {}, "numpy", "1.2.3", {}, NOW)
    put_job(spool, 1, result=result)


def stuck(spool: Spool) -> None:
    hour_ago = (NOW - timedelta(hours=1)).timestamp()
    os.utime(spool.store_arrival(b"head", b"dataset"), (hour_ago, hour_ago))


def archive_away(spool: Spool) -> None:
    begun = NOW - timedelta(minutes=50)
    away = Delivery("archive", attempts=5, reason="peer-unreachable", first_attempt_at=begun)
    put_job(spool, 1, delivery=away)


def deliverer_behind(spool: Spool) -> None:
    put_job(spool, 60, delivery=Delivery("archive"))


def camera_silent(spool: Spool) -> None:
    put_job(spool, 6 * 24 * 60)


def refusing(spool: Spool) -> None:
    file = spool.root / "object.dcm"
    file.write_bytes(nac_file())
    with receiving(spool.root, min_free_gb=1e9) as node:
        store(node.port, file, called="MUMAP")


def stranger(spool: Spool) -> None:
    file = spool.root / "object.dcm"
    file.write_bytes(nac_file())
    with receiving(spool.root) as node:
        store(node.port, file, called="OTHER")


def drifting(spool: Spool) -> None:
    count(spool.run, Total.DRIFTS)


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize(
    ("happen", "alerts"),
    [
        (delivered, set()),
        (held, {"MumapNodeHeld"}),
        (failed_checks, {"MumapNodeQuarantined"}),
        (stuck, {"MumapNodeQueueStuck"}),
        (archive_away, {"MumapNodeDeliveryLate"}),
        (deliverer_behind, {"MumapNodeDeliveryLate"}),
        (camera_silent, {"MumapNodeSilentPeer"}),
        (refusing, {"MumapNodeRefusing"}),
        (stranger, {"MumapNodeCallerRejected"}),
        (drifting, {"MumapNodeDrift"}),
    ],
)
def test_what_happens_to_a_node_fires_its_alert_and_no_other(tmp_path, spool, happen, alerts):
    with exposing(tmp_path) as scrape:
        before = scrape()
        happen(spool)
        now = scrape()
    assert fired(tmp_path, before, now, datetime.now(NOW.tzinfo).timestamp()) == alerts


def test_a_node_whose_processes_died_is_told(tmp_path, spool, sqlite_template):
    shutil.copy(sqlite_template, spool.root)
    with exposing(tmp_path) as scrape:
        assert fired(tmp_path, scrape(), scrape(), NOW.timestamp()) == {"MumapNodeNotReady"}


@pytest.mark.usefixtures("alive")
def test_a_full_disk_is_told(tmp_path):
    with exposing(tmp_path, SETTINGS.replace("0.01", "1e9")) as scrape:
        assert fired(tmp_path, scrape(), scrape(), NOW.timestamp()) == {"MumapNodeDiskLow"}


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize(
    ("days", "alert"), [(10, "MumapNodeCertificateEnding"), (-1, "MumapNodeCertificateExpired")]
)
def test_the_end_of_a_certificate_is_told(tmp_path, hospital: Authority, days, alert):
    settings = by_tls(hospital.issue(f"measured-{days}", days=days))
    with exposing(tmp_path, settings) as scrape:
        exposition = scrape()
    assert fired(tmp_path, exposition, exposition, NOW.timestamp()) == {alert}
