"""The installed node loses nothing when its processes are killed while images come in."""

import json
import os
import signal
from pathlib import Path

import pytest

from audit_servers import rsyslog
from authorities import Authority
from builders import nac_file, torso_counts
from commands import SETTINGS, Running, run, running, with_tls, write_settings
from mumap_node.node.tls.files import TlsFiles
from peers import RecordingScp, answers, store, unused_port
from trails import Told, invalid, told, trail
from waiting import wait_until

TRANSFERRED = "DICOM Instances Transferred"

AUDIT = """
[audit]
host = "127.0.0.1"
port = {syslog}
tls_name = "syslog.example.org"

[[peers]]"""

ROUNDS = 2
COMPONENTS = ("receiver", "worker", "deliverer")


@pytest.mark.peers
def test_images_that_were_acknowledged_become_maps_and_are_told_of_whatever_is_killed(
    tmp_path: Path, hospital: Authority, ours: TlsFiles
) -> None:
    port = unused_port()  # the receiver must come back where it was
    theirs = hospital.issue("syslog.example.org")
    kept = tmp_path / "rsyslog" / "messages"
    with (
        RecordingScp() as archive,
        rsyslog(tmp_path / "rsyslog", theirs, "mumap.example.org") as syslog,
    ):
        text = with_tls(SETTINGS, ours).replace("port = 0", f"port = {port}", 1)
        text = text.replace("[[peers]]", AUDIT.replace("{syslog}", str(syslog)), 1)
        settings = write_settings(tmp_path, archive.port, text)
        with running("serve", "-c", settings, log=tmp_path / "log") as node:
            for component in COMPONENTS:
                node.wait_for("process.started", component)
            sent = 0
            for victim in COMPONENTS * ROUNDS:
                for _ in range(2):
                    sent += 1
                    _send_until_acknowledged(tmp_path, port, sent)
                _kill(node, victim)
            wait_until(lambda: len(_maps(archive)) == sent, 120)
            wait_until(lambda: _states(settings) == ["done"] * sent, 60)
            assert all(len(encodings) == 1 for encodings in _maps(archive).values())
            wait_until(lambda: len(_sent_well(told(_lines(kept)))) == sent)
            assert node.stop() == 0
        audit = tmp_path / "data" / "audit"
        _assert_told(trail(audit.parent), tmp_path)
        assert "Phantom" not in node.log.read_text()
        # In order, but for what the last processes said of their end.
        whole = [line for day in sorted(audit.glob("*.log")) for line in _lines(day)]
        assert _lines(kept) == whole[: len(_lines(kept))]


def _send_until_acknowledged(folder: Path, port: int, number: int) -> None:
    """As a camera does: it keeps what was not acknowledged, and sends it again."""
    path = folder / f"{number}.dcm"
    path.write_bytes(nac_file(voxels=torso_counts() + 2, SOPInstanceUID=f"2.25.{number}"))
    wait_until(lambda: answers(store(port, path, called="MUMAP")) == ["Success"], 120)


def _lines(file: Path) -> list[bytes]:
    """Messages in a file, the first time of each; not one that is being written."""
    whole, _, _ = (file.read_bytes() if file.exists() else b"").rpartition(b"\n")
    return list(dict.fromkeys(whole.splitlines()))


def _sent_well(lines: list[Told]) -> set[str]:
    """Maps of which it is told that they were taken, by SOP Instance UID."""
    return {
        uid
        for line in lines
        if line.event == TRANSFERRED and line.of("ActiveParticipant", "UserID")[0] == "MUMAP"
        for uid in line.of("Instance", "UID")
        if line.outcome == "0"
    }


def _assert_told(lines: list[Told], folder: Path) -> None:
    """What came, what went, who began and who was killed."""
    came = {
        uid
        for line in lines
        if line.event == TRANSFERRED and line.of("ActiveParticipant", "UserID")[0] == "CAMERA"
        for uid in line.of("Instance", "UID")
    }
    victims = [
        line.of("ActiveParticipant", "UserID")[0]
        for line in lines
        if line.event == "Application Activity, Application Stop" and line.outcome == "8"
    ]
    assert came == {f"2.25.{number + 1}" for number in range(2 * ROUNDS * len(COMPONENTS))}
    assert victims == [f"mumap-node {component}" for component in COMPONENTS] * ROUNDS
    assert {name for line in lines for name in line.names()} >= {"Phantom^One"}
    assert invalid([line.xml for line in lines], folder / "told") == ""


def _kill(node: Running, component: str) -> None:
    """Kill the process that runs now."""
    os.kill(int(node.wait_for("process.started", component)["pid"]), signal.SIGKILL)


def _maps(archive: RecordingScp) -> dict[str, set[bytes]]:
    """Everything that was sent, by SOP Instance UID."""
    maps: dict[str, set[bytes]] = {}
    for received in archive.received:
        maps.setdefault(received.sop_instance_uid, set()).add(received.encoded)
    return maps


def _states(settings: Path) -> list[str]:
    listed = run("jobs", "list", "--json", "-c", settings)
    return [job["state"] for job in json.loads(listed.stdout)]
