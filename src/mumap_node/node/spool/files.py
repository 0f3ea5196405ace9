"""The spool: received instances, jobs and maps on disk; the truth the engine is derived from.

Layout below the data directory::

    inbox/<arrival>.dcm                     acknowledged, not yet looked at
    inbox/<arrival>.dcm.part                on its way in; promised to nobody
    instances/<instance_id>/instance.dcm    as received, file meta information added
    instances/<instance_id>/decision.json   what becomes of it, and why
    jobs/<job_id>/job.json                  what was asked
    jobs/<job_id>/result.json               how it ended
    jobs/<job_id>/result-<attempt>.json     how an attempt ended that a person had retried
    jobs/<job_id>/map-<profile>-<hash>.dcm  the map as sent; in held/ where its checks failed
    jobs/<job_id>/delivery-<name>.json      one per destination
    jobs/<job_id>/note-<name>.json          one per destination told that the map is retracted
    jobs/<job_id>/sending-<name>/           locked while something is sent there
    jobs/<job_id>/operator.json             cancelled, discarded or retracted by a person
    jobs/<job_id>/agreement.json            how the map compares with what was measured
    measured/<study>/<series>/<name>.dcm    what maps of the study are compared with
    fetched/<series>.json                   what watches had an archive send
    commitments/<transaction>/…             storage commitment: see commitments.py
    audit/                                  the audit trail: see node/audit/trail.py
    run/                                    locks and the worker's bell

A file appears by rename after its bytes are on disk, and the directory is synced after it: what
can be seen is whole, and what was answered for survives a power cut.
"""

import contextlib
import fcntl
import functools
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import TypeAdapter

from mumap_node.errors import NodeError

PART = ".part"
"""Ends the name of a file that is not whole yet."""

CLOSED = -1
"""Stands for the descriptor of a file that is no longer open."""

Record = TypeVar("Record")


class Spool:
    """The data directory of a node; its folders are made when it is opened.

    Raises:
        OSError: From every method that touches a disk that is full, read-only or broken.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.inbox = root / "inbox"
        self.instances = root / "instances"
        self.jobs = root / "jobs"
        self.measured = root / "measured"
        self.run = root / "run"
        self.bell = self.run / "bell"
        root.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds patient data
        for folder in (self.inbox, self.instances, self.jobs, self.measured, self.run):
            make_folder(folder)

    def store_arrival(self, head: bytes, dataset: bytes | memoryview) -> Path:
        """Put one received instance into the inbox; on return it survives a power cut.

        Args:
            head: Preamble, prefix and file meta information.
            dataset: The encoded dataset, as received.
        """
        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}.dcm"  # sorts by arrival
        write_durably(self.inbox / name, head, dataset)
        return self.inbox / name

    def clear_unfinished_arrivals(self) -> int:
        """Remove what a killed receiver left half-written, and say how much it was.

        Nobody was told Success for it. Only for the one process that receives, before it does.
        """
        leftovers = list(self.inbox.glob(f"*{PART}"))
        for leftover in leftovers:
            leftover.unlink(missing_ok=True)
        return len(leftovers)

    def arrivals(self) -> list[Path]:
        """Acknowledged instances nobody has looked at yet, oldest first."""
        return sorted(self.inbox.glob("*.dcm"))

    def return_to_inbox(self, instance_id: str, run: int = 1) -> None:
        """Let an instance be decided on again; as ``run`` where a person wants its map again.

        What was decided stays there until then, and counts for nothing without the file.
        """
        source = self.instance_file(instance_id)
        received = f"{source.stat().st_mtime_ns:020d}"  # of its bytes, whatever its name was since
        rerun = f".run{run}" if run > 1 else ""
        move_durably(source, self.inbox / f"{received}-{secrets.token_hex(4)}{rerun}.dcm")

    def free_bytes(self) -> int:
        """Space left for the node on the disk of the spool."""
        return shutil.disk_usage(self.root).free

    def instance_file(self, instance_id: str) -> Path:
        """Where the received bytes of an instance lie."""
        return self.instances / instance_id / "instance.dcm"

    def decision_file(self, instance_id: str) -> Path:
        """Where the decision on an instance lies."""
        return self.instances / instance_id / "decision.json"

    def job_folder(self, job_id: str) -> Path:
        """Where everything of a job lies."""
        return self.jobs / job_id

    def job_file(self, job_id: str) -> Path:
        """Where a job's record lies."""
        return self.jobs / job_id / "job.json"

    def result_file(self, job_id: str) -> Path:
        """Where a job's result lies."""
        return self.jobs / job_id / "result.json"

    def delivery_file(self, job_id: str, destination: str) -> Path:
        """Where the delivery of a job's map to one destination is kept."""
        return self.jobs / job_id / f"delivery-{destination}.json"

    def operator_file(self, job_id: str) -> Path:
        """Where a person's word on a job lies."""
        return self.jobs / job_id / "operator.json"

    def agreement_file(self, job_id: str) -> Path:
        """Where the comparison of a job's map with what was measured lies."""
        return self.jobs / job_id / "agreement.json"

    def instance_ids(self) -> Iterator[str]:
        """Every instance that was admitted to the spool."""
        return (folder.name for folder in self.instances.iterdir())

    def job_ids(self) -> Iterator[str]:
        """Every job."""
        return (folder.name for folder in self.jobs.iterdir())


class RecordDamagedError(NodeError):
    """A record of the spool cannot be read; what it is about waits for a person."""


def read_record(kind: type[Record], path: Path) -> Record | None:
    """Read one record; None where it was not written yet.

    Raises:
        RecordDamagedError: The file is not such a record.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        record: Record = _adapter(kind).validate_json(text)  # type: ignore[arg-type]  # a class
    except ValueError:
        raise RecordDamagedError(
            reason="record-damaged",
            sentence=f"expected a whole {path.name} in {path.parent.name}, found it damaged",
        ) from None  # its text would quote the file
    return record


def write_record(path: Path, record: object) -> None:
    """Write one record durably, replacing an older one."""
    make_folder(path.parent)
    write_durably(path, _json(record))


def create_record(path: Path, record: object) -> bool:
    """Write one record durably unless there is one already; whether this one was written.

    The first of two writers wins, whatever each of them believed.
    """
    make_folder(path.parent)
    with UnfinishedFile(path) as unfinished:
        unfinished.write(_json(record))
        return unfinished.publish_unless_there()


def write_durably(path: Path, *parts: bytes | memoryview) -> None:
    """Write a file so that it is whole or absent, and on disk when this returns."""
    with UnfinishedFile(path) as unfinished:
        for part in parts:
            unfinished.write(part)
        unfinished.publish()


def move_durably(path: Path, target: Path) -> None:
    """Move a file within the spool; on return the move survives a power cut."""
    path.replace(target)
    sync_folder(target.parent)
    sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder whose name survives a power cut; nothing where there is one."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        sync_folder(folder.parent)


@functools.cache  # building one takes longer than reading a record
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _json(record: object) -> bytes:
    return _adapter(type(record)).dump_json(record, indent=2) + b"\n"  # type: ignore[arg-type]


class UnfinishedFile:
    """A file that is written beside its final name, which it gets whole or not at all.

    Leaving its ``with`` block unpublished removes it.

    Attributes:
        path: Its final name.
        size: Bytes written so far.
    """

    def __init__(self, path: Path) -> None:
        """Begin to write."""
        self.path = path
        self.size = 0
        # A name of its own: two processes may write the same file, and neither may spoil a part.
        self._part = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}{PART}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._descriptor = os.open(self._part, flags, 0o600)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def write(self, data: bytes | memoryview) -> None:
        """Append all of the data."""
        rest = memoryview(data)
        while rest:  # one call writes at most 2 GB, and what fits on the disk (write(2))
            written = os.write(self._descriptor, rest)
            self.size += written
            rest = rest[written:]

    def publish(self) -> Path:
        """Give the file its name, replacing an older one; on return it survives a power cut.

        The bytes are synced, then the file is renamed, then the folder is synced: the order
        POSIX needs for that.
        """
        os.fsync(self._descriptor)
        self._part.replace(self.path)
        sync_folder(self.path.parent)
        return self.path

    def publish_unless_there(self) -> bool:
        """Give the file its name unless another has it; whether it was given."""
        os.fsync(self._descriptor)
        try:
            self.path.hardlink_to(self._part)
        except FileExistsError:
            return False
        sync_folder(self.path.parent)
        return True

    def close(self) -> None:
        """End writing; what was not published is removed. Closing twice does no harm."""
        if self._descriptor == CLOSED:
            return
        os.close(self._descriptor)
        self._descriptor = CLOSED
        with contextlib.suppress(OSError):  # renamed already; or kept by a broken disk, as a part
            self._part.unlink()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from changing the records of a folder meanwhile."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
