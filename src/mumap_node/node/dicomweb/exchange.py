"""One HTTP request to a DICOMweb service and its answer, within limits of time and size.

Redirections are not followed, so that credentials stay with the host of the settings, and no proxy
is used.
"""

import contextlib
import http.client
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mumap_node.errors import TransientError
from mumap_node.node.dicomweb.destination import WebDestination
from mumap_node.node.tls.contexts import CIPHERS
from mumap_node.node.tls.failures import failure_of

LONGEST_BODY = 4 * 1024**2
"""Bytes of an answer that are read: room for what is said of some 10 000 objects."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a service answered.

    Attributes:
        status: Of HTTP (RFC 9110 15).
        retry_after: Header Retry-After as it came; empty for none.
        body: At most `LONGEST_BODY` bytes; what is longer is cut there.
    """

    status: int
    retry_after: str
    body: bytes


def exchange(
    destination: WebDestination,
    method: str,
    resource: str,
    headers: Mapping[str, str],
    body: bytes | None = None,
    *,
    connect_seconds: float,
    answer_seconds: float,
) -> Reply:
    """Ask once, on a connection of its own; certificates and secrets are read anew each time.

    Args:
        destination: Who is asked.
        method: "GET" or "POST".
        resource: Behind the URL of the destination, such as "/studies".
        headers: Of the request, beside those that say who we are.
        body: Of the request.
        connect_seconds: For the TCP connection.
        answer_seconds: For all the rest, up to the last byte of the answer.

    Raises:
        TransientError: There is no answer, or it could not be asked for; the reason says why.
    """
    parts = urlsplit(destination.url)
    host = parts.hostname or ""
    context = _context(destination) if parts.scheme == "https" else None
    port = parts.port or (http.client.HTTPS_PORT if context else http.client.HTTP_PORT)
    headers = {"Connection": "close", **headers, **_authorization(destination)}
    try:
        plain = socket.create_connection((host, port), connect_seconds)
    except OSError:  # such as a host name nobody knows
        found = f"expected {destination.name!r} to take a connection, found none"
        raise TransientError("peer-unreachable", found) from None
    with plain, _time_limit(plain, answer_seconds) as is_over:
        try:
            with _secured(plain, context, host) as connected:
                connection = (
                    http.client.HTTPSConnection(host, port, context=context)
                    if context
                    else http.client.HTTPConnection(host, port)
                )
                connection.sock = connected
                return _ask(connection, method, parts.path + resource, headers, body)
        except (OSError, http.client.HTTPException) as error:
            raise _failure(destination, error, is_over=is_over.is_set()) from None


@contextlib.contextmanager
def _time_limit(connected: socket.socket, seconds: float) -> Iterator[threading.Event]:
    """End a connection after a time, whatever waits for it; yields whether that was so.

    A time limit of the socket would begin anew with every byte.
    """
    is_over = threading.Event()
    with connected.dup() as handle:  # TLS takes the descriptor of the socket away from it

        def end() -> None:
            is_over.set()
            with contextlib.suppress(OSError):  # it ended by itself
                handle.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        try:
            yield is_over
        finally:
            timer.cancel()
            timer.join()


def _secured(plain: socket.socket, context: ssl.SSLContext | None, host: str) -> socket.socket:
    plain.settimeout(None)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(plain, server_hostname=host) if context else plain


def _ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes | None,
) -> Reply:
    # A service may refuse, and hang up, before it has read all.
    with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
        connection.request(method, path, body, headers)
    with connection.getresponse() as response:
        found = response.read(LONGEST_BODY)
        if response.length and len(found) < LONGEST_BODY:
            raise http.client.IncompleteRead(b"")
        return Reply(response.status, response.getheader("Retry-After", ""), found)


def _failure(destination: WebDestination, error: Exception, *, is_over: bool) -> TransientError:
    name = destination.name
    if is_over:
        return TransientError(
            "peer-silent", f"expected an answer from {name!r}, found none in time, or not all of it"
        )
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        failure = failure_of(error)
        return TransientError(failure.reason, f"TLS with {name!r}: {failure.sentence}")
    return TransientError(
        "association-aborted", f"expected {name!r} to answer, found the connection ended"
    )


def _context(destination: WebDestination) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION
    client = destination.client
    try:
        if destination.authorities is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(destination.authorities)
        if client is not None:
            # Without the password OpenSSL would ask for that of an encrypted key on the terminal.
            context.load_cert_chain(client.certificate, client.key, password=lambda: "")
    except OSError:  # a file may be exchanged just now
        files = (destination.authorities, *((client.certificate, client.key) if client else ()))
        listed = ", ".join(str(path) for path in files if path)
        raise TransientError("tls-files", f"expected readable PEM in {listed}") from None
    return context


def _authorization(destination: WebDestination) -> dict[str, str]:
    """Who we say we are (RFC 6750 2.1, RFC 7617 2)."""
    if destination.token_file is not None:
        token = _secret(destination.token_file)
        if not (token.isascii() and token.isprintable() and " " not in token):
            raise _no_secret(destination.token_file, "characters no token has")
        return {"Authorization": f"Bearer {token}"}
    if destination.password_file is not None:
        known = f"{destination.user}:{_secret(destination.password_file)}"
        return {"Authorization": f"Basic {b64encode(known.encode()).decode()}"}
    return {}


def _secret(path: Path) -> str:
    """One line; never told to anybody else."""
    try:
        secret = path.read_text(encoding="utf-8").strip("\r\n")
    except OSError as error:
        raise _no_secret(path, str(error.strerror)) from None
    except UnicodeDecodeError:
        raise _no_secret(path, "bytes that are not UTF-8") from None
    if not secret:
        raise _no_secret(path, "nothing")
    return secret


def _no_secret(path: Path, found: str) -> TransientError:
    return TransientError(
        "credentials-not-readable", f"expected a token or password in {path}, found: {found}"
    )
