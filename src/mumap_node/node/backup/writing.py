"""Writing a backup: one stream, whose last member says what must be in it."""

import gzip
import hashlib
import os
import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import IO, Protocol

from pydantic import TypeAdapter

from mumap_node.node.backup.contents import (
    DATA,
    HEADER,
    MANIFEST,
    SETTINGS,
    Copied,
    Header,
    Manifest,
)
from mumap_node.node.backup.copying import changed_files, is_abandoned

LEVEL = 1
"""Of compression: the fastest, so that a backup takes little from the node beside it."""


class Output(Protocol):
    """Where a backup goes."""

    def write(self, data: bytes, /) -> object:
        """Append all of the data."""


def write_backup(
    output: Output, root: Path, header: Header, settings: Mapping[str, bytes]
) -> Manifest:
    """Copy a data directory while a node may work on it.

    Args:
        output: Where to.
        root: The data directory.
        header: What the backup is; its ``begun_at`` lies in the past.
        settings: Contents of the files that say how the node works, by name.

    Raises:
        OSError: A file cannot be read, or the backup cannot be written.
    """
    files: dict[str, Copied] = {}
    with (
        gzip.GzipFile("", "wb", LEVEL, fileobj=output) as packed,  # type: ignore[call-overload]
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        _add(tar, HEADER, _json(header))
        for name, content in settings.items():
            _add(tar, f"{SETTINGS}/{name}", content)
        for name, file in changed_files(root):
            files[name] = _copy(tar, f"{DATA}/{name}", file)
        kept = {name: copied for name, copied in files.items() if not is_abandoned(root, name)}
        manifest = Manifest(header, kept)
        _add(tar, MANIFEST, _json(manifest))
    return manifest


def _copy(tar: tarfile.TarFile, name: str, file: IO[bytes]) -> Copied:
    status = os.fstat(file.fileno())
    reader = _Hashing(file)
    tar.addfile(_member(name, status.st_size, status.st_mtime), reader)  # type: ignore[arg-type]
    return Copied(status.st_size, reader.digest.hexdigest(), status.st_mtime_ns)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    tar.addfile(_member(name, len(content)), BytesIO(content))


def _member(name: str, size: int, modified: float = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, int(modified), 0o600
    return member


def _json(record: Header | Manifest) -> bytes:
    return TypeAdapter(type(record)).dump_json(record, indent=1) + b"\n"


class _Hashing:
    """A file of which is known what was read."""

    def __init__(self, file: IO[bytes]) -> None:
        self.digest = hashlib.sha256()
        self._file = file

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data
