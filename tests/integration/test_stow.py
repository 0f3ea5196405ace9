"""Delivery by STOW-RS: to Orthanc, and to a service that answers as badly as it is told."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import ExplicitVRLittleEndian

from authorities import Authority, make_authority
from builders import nac_file
from dicomweb import Answering, Request, answering, service, storing
from mumap_node.node.calling import Patience
from mumap_node.node.deliverer.scu import Sent
from mumap_node.node.deliverer.stow import ask, post
from mumap_node.node.dicomweb.destination import WebDestination
from mumap_node.node.jobs.deliveries import Answer
from mumap_node.node.spool.records import DeliveryState
from mumap_node.node.tls.contexts import page_context, server_context
from peers import HOST, Orthanc, OrthancRelease, breaking_peer, hanging_peer, orthanc, unused_port

pytestmark = pytest.mark.peers

SHORT = Patience(connect_seconds=1, negotiate_seconds=0.2, answer_seconds=0.3)
ACCEPTED, REFUSED, WAITING = DeliveryState.ACCEPTED, DeliveryState.REFUSED, DeliveryState.WAITING
STORED = Answer(ACCEPTED, "", "", 0x0000, str(ExplicitVRLittleEndian))


def _to(url: str, **keys: Any) -> WebDestination:
    return WebDestination("pacs", url, **keys)


@pytest.fixture(scope="module")
def objects() -> list[bytes]:
    """Files to be sent."""
    return [nac_file(SOPInstanceUID=uid) for uid in ("1.2.3.1", "1.2.3.2")]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Of the hospital; a service at this machine's address has a certificate of it."""
    made = make_authority(tmp_path_factory.mktemp("hospital"))
    made.issue("pacs.example", address=HOST)
    return made


@pytest.fixture(scope="module")
def pacs(
    tmp_path_factory: pytest.TempPathFactory, orthanc_release: OrthancRelease
) -> Iterator[Orthanc]:
    """Orthanc with its DICOMweb plugin."""
    folder = tmp_path_factory.mktemp("pacs")
    with orthanc(folder, {}, orthanc_release, dicomweb=True) as running:
        yield running


def _outcome(sent: Sent) -> tuple[int, DeliveryState, str]:
    return sent.accepted, sent.answer.state, sent.answer.reason


def test_orthanc_stores_each_object_byte_for_byte(pacs: Orthanc, objects: list[bytes]) -> None:
    assert post(objects, _to(f"{pacs.url}/dicom-web")) == Sent(2, STORED)
    stored = [pacs.file(instance) for instance in pacs.get("/instances")]
    assert sorted(stored) == sorted(objects)


def test_an_object_orthanc_already_has_counts_as_delivered(
    pacs: Orthanc, objects: list[bytes]
) -> None:
    post(objects[:1], _to(f"{pacs.url}/dicom-web"))
    assert post(objects[:1], _to(f"{pacs.url}/dicom-web")) == Sent(1, STORED)


def test_orthanc_knows_the_user_or_refuses(tmp_path: Path, objects: list[bytes]) -> None:
    secret = tmp_path / "password"
    secret.write_text("wrong\n")
    users = {"AuthenticationEnabled": True, "RegisteredUsers": {"mumap": "right: ü"}}
    with orthanc(tmp_path / "pacs", {}, dicomweb=True, **users) as running:
        known = _to(f"{running.url}/dicom-web", user="mumap", password_file=secret)
        assert _outcome(post(objects, known)) == (0, WAITING, "not-authorised")
        assert ask(known).reason == "not-authorised"
        secret.write_text("right: ü\n")  # as whoever renews it does; nothing is restarted
        assert _outcome(post(objects, known)) == (2, ACCEPTED, "")
        assert ask(known).state is ACCEPTED


def test_orthanc_is_there_and_where_it_is_not_the_url_is_wrong(
    pacs: Orthanc, objects: list[bytes]
) -> None:
    assert ask(_to(f"{pacs.url}/dicom-web")).state is ACCEPTED
    assert ask(_to(f"{pacs.url}/dicomweb")).reason == "no-such-service"
    assert post(objects, _to(f"{pacs.url}/dicomweb")).answer.reason == "no-such-service"


def test_one_request_carries_the_files_as_they_are(objects: list[bytes]) -> None:
    with service(storing()) as running:
        assert post(objects, _to(running.url)) == Sent(2, STORED)
    (request,) = running.requests
    assert request.line == "POST /dicom-web/studies HTTP/1.1"
    assert request.headers.get_content_type() == "multipart/related"
    assert request.headers.get_param("type") == "application/dicom"
    assert request.headers["Accept"] == "application/dicom+json"
    assert request.parts() == objects


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (storing(202, failures={1: 0x0122}), (1, REFUSED, "sop-class-refused")),
        (storing(409, failures={0: 0xA700}), (0, WAITING, "peer-out-of-resources")),
        (storing(409, failures={0: 0x0111, 1: 0x0111}), (2, ACCEPTED, "")),
        (storing(409, failures={0: None}), (0, WAITING, "peer-failed")),
        (storing(409, failures={0: 0x0000}), (0, WAITING, "peer-failed")),
        (storing(409, failures={0: 0xB000}), (0, WAITING, "peer-failed")),
        (storing(200, failures={0: 0xC000}), (0, REFUSED, "dataset-not-understood")),
        (storing(202, failures={0: 10**400}), (0, WAITING, "peer-failed")),
        (storing(202, warnings={1: 0xB006}), (1, REFUSED, "stored-with-warning")),
        (storing(200, forgotten=[1]), (1, REFUSED, "unexpected-answer")),
    ],
)
def test_each_object_counts_by_what_the_service_says_of_it(
    objects: list[bytes], answer: Answering, outcome: tuple[int, DeliveryState, str]
) -> None:
    with service(answer) as running:
        assert _outcome(post(objects, _to(running.url))) == outcome


def test_warnings_count_as_stored_where_the_site_says_so(objects: list[bytes]) -> None:
    with service(storing(202, warnings={0: 0xB000, 1: 0xB007})) as running:
        sent = post(objects, _to(running.url), accept_warnings=True)
    assert (_outcome(sent), sent.answer.status) == ((2, ACCEPTED, ""), 0xB007)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>Sign in", b"[]", b"[" * 100_000, b'{"00081199": {"Value": [7, {"00081155": 1}]}}',
     b'{"00081199": {"Value": {}}}'],
    ids=["none", "page", "list", "deep", "strange", "wrong"],
)  # fmt: skip
def test_success_without_the_objects_is_none(objects: list[bytes], body: bytes) -> None:
    with service(answering(200, body)) as running:
        assert _outcome(post(objects, _to(running.url))) == (0, REFUSED, "unexpected-answer")


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        (400, REFUSED, "dataset-not-understood"),
        (401, WAITING, "not-authorised"),
        (403, REFUSED, "not-authorised"),
        (404, REFUSED, "no-such-service"),
        (405, REFUSED, "no-such-service"),
        (408, WAITING, "peer-failed"),
        (413, REFUSED, "too-large"),
        (415, REFUSED, "no-such-service"),
        (418, REFUSED, "unexpected-status"),
        (429, WAITING, "peer-out-of-resources"),
        (500, WAITING, "peer-failed"),
        (501, REFUSED, "no-such-service"),
        (502, WAITING, "peer-failed"),
        (503, WAITING, "peer-out-of-resources"),
    ],
)
def test_a_status_says_whether_another_attempt_helps(
    objects: list[bytes], status: int, state: DeliveryState, reason: str
) -> None:
    with service(answering(status, b"PHANTOM1")) as running:
        answer = post(objects, _to(running.url)).answer
        asked = ask(_to(running.url))
    assert answer == asked == Answer(state, reason, f"expected HTTP 200, found {status}")


@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [
        ("120", 120, 120),
        ("9" * 400, 3600, 3600),
        ("-5", 0, 0),
        ("soon", 0, 0),
        (format_datetime(datetime.now(UTC) + timedelta(minutes=50), usegmt=True), 1, 3000),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 0, 0),
    ],
)
def test_a_service_may_ask_to_be_left_alone_for_a_while(
    objects: list[bytes], retry_after: str, least: float, most: float
) -> None:
    with service(answering(503, Retry_After=retry_after)) as running:
        assert least <= post(objects, _to(running.url)).answer.wait_seconds <= most


def test_credentials_never_follow_a_redirection(tmp_path: Path, objects: list[bytes]) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    with service(storing()) as elsewhere:
        for status in (301, 302, 303, 307, 308):
            with service(answering(status, Location=f"{elsewhere.url}/studies")) as running:
                sent = post(objects, _to(running.url, token_file=token))
            assert _outcome(sent) == (0, REFUSED, "redirected")
            assert running.requests[0].headers["Authorization"] == "Bearer secret"
    assert elsewhere.requests == []


def test_secrets_are_read_anew_for_each_attempt(tmp_path: Path, objects: list[bytes]) -> None:
    secret = tmp_path / "secret"
    with service(storing()) as running:
        for token in ("first", "second"):
            secret.write_text(f"{token}\n")
            post(objects, _to(running.url, token_file=secret))
        post(objects, _to(running.url, user="mü", password_file=secret))
        post(objects, _to(running.url))
    sent = [request.headers["Authorization"] for request in running.requests]
    basic = f"Basic {base64.b64encode('mü:second'.encode()).decode()}"
    assert sent == ["Bearer first", "Bearer second", basic, None]


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"a\r\nX-Evil: b", b"two words"])
def test_a_file_without_a_token_is_told_and_its_content_is_not(
    tmp_path: Path, objects: list[bytes], content: bytes | None
) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_bytes(content)
    with service(storing()) as running:
        answer = post(objects, _to(running.url, token_file=token)).answer
    assert (answer.state, answer.reason) == (WAITING, "credentials-not-readable")
    assert "Evil" not in answer.sentence
    assert running.requests == []


def test_a_service_is_known_by_its_certificate(authority: Authority, objects: list[bytes]) -> None:
    files = authority.issue("pacs.example", address=HOST)
    with service(storing(), page_context(files)) as running:
        trusting = _to(running.url, authorities=authority.certificate)
        assert post(objects, trusting) == Sent(2, STORED)
        strangers = post(objects, _to(running.url))  # only the system's authorities
    assert _outcome(strangers) == (0, WAITING, "certificate-not-trusted")
    assert len(running.requests) == 1


def test_certificates_that_are_wrong_are_told_apart(
    authority: Authority, objects: list[bytes]
) -> None:
    wrong = {
        "certificate-name": authority.issue("elsewhere.example"),
        "certificate-expired": authority.issue("late.example", address=HOST, days=-1),
    }
    for reason, files in wrong.items():
        with service(storing(), page_context(files)) as running:
            sent = post(objects, _to(running.url, authorities=authority.certificate))
        assert _outcome(sent) == (0, WAITING, reason)
        assert running.requests == []


def test_the_node_shows_its_certificate_where_it_is_asked_to(
    authority: Authority, objects: list[bytes]
) -> None:
    files = authority.issue("pacs.example", address=HOST)
    ours = authority.issue("node.example")
    with service(storing(), server_context(files)) as running:
        trusted = authority.certificate
        assert post(objects, _to(running.url, authorities=trusted, client=ours)).accepted == 2
        without = post(objects, _to(running.url, authorities=trusted))
    assert without.answer.state is WAITING
    assert len(running.requests) == 1


def test_clear_text_where_https_is_expected_is_told(objects: list[bytes]) -> None:
    with service(storing()) as running:
        answer = post(objects, _to(running.url.replace("http:", "https:"))).answer
    assert (answer.state, answer.reason) == (WAITING, "no-tls")


def test_missing_files_of_certificates_are_told(tmp_path: Path, objects: list[bytes]) -> None:
    sent = post(objects, _to(f"https://{HOST}:1", authorities=tmp_path / "ca.pem"))
    assert _outcome(sent) == (0, WAITING, "tls-files")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_who_does_not_answer_is_tried_again(objects: list[bytes], scheme: str) -> None:
    assert _reason(objects, f"{scheme}://{HOST}:{unused_port()}") == "peer-unreachable"
    assert _reason(objects, f"{scheme}://no-such-host.invalid") == "peer-unreachable"
    assert ask(_to(f"{scheme}://no-such-host.invalid")).reason == "peer-unreachable"
    with breaking_peer() as port:
        assert _reason(objects, f"{scheme}://{HOST}:{port}") == "association-aborted"
    with hanging_peer() as port:
        assert _reason(objects, f"{scheme}://{HOST}:{port}") == "peer-silent"


def _reason(objects: list[bytes], url: str) -> str:
    sent = post(objects, _to(url), patience=SHORT)
    assert (sent.accepted, sent.answer.state) == (0, WAITING)
    return sent.answer.reason


def test_an_answer_that_never_ends_does_not_hold_the_deliverer(objects: list[bytes]) -> None:
    def endless(handler: BaseHTTPRequestHandler, _request: Request) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:  # until the other side has enough
            handler.wfile.write(b" " * 65_536)

    def undecided(handler: BaseHTTPRequestHandler, _request: Request) -> None:
        while True:  # each line comes in time, their end never does
            handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    with service(undecided) as running:
        assert _reason(objects, running.url) == "peer-silent"
    with service(endless) as running:
        answer = post(objects, _to(running.url)).answer
    assert answer.reason == "unexpected-answer"


def test_an_answer_that_was_cut_short_is_no_answer(objects: list[bytes]) -> None:
    with service(answering(200, b"{", Content_Length="100")) as running:
        assert _outcome(post(objects, _to(running.url))) == (0, WAITING, "association-aborted")
