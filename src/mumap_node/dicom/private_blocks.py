"""Private blocks of a station's own map, and which of their elements a site may clone."""

import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from pydantic import ValidationError
from pydicom import Dataset
from pydicom.datadict import private_dictionary_VR

from mumap_node.dicom.elements import Element, elements, text, texts, value_of
from mumap_node.dicom.template import NUMBER_FORMATS, TEXT_VRS, PrivateElement

MOST_VALUES = 16
"""Of a private element that is offered; more are a table, of pixels or of the patient."""

Hides = Callable[[str], bool]
"""Whether a text may tell who the patient is."""


@dataclass(frozen=True, slots=True)
class Block:
    """One private block (PS3.5 7.8.1).

    Attributes:
        group: Odd group.
        creator: Private creator.
        elements: How many elements it has.
        offers: Those a site may allow, none of them allowed yet.
    """

    group: int
    creator: str
    elements: int
    offers: tuple[PrivateElement, ...]


def read_blocks(dataset: Dataset, hides: Hides) -> Iterator[Block]:
    """The private blocks at the top level of a dataset."""
    for reserved in elements(dataset):
        if not reserved.tag.is_private_creator:
            continue
        creator = text(dataset, reserved.tag)
        first = reserved.tag.group << 16 | reserved.tag.element << 8
        block = [element for element in elements(dataset) if element.tag & ~0xFF == first]
        offers = (_offer(element, creator, dataset, hides) for element in block)
        known = tuple(offer for offer in offers if offer is not None and not hides(creator))
        yield Block(reserved.tag.group, creator, len(block), known)


def _offer(element: Element, creator: str, dataset: Dataset, hides: Hides) -> PrivateElement | None:
    """An element a site may allow; None where nobody should."""
    vr = str(element.VR or "UN")
    if vr == "UN":
        with suppress(KeyError):
            vr = private_dictionary_VR(element.tag, creator)
    values = _values(element, vr, dataset)
    if not 1 <= len(values) <= MOST_VALUES or any(hides(str(each)) for each in values):
        return None
    with suppress(ValidationError):  # the scale, or no valid value
        return PrivateElement.model_validate(
            {
                "allow": False,
                "group": element.tag.group,
                "creator": creator,
                "element": element.tag.element & 0xFF,
                "vr": vr,
                "value": values,
            }
        )
    return None


def _values(element: Element, vr: str, dataset: Dataset) -> tuple[str | float, ...]:
    """Numbers, or short texts; nothing of any other kind."""
    if vr in TEXT_VRS:
        return texts(dataset, element.tag)
    encoded = value_of(element, dataset)
    format_of_one = NUMBER_FORMATS.get(vr, "x")
    count, rest = divmod(len(encoded), struct.calcsize(format_of_one))
    return () if rest else struct.unpack(f"<{count}{format_of_one}", encoded)
