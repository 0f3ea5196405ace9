"""The character repertoire of a dataset: which bytes are text in it, and which text they are."""

import re

from pydicom import Dataset
from pydicom.charset import convert_encodings, decode_bytes, encode_string, python_encoding

from mumap_node.dicom.elements import texts
from mumap_node.dicom.quiet import quiet

_DEFAULT_REPERTOIRE = (("ISO_IR 6",), ("ISO 2022 IR 6",))

_GB2312, _TO_GB2312 = "iso_ir_58", "\x1b$)A"
"""ISO 2022 IR 58 as pydicom calls it, and the escape sequence to it (PS3.3 C.12.1.1.2), which
pydicom leaves in the text it decodes and out of what it encodes."""

_NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ufffd]")
"""Controls, escapes that were not understood, and what stands for undecodable bytes."""


@quiet()
def encodings(source: Dataset) -> list[str]:
    """Python codecs of the source's character set; ASCII where it is none of DICOM's terms."""
    terms = texts(source, "SpecificCharacterSet")
    if not terms or terms in _DEFAULT_REPERTOIRE or not set(terms) <= python_encoding.keys():
        return ["ascii"]
    return convert_encodings(list(terms))


@quiet()
def is_text(encoded: bytes, codecs: list[str]) -> bool:
    """Whether bytes are one line of text, to the last of them, in the codecs of a dataset."""
    return _NO_TEXT.search(decode(encoded.rstrip(b"\0"), codecs)) is None


def decode(encoded: bytes, codecs: list[str]) -> str:
    """Bytes to text, with a replacement character for what is none in the codecs of a dataset."""
    words = decode_bytes(encoded, codecs, set())
    return words.replace(_TO_GB2312, "") if _GB2312 in codecs else words


def encode(words: str, codecs: list[str]) -> bytes:
    """Text to bytes, which may decode to other words where the codecs cannot hold them.

    Raises:
        ValueError: The codecs cannot hold them.
    """
    encoded = bytes(encode_string(words, codecs))
    if _GB2312 in codecs and decode(encoded, codecs) != words:
        return _TO_GB2312.encode() + words.encode("gb2312")
    return encoded
