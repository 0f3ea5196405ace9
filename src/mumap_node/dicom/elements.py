"""Values of data elements as they were sent, without converting anything in place.

pydicom turns an element's bytes into Python values when it is first looked at, and forgets the
bytes: odd padding, broken text and unknown character sets do not survive that. Everything here
leaves the dataset as it was read, so that it can be hashed and copied byte for byte later.
"""

import math
import re
import struct
from collections.abc import Iterator
from io import BytesIO
from typing import cast

import numpy as np
from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_sequence
from pydicom.filewriter import write_data_element
from pydicom.tag import BaseTag, Tag

from mumap_node.dicom.quiet import quiet
from mumap_node.errors import InputRejected

Element = DataElement | RawDataElement

PYDICOM_ERRORS = (
    InvalidDicomError,
    BytesLengthException,  # a value of the wrong size
    ValueError,  # with UnicodeError; values of the wrong form
    TypeError,  # values of the wrong multiplicity
    KeyError,  # unknown tags and VRs
    IndexError,
    AttributeError,  # what should be there and is not
    NotImplementedError,  # an invented VR
    ArithmeticError,  # numbers beyond all bounds
    EOFError,  # truncated
    OSError,  # "no tag to read": pydicom's word for a sequence that ends early
    struct.error,
    RecursionError,  # sequences nested some 300 deep
)
"""What pydicom raises for bytes that are not DICOM."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")  # PS3.5 6.2, DS and IS
_UNIT_OF_VR = {
    **dict.fromkeys(("AT", "OW", "SS", "US"), 2),
    **dict.fromkeys(("FL", "OF", "OL", "SL", "UL"), 4),
    **dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), 8),
}
"""Bytes that change places between big and little endian (PS3.5 7.3)."""


def find(dataset: Dataset, tag: str | int) -> Element | None:
    """The element of a keyword or tag as it is stored; None where there is none."""
    return dataset.get_item(_tag(tag), keep_deferred=True)


def elements(dataset: Dataset) -> Iterator[Element]:
    """All elements as they are stored, in the order of their tags."""
    for tag in sorted(dataset.keys()):
        yield cast(Element, find(dataset, tag))  # it is there: the tag is the dataset's own


def vr_of(element: Element) -> str:
    """The VR of the data dictionary; the element's own where that knows none, or several."""
    try:
        known = dictionary_VR(element.tag)
    except KeyError:
        known = ""
    return known if len(known) == 2 else str(element.VR or "UN")


def value_of(element: Element, dataset: Dataset) -> bytes:
    """The encoded value in little endian, as received; empty for a sequence.

    Args:
        element: An element of ``dataset``.
        dataset: Lends the character set, in case the element was converted before.
    """
    if isinstance(element, RawDataElement):
        value = element.value or b""
        return value if element.is_little_endian else _swapped(value, str(element.VR))
    if isinstance(element.value, bytes):
        return element.value
    encoded = DicomBytesIO()
    encoded.is_implicit_VR, encoded.is_little_endian = True, True
    write_data_element(encoded, element, list(_character_sets(dataset)))
    return encoded.getvalue()[8:]  # after tag and length


def value(dataset: Dataset, tag: str | int) -> bytes:
    """The encoded value in little endian; empty where it is absent or empty."""
    element = find(dataset, tag)
    return b"" if element is None else value_of(element, dataset)


def texts(dataset: Dataset, tag: str | int) -> tuple[str, ...]:
    """The values of an element of the default character set, without padding; empty for none."""
    joined = value(dataset, tag).decode("latin-1").strip(" \0")
    return tuple(part.strip(" \0") for part in joined.split("\\")) if joined else ()


def text(dataset: Dataset, tag: str | int) -> str:
    """The first value of an element of the default character set; empty for none."""
    return next(iter(texts(dataset, tag)), "")


def numbers(dataset: Dataset, keyword: str, count: int) -> tuple[float, ...]:
    """The values of a decimal or integer string; empty where it is absent or empty.

    Raises:
        InputRejected: Not ``count`` finite numbers.
    """
    found = texts(dataset, keyword)
    if not found:
        return ()
    values = tuple(float(part) for part in found if _NUMBER.fullmatch(part))
    if not len(values) == len(found) == count or not all(map(math.isfinite, values)):
        raise InputRejected(
            "invalid-value",
            f"expected {count} finite numbers in {keyword}, "
            f"found {len(values)} among {len(found)} values",
        )
    return values


def unsigned(dataset: Dataset, keyword: str) -> tuple[int, ...]:
    """The values of an element of VR US; empty where it is absent or empty.

    Raises:
        InputRejected: A length that is no multiple of two bytes.
    """
    encoded = value(dataset, keyword)
    if len(encoded) % 2:
        raise InputRejected(
            "invalid-value", f"expected 16-bit numbers in {keyword}, found {len(encoded)} bytes"
        )
    return tuple(np.frombuffer(encoded, "<u2").tolist())


def private_tags(dataset: Dataset, group: int, creator: str, offset: int) -> tuple[int, ...]:
    """Tags of a private element in all blocks its creator reserved (PS3.5 7.8.1)."""
    return tuple(
        (group << 16) | (block << 8) | offset
        for block in range(0x10, 0x100)
        if text(dataset, (group << 16) | block) == creator
    )


def items(dataset: Dataset, tag: str | int) -> tuple[Dataset, ...]:
    """The items of a sequence; empty where it is absent, empty or no sequence.

    Raises:
        InputRejected: The bytes are not items.
    """
    element = find(dataset, tag)
    if element is None or not is_sequence(element):
        return ()
    if isinstance(element, DataElement):
        return tuple(element.value or ())
    return parse_items(element, dataset)


def is_sequence(element: Element) -> bool:
    """Whether an element is a sequence, by its own VR or, where it has none, the dictionary's."""
    stated = element.VR if element.VR not in (None, "UN") else vr_of(element)
    return stated == "SQ"


@quiet()
def parse_items(element: RawDataElement, dataset: Dataset) -> tuple[Dataset, ...]:
    """Read the bytes of a sequence of defined length.

    Raises:
        InputRejected: They are not items.
    """
    encoded = element.value or b""
    unknown = element.VR == "UN"  # then always implicit VR little endian (PS3.5 6.2.2)
    try:
        sequence = read_sequence(
            BytesIO(encoded),
            is_implicit_VR=unknown or element.is_implicit_VR,
            is_little_endian=unknown or element.is_little_endian,
            bytelength=len(encoded),
            encoding=list(_character_sets(dataset)),
        )
    except PYDICOM_ERRORS as error:
        raise InputRejected(
            "unreadable", f"a sequence cannot be read ({type(error).__name__})"
        ) from None
    return tuple(sequence)


def _tag(tag: str | int) -> BaseTag:
    if isinstance(tag, int):
        return Tag(tag)
    number = tag_for_keyword(tag)
    if number is None:
        raise ValueError(f"expected a DICOM keyword, found {tag}")
    return Tag(number)


def _character_sets(dataset: Dataset) -> list[str]:
    found = dataset.original_character_set
    return [found] if isinstance(found, str) else list(found)


def _swapped(encoded: bytes, vr: str) -> bytes:
    unit = _UNIT_OF_VR.get(vr, 1)
    whole = len(encoded) // unit * unit
    return (
        np.frombuffer(encoded[:whole], f">u{unit}").astype(f"<u{unit}").tobytes() + encoded[whole:]
    )
