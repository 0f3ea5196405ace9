"""Bytes of a DICOM file to a dataset and back; what cannot be used is rejected with a reason."""

import struct
import zlib
from io import BytesIO
from typing import BinaryIO

from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset as parse
from pydicom.filewriter import write_data_element, write_file_meta_info
from pydicom.tag import BaseTag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from mumap_node.dicom.elements import PYDICOM_ERRORS, Element, elements, text
from mumap_node.dicom.nested import ITEM_TAG
from mumap_node.dicom.quiet import quiet
from mumap_node.errors import InputRejected

LARGEST_DATASET_BYTES = 1 << 30
"""No NM object comes near 1 GiB, on disk, inflated or decoded; what claims more is not read."""

DEEPEST_NESTING = 32
"""Sequences within sequences; real NM objects nest 4 deep."""

_PREFIX_AT = 128
_PREFIX = b"DICM"


@quiet()
def read_dataset(
    source: bytes | BinaryIO, *, largest_bytes: int = LARGEST_DATASET_BYTES
) -> Dataset:
    """Read a file of the DICOM File Format (PS3.10).

    Pixel data is not decoded and no element is converted, see ``elements``.

    Args:
        source: The bytes of a file, or an open file at its beginning.
        largest_bytes: More are not read, nor inflated.

    Returns:
        The dataset; its ``file_meta`` holds the file meta information.

    Raises:
        InputRejected: ``unreadable`` or ``oversized``; never any other error for any bytes.
    """
    data = source if isinstance(source, bytes) else source.read(largest_bytes + 1)
    if len(data) > largest_bytes:
        raise InputRejected("oversized", f"expected at most {largest_bytes} bytes")
    if data[_PREFIX_AT : _PREFIX_AT + 4] != _PREFIX:
        raise InputRejected("unreadable", "expected DICM after 128 bytes, found something else")
    try:
        dataset = _parse(data, largest_bytes)
        _require_whole(dataset)
    except (*PYDICOM_ERRORS, zlib.error) as error:
        # `from None`: pydicom's own words quote element values
        raise InputRejected("unreadable", f"not DICOM ({type(error).__name__})") from None
    for keyword in ("SOPClassUID", "SOPInstanceUID"):
        if not text(dataset, keyword):
            raise InputRejected("unreadable", f"expected {keyword}, found none")
    return dataset


@quiet()
def to_bytes(dataset: Dataset) -> bytes:
    """Encode a dataset of ours as a file of the DICOM File Format (PS3.10).

    Explicit VR little endian. Elements copied from a source are written as they are: pydicom's
    own writer converts them where character sets are unusual, and so changes their bytes.

    Args:
        dataset: With complete ``file_meta``; looking at a copied element converts it, so encode
            before you look.
    """
    file = DicomBytesIO(bytes(_PREFIX_AT) + _PREFIX)
    file.seek(_PREFIX_AT + len(_PREFIX))
    write_file_meta_info(file, dataset.file_meta, enforce_standard=True)
    file.write(_encoded(dataset))
    return file.getvalue()


def _parse(data: bytes, largest_bytes: int) -> Dataset:
    file = BytesIO(data)
    file.seek(_PREFIX_AT + 4)
    meta = FileMetaDataset(
        parse(file, is_implicit_VR=False, is_little_endian=True, stop_when=_after_file_meta)
    )
    transfer_syntax = UID(text(meta, "TransferSyntaxUID"))
    if not transfer_syntax.is_transfer_syntax:
        raise InputRejected("unreadable", "expected a transfer syntax of PS3.6, found another")
    if transfer_syntax == DeflatedExplicitVRLittleEndian:
        file = BytesIO(_inflated(file.read(), largest_bytes))
    dataset = parse(file, transfer_syntax.is_implicit_VR, transfer_syntax.is_little_endian)
    dataset.file_meta = meta
    return dataset


def _after_file_meta(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag.group != 2


def _inflated(deflated: bytes, largest_bytes: int) -> bytes:
    """Inflate with a limit: pydicom would take whatever a few bytes ask for."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)  # no header: PS3.5 A.5
    inflated = inflater.decompress(deflated, largest_bytes)
    if inflater.unconsumed_tail:
        raise InputRejected("oversized", f"inflates to more than {largest_bytes} bytes")
    if not inflater.eof:
        raise InputRejected("unreadable", "the deflated dataset is truncated")
    return inflated


def _require_whole(dataset: Dataset, depth: int = 0) -> None:
    """Refuse what pydicom reads without a word: elements cut short, and endless nesting."""
    if depth > DEEPEST_NESTING:
        raise InputRejected("unreadable", f"sequences are nested more than {DEEPEST_NESTING} deep")
    for element in elements(dataset):
        if isinstance(element, RawDataElement):
            if element.length not in (len(element.value or b""), 0xFFFFFFFF):
                raise InputRejected("unreadable", f"the value of {element.tag} is cut short")
        else:  # pydicom reads sequences of undefined length at once, and nothing else
            for item in element.value:
                _require_whole(item, depth + 1)


def _encoded(dataset: Dataset) -> bytes:
    return b"".join(map(_encoded_element, elements(dataset)))


def _encoded_element(element: Element) -> bytes:
    if isinstance(element, RawDataElement):
        return _with_header(element.tag, str(element.VR), element.value or b"")
    if element.VR == "SQ":
        parts = (_encoded(item) for item in element.value)
        nested = (ITEM_TAG + struct.pack("<L", len(part)) + part for part in parts)
        return _with_header(element.tag, "SQ", b"".join(nested))
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    write_data_element(buffer, element)
    return buffer.getvalue()


def _with_header(tag: BaseTag, vr: str, encoded: bytes) -> bytes:
    """PS3.5 7.1.2; a value too long for a 16-bit length becomes UN (PS3.5 6.2.2)."""
    if vr not in EXPLICIT_VR_LENGTH_32 and len(encoded) > 0xFFFE:
        vr = "UN"
    head = struct.pack("<HH2s", tag.group, tag.element, vr.encode("ascii"))
    if vr in EXPLICIT_VR_LENGTH_32:
        return head + struct.pack("<HL", 0, len(encoded)) + encoded
    return head + struct.pack("<H", len(encoded)) + encoded
