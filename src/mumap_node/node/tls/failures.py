"""Why a TLS connection did not come about, said for people."""

import contextlib
import socket
import ssl
from dataclasses import dataclass
from types import MappingProxyType

from mumap_node.node.tls.contexts import client_context
from mumap_node.node.tls.files import TlsTarget

REFUSAL_SECONDS = 2.0
"""For a peer to refuse our certificate, which TLS 1.3 does after the handshake."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a handshake failed.

    Attributes:
        reason: Stable code of docs/operations.md.
        sentence: Expected and found.
    """

    reason: str
    sentence: str


# Codes of OpenSSL's x509_vfy.h.
_BY_VERIFICATION = MappingProxyType(
    {
        9: Failure(
            reason="certificate-not-yet-valid",
            sentence="expected a valid certificate, found one that begins later",
        ),
        10: Failure(
            reason="certificate-expired",
            sentence="expected a valid certificate, found one that expired",
        ),
        62: Failure(
            reason="certificate-name",
            sentence="expected a certificate for its name, found another's",
        ),
        64: Failure(
            reason="certificate-name",
            sentence="expected a certificate for its address, found another's",
        ),
    }
)

_NO_CERTIFICATE = Failure(
    reason="certificate-missing", sentence="expected a certificate, found none"
)
_UNTRUSTED = Failure(
    reason="certificate-refused",
    sentence="expected our certificate to be trusted, found its authority unknown",
)
_REFUSED = Failure(
    reason="certificate-refused", sentence="expected our certificate to be taken, found it refused"
)
_NO_TLS = Failure(reason="no-tls", sentence="expected TLS, found something else")
_OLD = Failure(reason="tls-too-old", sentence="expected TLS 1.2 or 1.3, found another version")
_WEAK = Failure(reason="tls-too-old", sentence="expected a cipher of BCP 195, found none")

# Parts of OpenSSL's names of errors, the first that fits; an alert is what the other side says.
_BY_NAME = (
    ("PEER_DID_NOT_RETURN", _NO_CERTIFICATE),
    ("ALERT_UNKNOWN_CA", _UNTRUSTED),
    ("CERTIFICATE", _REFUSED),
    ("ACCESS_DENIED", _REFUSED),
    ("WRONG_VERSION_NUMBER", _NO_TLS),
    ("HTTP_REQUEST", _NO_TLS),
    ("PROTOCOL", _OLD),
    ("CIPHER", _WEAK),
    ("ALERT_HANDSHAKE_FAILURE", _WEAK),
)


def failure_of(error: OSError) -> Failure:
    """What the error of a handshake means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        found = f"expected a certificate of a trusted authority, found: {error.verify_message}"
        known = _BY_VERIFICATION.get(error.verify_code)
        return known or Failure(reason="certificate-not-trusted", sentence=found)
    if isinstance(error, TimeoutError):
        return Failure(
            reason="tls-failed", sentence="expected a TLS handshake, found it unfinished in time"
        )
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ConnectionError):
        return Failure(
            reason="tls-failed", sentence="expected a TLS handshake, found the connection closed"
        )
    name = getattr(error, "reason", None) or "an unknown error"
    known = next((failure for part, failure in _BY_NAME if part in name), None)
    found = f"expected a TLS handshake, found: {name.replace('_', ' ').lower()}"
    return known or Failure(reason="tls-failed", sentence=found)


def find_failure(host: str, port: int, target: TlsTarget, seconds: float) -> Failure | None:
    """Why no association comes about by TLS; None where TLS is not why.

    pynetdicom does not say: this makes another connection, of which only the handshake matters.

    Args:
        host: Of the destination.
        port: Of the destination.
        target: How it is called.
        seconds: For the TCP connection, and for the handshake.

    Raises:
        ConfigurationError: Our own files do not fit.
    """
    context = client_context(target.files)
    try:
        plain = socket.create_connection((host, port), timeout=seconds)
    except OSError:
        return None
    with plain:
        try:
            with context.wrap_socket(plain, server_hostname=target.server_name) as secured:
                secured.settimeout(REFUSAL_SECONDS)
                # It waits for our request, or hangs up for another reason: TLS is well.
                with contextlib.suppress(TimeoutError, ConnectionError):
                    secured.recv(1)
        except (ssl.SSLEOFError, ConnectionError):
            found = "found the connection closed, as ports for clear text do"
            return Failure(reason="no-tls", sentence=f"expected a TLS handshake, {found}")
        except OSError as error:
            return failure_of(error)
    return None
