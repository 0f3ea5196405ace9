"""Files and folders named on the command line, and what in them is DICOM."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset

from mumap_node.dicom.files import read_dataset
from mumap_node.errors import InputRejected

DICOM_SUFFIXES = (".dcm", ".dicom", ".dic", ".ima")

DATASET_BEGINNINGS = (b"\x02\0", b"\x08\0", b"\0\x02", b"\0\x08")
"""Group of the first element in either byte order, where preamble and prefix are missing."""

SHORTEST_ELEMENT = 8
"""Bytes of tag, VR and length (PS3.5 7.1)."""


@dataclass(frozen=True, slots=True)
class Input:
    """A file to answer.

    Attributes:
        path: Of the file.
        is_named: Whether a person named it, and not only a folder above it.
    """

    path: Path
    is_named: bool = True


def find_inputs(named: Iterable[Path]) -> Iterator[Input]:
    """Every file that is named, or lies in a folder that is.

    Of folders, hidden files and the directory of a DICOM medium (PS3.10 8.6) are left out.
    """
    for path in named:
        if path.is_dir():
            found = (p for p in path.rglob("*") if p.is_file() and p.name != "DICOMDIR")
            shown = sorted(p for p in found if not _is_hidden(p.relative_to(path)))
            yield from (Input(p, is_named=False) for p in shown)
        else:
            yield Input(path)


def read(source: Path) -> Dataset:
    """Read a file.

    Raises:
        InputRejected: As ``read_dataset`` has it; ``unreadable`` where it cannot be opened.
    """
    try:
        with source.open("rb") as file:
            return read_dataset(file)
    except OSError as error:
        raise InputRejected("unreadable", f"the file cannot be read: {error.strerror}") from None


def may_be_dicom(source: Path) -> bool:
    """Whether a file that could not be read shows any sign of DICOM, or cannot even be opened.

    The prefix of PS3.10 7.1; a dataset without it, which begins with group 2 or 8; a name DICOM
    files have.
    """
    try:
        with source.open("rb") as file:
            head = file.read(132)
    except OSError:
        return True
    begins_as_dataset = head[:2] in DATASET_BEGINNINGS and len(head) >= SHORTEST_ELEMENT
    return head[128:] == b"DICM" or begins_as_dataset or source.suffix.lower() in DICOM_SUFFIXES


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
