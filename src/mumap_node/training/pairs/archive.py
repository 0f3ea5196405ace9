"""What is remembered of a site's DICOM files, and which of them belong together.

Nothing of a patient leaves this module but digests.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydicom import Dataset
from pydicom.uid import NuclearMedicineImageStorage

from mumap_node.dicom.elements import text, texts
from mumap_node.dicom.files import read_dataset
from mumap_node.dicom.measured_map import is_ct, is_map
from mumap_node.dicom.selection import select_source
from mumap_node.errors import InputRejected

KEY_DIGITS = 12
"""Of a SHA-256 in hexadecimal: no two of a million pairs share them."""


@dataclass(frozen=True, slots=True)
class Instance:
    """What is remembered of a file: where it belongs, never whose it is.

    Attributes:
        path: Its file.
        kind: ``nac``, ``map`` or ``ct``.
        key: Digest of its SOP Instance UID.
        patient: Digest of Patient ID and its issuer.
        study: Study Instance UID.
        series: Series Instance UID.
        frame_of_reference: Its UID; empty where none is stated.
        description: Series Description, which may hold anything.
        refusal: Why a reconstruction is not used; None where it may be.
    """

    path: Path
    kind: str
    key: str
    patient: str = field(repr=False)
    study: str
    series: str
    frame_of_reference: str
    description: str = field(repr=False)
    refusal: InputRejected | None


def look(path: Path) -> Instance | None:
    """A file of a pair; None for anything else, among it all that is not DICOM."""
    try:
        dataset = read_file(path)
    except InputRejected:
        return None
    kind = _kind(dataset)
    if not kind:
        return None
    return Instance(
        path,
        kind,
        digest(text(dataset, "SOPInstanceUID"))[:KEY_DIGITS],
        digest(text(dataset, "PatientID"), text(dataset, "IssuerOfPatientID")),
        text(dataset, "StudyInstanceUID"),
        text(dataset, "SeriesInstanceUID"),
        text(dataset, "FrameOfReferenceUID"),
        text(dataset, "SeriesDescription"),
        _refusal(dataset) if kind == "nac" else None,
    )


def truth_beside(nac: Instance, shelf: Sequence[Instance], ct_description: str) -> tuple[Path, ...]:
    """Files of the only map, else of the only CT series, beside a reconstruction.

    Args:
        nac: The reconstruction.
        shelf: Everything of its study and frame of reference.
        ct_description: Part of the Series Description of the CTs to look at, in any case.

    Raises:
        InputRejected: ``no-truth``, ``ambiguous-truth``, or why the reconstruction is not used.
    """
    if nac.refusal:
        raise nac.refusal
    if not nac.frame_of_reference:
        raise InputRejected("no-truth", "expected a Frame of Reference UID to find a map by")
    maps = [instance for instance in shelf if instance.kind == "map"]
    cts = [
        instance
        for instance in shelf
        if instance.kind == "ct" and ct_description.lower() in instance.description.lower()
    ]
    for kind, found in (("map", maps), ("CT", cts)):
        series = {instance.series for instance in found}
        if len(series) > 1:
            hint = "" if kind == "map" else "; --ct-description says which"
            raise InputRejected(
                "ambiguous-truth",
                f"expected one {kind} series beside it, found {len(series)}{hint}",
            )
        if series:
            return tuple(sorted(instance.path for instance in found))
    raise InputRejected(
        "no-truth", "expected a map or a CT of the same study and frame of reference, found none"
    )


def read_file(path: Path) -> Dataset:
    """Read a DICOM file.

    Raises:
        InputRejected: ``unreadable`` or a reason of ``read_dataset``.
    """
    try:
        with path.open("rb") as file:
            return read_dataset(file)
    except OSError as error:
        raise InputRejected("unreadable", f"the file cannot be read: {error.strerror}") from None


def digest(*parts: str) -> str:
    """A SHA-256 in hexadecimal."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _kind(dataset: Dataset) -> str:
    if is_ct(dataset):
        return "ct"
    if is_map(dataset):
        return "map"
    kind = (*texts(dataset, "ImageType"), "", "", "")[2]
    is_nm = text(dataset, "SOPClassUID") == NuclearMedicineImageStorage
    return "nac" if is_nm and kind.startswith("RECON") else ""


def _refusal(dataset: Dataset) -> InputRejected | None:
    try:
        select_source(dataset, assume_nac=True)
    except InputRejected as error:
        return error
    return None
