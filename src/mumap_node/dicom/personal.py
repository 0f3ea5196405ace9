"""What in a header may tell who the patient is: by its kind, and by its content."""

import re
from collections.abc import Iterator

from pydicom import Dataset
from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag

from mumap_node.dicom.elements import Element, elements, is_sequence, items, value_of, vr_of

# 0010 patient, 0032 and 0040 order and procedure, 0038 visit: PS3.6.
_GROUPS = frozenset({0x0010, 0x0032, 0x0038, 0x0040})
# Persons, identities, dates and long free text; short text (CS, LO, SH) is what routes live on.
_VRS = frozenset({"AS", "DA", "DT", "LT", "PN", "ST", "TM", "UC", "UI", "UR", "UT"})
_WITHOUT_NAMES = frozenset({"LT", "ST", "UC", "UI", "UR", "UT"})
_KEYWORDS = frozenset({"AccessionNumber", "StudyID", "DeviceUID"})
_SAFE_KEYWORDS = frozenset({"SOPClassUID"})

_LOOKS_PERSONAL = re.compile(
    r"\d+(\.\d+){3}"  # a UID
    r"|(19|20)\d\d[-./]?(0[1-9]|1[0-2])[-./]?(0[1-9]|[12]\d|3[01])"  # dates
    r"|\d{1,2}[./]\d{1,2}[./]\d\d"
    r"|\d:\d\d|\^"  # a time, a name (PS3.5 6.2.1)
)
_WORD = re.compile(r"\d{4,}|(?=\d*[^\W\d_])[^\W_]{3,}")
SHORTEST_PART = 4
"""Characters of a word that is looked for within others; shorter ones are in too many."""


def is_personal(tag: int) -> bool:
    """Whether an attribute of the data dictionary may tell who the patient is."""
    keyword = keyword_for_tag(tag)
    if keyword in _KEYWORDS:
        return True
    if keyword in _SAFE_KEYWORDS:
        return False
    return tag >> 16 in _GROUPS or dictionary_VR(tag) in _VRS


def personal_words(dataset: Dataset) -> frozenset[str]:
    """Words and numbers of names, identities, dates and times at any depth, in lower case.

    Not of long texts, which are made of words that everybody uses, nor of UIDs.
    """
    return frozenset(_words(dataset))


def looks_personal(content: str, words: frozenset[str] = frozenset()) -> bool:
    """Whether a text looks like a date, time, UID or name, or shares a word with ``words``."""
    found = content.casefold()
    return (
        _LOOKS_PERSONAL.search(found) is not None
        or not words.isdisjoint((found.strip(), *_WORD.findall(found)))
        or any(word in found for word in words if len(word) >= SHORTEST_PART)
    )


def _words(dataset: Dataset) -> Iterator[str]:
    for element in elements(dataset):
        if is_sequence(element):
            for item in items(dataset, element.tag):
                yield from _words(item)
        elif _names(element):
            content = value_of(element, dataset).decode("latin-1").casefold().strip(" \0")
            yield from (content, *_WORD.findall(content))


def _names(element: Element) -> bool:
    vr = vr_of(element)
    known = dictionary_has_tag(element.tag)
    return vr not in _WITHOUT_NAMES and (is_personal(element.tag) if known else vr in _VRS)
