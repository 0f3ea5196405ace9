"""A value without a VR is a sequence only where every byte of it says so."""

import struct

import pytest

from mumap_node.dicom.nested import are_items


def element(tag: int, value: bytes, length: int | None = None) -> bytes:
    size = len(value) if length is None else length
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, size) + value


def item(content: bytes, length: int | None = None) -> bytes:
    return element(0xFFFEE000, content, length)


UNDEFINED = 0xFFFFFFFF
ITEM_END = element(0xFFFEE00D, b"")
SEQUENCE_END = element(0xFFFEE0DD, b"")
CODE = element(0x00080100, b"1 ")


@pytest.mark.parametrize(
    "encoded",
    [
        item(b""),
        item(CODE) + item(CODE + CODE),
        item(CODE + ITEM_END, UNDEFINED),
        item(CODE + ITEM_END, UNDEFINED) + SEQUENCE_END,
        item(element(0x00081115, item(CODE) + SEQUENCE_END, UNDEFINED)),
        item(element(0x00081115, item(CODE + ITEM_END, UNDEFINED) + SEQUENCE_END, UNDEFINED)),
    ],
)
def test_well_formed_items_are_items(encoded):
    assert are_items(encoded)


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\xfe\xff\x00\xe0",
        b"\xfe\xff\x00\xe0\xff\xff\xff\xff  ",
        item(CODE) + b"junk",
        item(CODE)[:-1],
        item(CODE, 8),
        item(CODE, 200),
        item(CODE) + CODE,
        item(element(0x00081115, CODE, UNDEFINED)),
        item(CODE + ITEM_END, UNDEFINED) + SEQUENCE_END + b"more",
        b"\xfe\xff\x00\xe0 not items at all",
        item(element(0x00081115, b"", UNDEFINED), UNDEFINED) * 2000,
    ],
)
def test_anything_else_is_not(encoded):
    assert not are_items(encoded)
