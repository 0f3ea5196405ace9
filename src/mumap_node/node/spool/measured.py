"""Measured maps in the spool: what synthetic maps of the same study are compared with.

They are no jobs: nobody answers them, and no person has to handle them. Their names are hashes of
their UIDs, so that an instance that comes again replaces its older self.
"""

import filecmp
import hashlib
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mumap_node.node.spool.files import Spool, make_folder, move_durably, sync_folder

KEY_DIGITS = 24
"""Of a SHA-256 in hexadecimal; no two of the UIDs a site ever sees share them."""

NANOSECONDS = 10**9


@dataclass(frozen=True, slots=True)
class Measured:
    """All measured instances of one study.

    Attributes:
        series: Files by series.
        digest: Of their names, sizes and times: another one where an instance came, or came anew
            once the others had settled.
        newest_at: When the last of them was received, UTC.
    """

    series: dict[str, tuple[Path, ...]]
    digest: str
    newest_at: datetime


def key_of(uid: str) -> str:
    """Name of what has a UID; a UID from the network never becomes part of a path."""
    return hashlib.sha256(uid.encode()).hexdigest()[:KEY_DIGITS]


def keep(spool: Spool, path: Path, *, study: str, series: str, instance: str) -> bool:
    """Move an instance from the inbox to the others of its study.

    Args:
        spool: Where to.
        path: Of the file in the inbox.
        study: Study Instance UID.
        series: Series Instance UID.
        instance: SOP Instance UID.

    Returns:
        Whether it is new; the same file again is removed.
    """
    folder = spool.measured / key_of(study) / key_of(series)
    target = folder / f"{key_of(instance)}.dcm"
    if target.exists() and filecmp.cmp(path, target, shallow=False):
        path.unlink()
        sync_folder(path.parent)
        return False
    make_folder(folder.parent)
    make_folder(folder)
    move_durably(path, target)
    return True


def read_measured(spool: Spool, study: str) -> Measured | None:
    """What was measured in a study, by the hash of its UID; None where nothing was.

    Raises:
        OSError: The disk did not cooperate, or the files are being removed.
    """
    if not study:
        return None
    series: dict[str, list[Path]] = defaultdict(list)
    digest, newest = hashlib.sha256(), 0
    for path in sorted((spool.measured / study).glob("*/*.dcm")):
        found = path.stat()
        series[path.parent.name].append(path)
        name = f"{path.parent.name}/{path.name}"
        digest.update(f"{name} {found.st_size} {found.st_mtime_ns}\n".encode())
        newest = max(newest, found.st_mtime_ns)
    if not series:
        return None
    newest_at = datetime.fromtimestamp(newest / NANOSECONDS, UTC)
    files = {name: tuple(paths) for name, paths in series.items()}
    return Measured(files, digest.hexdigest()[:KEY_DIGITS], newest_at)


def changes_of(spool: Spool, study: str) -> tuple[int, ...]:
    """Times of the last changes of a study's folders in ns; the same where no file came or went."""
    if not study:
        return ()
    folder = spool.measured / study
    try:
        return tuple(sorted(path.stat().st_mtime_ns for path in (folder, *folder.iterdir())))
    except FileNotFoundError:  # nothing was measured, or it is being removed
        return ()
