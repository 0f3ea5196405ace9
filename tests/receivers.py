"""The receiver as tests start it: in this process, or in one of its own that may be killed."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset

from mumap_node import logs
from mumap_node.node.receiver.scp import Receiver, ReceiverOptions, start_receiver
from mumap_node.node.rejections import Rejection, read_rejections
from mumap_node.node.routing import Peer
from mumap_node.node.spool.files import Spool
from mumap_node.node.tls.files import TlsFiles
from peers import HOST

CAMERA = Peer("camera", "CAMERA", (ip_network("127.0.0.0/30"),))
"""Calls from 127.0.0.1 to 127.0.0.3."""

OPTIONS = ReceiverOptions(ae_title="MUMAP", bind=HOST, port=0, peers=(CAMERA,), min_free_gb=0)


@dataclass(frozen=True)
class Receiving:
    """A receiver that runs, and where it stores.

    Attributes:
        port: Where it listens for clear text.
        spool: Where objects go.
        tls_port: Where it listens for TLS; 0 for nowhere.
    """

    port: int
    spool: Spool
    tls_port: int = 0

    def rejected(self) -> list[Rejection]:
        """Who was turned away, the last first."""
        return list(read_rejections(self.spool.run))

    def stored(self) -> list[Dataset]:
        """The objects in the inbox, oldest first."""
        return [dcmread(path) for path in self.spool.arrivals()]

    def leftovers(self) -> list[str]:
        """Names of files in the inbox that are no objects."""
        return sorted(p.name for p in self.spool.inbox.iterdir() if p.suffix != ".dcm")


@contextlib.contextmanager
def receiving(folder: Path, spool: Spool | None = None, **options: Any) -> Iterator[Receiving]:
    """A receiver in this process; its options as in OPTIONS unless given."""
    receiver = start(spool or Spool(folder), **options)
    try:
        yield Receiving(receiver.port, spool or Spool(folder), receiver.tls_port)
    finally:
        receiver.drain(10)


def start(spool: Spool, **options: Any) -> Receiver:
    """Start a receiver in this process; the caller drains it."""
    given = {name: getattr(OPTIONS, name) for name in OPTIONS.__slots__} | options
    return start_receiver(ReceiverOptions(**given), spool)


@contextlib.contextmanager
def receiving_process(
    folder: Path, tracer: Sequence[str] = (), log: int | None = None, tls: TlsFiles | None = None
) -> Iterator[Receiving]:
    """A receiver in a process of its own, below a tracer such as strace; it logs to stderr.

    With TLS it has no other port.
    """
    spool = Spool(folder)  # its folders are there, so that making them is not traced
    process = subprocess.Popen(
        [*tracer, sys.executable, __file__, str(folder), *paths_of(tls)],
        # Byte code is written by renaming, which would be counted with our own renames.
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    with process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        try:
            yield Receiving(0 if tls else port, spool, port if tls else 0)
        finally:
            with contextlib.suppress(BrokenPipeError):
                process.communicate("", timeout=30)  # the end of its input is its stop


def paths_of(tls: TlsFiles | None) -> list[str]:
    """As arguments of a process."""
    return [str(getattr(tls, name)) for name in TlsFiles.__slots__] if tls else []


if __name__ == "__main__":
    logs.configure("receiver", sys.stderr)
    secured = TlsFiles(*map(Path, sys.argv[2:])) if sys.argv[2:] else None
    ports: dict[str, Any] = {"port": None, "tls_port": 0, "tls": secured} if secured else {}
    running = start(Spool(Path(sys.argv[1])), **ports)
    print(running.tls_port or running.port, flush=True)  # noqa: T201
    sys.stdin.read()
    running.drain(10)
