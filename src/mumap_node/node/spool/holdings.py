"""Holdings: which objects lie safely in the spool right now, found by their SOP Instance UIDs."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator
from itertools import chain
from pathlib import Path

from pydicom.filereader import read_file_meta_info

from mumap_node.dicom.commitment import Reference
from mumap_node.dicom.elements import PYDICOM_ERRORS, text
from mumap_node.node.spool.files import Spool
from mumap_node.node.spool.measured import key_of

NO_SUCH_OBJECT = 0x0112
CLASS_INSTANCE_CONFLICT = 0x0119
"""Failure Reasons. Source: PS3.3 C.14.1.1."""

LOOKS = 3
"""At what is missing: a file may have moved from where was not looked yet to where was."""


def family_of(sop_instance_uid: str) -> str:
    """What the ids of all instances with a SOP Instance UID begin with."""
    return f"{hashlib.sha256(sop_instance_uid.encode()).hexdigest()[:16]}-"


def missing(spool: Spool, references: Collection[Reference]) -> dict[Reference, int]:
    """Failure Reason of each object that is not in the spool as what it is said to be.

    What counts is the file: in the inbox, decided on in whatever way, or kept to compare with.

    Raises:
        OSError: The disk cannot be read.
    """
    failed = dict.fromkeys(references, NO_SUCH_OBJECT)
    for _ in range(LOOKS):
        if not failed:
            break
        found = _classes_by_uid(spool, {reference.sop_instance_uid for reference in failed})
        failed = {
            reference: CLASS_INSTANCE_CONFLICT if classes else NO_SUCH_OBJECT
            for reference in failed
            if reference.sop_class_uid not in (classes := found[reference.sop_instance_uid])
        }
    return failed


def _classes_by_uid(spool: Spool, uids: Collection[str]) -> dict[str, set[str]]:
    """SOP classes of the files with these SOP Instance UIDs."""
    found: dict[str, set[str]] = defaultdict(set)
    families = {family_of(uid): uid for uid in uids}
    names = {f"{key_of(uid)}.dcm": uid for uid in uids}
    # In the order files move; those nobody could read are named by their bytes.
    for path in chain(spool.arrivals(), spool.instances.glob("unreadable-*/instance.dcm")):
        sop_class, uid = _head(path)
        if uid in uids:
            found[uid].add(sop_class)
    for path, uid in chain(_instances(spool, families), _measured(spool, names)):
        found[uid].add(_head(path)[0])
    for classes in found.values():
        classes.discard("")
    return found


def _instances(spool: Spool, families: dict[str, str]) -> Iterator[tuple[Path, str]]:
    for instance_id in spool.instance_ids():
        uid = families.get(f"{instance_id.partition('-')[0]}-")
        if uid is not None:
            yield spool.instance_file(instance_id), uid


def _measured(spool: Spool, names: dict[str, str]) -> Iterator[tuple[Path, str]]:
    for path in spool.measured.glob("*/*/*.dcm"):
        if path.name in names and not path.parent.parent.suffix:  # else it is being removed
            yield path, names[path.name]


def _head(path: Path) -> tuple[str, str]:
    """SOP class and SOP Instance UID by which a file was received; empty where it is gone."""
    try:
        meta = read_file_meta_info(path)
    except (FileNotFoundError, *PYDICOM_ERRORS):
        return "", ""
    return text(meta, "MediaStorageSOPClassUID"), text(meta, "MediaStorageSOPInstanceUID")
