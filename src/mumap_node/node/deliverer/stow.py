"""Delivery by DICOMweb: objects to one service by STOW-RS, one request, and what its answer means.

Source: PS3.18 10.5 (Store Transaction), annex I.2 (Store Instances Response).
"""

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from io import BytesIO
from types import MappingProxyType
from typing import Any

from pydicom import Dataset, dcmread

from mumap_node.errors import TransientError
from mumap_node.node.calling import Patience
from mumap_node.node.deliverer.answers import SUCCESS, WARNINGS, judge
from mumap_node.node.deliverer.scu import SLOWEST_BYTES_PER_SECOND, Sent
from mumap_node.node.dicomweb.destination import WebDestination
from mumap_node.node.dicomweb.exchange import Reply, exchange
from mumap_node.node.jobs.deliveries import Answer
from mumap_node.node.spool.records import DeliveryState

JSON = "application/dicom+json"

FAILED, STORED = "00081198", "00081199"
"""Failed SOP Sequence, Referenced SOP Sequence."""

INSTANCE, WARNING, FAILURE = "00081155", "00081196", "00081197"
"""Referenced SOP Instance UID, Warning Reason, Failure Reason."""

PROCESSING_FAILURE = 0x0110
"""Failure Reason of an item that gives none. Source: PS3.18 table I.2-2."""

LONGEST_RETRY_AFTER_SECONDS = 3600.0
"""What a service may ask for: as long as the longest of the waits between attempts."""

_REFUSED = DeliveryState.REFUSED
_RETRY = DeliveryState.WAITING

# RFC 9110 15; 401 is retried, since tokens are renewed in their files.
_BY_HTTP_STATUS = MappingProxyType(
    {
        400: Answer(_REFUSED, reason="dataset-not-understood"),
        401: Answer(_RETRY, reason="not-authorised"),
        403: Answer(_REFUSED, reason="not-authorised"),
        **dict.fromkeys((404, 405, 406, 410, 415, 501), Answer(_REFUSED, reason="no-such-service")),
        **dict.fromkeys((408, 425), Answer(_RETRY, reason="peer-failed")),
        413: Answer(_REFUSED, reason="too-large"),
        **dict.fromkeys((429, 503, 507), Answer(_RETRY, reason="peer-out-of-resources")),
    }
)

_REDIRECTED = Answer(_REFUSED, reason="redirected")
_FAILED = Answer(_RETRY, reason="peer-failed")
_UNEXPECTED = Answer(_REFUSED, reason="unexpected-status")


def post(
    objects: Sequence[bytes],
    destination: WebDestination,
    *,
    accept_warnings: bool = False,
    patience: Patience | None = None,
) -> Sent:
    """Send stored objects in one request, byte for byte as they are.

    An object counts as accepted only where the service names it as stored, whatever the status.

    Args:
        objects: Whole files, at least one.
        destination: Where they go.
        accept_warnings: Whether 0xB000, 0xB006 and 0xB007 count as accepted.
        patience: How long to wait for the service.
    """
    boundary = secrets.token_hex(16)
    headers = {
        "Accept": JSON,
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
    }
    body = _multipart(objects, boundary)
    try:
        reply = _call(destination, "POST", "/studies", headers, body, patience)
    except TransientError as error:
        return Sent(0, Answer(_RETRY, error.reason, error.sentence))
    if reply.status not in (200, 202, 409):
        return Sent(0, _meaning(reply))
    statuses = dict(_statuses(reply.body))
    for accepted, encoded in enumerate(objects):
        answer = judge(_told(statuses, encoded, reply), accept_warnings=accept_warnings)
        if answer.state is not DeliveryState.ACCEPTED:
            return Sent(accepted, answer)
    return Sent(len(objects), answer)


def ask(destination: WebDestination, patience: Patience | None = None) -> Answer:
    """Ask a service whether it is there and knows us (QIDO-RS, PS3.18 10.6)."""
    headers = {"Accept": JSON}
    try:
        reply = _call(destination, "GET", "/studies?limit=1", headers, None, patience)
    except TransientError as error:
        return Answer(_RETRY, error.reason, error.sentence)
    return Answer(DeliveryState.ACCEPTED) if reply.status in (200, 204) else _meaning(reply)


def _call(
    destination: WebDestination,
    method: str,
    resource: str,
    headers: dict[str, str],
    body: bytes | None,
    patience: Patience | None,
) -> Reply:
    limits = patience or Patience()
    return exchange(
        destination,
        method,
        resource,
        headers,
        body,
        connect_seconds=limits.connect_seconds,
        answer_seconds=limits.negotiate_seconds
        + limits.answer_seconds
        + len(body or b"") / SLOWEST_BYTES_PER_SECOND,
    )


def _multipart(objects: Sequence[bytes], boundary: str) -> bytes:
    """RFC 2387, as PS3.18 8.6.1.2 wants it."""
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    parts = (part for encoded in objects for part in (head, encoded, b"\r\n"))
    return b"".join((*parts, f"--{boundary}--\r\n".encode()))


def _told(statuses: dict[str, int], encoded: bytes, reply: Reply) -> Answer:
    """What the service says of one object."""
    header: Dataset = dcmread(BytesIO(encoded), specific_tags=["SOPInstanceUID"])
    status = statuses.get(header.SOPInstanceUID)
    if status is None:
        sentence = f"expected the object among those stored or failed, found HTTP {reply.status}"
        return Answer(_REFUSED, reason="unexpected-answer", sentence=f"{sentence} without it")
    return Answer(_RETRY, status=status, transfer_syntax_uid=header.file_meta.TransferSyntaxUID)


def _statuses(body: bytes) -> Iterator[tuple[str, int]]:
    """SOP Instance UID and status of each object an answer names; a failure comes last and counts.

    Whatever is not as PS3.18 has it is passed over.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return
    for item in _values(answer, STORED):
        yield from _each(item, next(iter(_values(item, WARNING)), SUCCESS))
    for item in _values(answer, FAILED):
        reason = next(iter(_values(item, FAILURE)), None)
        is_none = reason in (None, SUCCESS, *WARNINGS)
        yield from _each(item, PROCESSING_FAILURE if is_none else reason)


def _each(item: Any, status: Any) -> Iterator[tuple[str, int]]:
    is_status = isinstance(status, int) and 0 <= status <= 0xFFFF
    for uid in _values(item, INSTANCE):
        if isinstance(uid, str):
            yield uid, status if is_status else PROCESSING_FAILURE


def _values(dataset: Any, tag: str) -> list[Any]:
    """Values of an element in DICOM JSON (PS3.18 F.2); [] for what is none."""
    element = dataset.get(tag) if isinstance(dataset, dict) else None
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


def _meaning(reply: Reply) -> Answer:
    """What an HTTP status says about the whole request."""
    status = reply.status
    by_class = {3: _REDIRECTED, 5: _FAILED}.get(status // 100, _UNEXPECTED)
    return replace(
        _BY_HTTP_STATUS.get(status, by_class),
        sentence=f"expected HTTP 200, found {status}",
        wait_seconds=_wait_seconds(reply.retry_after),
    )


def _wait_seconds(retry_after: str) -> float:
    """Header Retry-After in seconds from now (RFC 9110 10.2.3); 0 for what is none."""
    try:
        seconds: float = int(retry_after)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):  # a date without a zone
            return 0.0
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)
