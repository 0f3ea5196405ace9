"""The whole node as it is installed: `mumap-node serve` and the four processes below it."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from pydicom.uid import NuclearMedicineImageStorage, SecondaryCaptureImageStorage

from authorities import options
from builders import nac_file, torso_counts
from commands import (
    PATIENCE_SECONDS,
    SETTINGS,
    Running,
    by_tls,
    is_alive,
    run,
    running,
    write_settings,
)
from examinations import ct, file_of
from mumap_node.dicom.files import to_bytes
from mumap_node.node.tls.contexts import server_context
from mumap_node.node.tls.files import TlsFiles
from peers import RecordingScp, answers, store
from torso_tomos import torso_tomo
from waiting import wait_until

WITH_REPORTS = SETTINGS.replace("assume_nac = true", "assume_parallel_holes = true\nreport = true")
"""Projections are answered, reconstructions not."""

COMPONENTS = ("receiver", "worker", "deliverer", "web")


@dataclass(frozen=True)
class Node:
    """A running node with one archive."""

    running: Running
    settings: Path
    archive: RecordingScp

    def pid(self, component: str) -> int:
        """Of the process that runs now."""
        return int(self.running.wait_for("process.started", component)["pid"])

    def dicom_port(self) -> int:
        return int(self.running.wait_for("receiver.started")["port"])

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of the page's answer."""
        url = f"http://127.0.0.1:{self.running.wait_for('web.started')['port']}{path}"
        try:
            with urlopen(url, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:  # the web process is being restarted
            return 0, ""

    def wait_until_ready(self) -> dict[str, Any]:
        """What health says, once all is well."""

        def ready() -> str:
            status, body = self.get("/health/ready")
            return body if status == 200 else ""

        try:
            return dict(json.loads(wait_until(ready, PATIENCE_SECONDS)))
        except AssertionError as error:
            raise AssertionError(self.running.log.read_text()) from error

    def jobs(self) -> list[dict[str, Any]]:
        answer = run("jobs", "list", "--json", "-c", self.settings)
        jobs: list[dict[str, Any]] = json.loads(answer.stdout)
        return jobs


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with RecordingScp() as archive:
        settings = write_settings(tmp_path, archive.port)
        with running("serve", "-c", settings, log=tmp_path / "log") as serving:
            yield Node(serving, settings, archive)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "stress.dcm"
    path.write_bytes(nac_file(voxels=torso_counts() + 2))
    return path


def test_in_shadow_mode_maps_stay_and_measured_maps_are_taken(tmp_path, image):
    slice_ = tmp_path / "ct.dcm"
    slice_.write_bytes(file_of(ct()[0]))
    comparing = '[[routes]]\nname = "ct"\naction = "compare"\nmatch = {{ Modality = "CT" }}\n'
    text = SETTINGS.replace("[[routes]]", f"{comparing}\n[[routes]]", 1)
    with RecordingScp() as archive:
        settings = write_settings(tmp_path, archive.port, f"{text}deliver = false\n")
        with running("serve", "-c", settings, log=tmp_path / "log") as serving:
            node = Node(serving, settings, archive)
            node.wait_until_ready()
            sent = store(node.dicom_port(), slice_, image, called="MUMAP")
            assert ["Success" in answer for answer in answers(sent)] == [True, True]
            serving.wait_for("measured.kept", "worker")
            finished = serving.wait_for("job.finished", "worker")
            assert (finished["state"], finished["reason"]) == ("done", "shadow")
            (job,) = node.jobs()
            assert (job["id"], job["deliveries"]) == (finished["job_id"], [])
        assert not archive.received


def test_an_image_goes_in_and_its_map_comes_out_and_sigterm_drains(node, image):
    node.wait_until_ready()
    assert store(node.dicom_port(), image, called="MUMAP").returncode == 0
    (received,) = wait_until(lambda: node.archive.received, PATIENCE_SECONDS)
    assert "SYNTHETIC" in received.dataset().ImageType
    assert received.calling_ae_title == "MUMAP"
    finished = node.running.wait_for("job.finished", "deliverer")
    assert finished["state"] == "done"
    assert [job["state"] for job in node.jobs()] == ["done"]
    status, page = node.get("/")
    assert status == 200
    assert "done" in page
    assert "archive" in page
    assert "Phantom" not in page + node.running.log.read_text(), "no patient data anywhere"
    pids = [node.pid(component) for component in COMPONENTS]
    assert node.running.stop() == 0
    assert not any(map(is_alive, pids))
    assert node.running.events("node.stopped")
    for component in COMPONENTS:
        assert node.running.events("process.stopped", component), f"{component} did not drain"


def test_an_image_goes_in_and_its_map_comes_out_by_tls_alone(tmp_path, image, hospital, ours):
    camera = hospital.issue("camera.example.org")
    archive = hospital.issue("archive.example.org", address="127.0.0.1")
    text = by_tls(ours).replace("port = 0", "tls_port = 0\ntls_only = true", 1)
    known = 'reply_to = "archive"\ntls = true\ncertificate = "camera.example.org"'
    text = text.replace('reply_to = "archive"', known)
    with RecordingScp(tls=server_context(archive)) as pacs:
        settings = write_settings(tmp_path, pacs.port, text)
        with running("serve", "-c", settings, log=tmp_path / "log") as serving:
            node = Node(serving, settings, pacs)
            node.wait_until_ready()
            by_camera = options(camera)
            sent = store(node.dicom_port(), image, called="MUMAP", options=by_camera)
            assert answers(sent) == ["Success"]
            wait_until(lambda: pacs.received, PATIENCE_SECONDS)
            assert serving.wait_for("job.finished", "deliverer")["state"] == "done"
            assert store(node.dicom_port(), image, called="MUMAP").returncode != 0
    refused = serving.wait_for("association.rejected", "receiver")
    assert refused["reason"] == "clear-text-on-tls-port"
    assert refused["settings"] == "[node]\ntls_only = false\n"


@pytest.mark.parametrize("verb", ["receive", "deliver", "web"])
def test_a_certificate_that_is_missing_refuses_to_start(tmp_path, verb):
    nowhere = TlsFiles(tmp_path / "a.pem", tmp_path / "b.key", tmp_path / "c.pem")
    text = by_tls(nowhere).replace("port = 0", "tls_port = 0", 1)
    settings = write_settings(tmp_path, 104, text.replace("[web]", "[web]\ntls = true"))
    answer = run(verb, "-c", settings)
    assert answer.returncode == 2
    assert f"tls.key: expected a readable file {tmp_path / 'b.key'}" in answer.stdout


@pytest.fixture
def acquired(tmp_path: Path) -> Path:
    path = tmp_path / "acquired.dcm"
    path.write_bytes(to_bytes(torso_tomo(seen=20)))
    return path


def test_projections_go_in_and_a_map_on_their_grid_and_a_report_come_out(tmp_path, acquired):
    with RecordingScp(
        sop_classes=(NuclearMedicineImageStorage, SecondaryCaptureImageStorage)
    ) as pacs:
        settings = write_settings(tmp_path, pacs.port, WITH_REPORTS)
        with running("serve", "-c", settings, log=tmp_path / "log") as serving:
            node = Node(serving, settings, pacs)
            node.wait_until_ready()
            assert store(node.dicom_port(), acquired, called="MUMAP").returncode == 0
            mumap, report = wait_until(
                lambda: len(pacs.received) == 2 and pacs.received, PATIENCE_SECONDS
            )
            assert node.running.wait_for("job.finished", "deliverer")["state"] == "done"

    source, mumap, report = torso_tomo(seen=20), mumap.dataset(), report.dataset()
    assert (mumap.NumberOfFrames, mumap.Rows, mumap.Columns) == (source.Rows, 48, 48)
    assert report.SOPClassUID == SecondaryCaptureImageStorage
    for answer in (mumap, report):
        assert "SYNTHETIC" in answer.ImageType
        (reference,) = answer.SourceImageSequence
        assert reference.ReferencedSOPInstanceUID == source.SOPInstanceUID


def test_a_destination_that_takes_no_report_has_its_map_and_a_person_is_told(tmp_path, acquired):
    with RecordingScp() as pacs:
        settings = write_settings(tmp_path, pacs.port, WITH_REPORTS)
        with running("serve", "-c", settings, log=tmp_path / "log") as serving:
            node = Node(serving, settings, pacs)
            node.wait_until_ready()
            assert store(node.dicom_port(), acquired, called="MUMAP").returncode == 0
            refused = node.running.wait_for("delivery.refused", "deliverer")
            (job,) = node.jobs()

    assert refused["reason"] == "report-refused"
    assert job["state"] == "quarantined"
    (mumap,) = pacs.received
    assert "SYNTHETIC" in mumap.dataset().ImageType


def test_every_process_that_is_killed_is_started_again(node, image):
    node.wait_until_ready()
    before = {component: node.pid(component) for component in COMPONENTS}
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: all(node.pid(name) != pid for name, pid in before.items()), PATIENCE_SECONDS)
    wait_until(lambda: len(node.running.events("receiver.started")) == 2, PATIENCE_SECONDS)
    node.wait_until_ready()
    assert store(node.dicom_port(), image, called="MUMAP").returncode == 0
    wait_until(lambda: node.archive.received, PATIENCE_SECONDS)
    died = [event["signal"] for event in node.running.events("process.died", "supervisor")]
    assert died == ["SIGKILL"] * 4


def test_a_killed_supervisor_leaves_no_process_behind(node):
    node.wait_until_ready()
    pids = [node.pid(component) for component in COMPONENTS]
    os.kill(node.running.pid, signal.SIGKILL)
    node.running.process.wait()
    wait_until(lambda: not any(map(is_alive, pids)), PATIENCE_SECONDS)


def test_health_says_which_process_is_missing(tmp_path):
    with RecordingScp() as archive:
        settings = write_settings(tmp_path, archive.port)
        with running("web", "-c", settings, log=tmp_path / "log") as web:
            node = Node(web, settings, archive)
            web.wait_for("web.started")
            assert node.get("/health/live")[0] == 200
            status, body = node.get("/health/ready")
            assert status == 503
            reasons = {check["name"]: check["reason"] for check in json.loads(body)["checks"]}
            assert reasons["receiver"] == "process-missing"
            assert reasons["engine"] == "engine-unavailable"
            assert reasons["spool"] == ""
            assert run("health", "web", "-c", settings).returncode == 0
            missing = run("health", "-c", settings)
            assert missing.returncode == 1
            assert "process-missing: worker" in missing.stderr


def test_a_port_that_is_taken_refuses_to_start_with_exit_code_2(tmp_path):
    with RecordingScp() as archive:
        settings = write_settings(tmp_path, archive.port)
        text = settings.read_text().replace("port = 0", f"port = {archive.port}", 1)
        settings.write_text(text)
        with running("serve", "-c", settings, log=tmp_path / "log") as serving:
            assert serving.process.wait(PATIENCE_SECONDS) == 2
            refused = serving.wait_for("process.refused", "receiver")
    assert refused["reason"] == "port-not-available"
