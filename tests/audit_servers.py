"""Syslog servers over TLS: one that may be told to fail, and rsyslog."""

import contextlib
import select
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from mumap_node.node.audit.syslog import SyslogServer
from mumap_node.node.tls.contexts import server_context
from mumap_node.node.tls.files import TlsFiles, TlsTarget
from peers import HOST, is_listening, unused_port
from waiting import wait_until


class RecordingSyslog:
    """Reads messages framed after RFC 5425 and keeps them, one connection after the other.

    Attributes:
        port: Where it listens.
        messages: What it read, in order.
        connections: How many it served.
        reads_at_most: Messages of the next connection before it is broken off; None for all.
        is_late: Whether it reads only once the other side has ended, in a connection it breaks off.
        hangs_up: How it breaks off: "reset", or "orderly", with a close_notify of its own, as a
            server that is stopped does.
    """

    def __init__(self, files: TlsFiles, port: int = 0) -> None:
        self.messages: list[bytes] = []
        self.connections = 0
        self.reads_at_most: int | None = None
        self.is_late = False
        self.hangs_up = "reset"
        self._context = server_context(files)
        self._listener = socket.create_server((HOST, port))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def __enter__(self) -> "RecordingSyslog":
        return self

    def __exit__(self, *_error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            plain.settimeout(30)
            with contextlib.suppress(OSError), plain:
                self._read(self._context.wrap_socket(plain, server_side=True))

    def _read(self, connection: ssl.SSLSocket) -> None:
        with connection:
            self.connections += 1
            left, self.reads_at_most = self.reads_at_most, None
            if self.is_late and left is not None:
                _await_end(connection)
            while left is None or left > 0:
                length = _number(connection)
                if length is None:
                    connection.unwrap().close()
                    return
                self.messages.append(_exactly(connection, length))
                left = None if left is None else left - 1
            if self.hangs_up == "orderly":
                connection.settimeout(0)
                with contextlib.suppress(OSError):
                    connection.unwrap()


def _await_end(connection: ssl.SSLSocket) -> None:
    """Leave everything unread until all of it is here."""
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP)
    poll.poll(30_000)


def _number(connection: ssl.SSLSocket) -> int | None:
    """The length before a message; None at the end."""
    digits = b""
    while (digit := connection.recv(1)) not in (b"", b" "):
        digits += digit
    return int(digits) if digits else None


def _exactly(connection: ssl.SSLSocket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        piece = connection.recv(length - len(data))
        if not piece:
            raise ConnectionError
        data += piece
    return data


def server(port: int, files: TlsFiles, name: str = "syslog.example.org") -> SyslogServer:
    """How the node calls a server on this machine.

    Args:
        port: Of the server.
        files: Of the node.
        name: The certificate of the server must have.
    """
    return SyslogServer(HOST, port, TlsTarget(files, name), seconds=5)


@contextlib.contextmanager
def rsyslog(folder: Path, files: TlsFiles, peer: str, port: int | None = None) -> Iterator[int]:
    """Debian's rsyslog, which asks for a certificate and writes what it gets to ``messages``.

    Args:
        folder: For its files.
        files: Its certificate.
        peer: Name in the certificate of who may send.
        port: Where it listens; None for a free one.
    """
    folder.mkdir(exist_ok=True)
    port = port or unused_port()
    (folder / "rsyslog.conf").write_text(
        f"""
global(workDirectory="{folder}" maxMessageSize="64k"
       defaultNetstreamDriverCAFile="{files.authorities}"
       defaultNetstreamDriverCertFile="{files.certificate}"
       defaultNetstreamDriverKeyFile="{files.key}")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1"
       streamDriver.authMode="x509/name" permittedPeer=["{peer}"])
template(name="raw" type="string" string="%rawmsg%\\n")
input(type="imtcp" port="{port}" address="{HOST}" ruleset="keep")
ruleset(name="keep") {{ action(type="omfile" file="{folder}/messages" template="raw") }}
"""
    )
    program = shutil.which("rsyslogd") or "/usr/sbin/rsyslogd"
    command = [program, "-n", "-f", folder / "rsyslog.conf", "-i", folder / "pid"]
    with (
        (folder / "log").open("ab") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        try:
            wait_until(lambda: process.poll() is not None or is_listening(port))
            yield port
        finally:
            process.terminate()
            process.wait(30)
