"""What a C-STORE becomes: a file in the spool, or an answer that says why not.

Success is a promise that the bytes are on disk. Nothing a peer sends becomes part of a path, and
nothing of the dataset is decoded.
"""

import re
import struct
import time
from dataclasses import dataclass
from enum import IntEnum
from io import BytesIO
from typing import cast

import structlog
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event

from mumap_node.dicom.uids import IMPLEMENTATION_CLASS_UID
from mumap_node.errors import InputRejected, NodeError, TransientError
from mumap_node.node import bell
from mumap_node.node.spool.files import Spool
from mumap_node.node.tls.certificates import PeerCertificate
from mumap_node.node.totals import Total, count

IMPLEMENTATION_VERSION_NAME = "MUMAP_NODE"
"""At most 16 characters (PS3.7 D.3.3.2.3)."""


TRANSFER_SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    JPEGLosslessSV1,
    JPEGLossless,
    JPEGLSLossless,
    JPEG2000Lossless,
    RLELossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
    JPEG2000,
)
"""Transfer syntaxes of objects, the most welcome first: uncompressed, lossless, lossy.

A peer that proposes several in one context sends in the first of these.
"""


class Status(IntEnum):
    """Answers to a C-STORE. Sources: PS3.4 B.2.3 and PS3.7 annex C."""

    SUCCESS = 0x0000  #: stored durably
    PROCESSING_FAILURE = 0x0110  #: a bug of ours; nothing was promised
    INVALID_SOP_INSTANCE = 0x0117  #: the SOP Instance UID cannot be one
    SOP_CLASS_NOT_SUPPORTED = 0x0122  #: not the SOP class of the presentation context
    OUT_OF_RESOURCES = 0xA700  #: disk full or broken; the sender may try again
    CANNOT_UNDERSTAND = 0xC000  #: no dataset


STATUS_BY_REASON = {
    "disk-low": Status.OUT_OF_RESOURCES,
    "spool-write-failed": Status.OUT_OF_RESOURCES,
    "sop-class-mismatch": Status.SOP_CLASS_NOT_SUPPORTED,
    "sop-instance-uid": Status.INVALID_SOP_INSTANCE,
    "no-dataset": Status.CANNOT_UNDERSTAND,
    "receiver-error": Status.PROCESSING_FAILURE,
}
"""How the sender is told that an object was not stored; docs/conformance.md has the same table."""

_PREAMBLE = bytes(128) + b"DICM"  # PS3.10 7.1
_BYTES_PER_GB = 10**9
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")  # PS3.5 9.1, but some cameras write leading zeros
_UID_MAXIMUM = 64  # characters, PS3.5 9.1

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who opened an association.

    Attributes:
        calling_ae_title: What it calls itself.
        called_ae_title: Whom it asked for.
        address: IP address it calls from.
        peer: Its name in the settings; empty before it was admitted.
        certificate: What it showed; None in clear text.
    """

    calling_ae_title: str
    called_ae_title: str
    address: str
    peer: str = ""
    certificate: PeerCertificate | None = None


def receive_object(spool: Spool, min_free_gb: float, event: Event, caller: Caller) -> int:
    """Store the object of a C-STORE, and give the status to answer with.

    Args:
        spool: Where objects go.
        min_free_gb: Free space in GB (10^9 bytes) below which none is taken, so that those
            received before can still be answered.
        event: The request, and what was negotiated for it.
        caller: Who sends it.
    """
    began = time.monotonic()
    request = cast(C_STORE, event.request)  # the only message this handler is bound to
    _, sop_class_uid, transfer_syntax_uid = event.context
    try:
        check_request(request, sop_class_uid)
        check_disk(spool, min_free_gb)
        dataset = cast(BytesIO, request.DataSet).getbuffer()
        spool.store_arrival(file_head(request, transfer_syntax_uid, caller), dataset)
    except NodeError as error:
        return _refuse(spool, caller, error.reason, error.sentence)
    except OSError as error:
        sentence = f"expected to store the object, found: {error.strerror}"
        return _refuse(spool, caller, "spool-write-failed", sentence)
    # A bug must become neither a Success nor a status nobody explains (pynetdicom's 0xC211).
    except Exception:  # noqa: BLE001
        _log.exception("receiver.failed", peer=caller.peer)
        return _refuse(spool, caller, "receiver-error", "expected to store the object, found a bug")
    bell.ring(spool.bell)
    count(spool.run, Total.RECEIVED, caller.peer)
    _log.info(
        "instance.stored",
        peer=caller.peer,
        sop_class_uid=sop_class_uid,
        transfer_syntax_uid=transfer_syntax_uid,
        bytes=dataset.nbytes,
        seconds=round(time.monotonic() - began, 4),
    )
    return Status.SUCCESS


def check_request(request: C_STORE, sop_class_uid: str) -> None:
    """Check what a C-STORE says of its object; the object itself is not looked at.

    Args:
        request: The request.
        sop_class_uid: Abstract syntax of its presentation context.

    Raises:
        InputRejected: It cannot be stored as what it is said to be.
    """
    if request.AffectedSOPClassUID != sop_class_uid:
        raise InputRejected(
            "sop-class-mismatch",
            f"expected SOP class {sop_class_uid} as negotiated, found another",
        )
    uid = request.AffectedSOPInstanceUID or ""
    if not is_uid(uid):
        raise InputRejected(
            "sop-instance-uid",
            f"expected a UID of at most 64 digits and dots, found {len(uid)} characters",
        )
    if request.DataSet is None or not request.DataSet.getbuffer().nbytes:
        raise InputRejected("no-dataset", "expected a dataset, found none")


def is_uid(text: str) -> bool:
    """Whether a peer's text may be a UID: PS3.5 9.1, leading zeros allowed."""
    return len(text) <= _UID_MAXIMUM and _UID.fullmatch(text) is not None


def check_disk(spool: Spool, min_free_gb: float) -> None:
    """Check that there is room for one more object.

    Raises:
        TransientError: Less space is free than is to stay free.
        OSError: The disk cannot be asked.
    """
    free_gb = spool.free_bytes() / _BYTES_PER_GB
    if free_gb < min_free_gb:
        raise TransientError("disk-low", f"expected {min_free_gb:g} GB free, found {free_gb:.1f}")


def file_head(request: C_STORE, transfer_syntax_uid: str, caller: Caller) -> bytes:
    """Preamble, prefix and file meta information of a received object (PS3.10 7.1).

    It says who sent the object, so that an arrival explains itself.
    """
    class_uid, instance_uid = request.AffectedSOPClassUID, request.AffectedSOPInstanceUID
    meta = b"".join(
        (
            _element(0x0001, b"OB", b"\x00\x01"),
            _element(0x0002, b"UI", (class_uid or "").encode()),
            _element(0x0003, b"UI", (instance_uid or "").encode()),
            _element(0x0010, b"UI", transfer_syntax_uid.encode()),
            _element(0x0012, b"UI", IMPLEMENTATION_CLASS_UID.encode()),
            _element(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME.encode()),
            _element(0x0016, b"AE", caller.calling_ae_title.encode()),
            _element(0x0018, b"AE", caller.called_ae_title.encode()),
            _element(0x0026, b"UR", caller.address.encode()),
        )
    )
    return _PREAMBLE + _element(0x0000, b"UL", struct.pack("<I", len(meta))) + meta


def _element(element: int, vr: bytes, value: bytes) -> bytes:
    """An element of group 0002: explicit VR little endian, of even length (PS3.5 7.1.2).

    Not pydicom's, which takes a quarter of a millisecond for these ten: a twelfth of it all.
    """
    value += (b"\0" if vr in (b"UI", b"OB") else b" ") * (len(value) % 2)
    length = "<2xI" if vr in (b"OB", b"UR") else "<H"  # the long form of PS3.5 table 7.1-1
    return struct.pack("<HH", 0x0002, element) + vr + struct.pack(length, len(value)) + value


def _refuse(spool: Spool, caller: Caller, reason: str, sentence: str) -> Status:
    status = STATUS_BY_REASON[reason]
    count(spool.run, Total.REFUSED, reason)
    _log.error(
        "instance.refused",
        peer=caller.peer,
        address=caller.address,
        reason=reason,
        sentence=sentence,
        status=f"{status:#06x}",
    )
    return status
