"""The demo's site: settings for one camera and one workstation, and the node that serves them."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mumap_node.demo.camera import CAMERA_AE_TITLE, Node
from mumap_node.demo.workstation import WORKSTATION_AE_TITLE

HOST = "127.0.0.1"
NODE_AE_TITLE = "MUMAP"

STOP_SECONDS = 45.0
"""How long the node may take to drain before it is killed."""

SETTINGS = """\
# A site with one camera and one workstation, as `mumap-node demo` made it.
[node]
ae_title = "{node_ae_title}"
bind = "{host}"
port = {port}
data_dir = "{data_dir}"
timezone = "UTC"

[receiver]
min_free_gb = 0.1

[web]
bind = "{host}"
port = {web_port}

[[peers]]
name = "camera"
ae_title = "{camera_ae_title}"
hosts = ["{host}"]

[[destinations]]
name = "workstation"
ae_title = "{workstation_ae_title}"
host = "{host}"
port = {workstation_port}

[[routes]]
name = "demo"
match = {{ calling_ae_title = "{camera_ae_title}", SeriesDescription = {{ regex = ".*NAC.*" }} }}
assume_nac = true  # the camera's NAC series carry no word on attenuation correction
model = "reference-tc99m"
destinations = ["workstation"]
"""


def write_settings(file: Path, data_dir: Path, workstation_port: int) -> Node:
    """Write the settings of a node on ports that are free now, and say where it will listen."""
    port, web_port = _free_ports(2)
    text = SETTINGS.format(
        host=HOST,
        port=port,
        web_port=web_port,
        data_dir=data_dir,
        node_ae_title=NODE_AE_TITLE,
        camera_ae_title=CAMERA_AE_TITLE,
        workstation_ae_title=WORKSTATION_AE_TITLE,
        workstation_port=workstation_port,
    )
    file.write_text(text, encoding="utf-8")
    return Node(HOST, port, NODE_AE_TITLE)


def _free_ports(count: int) -> list[int]:
    """Ports nobody listens on; all are held until the last is known, so that they differ."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for free in sockets:
            free.bind((HOST, 0))
        return [int(free.getsockname()[1]) for free in sockets]


@contextmanager
def running_node(settings: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``mumap-node serve`` with its output in ``log``; stop it at the end of the block."""
    command = [sys.executable, "-m", "mumap_node", "serve", "-c", str(settings)]
    with log.open("wb") as output:
        node = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603
        try:
            yield node
        finally:
            stop(node)


def stop(node: subprocess.Popen[bytes]) -> int:
    """Ask the node to drain and end (SIGTERM), and give its exit code; kill it if it does not."""
    node.terminate()
    try:
        return node.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        node.kill()
        return node.wait()
