"""The compose file, for real: images built, services up, a series in and its map out."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import generate_uid

from containers import (
    PROJECT,
    Docker,
    NoEngineError,
    docker_engine,
    import_base_image,
    printed,
)
from mumap_node.demo.camera import examine
from peers import association, echo
from waiting import wait_until

pytestmark = [pytest.mark.container, pytest.mark.timeout(600)]

COMPOSE = (
    str(Path(sys.executable).with_name("docker-compose")),
    *("--project-name", "mumap-test"),
    *("--file", "docker-compose.yml", "--file", "deploy/compose.demo.yml"),
)
BASE_IMAGES = ("python:3.11-slim-bookworm", "debian:bookworm-slim")
ANY_PORT = {"DICOM_PORT": "0", "WEB_PORT": "0", "ORTHANC_PORT": "0", "ORTHANC_DICOM_PORT": "0"}
SERVICES = ("receiver", "worker", "deliverer", "web")

GATEWAY = "172.28.77.1"
"""Of the network in deploy/compose.demo.yml."""

HERE, FAR_AWAY = "198.51.100.1", "198.51.100.2"
"""This host and another one, on a cable of the test's own (TEST-NET-2, RFC 5737)."""


@dataclass(frozen=True)
class Site:
    """The demo's services, running."""

    docker: Docker

    def compose(self, *arguments: str) -> str:
        """Run docker-compose on the site, and give what it prints."""
        return printed(self.docker.run(*COMPOSE, *arguments))

    def start(self) -> None:
        """Start every service and wait until all are healthy; tells what they said if not."""
        up = self.docker.run(*COMPOSE, "up", "--detach", "--wait", "--wait-timeout", "120")
        if up.returncode:
            raise AssertionError(f"{up.stderr}\n{self.compose('logs', '--tail', '20')}")

    def port(self, service: str, port: int) -> int:
        """The port of this host that a service's port is published on."""
        return int(self.compose("port", service, str(port)).strip().rpartition(":")[2])

    def inspect(self, service: str) -> dict[str, Any]:
        """What the engine knows of a service's container."""
        container = self.compose("ps", "--all", "--quiet", service).strip()
        described: dict[str, Any] = json.loads(self.docker("inspect", container))[0]
        return described

    def orthanc(self, path: str, content: bytes | None = None) -> bytes:
        """Ask Orthanc's REST interface."""
        request = Request(f"http://127.0.0.1:{self.port('orthanc', 8042)}{path}", data=content)
        with urlopen(request, timeout=10) as response:  # noqa: S310
            answer: bytes = response.read()
        return answer

    def answers(self, source: Dataset) -> list[Dataset]:
        """Every map that Orthanc holds of a reconstruction."""
        query = {
            "Level": "Instance",
            "Query": {"StudyInstanceUID": source.StudyInstanceUID, "ImageType": "*TRANSMISSION*"},
        }
        found = json.loads(self.orthanc("/tools/find", json.dumps(query).encode()))
        return [dcmread(BytesIO(self.orthanc(f"/instances/{one}/file"))) for one in found]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Images built from this tree, and every service healthy."""
    try:
        with docker_engine(**ANY_PORT) as docker:
            import_base_image(docker, BASE_IMAGES)
            running = Site(docker)
            running.compose("build", "--quiet")
            try:
                running.start()
                yield running
            finally:
                running.compose("down", "--volumes", "--timeout", "2")
    except NoEngineError as reason:
        pytest.skip(f"no docker daemon can be started here: {reason}")


@cache
def patient() -> Dataset:
    return examine().reconstruction


def reconstruction() -> Dataset:
    """A simulated patient as a camera encodes it, with UIDs of its own."""
    dataset = deepcopy(patient())
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(dataset, keyword, generate_uid(prefix=None))
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def as_file(dataset: Dataset) -> bytes:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.mark.peers
def test_a_series_stored_in_orthanc_comes_back_there_as_a_map(site: Site) -> None:
    source = reconstruction()

    site.orthanc("/instances", as_file(source))

    [mumap] = wait_until(lambda: site.answers(source), 60)
    assert "SYNTHETIC" in mumap.ImageType
    assert mumap.PatientID == source.PatientID
    assert mumap.SeriesInstanceUID != source.SeriesInstanceUID
    assert mumap.FrameOfReferenceUID == source.FrameOfReferenceUID
    assert mumap.SpacingBetweenSlices == source.SpacingBetweenSlices
    assert mumap.pixel_array.shape == source.pixel_array.shape
    slope = float(mumap.RealWorldValueMappingSequence[0].RealWorldValueSlope)
    lac_per_cm = slope * mumap.pixel_array
    assert 0.13 < np.median(lac_per_cm[lac_per_cm > 0.1]) < 0.16  # soft tissue and fat


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_no_more_rights_than_it_needs(site: Site, service: str) -> None:
    status = site.compose("exec", "-T", service, "cat", "/proc/1/status")
    write = site.docker.run(*COMPOSE, "exec", "-T", service, "touch", "/opt/mumap-node/written")

    assert "Uid:\t10104\t10104\t10104\t10104" in status
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert "Read-only file system" in write.stderr


def test_a_caller_on_the_docker_host_is_seen_as_the_gateway(site: Site) -> None:
    asked = echo(site.port("receiver", 11112), calling="STRANGER", called="MUMAP")

    assert asked.returncode != 0
    assert f'"address": "{GATEWAY}"' in refusals(site)


def test_a_caller_on_another_machine_is_seen_with_its_own_address(site: Site) -> None:
    port = site.port("receiver", 11112)

    with another_host():
        asked = subprocess.run(
            [
                *("ip", "netns", "exec", "mumap-far", "echoscu", "-to", "10"),
                *("-aet", "PACS", "-aec", "MUMAP", HERE, str(port)),
            ],
            capture_output=True,
            check=False,
        )

    assert asked.returncode != 0
    assert f'"address": "{FAR_AWAY}"' in refusals(site)


def test_a_worker_that_is_killed_is_restarted_and_makes_the_map(site: Site) -> None:
    source = reconstruction()

    os.kill(site.inspect("worker")["State"]["Pid"], signal.SIGKILL)
    site.orthanc("/instances", as_file(source))

    wait_until(lambda: site.inspect("worker")["RestartCount"] >= 1, 60)
    assert len(wait_until(lambda: site.answers(source), 90)) == 1


def test_stop_lets_an_open_association_finish_and_loses_nothing(site: Site) -> None:
    source = reconstruction()
    port = site.port("receiver", 11112)

    with association(port, calling="PACS", called="MUMAP") as opened, stopping(site):
        wait_until(lambda: echo(port, calling="PACS", called="MUMAP").returncode != 0)
        status = opened.send_c_store(source)
        opened.release()

    assert status.Status == 0x0000
    assert {name: site.inspect(name)["State"]["ExitCode"] for name in SERVICES} == dict.fromkeys(
        SERVICES, 0
    )
    site.start()
    assert len(wait_until(lambda: site.answers(source), 60)) == 1


def refusals(site: Site) -> str:
    """The receiver's lines on associations it did not open."""
    lines = site.compose("logs", "--no-log-prefix", "receiver").splitlines()
    return "\n".join(line for line in lines if "association.rejected" in line)


@contextmanager
def stopping(site: Site) -> Iterator[None]:
    """Stop the node's services while the block runs; they are down when it ends."""
    command = [*COMPOSE, "stop", *SERVICES]
    with subprocess.Popen(command, cwd=PROJECT, env=site.docker.environment) as stop:
        yield
        assert stop.wait(90) == 0


@contextmanager
def another_host() -> Iterator[None]:
    """A network namespace at the other end of a cable, as a machine in the same network."""
    commands = (
        "ip netns add mumap-far",
        "ip link add mumap-here type veth peer name mumap-there netns mumap-far",
        f"ip address add {HERE}/30 dev mumap-here",
        "ip link set mumap-here up",
        f"ip -n mumap-far address add {FAR_AWAY}/30 dev mumap-there",
        "ip -n mumap-far link set mumap-there up",
    )
    try:
        for command in commands:
            subprocess.run(command.split(), check=True)
        yield
    finally:
        subprocess.run(["ip", "link", "delete", "mumap-here"], check=False)
        subprocess.run(["ip", "netns", "delete", "mumap-far"], check=False)
