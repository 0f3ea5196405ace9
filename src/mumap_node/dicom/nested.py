"""Whether a value that names no VR is a sequence: read strictly, to the last byte.

pydicom reads such bytes leniently and drops what it does not understand; two different values
must not look the same for that.
"""

import struct
from contextlib import suppress

ITEM = 0xFFFEE000
ITEM_END = 0xFFFEE00D
SEQUENCE_END = 0xFFFEE0DD
UNDEFINED = 0xFFFFFFFF

ITEM_TAG = b"\xfe\xff\x00\xe0"
"""ITEM as it is encoded in little endian: how the value of a sequence begins."""


def are_items(encoded: bytes) -> bool:
    """Whether bytes are well-formed items in implicit VR little endian (PS3.5 7.5)."""
    with suppress(ValueError, struct.error, RecursionError):
        return _after_items(encoded, 0, len(encoded)) == len(encoded) > 0
    return False


def _after_items(encoded: bytes, at: int, end: int) -> int:
    """Offset after the items from ``at`` on, delimited by ``end`` or by a delimitation item."""
    while at < end:
        tag, length, at = _header(encoded, at)
        if tag == SEQUENCE_END:
            return at
        if tag != ITEM:
            raise ValueError("expected an item")
        at = _after_elements(encoded, at, end if length == UNDEFINED else at + length)
    return at


def _after_elements(encoded: bytes, at: int, end: int) -> int:
    """Offset after the elements of an item from ``at`` on, delimited likewise."""
    while at < end:
        tag, length, at = _header(encoded, at)
        if tag == ITEM_END:
            return at
        at = _after_items(encoded, at, len(encoded)) if length == UNDEFINED else at + length
    if at > end:
        raise ValueError("expected elements that end with their item")
    return at


def _header(encoded: bytes, at: int) -> tuple[int, int, int]:
    group, element, length = struct.unpack_from("<HHL", encoded, at)
    return group << 16 | element, length, at + 8
