"""Copying: which files of a data directory are read, and in which order (ADR 0031).

Nobody is stopped meanwhile. A file of the spool never changes, it is only replaced, moved or
removed; so what remains is the order between files. What relies on another file is read before it:
the other was there first, and is found afterwards. Where a file moves, the place it comes from is
read before the one it goes to.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from mumap_node.node.backup.contents import DONE, STAGING
from mumap_node.node.spool.files import PART

ORDER = ("commitments", "fetched", "inbox", "jobs", "measured", "instances")
"""Folders whose order matters. A report to a peer, and the memory of what was fetched, rely on the
objects; these go from the inbox to the others; a job and its comparison rely on them."""

LEFT_OUT = frozenset({"run", "lost+found", STAGING, DONE})
"""Locks and pipes of living processes, and what is none of ours."""

ENGINE = "engine.sqlite"
"""Begins the names of the engine's files, which are derived from all others (ADR 0003)."""

LOOKS = 3
"""At everything, the later ones at what is new: a file that a person has decided on again goes back
to the inbox, and may have passed from where was not looked yet to where was."""


def changed_files(root: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Each file by its name below the data directory, and again where it was replaced since.

    They are looked for as late as possible: whoever iterates reads each file before asking for the
    next one, which closes it. What is gone by then went to a place that is read later.
    """
    known: dict[str, tuple[int, int, int]] = {}
    for _ in range(LOOKS):
        for path in _files(root):
            name = path.relative_to(root).as_posix()
            with contextlib.suppress(FileNotFoundError):
                if known.get(name) == _version(path.stat()):
                    continue
                with path.open("rb") as file:
                    known[name] = _version(os.fstat(file.fileno()))
                    yield name, file


def _version(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns


def is_abandoned(root: Path, name: str) -> bool:
    """Whether a copied file is part of what was being removed: a study of measured maps.

    The rest of it would be compared with as if it were all of it.
    """
    top, _, below = name.partition("/")
    return top == "measured" and not (root / top / below.partition("/")[0]).exists()


def _files(root: Path) -> Iterator[Path]:
    names = {path.name for path in root.iterdir() if not path.name.startswith(ENGINE)}
    others = sorted(names.difference(LEFT_OUT, ORDER))
    for name in (*others, *ORDER):
        path = root / name
        if path.is_dir():
            yield from _below(path)
        elif path.is_file() and path.suffix != PART:
            yield path


def _below(folder: Path) -> Iterator[Path]:
    for is_record in (True, False):
        try:
            with os.scandir(folder) as entries:  # anew: what a record names came before it
                found = sorted(filter(_is_whole, entries), key=lambda entry: entry.name)
        except FileNotFoundError:
            return
        for entry in found:
            if entry.name.endswith(".json") != is_record:
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _below(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                yield Path(entry.path)


def _is_whole(entry: os.DirEntry[str]) -> bool:
    return not entry.name.endswith(PART)
