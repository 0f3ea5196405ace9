"""What certificates say: from when to when they are valid, and who a peer is."""

import contextlib
import hashlib
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mumap_node.node.tls.files import TlsFiles

WARNING_TIME = timedelta(days=30)
"""Before a certificate expires, people are told."""

_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_VERSION, _UTC_TIME = 0xA0, 0x17  # tags within a certificate (RFC 5280 4.1)


@dataclass(frozen=True, slots=True)
class DateTrouble:
    """A certificate outside its dates, or soon to be, or damaged.

    Attributes:
        reason: Stable code of docs/operations.md.
        sentence: Expected and found.
        stops: Whether no TLS connection can be made because of it.
    """

    reason: str
    sentence: str
    stops: bool = False


def date_troubles(files: TlsFiles, now: datetime) -> Iterator[DateTrouble]:
    """What is wrong with the dates of the node's certificates and of the authorities it trusts.

    Args:
        files: Of the node.
        now: UTC.

    Raises:
        OSError: They cannot be read.
    """
    for name, number, path, pem in _certificates(files):
        what = f"tls.{name}: expected certificate {number} of {path} to be"
        yield from _troubles(pem, what, now, is_own=name == "certificate")


def ends_of(files: TlsFiles) -> Iterator[tuple[str, int, datetime]]:
    """When each certificate expires: its key in `[tls]`, its place in the file, and UTC.

    Args:
        files: Of the node; certificates that cannot be read are left out.

    Raises:
        OSError: The files cannot be read.
    """
    for name, number, _, pem in _certificates(files):
        with contextlib.suppress(ValueError, IndexError):  # told by ``date_troubles``
            yield name, number, validity(ssl.PEM_cert_to_DER_cert(pem))[1]


def _certificates(files: TlsFiles) -> Iterator[tuple[str, int, Path, str]]:
    """Key in the settings, place in the file counted from 1, file and PEM; at least one a file."""
    for name in ("certificate", "authorities"):
        path: Path = getattr(files, name)
        found = _CERTIFICATE.findall(path.read_text(encoding="utf-8", errors="replace"))
        for number, pem in enumerate(found or [""], start=1):
            yield name, number, path, pem


def _troubles(pem: str, what: str, now: datetime, *, is_own: bool) -> Iterator[DateTrouble]:
    try:
        begins, ends = validity(ssl.PEM_cert_to_DER_cert(pem))
    except (ValueError, IndexError):  # the file is just being written, or was damaged
        sentence = f"{what} readable, found it is not"
        yield DateTrouble(reason="tls-files", sentence=sentence, stops=is_own)
        return
    if now > ends:
        sentence = f"{what} valid, found it expired on {ends:%Y-%m-%d}"
        yield DateTrouble(reason="certificate-expired", sentence=sentence, stops=is_own)
    elif now < begins:
        sentence = f"{what} valid, found it begins at {begins:%Y-%m-%d %H:%M} UTC"
        yield DateTrouble(reason="certificate-not-yet-valid", sentence=sentence, stops=is_own)
    elif now > ends - WARNING_TIME:
        sentence = f"{what} valid for {WARNING_TIME.days} days, found it expires on {ends:%Y-%m-%d}"
        yield DateTrouble(reason="certificate-expires-soon", sentence=sentence)


def validity(der: bytes) -> tuple[datetime, datetime]:
    """The times between which a certificate is valid, UTC (RFC 5280 4.1.2.5).

    Args:
        der: A certificate OpenSSL could read; Python tells the dates of a peer's only.
    """
    ((_, certificate),) = _members(der)
    signed = _members(_members(certificate)[0][1])
    fields = signed[1:] if signed[0][0] == _VERSION else signed
    begins, ends = _members(fields[3][1])  # after serial number, algorithm and issuer
    return _time(*begins), _time(*ends)


def _members(content: bytes) -> list[tuple[int, bytes]]:
    """Tag and content of each element of a DER sequence (X.690 8.1)."""
    members = []
    while content:
        tag, length, content = content[0], content[1], content[2:]
        if length & 0x80:  # the length is in so many bytes
            count = length & 0x7F
            length, content = int.from_bytes(content[:count]), content[count:]
        members.append((tag, content[:length]))
        content = content[length:]
    return members


def _time(tag: int, value: bytes) -> datetime:
    text = value.decode("ascii")
    if tag == _UTC_TIME:  # two digits of the year: 1950 to 2049
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """Who a peer is by the certificate it showed.

    Attributes:
        names: Alternative names and addresses; where there is none, the Common Name.
        fingerprint: SHA-256 of the certificate, 64 hexadecimal digits.
    """

    names: tuple[str, ...]
    fingerprint: str

    def is_of(self, wanted: str) -> bool:
        """Whether a name or a fingerprint, with colons or without, is this certificate's."""
        digits = wanted.replace(":", "").lower()
        return digits == self.fingerprint or wanted.lower() in map(str.lower, self.names)


def certificate_of(connection: ssl.SSLSocket) -> PeerCertificate:
    """The certificate a peer showed in a handshake that verified it."""
    found = connection.getpeercert() or {}
    subject = [part for parts in found.get("subject", ()) for part in parts]
    common = [part[1] for part in subject if part[0] == "commonName"]
    others = found.get("subjectAltName", ())
    names = [name[1] for name in others if name[0] in ("DNS", "IP Address")] or common
    encoded = connection.getpeercert(binary_form=True) or b""
    return PeerCertificate(tuple(map(str, names)), hashlib.sha256(encoded).hexdigest())
