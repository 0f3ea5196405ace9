"""Digests that tell whether two objects are the same, whatever transfer syntax brought them.

The canonical form holds no VR: implicit VR knows none for private elements. It holds tags, values
in little endian, decompressed pixels and, for sequences, their items.
"""

import hashlib
import struct
from collections.abc import Iterator

from pydicom import Dataset
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import STR_VR

from mumap_node.dicom.elements import (
    Element,
    elements,
    is_sequence,
    items,
    parse_items,
    texts,
    value,
    value_of,
)
from mumap_node.dicom.files import DEEPEST_NESTING
from mumap_node.dicom.nested import are_items
from mumap_node.dicom.pixels import native_pixel_data
from mumap_node.dicom.quiet import quiet
from mumap_node.errors import InputRejected

_TEXT_VRS = frozenset(STR_VR)  # AE, AS, CS and so on
_PIXEL_DATA = Tag("PixelData")
_OF_THE_ENCODING = frozenset(
    Tag(keyword)
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths", "DataSetTrailingPadding")
)
"""Elements that say how this copy was encoded, not what it shows."""

_GEOMETRY = (
    "Rows", "Columns", "NumberOfFrames", "SliceVector", "PixelSpacing", "SliceThickness",
    "SpacingBetweenSlices", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "FrameOfReferenceUID",
)  # fmt: skip
_PLACE = ("ImagePositionPatient", "ImageOrientationPatient")


@quiet()
def dataset_sha256(dataset: Dataset) -> str:
    """SHA-256 of everything an object says, independent of its transfer syntax.

    Raises:
        InputRejected: Sequences or pixel data that cannot be read.
    """
    digest = hashlib.sha256()
    for part in _canonical(dataset, 0):
        digest.update(part)
    return digest.hexdigest()


@quiet()
def image_sha256(dataset: Dataset) -> str:
    """SHA-256 of the pixels of an NM object and where they lie, and of nothing else.

    Objects that differ in it are different images; objects that share it, but not
    ``dataset_sha256``, are one image with corrected attributes.

    Raises:
        InputRejected: Sequences or pixel data that cannot be read.
    """
    detectors = items(dataset, "DetectorInformationSequence")
    digest = hashlib.sha256()
    for keyword in _GEOMETRY:
        digest.update(_framed(_trimmed(Tag(keyword), value(dataset, keyword))))
    for place in (dataset, *detectors):
        for keyword in _PLACE:
            digest.update(_framed("\\".join(texts(place, keyword)).encode("latin-1")))
    digest.update(native_pixel_data(dataset))
    return digest.hexdigest()


def _canonical(dataset: Dataset, depth: int) -> Iterator[bytes]:
    if depth > DEEPEST_NESTING:
        raise InputRejected("unreadable", f"sequences are nested more than {DEEPEST_NESTING} deep")
    for element in elements(dataset):
        tag = element.tag
        if tag.element == 0 or tag.group in (2, 0xFFFE) or tag in _OF_THE_ENCODING:
            continue  # group lengths, file meta information, stray delimiters
        yield struct.pack("<L", tag)
        nested = _items_of(element, dataset)
        if nested:
            for item in nested:
                yield b"item"
                yield from _canonical(item, depth + 1)
            yield b"done"
        elif tag == _PIXEL_DATA and depth == 0:
            yield b"data" + _framed(native_pixel_data(dataset))
        elif nested is None:
            yield b"data" + _framed(_trimmed(tag, value_of(element, dataset)))
        else:  # an empty sequence is an empty value, as implicit VR would have it
            yield b"data" + _framed(b"")


def _items_of(element: Element, dataset: Dataset) -> tuple[Dataset, ...] | None:
    """The items of a sequence; None for any other element.

    Private sequences of defined length cannot be told from other values in implicit VR: what
    looks like items, and can be read as items, is taken for a sequence whatever its VR says.
    """
    if is_sequence(element):
        return items(dataset, element.tag)
    if isinstance(element, RawDataElement) and element.tag.is_private:
        unknown = element._replace(VR="UN")
        if are_items(value_of(unknown, dataset)):
            return parse_items(unknown, dataset)
    return None


def _trimmed(tag: BaseTag, encoded: bytes) -> bytes:
    """Without the padding of text, which writers choose; by tag alone, see the module."""
    return encoded.rstrip(b" \0") if _dictionary_vr(tag) in _TEXT_VRS else encoded


def _dictionary_vr(tag: BaseTag) -> str:
    try:
        return dictionary_VR(tag)
    except KeyError:
        return "UN"


def _framed(encoded: bytes) -> bytes:
    """With its length before it, so that no two sequences of values look alike."""
    return struct.pack("<Q", len(encoded)) + encoded
