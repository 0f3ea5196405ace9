"""How a connection begins: which language its first bytes are, and the handshake of TLS.

Runs in the connection's own thread and waits in short turns, so that nobody else waits, and the
connection can be ended at any time.
"""

import select
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

from mumap_node.node.receiver.access import (
    Refusal,
    refuse_clear_text,
    refuse_handshake,
    refuse_tls,
)
from mumap_node.node.receiver.stepping import WAIT_SECONDS
from mumap_node.node.tls.contexts import RenewedContext
from mumap_node.node.tls.failures import failure_of

TLS_HANDSHAKE = 0x16
"""First byte of a connection that begins with TLS (RFC 8446 5.1)."""

ASSOCIATE_RQ = 0x01
"""First byte of one that begins with an A-ASSOCIATE-RQ (PS3.8 9.3.2)."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a port speaks.

    Attributes:
        tls: What TLS is negotiated with; None for clear text.
        other_port: Where the other of the two is spoken; None for nowhere.
    """

    tls: RenewedContext | None = None
    other_port: int | None = None


class Patience:
    """How long a connection that has not begun is waited for.

    Attributes:
        is_stopping: Whether the connection is to end at once.
    """

    def __init__(self, seconds: float, is_stopping: Callable[[], bool]) -> None:
        """Begin to wait.

        Args:
            seconds: For all of it, however often something comes.
            is_stopping: Whether the connection is to end at once.
        """
        self._ends = time.monotonic() + seconds
        self.is_stopping = is_stopping

    def wait(self, connection: socket.socket, event: int) -> None:
        """Wait until a connection can be read or written.

        Raises:
            TimeoutError: It has to end.
        """
        poll = select.poll()
        poll.register(connection, event)
        is_ready = False
        while not is_ready:
            if self.is_stopping() or time.monotonic() > self._ends:
                raise TimeoutError
            is_ready = bool(poll.poll(WAIT_SECONDS * 1000))


def begin(
    connection: socket.socket, spoken: Spoken, patience: Patience
) -> socket.socket | Refusal | None:
    """Begin with a connection what its port speaks.

    Returns:
        The connection as it is to be served; or why it is not; or None where there is nothing to
        say, since the peer was silent or gone: port scanners and balancers are.
    """
    try:
        first = _first_byte(connection, patience)
    except OSError:
        return None
    if first is None:
        return None
    if spoken.tls is None:
        return refuse_tls(spoken.other_port) if first == TLS_HANDSHAKE else connection
    if first == ASSOCIATE_RQ:
        return refuse_clear_text(spoken.other_port)
    try:
        return _shake_hands(connection, spoken.tls.current(), patience)
    except OSError as error:
        return None if patience.is_stopping() else refuse_handshake(failure_of(error))


def _first_byte(connection: socket.socket, patience: Patience) -> int | None:
    """What the peer begins with, left to be read; None where it hangs up.

    Raises:
        OSError: The connection broke, or the peer is silent for too long.
    """
    patience.wait(connection, select.POLLIN)
    return next(iter(connection.recv(1, socket.MSG_PEEK)), None)


def _shake_hands(
    connection: socket.socket, context: ssl.SSLContext, patience: Patience
) -> ssl.SSLSocket:
    """Negotiate TLS as the server; the connection is closed where that fails.

    Raises:
        OSError: It failed.
    """
    connection.settimeout(0)
    secured = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
    try:
        while True:
            try:
                secured.do_handshake()
            except ssl.SSLWantReadError:
                patience.wait(secured, select.POLLIN)
            except ssl.SSLWantWriteError:
                patience.wait(secured, select.POLLOUT)
            else:
                return secured
    except BaseException:
        secured.close()
        raise
