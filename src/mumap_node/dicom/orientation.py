"""How the patient lay: stated as codes, as Patient Position, or both.

The affine does not need it, image coordinates are the patient's own. But two statements that
contradict each other say that one of them, and perhaps the image orientation, is wrong.
Sources: PS3.3 C.8.4.6, PS3.16 CID 20 and 21, PS3.3 C.7.3.1.1.2 (Patient Position).
"""

from collections.abc import Iterator
from enum import StrEnum

from pydicom import Dataset

from mumap_node.dicom.codes import SNOMED_SCHEMES, Code, code_of
from mumap_node.dicom.elements import items, text
from mumap_node.errors import InputRejected


class Entry(StrEnum):
    """Which end of the patient enters the gantry first."""

    HEAD_FIRST = "head first"
    FEET_FIRST = "feet first"


class Side(StrEnum):
    """Which side of the patient is down, or up."""

    SUPINE = "supine"
    PRONE = "prone"
    RIGHT_DOWN = "right side down"
    LEFT_DOWN = "left side down"


ENTRY_OF_CODE = {
    "102540008": Entry.HEAD_FIRST,  # SCT
    "102541007": Entry.FEET_FIRST,
    "F-10470": Entry.HEAD_FIRST,  # SRT, SNM3, and 99SDM before it had a name
    "F-10480": Entry.FEET_FIRST,
}
SIDE_OF_CODE = {
    "40199007": Side.SUPINE,
    "1240000": Side.PRONE,
    "102535000": Side.RIGHT_DOWN,
    "102536004": Side.LEFT_DOWN,
    "F-10340": Side.SUPINE,
    "F-10310": Side.PRONE,
    "F-10317": Side.RIGHT_DOWN,
    "F-10319": Side.LEFT_DOWN,
}
ENTRY_OF_POSITION = {"HF": Entry.HEAD_FIRST, "FF": Entry.FEET_FIRST}
SIDE_OF_POSITION = {
    "S": Side.SUPINE,
    "P": Side.PRONE,
    "DR": Side.RIGHT_DOWN,
    "DL": Side.LEFT_DOWN,
}

SCT_ENTRY = {
    Entry.HEAD_FIRST: Code("102540008", "SCT", "headfirst"),
    Entry.FEET_FIRST: Code("102541007", "SCT", "feet-first"),
}
SCT_SIDE = {
    Side.SUPINE: Code("40199007", "SCT", "supine"),
    Side.PRONE: Code("1240000", "SCT", "prone"),
    Side.RIGHT_DOWN: Code("102535000", "SCT", "right lateral decubitus"),
    Side.LEFT_DOWN: Code("102536004", "SCT", "left lateral decubitus"),
}
SCT_RECUMBENT = Code("102538003", "SCT", "recumbent")


def position_of(dataset: Dataset) -> tuple[Entry | None, Side | None]:
    """What Patient Position (0018,5100) says; None for what it does not."""
    stated = text(dataset, "PatientPosition")
    return ENTRY_OF_POSITION.get(stated[:2]), SIDE_OF_POSITION.get(stated[2:])


def read_entry(dataset: Dataset) -> Entry | None:
    """Which end entered first, by position or code; None where neither says."""
    return next(iter(_entries(dataset)), None)


def patient_position(dataset: Dataset) -> str:
    """Patient Position (C.7.3.1.1.2), by itself or by the codes; empty where half is unknown."""
    entry, side = read_entry(dataset), next(iter(_sides(dataset)), None)
    words = [
        word
        for known, found in ((ENTRY_OF_POSITION, entry), (SIDE_OF_POSITION, side))
        for word, meaning in known.items()
        if meaning is found
    ]
    return "".join(words) if len(words) == 2 else ""


def require_agreement(dataset: Dataset) -> None:
    """Refuse a header whose orientation codes contradict its Patient Position.

    Codes we do not know say nothing.

    Raises:
        InputRejected: ``contradictory-orientation``.
    """
    for statements in (_entries(dataset), _sides(dataset)):
        if len(statements) > 1:
            raise InputRejected(
                "contradictory-orientation",
                "expected Patient Position and the orientation codes to agree, "
                f"found {' and '.join(sorted(map(str, statements)))}",
            )


def _entries(dataset: Dataset) -> set[Entry]:
    entry, _ = position_of(dataset)
    stated = (entry, *map(ENTRY_OF_CODE.get, _gantry_codes(dataset)))
    return {entry for entry in stated if entry is not None}


def _sides(dataset: Dataset) -> set[Side]:
    _, side = position_of(dataset)
    stated = (side, *map(SIDE_OF_CODE.get, _modifier_codes(dataset)))
    return {side for side in stated if side is not None}


def _gantry_codes(dataset: Dataset) -> Iterator[str]:
    yield from _known(items(dataset, "PatientGantryRelationshipCodeSequence"))


def _modifier_codes(dataset: Dataset) -> Iterator[str]:
    for orientation in items(dataset, "PatientOrientationCodeSequence"):
        yield from _known(items(orientation, "PatientOrientationModifierCodeSequence"))


def _known(sequence: tuple[Dataset, ...]) -> Iterator[str]:
    for item in sequence:
        code = code_of(item)
        if code.scheme in SNOMED_SCHEMES:
            yield code.value
