"""The identifiers an answer must repeat, checked before anything is made of them."""

import re

from pydicom import Dataset

from mumap_node.dicom.elements import text, value
from mumap_node.errors import InputRejected

UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))*")
"""PS3.5 9.1; at most 64 characters."""

LONGEST_UID = 64


def is_valid_uid(uid: str) -> bool:
    """Whether a UID follows PS3.5 9.1."""
    return len(uid) <= LONGEST_UID and UID.fullmatch(uid) is not None


def require_usable_identity(dataset: Dataset) -> None:
    """Refuse an instance we could not refer to: references must repeat its UIDs exactly.

    The Study Instance UID is copied byte for byte like all of the study, and only must be there.

    Raises:
        InputRejected: ``invalid-uid``.
    """
    if not text(dataset, "StudyInstanceUID"):
        raise InputRejected("invalid-uid", "expected a StudyInstanceUID, found none")
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID"):
        if not is_valid_uid(_stored(dataset, keyword)):
            raise InputRejected("invalid-uid", f"expected a valid {keyword} (PS3.5 9.1)")
    frame_of_reference = _stored(dataset, "FrameOfReferenceUID")
    if frame_of_reference and not is_valid_uid(frame_of_reference):
        raise InputRejected("invalid-uid", "expected a valid FrameOfReferenceUID (PS3.5 9.1)")


def _stored(dataset: Dataset, keyword: str) -> str:
    """What is there without its padding: one UID, if it is to be repeated, and nothing before."""
    return value(dataset, keyword).decode("latin-1").rstrip("\0 ")
