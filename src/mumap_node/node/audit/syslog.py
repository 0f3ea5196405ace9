"""Syslog over TLS (RFC 5425): messages to a server, and how it is known that it took them.

Syslog has no acknowledgement. So every batch has a connection of its own, whose end is one: the
node ends it in order (close_notify, then FIN) and waits until the server, having read all of it,
does the same, and until the server's TCP has acknowledged every byte. A server that hangs up with
bytes unread answers them with a reset; one that stopped before they came never acknowledges them.
"""

import contextlib
import fcntl
import select
import socket
import ssl
import struct
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass

from mumap_node.errors import ConfigurationError, TransientError
from mumap_node.node.tls.contexts import client_context
from mumap_node.node.tls.failures import REFUSAL_SECONDS, failure_of
from mumap_node.node.tls.files import TlsTarget

SYSLOG_TLS_PORT = 6514
"""Registered for syslog over TLS (RFC 5425 4.1)."""

_QUIET_SECONDS = 0.1
"""For a server to read what its TCP acknowledged. One that hangs up meanwhile did so unasked; one
that hung up at the same moment as we would pass for one that read it all."""

_TURN_SECONDS = 0.02  # between two looks at what the server's TCP acknowledged


@dataclass(frozen=True, slots=True)
class SyslogServer:
    """Where audit messages go.

    Attributes:
        host: Its host name or IP address.
        port: Its port.
        tls: Certificates, and the name its own must have.
        seconds: For the connection, for each turn of the exchange, and for the end.
    """

    host: str
    port: int
    tls: TlsTarget
    seconds: float = 10.0

    @property
    def address(self) -> str:
        """For people."""
        return f"{self.host}:{self.port}"


def deliver(server: SyslogServer, messages: Sequence[bytes]) -> None:
    """Send messages in order; on return the server has read them all.

    Raises:
        TransientError: It may not have; what it read will come again.
    """
    with _connected(server) as connection:
        try:
            for message in messages:
                connection.sendall(f"{len(message)} ".encode() + message)  # RFC 5425 4.3
            _end(connection, server.seconds)
        except OSError as error:
            raise TransientError(
                "syslog-interrupted",
                f"expected {server.address} to read {len(messages)} messages and close the "
                f"connection, found: {_found(error)}",
            ) from None


def probe(server: SyslogServer) -> None:
    """See whether messages would be taken, without sending one.

    Raises:
        TransientError: They would not.
    """
    with _connected(server) as connection:
        connection.settimeout(REFUSAL_SECONDS)
        try:
            connection.recv(1)
        except TimeoutError:
            return  # it waits for messages
        except (ssl.SSLEOFError, ConnectionError):
            pass
        except OSError as error:
            raise _insecure(server, error) from None
    raise TransientError(
        "syslog-interrupted",
        f"expected {server.address} to wait for messages, found the connection closed, as by "
        "servers that do not take our certificate",
    )


def _connected(server: SyslogServer) -> ssl.SSLSocket:
    """A connection after its handshake.

    Raises:
        TransientError: There is none.
    """
    try:
        context = client_context(server.tls.files)
    except ConfigurationError as error:  # a certificate may be exchanged just now
        raise TransientError(error.reason, error.sentence) from None
    try:
        plain = socket.create_connection((server.host, server.port), timeout=server.seconds)
    except OSError as error:
        raise TransientError(
            "syslog-unreachable",
            f"expected {server.address} to take a connection, found: {_found(error)}",
        ) from None
    try:
        return context.wrap_socket(
            plain, server_hostname=server.tls.server_name, suppress_ragged_eofs=False
        )
    except OSError as error:
        plain.close()
        raise _insecure(server, error) from None


def _insecure(server: SyslogServer, error: OSError) -> TransientError:
    """Why TLS did not come about."""
    failure = failure_of(error)
    return TransientError(failure.reason, f"TLS with {server.address}: {failure.sentence}")


def _end(connection: ssl.SSLSocket, seconds: float) -> None:
    """End a connection in order, and see that everything was read.

    Raises:
        OSError: It may not have been.
    """
    deadline = time.monotonic() + seconds
    _await_acknowledged(connection, deadline)  # and so there is room for what is sent below
    connection.settimeout(_QUIET_SECONDS)
    with contextlib.suppress(TimeoutError):
        connection.recv(1)
        raise ConnectionAbortedError("closed by the server before it was asked to")
    connection.settimeout(0)
    with contextlib.suppress(ssl.SSLWantReadError):
        connection.unwrap()  # sends close_notify; the server's is waited for below
    # Not its own shutdown(), which would end TLS: an alert of the server must not pass for its end.
    socket.socket.shutdown(connection, socket.SHUT_WR)
    connection.settimeout(seconds)
    # Looked at below TLS first: TLS would take a reset for an end.
    while socket.socket.recv(connection, 1, socket.MSG_PEEK):
        with contextlib.suppress(ssl.SSLZeroReturnError):
            connection.recv(4096)
        _check(deadline)
    _await_acknowledged(connection, deadline)


def _await_acknowledged(connection: socket.socket, deadline: float) -> None:
    poll = select.poll()
    poll.register(connection, 0)  # errors are told unasked
    while _unacknowledged(connection):
        if any(told & select.POLLERR for _, told in poll.poll(0)):
            raise ConnectionResetError("reset by the server")
        _check(deadline)
        time.sleep(_TURN_SECONDS)


def _check(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError("not closed in time")


def _unacknowledged(connection: socket.socket) -> int:
    """Bytes the other side's TCP has not acknowledged; the end of our side counts as one."""
    found = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
    return int(struct.unpack("i", found)[0])


def _found(error: OSError) -> str:
    """What happened, in the words of the system."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or "the connection closed").replace("_", " ").lower()
    return (error.strerror or str(error) or "no answer in time").lower()
