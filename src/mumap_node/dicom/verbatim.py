"""Elements of the source carried over byte for byte, whatever transfer syntax brought them.

Two ways, told apart by what the issuer is responsible for. Patient and study are the hospital's:
``copy_elements`` takes their bytes as they are, valid or not. What describes the acquisition goes
into an object we answer for: ``copy_items`` and ``copy_valid`` take valid values only.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydicom import Dataset
from pydicom.datadict import dictionary_VM
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import format_number_as_ds

from mumap_node.dicom.elements import (
    Element,
    elements,
    find,
    items,
    numbers,
    text,
    value,
    value_of,
    vr_of,
)
from mumap_node.dicom.identity import is_valid_uid
from mumap_node.dicom.repertoire import encodings, is_text

_PADDED_WITH_NUL = frozenset(("OB", "UI", "UN"))  # all others with a space, PS3.5 6.2

_NUMERIC = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_FORM = {  # PS3.5 6.2, of one value without padding
    "CS": re.compile(r"[A-Z0-9 _]{1,16}"),
    "DS": re.compile(rf"(?=.{{1,16}}$){_NUMERIC}"),
    "IS": re.compile(r"[+-]?\d{1,9}"),
    "LO": re.compile(r"[^\x00-\x1a\x1c-\x1f\x7f]{1,64}"),
    "SH": re.compile(r"[^\x00-\x1a\x1c-\x1f\x7f]{1,16}"),
    "TM": re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?"),
}
"""Text is measured in bytes, which is never less than in characters."""

_TEXT = ("LO", "SH")
"""Those of them whose bytes depend on Specific Character Set (PS3.5 6.1.2.3)."""

Alternatives = tuple[tuple[str, ...], ...]
"""Sets of keywords, of one of which an item must have all."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a sequence item we copy.

    Attributes:
        keyword: Its DICOM keyword.
        kind: 1 must have a value, or the item is left out; 2 may be empty; 3 may be absent.
        terms: The only values allowed; empty for any.
        items: Attributes of its items, where it is a sequence.
    """

    keyword: str
    kind: Literal[1, 2, 3]
    terms: tuple[str, ...] = ()
    items: tuple["Attribute", ...] = ()


CODE = (
    Attribute("CodeValue", 1),
    Attribute("CodingSchemeDesignator", 1),
    Attribute("CodingSchemeVersion", 3),
    Attribute("CodeMeaning", 1),
)
"""Code Sequence Macro, PS3.3 8.8."""


def raw_element(tag: BaseTag, vr: str, encoded: bytes) -> RawDataElement:
    """An element that is written as it is, in explicit VR little endian."""
    if len(encoded) % 2:  # every value has even length, PS3.5 7.1.1
        encoded += b"\0" if vr in _PADDED_WITH_NUL else b" "
    return RawDataElement(
        tag, vr, len(encoded), encoded, 0, is_implicit_VR=False, is_little_endian=True
    )


def copy_elements(
    source: Dataset, keywords: Iterable[str], required: Mapping[str, Alternatives]
) -> Dataset:
    """Copy elements byte for byte; those the source lacks are left out.

    Args:
        source: The received dataset.
        keywords: What to copy.
        required: By sequence, the sets of attributes an item is left out without one of.
            Sequences that have no item then are left out too, and so are private elements within
            items.
    """
    target = Dataset()
    for keyword in keywords:
        element = find(source, keyword)
        if element is not None:
            _copy_element(element, source, target, required)
    return target


def copy_valid(source: Dataset, keywords: Iterable[str]) -> Dataset:
    """Copy elements byte for byte whose values have the form their VR asks for.

    Text must be text in the character set of the source.
    """
    target, codecs = Dataset(), encodings(source)
    for keyword in keywords:
        _put_valid(source, target, Attribute(keyword, 3), codecs)
    return target


def copy_items(source: Dataset, keyword: str, attributes: tuple[Attribute, ...]) -> list[Dataset]:
    """Copy what we know of a sequence's items; an item without a type 1 value is left out."""
    return _copies(items(source, keyword), attributes, encodings(source))


def copy_item(source: Dataset, item: Dataset, attributes: tuple[Attribute, ...]) -> list[Dataset]:
    """Copy what we know of one item; nothing where a type 1 value is missing.

    Args:
        source: The dataset the item is in, whose character set the copy will be read in.
        item: The item.
        attributes: What to copy.
    """
    return _copies((item,), attributes, encodings(source))


def copy_numbers(source: Dataset, keyword: str, count: int) -> RawDataElement:
    """Copy decimal strings that were read before: byte for byte, shortened where too long.

    More than 16 characters are an error in DS; the nearest shorter number is off by less than a
    nanometre for any distance within a gantry.
    """
    encoded = value(source, keyword)
    if not has_form("DS", encoded.decode("latin-1")):
        shortened = (format_number_as_ds(number) for number in numbers(source, keyword, count))
        encoded = "\\".join(shortened).encode("ascii")
    return raw_element(Tag(keyword), "DS", encoded)


def _copy_element(
    element: Element, source: Dataset, target: Dataset, required: Mapping[str, Alternatives]
) -> None:
    vr = vr_of(element)
    if vr != "SQ":
        target[element.tag] = raw_element(element.tag, vr, value_of(element, source))
        return
    copies = []
    for item in items(source, element.tag):
        copy = Dataset()
        for nested in elements(item):
            if not nested.tag.is_private and nested.tag.element != 0:
                _copy_element(nested, item, copy, required)
        if _has_required(copy, required.get(_keyword(element), ((),))):
            copies.append(copy)
    if copies:
        target[element.tag] = DataElement(element.tag, "SQ", copies)


def _keyword(element: Element) -> str:
    return DataElement(element.tag, "SQ", []).keyword


def _has_required(item: Dataset, alternatives: Alternatives) -> bool:
    return any(
        all(value(item, keyword) or items(item, keyword) for keyword in keywords)
        for keywords in alternatives
    )


def _copies(
    found: Iterable[Dataset], attributes: tuple[Attribute, ...], codecs: list[str]
) -> list[Dataset]:
    copies = []
    for item in found:
        copy = Dataset()
        # a character set of the item's own (PS3.5 7.5.3) is not copied with it
        shared = codecs if find(item, "SpecificCharacterSet") is None else ["ascii"]
        if all(_put_valid(item, copy, attribute, shared) for attribute in attributes):
            copies.append(copy)
    return copies


def _is_valid(element: Element, source: Dataset, terms: tuple[str, ...], codecs: list[str]) -> bool:
    vr, stored = vr_of(element), value_of(element, source)
    encoded = stored.decode("latin-1")
    return (
        has_form(vr, encoded)
        and (vr not in _TEXT or is_text(stored, codecs))
        and (not terms or text(source, element.tag) in terms)
        and ("\\" not in encoded or dictionary_VM(element.tag) != "1")
    )


def _put_valid(source: Dataset, target: Dataset, attribute: Attribute, codecs: list[str]) -> bool:
    """Copy one attribute; False where a type 1 value is missing."""
    tag = Tag(attribute.keyword)
    if attribute.items:
        copies = _copies(items(source, attribute.keyword), attribute.items, codecs)
        if copies or attribute.kind == 2:
            target[tag] = DataElement(tag, "SQ", copies)
        return bool(copies) or attribute.kind != 1
    element = find(source, tag)
    if element is not None and _is_valid(element, source, attribute.terms, codecs):
        vr, stored = vr_of(element), value_of(element, source)
        # spaces behind a UID are common, and do not belong there (PS3.5 9.1)
        target[tag] = raw_element(tag, vr, stored.rstrip(b"\0 ") if vr == "UI" else stored)
        return True
    if attribute.kind == 2:
        setattr(target, attribute.keyword, None)
    return attribute.kind != 1


def has_form(vr: str, encoded: str) -> bool:
    """Whether values have the form their VR asks for (PS3.5 6.2), as text in latin-1."""
    stripped = encoded.rstrip("\0 ")
    if vr == "US":
        return len(encoded) == 2
    if vr == "UI":
        return is_valid_uid(stripped)
    if vr == "DA":
        return _is_date(stripped)
    form = _FORM.get(vr)
    return form is not None and all(form.fullmatch(part.strip()) for part in stripped.split("\\"))


def _is_date(stated: str) -> bool:
    if not re.fullmatch(r"\d{8}", stated):
        return False
    try:
        datetime.strptime(stated + "+0000", "%Y%m%d%z")
    except ValueError:
        return False
    return True
