"""The installed node loses nothing when its processes are killed while images come in."""

import json
import os
import signal
from pathlib import Path

from builders import nac_file, torso_counts
from commands import SETTINGS, Running, run, running, write_settings
from peers import RecordingScp, answers, store, unused_port
from waiting import wait_until

ROUNDS = 2
COMPONENTS = ("receiver", "worker", "deliverer")


def test_images_that_were_acknowledged_become_maps_whatever_is_killed(tmp_path: Path) -> None:
    port = unused_port()  # the receiver must come back where it was
    with RecordingScp() as archive:
        text = SETTINGS.replace("port = 0", f"port = {port}", 1)
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
            assert node.stop() == 0


def _send_until_acknowledged(folder: Path, port: int, number: int) -> None:
    """As a camera does: it keeps what was not acknowledged, and sends it again."""
    path = folder / f"{number}.dcm"
    path.write_bytes(nac_file(voxels=torso_counts() + 2, SOPInstanceUID=f"2.25.{number}"))
    wait_until(lambda: answers(store(port, path, called="MUMAP")) == ["Success"], 120)


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
