"""How the node speaks TLS: contexts of Python's ssl, which follow their files.

After BCP 195 (RFC 8996, RFC 9325): TLS 1.2 or 1.3, forward secrecy, authenticated encryption.
Between DICOM nodes both sides show a certificate.
"""

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path

import structlog

from mumap_node.errors import ConfigurationError
from mumap_node.node.tls.certificates import date_troubles
from mumap_node.node.tls.files import TlsFiles

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=2"
"""Of TLS 1.2: those RFC 9325 4.2 recommends, and ChaCha20. Level 2 of OpenSSL: RSA keys from 2048
bits, no SHA-1 signatures. TLS 1.3 has no others than such."""

_log = structlog.get_logger()


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """For the DICOM port: callers must show a certificate of one of the authorities.

    Raises:
        ConfigurationError: The files do not fit.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, files)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def page_context(files: TlsFiles) -> ssl.SSLContext:
    """For the web page, whose readers have no certificate.

    Raises:
        ConfigurationError: The files do not fit.
    """
    return _context(ssl.PROTOCOL_TLS_SERVER, files)


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """For destinations: they must show a certificate of one of the authorities, for their name.

    Raises:
        ConfigurationError: The files do not fit.
    """
    return _context(ssl.PROTOCOL_TLS_CLIENT, files)


def _context(protocol: int, files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION
    # Every connection shows its certificate anew: one that expired is not resumed.
    context.options |= ssl.OP_NO_TICKET
    if protocol == ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0
    problems = [*_unreadable(files)] or [*_load(context, files)]
    if problems:
        raise ConfigurationError("tls-files", problems)
    return context


def _unreadable(files: TlsFiles) -> Iterator[str]:
    """Said for each file by itself: OpenSSL does not tell which it could not read."""
    for name in TlsFiles.__slots__:
        path: Path = getattr(files, name)
        try:
            path.open("rb").close()
        except OSError as error:
            yield f"tls.{name}: expected a readable file {path}, found: {error.strerror}"


def _load(context: ssl.SSLContext, files: TlsFiles) -> Iterator[str]:
    try:
        # Without this an encrypted key would have OpenSSL ask for its password on the terminal.
        context.load_cert_chain(files.certificate, files.key, password=lambda: "")
    except OSError as error:
        expected = f"expected the certificate {files.certificate} and its key {files.key}"
        yield f"tls.key: {expected} in PEM without a password, found: {_words(error)}"
    try:
        context.load_verify_locations(files.authorities)
    except OSError as error:
        expected = f"expected certificates in PEM in {files.authorities}"
        yield f"tls.authorities: {expected}, found: {_words(error)}"


class RenewedContext:
    """A context that follows its files, for new connections; from any thread."""

    def __init__(
        self,
        files: TlsFiles,
        build: Callable[[TlsFiles], ssl.SSLContext],
        now: Callable[[], datetime],
    ) -> None:
        """Read the files.

        Args:
            files: Followed.
            build: Makes a context of them.
            now: The time, UTC.

        Raises:
            ConfigurationError: The files do not fit.
        """
        self._files, self._build, self._now = files, build, now
        self._lock = threading.Lock()
        self._stamp = _stamp(files)
        self._context = build(files)
        self._warned_on: date | None = None
        self._warn()

    def current(self) -> ssl.SSLContext:
        """That of the files as they are now; the former one where they do not fit."""
        with self._lock:
            stamp = _stamp(self._files)
            if stamp != self._stamp:
                self._stamp = stamp
                self._renew()
            self._warn()
            return self._context

    def _renew(self) -> None:
        try:
            self._context = self._build(self._files)
        except ConfigurationError as error:  # a renewal takes two files, one after the other
            _log.warning("certificate.kept", reason=error.reason, sentence=error.sentence)
        else:
            self._warned_on = None
            _log.info("certificate.renewed")

    def _warn(self) -> None:
        """Once a day."""
        now = self._now()
        if self._warned_on != now.date():
            self._warned_on = now.date()
            with contextlib.suppress(OSError):  # they may be exchanged just now
                warn_of_dates(self._files, now)


def _stamp(files: TlsFiles) -> tuple[tuple[int, int, int] | None, ...]:
    """Changes when a file does."""
    return tuple(_state(getattr(files, name)) for name in TlsFiles.__slots__)


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def warn_of_dates(files: TlsFiles, now: datetime) -> None:
    """Log what is wrong with the dates of certificates."""
    for trouble in date_troubles(files, now):
        _log.warning("certificate.ending", reason=trouble.reason, sentence=trouble.sentence)


def _words(error: OSError) -> str:
    """What OpenSSL or the system calls an error."""
    name = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return (name or "something else").replace("_", " ").lower()
