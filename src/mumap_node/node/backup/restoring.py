"""Restoring: an empty data directory becomes what a backup holds, wholly or not at all.

Everything is unpacked and verified in a folder of its own; while that is there, no node starts.
Then it gets its names, with which a killed restore goes on. Nothing is ever overwritten.
"""

import gzip
import hashlib
import os
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

from pydantic import TypeAdapter

from mumap_node.errors import ConfigurationError
from mumap_node.node.backup.contents import (
    DATA,
    DONE,
    FORMAT,
    HEADER,
    MANIFEST,
    SETTINGS,
    STAGING,
    Manifest,
)
from mumap_node.node.spool.files import (
    make_folder,
    move_durably,
    read_record,
    sync_folder,
    write_record,
)

CHUNK_BYTES = 1 << 20

IGNORED = frozenset({"lost+found", STAGING, DONE})
"""What an empty data directory may hold."""


def restore_backup(source: IO[bytes], root: Path) -> Manifest:
    """Make a data directory of a backup.

    Args:
        source: The backup, from its beginning; not read where an earlier restore verified one.
        root: The data directory; empty, missing, or left by a restore that was interrupted.

    Raises:
        ConfigurationError: ``data-dir-not-empty``, ``backup-damaged`` or ``backup-too-new``; then
            nothing was restored.
        OSError: The disk did not cooperate; the restore may be begun again.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    staging = root / STAGING
    manifest = read_record(Manifest, staging / MANIFEST)
    if manifest is None:
        _require_empty(root)
        shutil.rmtree(staging, ignore_errors=True)
        make_folder(staging)
        try:
            manifest = _unpacked(source, staging)
        except ConfigurationError:
            shutil.rmtree(staging)
            raise
        os.sync()  # at once: a sync of each file takes longer than all of the rest
        write_record(staging / MANIFEST, manifest)
    for path in (staging / DATA).iterdir():
        move_durably(path, root / path.name)
    staging.rename(root / DONE)
    sync_folder(root)
    shutil.rmtree(root / DONE)
    return manifest


def _require_empty(root: Path) -> None:
    found = sorted(path.name for path in root.iterdir() if path.name not in IGNORED)
    if found:
        problem = f"expected an empty folder {root}, found {', '.join(found[:5])} in it"
        raise ConfigurationError("data-dir-not-empty", [problem])


def _unpacked(source: IO[bytes], staging: Path) -> Manifest:
    """Unpack everything, and see that it is what was copied."""
    try:
        with gzip.open(source) as packed, tarfile.open(fileobj=packed, mode="r|") as tar:
            manifest, found = _read(tar, staging)
            while packed.read(CHUNK_BYTES):  # to its end, where the sum of the stream is
                pass
    except (EOFError, gzip.BadGzipFile, zlib.error, tarfile.TarError) as error:
        raise _damaged(f"an end or a fault ({type(error).__name__}) within") from None
    for name, copied in manifest.files.items():
        if found.get(name) != (copied.size, copied.sha256):
            raise _damaged(f"{name} gone or changed")
        os.utime(staging / DATA / name, ns=(copied.modified_ns, copied.modified_ns))
    for name in found.keys() - manifest.files.keys():
        (staging / DATA / name).unlink()
    return manifest


def _read(tar: tarfile.TarFile, staging: Path) -> tuple[Manifest, dict[str, tuple[int, str]]]:
    make_folder(staging / DATA)
    found: dict[str, tuple[int, str]] = {}
    for position, member in enumerate(tar):
        file = tar.extractfile(member) if member.isfile() else None
        if file is None or (position == 0) != (member.name == HEADER):
            raise _damaged(f"{member.name} in it, which belongs into none")
        if member.name == HEADER:
            _require_known(file.read())
        elif member.name == MANIFEST:
            return _parsed(file.read()), found
        elif not member.name.startswith(f"{SETTINGS}/"):
            name = _safe(member.name)
            found[name] = _keep(file, staging / DATA, name)
    raise _damaged("it cut off")


def _require_known(header: bytes) -> None:
    """See that this version of the node can use the backup, before the rest is read."""
    try:
        known = TypeAdapter(dict[str, object]).validate_json(header)
    except ValueError:
        raise _damaged("no header") from None
    if known.get("format") != FORMAT:
        made_by = f"format {known.get('format')} of mumap-node {known.get('software_version')}"
        problem = f"expected a backup of format {FORMAT}, found {made_by}"
        raise ConfigurationError("backup-too-new", [problem])


def _parsed(manifest: bytes) -> Manifest:
    try:
        return TypeAdapter(Manifest).validate_json(manifest)
    except ValueError:
        raise _damaged("no manifest") from None


def _safe(member: str) -> str:
    """Name below the data directory; a backup never writes elsewhere."""
    path = PurePosixPath(member)
    if path.is_absolute() or ".." in path.parts or path.parts[0] != DATA or len(path.parts) == 1:
        raise _damaged(f"{member} in it, which belongs into none")
    return path.relative_to(DATA).as_posix()


def _keep(file: IO[bytes], data: Path, name: str) -> tuple[int, str]:
    path = data / name
    for folder in reversed(PurePosixPath(name).parents):
        (data / folder).mkdir(mode=0o700, exist_ok=True)
    path.unlink(missing_ok=True)  # the last of a name counts
    digest, size = hashlib.sha256(), 0
    path.touch(mode=0o600)
    with path.open("wb") as target:
        while chunk := file.read(CHUNK_BYTES):
            target.write(chunk)
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()


def _damaged(found: str) -> ConfigurationError:
    return ConfigurationError("backup-damaged", [f"expected a whole backup, found {found}"])
