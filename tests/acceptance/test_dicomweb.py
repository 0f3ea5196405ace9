"""A whole node that delivers by STOW-RS."""

import os
import signal
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from builders import nac_file
from commands import SETTINGS, run, running, write_settings
from dicomweb import Request, service, storing
from peers import answers, orthanc, store
from waiting import wait_until

pytestmark = pytest.mark.peers

ADDRESS = 'ae_title = "ARCHIVE"\nhost = "127.0.0.1"\nport = {port}'


def _settings(folder: Path, url: str) -> Path:
    text = SETTINGS.replace(ADDRESS, f'url = "{url}"\nclear_text = true')
    return write_settings(folder, 0, text)


def test_a_dicomweb_service_is_no_archive_to_fetch_from(tmp_path: Path) -> None:
    settings = _settings(tmp_path, "http://192.0.2.1/dicom-web")
    fetched = run("fetch", "-c", settings, "--from", "archive", "--study", "1.2")
    assert fetched.returncode == 2
    assert "expected the name of a destination with an AE title" in fetched.stderr


def test_a_map_reaches_orthanc_by_stow_as_it_lies_in_the_spool(tmp_path: Path) -> None:
    (tmp_path / "nac.dcm").write_bytes(nac_file())
    with orthanc(tmp_path / "pacs", {}, dicomweb=True) as pacs:
        settings = _settings(tmp_path, f"{pacs.url}/dicom-web")
        checked = run("check", "-c", settings)
        with running("serve", "-c", settings, log=tmp_path / "log") as node:
            port = int(node.wait_for("receiver.started")["port"])
            sent = store(port, tmp_path / "nac.dcm", called="MUMAP")
            assert answers(sent) == ["Success"]
            accepted = node.wait_for("delivery.accepted")
            assert node.stop() == 0
        (instance,) = pacs.get("/instances")
        arrived = pacs.file(instance)
    assert checked.returncode == 0, checked.stdout
    assert "answers QIDO-RS" in checked.stdout
    assert (accepted["destination"], accepted["status"]) == ("archive", 0)
    assert arrived in [path.read_bytes() for path in (tmp_path / "data").rglob("*.dcm")]


def test_a_deliverer_killed_before_the_answer_sends_the_same_once_more(tmp_path: Path) -> None:
    (tmp_path / "nac.dcm").write_bytes(nac_file())
    killed = threading.Event()

    def storing_once(handler: BaseHTTPRequestHandler, request: Request) -> None:
        if killed.is_set():
            storing(409, failures={0: 0x0111})(handler, request)  # it has this object
        killed.wait()

    with service(storing_once) as archive:
        settings = _settings(tmp_path, archive.url)
        with running("serve", "-c", settings, log=tmp_path / "log") as node:
            port = int(node.wait_for("receiver.started")["port"])
            assert answers(store(port, tmp_path / "nac.dcm", called="MUMAP")) == ["Success"]
            wait_until(lambda: archive.requests, 120)
            os.kill(int(node.wait_for("process.started", "deliverer")["pid"]), signal.SIGKILL)
            killed.set()
            assert node.wait_for("delivery.accepted")["status"] == 0x0111
        first, second = archive.requests
        assert first.parts() == second.parts()
