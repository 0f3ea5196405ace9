"""The installed command in processes of its own, as an administrator runs it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mumap_node.node.tls.files import TlsFiles
from waiting import wait_until

PATIENCE_SECONDS = 120.0
"""For a process to start on a machine that is busy with other things."""

COMMAND = (sys.executable, "-m", "mumap_node")

SETTINGS = """
[node]
bind = "127.0.0.1"
port = 0
data_dir = "data"
timezone = "Europe/Vienna"

[receiver]
min_free_gb = 0.01

[web]
port = 0

[[peers]]
name = "camera"
ae_title = "CAMERA"
hosts = ["127.0.0.1"]
reply_to = "archive"

[[destinations]]
name = "archive"
ae_title = "ARCHIVE"
host = "127.0.0.1"
port = {port}

[[routes]]
name = "all"
assume_nac = true
relax = ["collimator", "field-of-view", "truncation", "matrix", "spacing"]
model = "uniform-body-1.0"  # draws an outline of any toy; the reference model rightly refuses them
destinations = ["sender"]
"""


def by_tls(files: TlsFiles) -> str:
    """Those of a node that calls its destination by TLS."""
    return with_tls(SETTINGS.replace("port = {port}", "port = {port}\ntls = true"), files)


def with_tls(text: str, files: TlsFiles) -> str:
    """Settings with the certificate of a node."""
    paths = "".join(f'{name} = "{getattr(files, name)}"\n' for name in TlsFiles.__slots__)
    return text.replace("[[peers]]", f"[tls]\n{paths}\n[[peers]]")


def run(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run one verb to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def write_settings(folder: Path, port: int, text: str = SETTINGS) -> Path:
    """Settings of a node with one destination, at a port of this machine."""
    path = folder / "mumap-node.toml"
    path.write_text(text.format(port=port), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Running:
    """A verb that runs until it is told to stop."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def events(self, name: str, component: str = "") -> list[Mapping[str, Any]]:
        """What it logged, by event; the last line may be half written."""
        whole = [
            line for line in self.log.read_text().splitlines(keepends=True) if line[-1] == "\n"
        ]
        events = [json.loads(line) for line in whole if line.startswith("{")]
        return [
            event
            for event in events
            if event["event"] == name and component in ("", event["component"])
        ]

    def wait_for(self, name: str, component: str = "") -> Mapping[str, Any]:
        """The latest event of this name, once there is one."""
        try:
            return wait_until(lambda: self.events(name, component), PATIENCE_SECONDS)[-1]
        except AssertionError as error:
            raise AssertionError(f"no {name}\n{self.log.read_text()}") from error

    def stop(self) -> int:
        """Ask it to stop, and give its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def running(*arguments: object, log: Path, options: tuple[str, ...] = ()) -> Iterator[Running]:
    """Run a verb for the length of a block, with everything it says in ``log``."""
    command = [sys.executable, *options, "-m", "mumap_node", *map(str, arguments)]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        try:
            yield Running(process, log)
        finally:
            process.kill()


def is_alive(pid: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        os.kill(pid, 0)
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
