"""The character repertoire of a dataset: which bytes are text in it."""

import re

from pydicom import Dataset
from pydicom.charset import convert_encodings, decode_bytes, python_encoding

from mumap_node.dicom.elements import texts
from mumap_node.dicom.quiet import quiet

_DEFAULT_REPERTOIRE = (("ISO_IR 6",), ("ISO 2022 IR 6",))

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
    return _NO_TEXT.search(decode_bytes(encoded.rstrip(b"\0"), codecs, set())) is None
