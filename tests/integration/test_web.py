"""The page and the health addresses, on a real spool and a real engine."""

import json
import os
import re
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import Message
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI

import promises
from agreements import agreement, month, not_compared, put_agreement
from mumap_node.node.dicomweb.destination import WebDestination
from mumap_node.node.engine.client import EngineClient
from mumap_node.node.engine.database import EngineOptions, embedded_database
from mumap_node.node.jobs.agreement_record import assemble, read_record_of
from mumap_node.node.jobs.states import JobState
from mumap_node.node.jobs.views import list_views
from mumap_node.node.presence import present
from mumap_node.node.rejections import Rejections, read_rejections
from mumap_node.node.routing import Destination
from mumap_node.node.spool.files import Spool, write_record
from mumap_node.node.spool.records import Delivery, DeliveryState
from mumap_node.node.web.app import build_app
from mumap_node.node.web.health import Watch, look
from mumap_node.node.web.page import ROWS, Site
from mumap_node.service.website import serve_app, start_website
from mumap_node.settings.loading import load_settings
from records import agreement as compared
from spools import NOW, put_instance, put_job

ARCHIVE = Destination("archive", "ARCHIVE", "192.0.2.30", 104)
CLOUD = WebDestination("cloud", "https://pacs.example.org/dicom-web")


@dataclass(frozen=True)
class Answer:
    status_code: int
    headers: Message
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Client:
    """Asks a server on this machine."""

    port: int

    def get(self, path: str, method: str = "GET") -> Answer:
        request = Request(f"http://127.0.0.1:{self.port}{quote(path, '/?=&')}", method=method)
        try:
            with urlopen(request, timeout=30) as answer:  # noqa: S310
                return Answer(answer.status, answer.headers, answer.read().decode())
        except HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read().decode())


@contextmanager
def browsing(app: FastAPI) -> Iterator[Client]:
    website = serve_app(app, "127.0.0.1", 0)
    try:
        yield Client(website.port)
    finally:
        website.stop()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


@pytest.fixture
def client(spool: Spool) -> Iterator[Client]:
    engine = EngineClient(EngineOptions(embedded_database(spool.root), spool.run))
    site = Site(
        ae_title="MUMAP",
        port=11112,
        version="1.2.3",
        timezone=ZoneInfo("Europe/Vienna"),
        destinations=(ARCHIVE, CLOUD),
        list_jobs=partial(list_views, spool, engine),
        read_agreement=partial(read_record_of, spool),
        read_rejections=partial(read_rejections, spool.run),
    )
    watch = Watch(spool=spool, min_free_bytes=0, check_engine=lambda: None)
    with engine, browsing(build_app(site, watch)) as client:
        yield client


def test_an_empty_node_says_how_to_begin(client):
    page = client.get("/")
    assert page.status_code == 200
    assert "Nothing was received yet. Send an NM reconstruction to MUMAP, port 11112" in page.text
    assert ">never</td>" in page.text


def test_the_page_tells_how_maps_compare(client, spool):
    write_record(spool.agreement_file(put_job(spool, 1).job_id), compared())
    nothing = compared(kind="", reason="ct-series", sentence="expected <axial> slices", figures={})
    write_record(spool.agreement_file(put_job(spool, 2).job_id), nothing)
    text = client.get("/").text
    assert "compared with a CT" in text
    assert "<dt>NMAE</dt><dd>0.0321</dd>" in text
    assert 'href="./operations#ct-series"' in text
    assert "expected &lt;axial&gt; slices" in text


def test_the_page_tells_jobs_states_reasons_and_destinations(client, spool):
    put_instance(spool, 1)
    put_job(spool, 2)
    refused = Delivery("archive", DeliveryState.REFUSED, 2, reason="association-rejected")
    put_job(spool, 3, delivery=refused)
    waiting = Delivery(
        "archive", reason="peer-unreachable", attempts=2, next_attempt_at=NOW + timedelta(minutes=1)
    )
    put_job(spool, 4, delivery=waiting)
    text = client.get("/").text
    found = {
        state: int(n) for n, state in re.findall(r"<strong>(\d+)</strong><span>(\w+)</span>", text)
    }
    assert {state: n for state, n in found.items() if n} == {
        "held": 1, "done": 1, "quarantined": 1, "delivering": 1,
    }  # fmt: skip
    for reason in ("no-route", "association-rejected", "peer-unreachable"):
        assert f'href="./operations#{reason}"' in text
    assert "attempt 3 at" in text
    assert f"{NOW - timedelta(minutes=2):%Y-%m-%d}" in text
    assert "192.0.2.30:104" in text
    assert "https://pacs.example.org/dicom-web" in text


def test_times_are_those_of_the_site(client, spool):
    put_job(spool, 2)
    local = (NOW - timedelta(minutes=2)).astimezone(ZoneInfo("Europe/Vienna"))
    assert f">{local:%Y-%m-%d %H:%M:%S}</time>" in client.get("/").text


def test_values_from_a_header_cannot_become_markup(client, spool):
    put_instance(spool, 1)
    text = client.get("/").text
    assert "<b>NAC" not in text
    assert "&lt;b&gt;NAC&lt;/b&gt;" in text


def test_one_state_may_be_chosen(client, spool):
    put_instance(spool, 1)
    put_job(spool, 2)
    text = client.get("/?state=held").text
    assert "1 to 1 of 1" in text
    assert 'aria-current="true"' in text
    assert "no-route" in text
    assert "Nothing is cancelled." in client.get("/?state=cancelled").text


def test_a_word_that_is_no_state_shows_everything(client, spool):
    put_instance(spool, 1)
    text = client.get("/?state=<script>").text
    assert "1 to 1 of 1" in text
    assert "<script>" not in text


def test_a_thousand_jobs_come_in_pages(client, spool):
    for number in range(1, 1001):
        put_instance(spool, number)
    first, last = client.get("/"), client.get("/?page=10")
    assert first.text.count('<tr>\n<td class="tight">') == ROWS
    assert "1 to 100 of 1000" in first.text
    assert 'rel="next" href="?page=2"' in first.text
    assert "901 to 1000 of 1000" in last.text
    assert 'rel="next"' not in last.text
    assert "901 to 1000 of 1000" in client.get("/?page=99").text
    assert 'href="?state=held&amp;page=2"' in client.get("/?state=held").text


def test_every_reason_has_an_anchor_in_the_handbook_the_node_shows(client):
    text = client.get("/operations").text
    for reason in promises.reasons():
        assert f'id="{reason}"' in text
    assert "<table>" in text


def test_nothing_is_fetched_from_outside_and_nothing_runs(client):
    for path in ("/", "/operations", "/agreement"):
        page = client.get(path)
        assert "<script" not in page.text
        assert not re.search(r'(src|href|action)="(https?:)?//', page.text)
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert page.headers["cache-control"] == "no-store"
    assert client.get("/style.css").headers["content-type"].startswith("text/css")


def test_nothing_can_be_changed(client):
    assert client.get("/", method="POST").status_code == 405
    assert client.get("/docs").status_code == 404
    assert client.get("/openapi.json").status_code == 404


def test_without_comparisons_the_front_page_says_nothing_of_them(client, spool):
    put_job(spool, 1)
    assert "Agreement" not in client.get("/").text
    assert "Nothing was compared yet" in client.get("/agreement").text


def test_the_front_page_tells_how_maps_agree_and_leads_to_the_record(client, spool):
    put_agreement(spool, 1, agreement(received_at=NOW))
    put_agreement(spool, 2, not_compared(received_at=NOW))
    text = client.get("/").text
    assert "1 study compared, median NMAE 0.0200; 1 left out" in text
    assert "no drift alarm within 30 days" in text
    assert 'href="./agreement"' in text
    record = client.get("/agreement").text
    assert 'href="./operations#ct-voltage"' in record
    assert record.count("<svg") == 3


def test_studies_of_which_none_counts_are_told_too(client, spool):
    put_agreement(spool, 1, not_compared(received_at=NOW))
    assert "0 studies compared; 1 left out" in client.get("/").text


def test_a_recent_alarm_stands_on_the_front_page(client, spool):
    found = month(studies=20, changed_from=13, factor=5)
    for number, one in enumerate(found, start=1):
        at = NOW - timedelta(hours=20 - number)
        put_agreement(spool, number, replace(one, received_at=at))
    text = client.get("/").text
    assert "(reference-tc99m-1.0) agree less: NMAE in the body 0." in text
    assert "no drift alarm" not in text


def turn_away(spool: Spool, calling: str, at: datetime) -> None:
    Rejections(spool.run, lambda: at).keep(
        calling,
        "MUMAP",
        "192.0.2.9",
        reason="calling-ae-title",
        sentence="expected the AE title of a peer",
        settings=f'[[peers]]\nname = "new"\nae_title = "{calling}"\n',
    )


def test_who_was_turned_away_lately_is_shown_with_the_settings_that_admit_it(client, spool):
    turn_away(spool, "LONG AGO", datetime.now(UTC) - timedelta(days=8))
    assert "Turned away" not in client.get("/").text
    turn_away(spool, "<b>STRANGER", datetime.now(UTC))
    text = client.get("/").text
    assert "Turned away" in text
    assert "<code>&lt;b&gt;STRANGER</code><small>192.0.2.9</small>" in text
    assert "ae_title = &#34;&lt;b&gt;STRANGER&#34;" in text
    assert "LONG AGO" not in text


def test_what_is_held_is_shown_with_the_settings_that_admit_it(client, spool):
    put_instance(spool, 1)
    text = client.get("/").text
    assert "settings that would admit it" in text
    assert "name = &#34;new&#34;" in text


def test_the_style_of_the_record_is_allowed_by_its_hash_alone(client):
    page = client.get("/agreement")
    (style,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = page.headers["content-security-policy"]
    assert f"style-src 'sha256-{digest}';" in policy
    assert "unsafe" not in policy
    assert "style=" not in page.text


def health(client: Client) -> tuple[int, dict[str, str]]:
    answer = client.get("/health/ready")
    return answer.status_code, {check["name"]: check["reason"] for check in answer.json()["checks"]}


@pytest.fixture
def alive(spool: Spool) -> Iterator[None]:
    """Receiver, worker and deliverer hold their locks."""
    with (
        present(spool.run, "receiver"),
        present(spool.run, "worker"),
        present(spool.run, "deliverer"),
    ):
        yield


def test_live_says_that_the_process_answers(client):
    assert client.get("/health/live").json() == {"status": "live"}


@pytest.mark.usefixtures("alive")
def test_a_node_with_everything_is_ready(client):
    status, reasons = health(client)
    assert status == 200
    assert set(reasons.values()) == {""}


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize(
    ("days", "status", "reason"),
    [(90, 200, ""), (10, 200, "certificate-expires-soon"), (-1, 503, "certificate-expired")],
)
def test_certificates_are_watched(spool, hospital, days, status, reason):
    files = hospital.issue(f"watched-{days}", days=days)
    watch = Watch(spool, min_free_bytes=0, check_engine=lambda: None, certificates=files)
    site = Site("MUMAP", 1, "1", ZoneInfo("UTC"), (), list, lambda: assemble([]), list)
    with browsing(build_app(site, watch)) as client:
        assert (health(client)[0], health(client)[1]["certificates"]) == (status, reason)
        assert not reason or f"#{reason}" in client.get("/").text
    files.certificate.unlink()
    assert look(watch, datetime.now(UTC))[-1].reason == "tls-files"


def test_the_page_by_https_follows_its_certificate(tmp_path, hospital):
    files = hospital.issue("page.example.org", address="127.0.0.1")
    settings = tmp_path / "mumap-node.toml"
    settings.write_text(
        f'node = {{ timezone = "UTC" }}\nweb = {{ port = 0, tls = true }}\n'
        f'tls = {{ certificate = "{files.certificate}", key = "{files.key}", '
        f'authorities = "{files.authorities}" }}\n'
    )
    trusting = ssl.create_default_context(cafile=hospital.certificate)
    website = start_website(load_settings(settings), Spool(tmp_path / "spool"))
    try:
        address = f"127.0.0.1:{website.port}"
        with urlopen(f"https://{address}/health/live", context=trusting, timeout=30) as answer:
            assert json.load(answer) == {"status": "live"}
        with pytest.raises(OSError, match=r"closed connection|reset"):
            urlopen(f"http://{address}/health/live", timeout=30)
        before = ssl.get_server_certificate(("127.0.0.1", website.port))
        hospital.issue("page.example.org", address="127.0.0.1")
        assert ssl.get_server_certificate(("127.0.0.1", website.port)) != before
    finally:
        website.stop()


def test_missing_processes_are_named(client):
    status, reasons = health(client)
    assert status == 503
    assert {name for name, reason in reasons.items() if reason == "process-missing"} == {
        "receiver", "worker", "deliverer",
    }  # fmt: skip


@pytest.mark.usefixtures("alive")
def test_a_process_without_a_sign_of_life_hangs(client, spool):
    heartbeat = spool.run / "worker.alive"
    heartbeat.touch()
    os.utime(heartbeat, (0, 0))
    assert health(client) == (503, health(client)[1])
    assert health(client)[1]["worker"] == "process-hangs"


@pytest.mark.usefixtures("alive")
def test_an_arrival_nobody_looks_at_means_a_stuck_queue(client, spool):
    arrival = spool.store_arrival(b"head", b"dataset")
    assert health(client)[0] == 200
    hour_ago = (NOW - timedelta(hours=1)).timestamp()
    os.utime(arrival, (hour_ago, hour_ago))
    status, reasons = health(client)
    assert (status, reasons["queue"]) == (503, "queue-stuck")


@pytest.mark.usefixtures("alive")
def test_a_job_without_result_for_long_means_a_stuck_queue(client, spool):
    job = put_job(spool, 120)
    assert health(client)[0] == 200
    spool.result_file(job.job_id).unlink()
    assert health(client)[1]["queue"] == "queue-stuck"


def ready_with(spool: Spool, **changes: Any) -> dict[str, str]:
    site = Site("MUMAP", 1, "1", ZoneInfo("UTC"), (), list, lambda: assemble([]), list)
    watch = Watch(spool=spool, min_free_bytes=0, check_engine=lambda: None)
    with browsing(build_app(site, replace(watch, **changes))) as client:
        return health(client)[1]


def test_a_low_disk_is_told(spool):
    assert ready_with(spool, min_free_bytes=1e18)["disk"] == "disk-low"


def test_an_engine_that_cannot_be_reached_is_told(spool):
    check: Callable[[], None] = EngineClient(
        EngineOptions(embedded_database(spool.root), spool.run)
    ).check
    assert ready_with(spool, check_engine=check)["engine"] == "engine-unavailable"


def test_a_data_directory_that_cannot_be_written_is_told(spool):
    for file in spool.run.iterdir():
        file.unlink()
    spool.run.rmdir()
    assert ready_with(spool)["spool"] == "spool-not-writable"


def test_every_state_can_be_chosen(client):
    text = client.get("/").text
    assert all(f'href="?state={state}"' in text for state in JobState)
