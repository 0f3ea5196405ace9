"""The trail: audit messages on disk, a file a day, each line one message as syslog has it.

Any process adds to it. A message is whole and on disk when it was added, or not there: a line
that a killed process left unfinished is cut off by the next one that adds.
"""

import contextlib
import fcntl
import os
import socket
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from mumap_node.dicom.audit import AuditMessage, Outcome
from mumap_node.dicom.audit_xml import time_of, xml_of
from mumap_node.node.spool.files import sync_folder

Audit = Callable[[AuditMessage], None]
"""Adds a message durably; raises OSError where the disk does not cooperate."""

FACILITY = 10
"""security/authorization. Source: PS3.15 A.6."""

MESSAGE_ID = "DICOM+RFC3881"
"""As receivers of audit messages expect it. Source: PS3.15 A.6."""

APPLICATION_NAME = "mumap-node"

_SEVERITIES = {Outcome.SUCCESS: 5, Outcome.MINOR_FAILURE: 4, Outcome.SERIOUS_FAILURE: 3}
"""Notice, warning, error. Source: RFC 5424 6.2.1."""

_BOM = "\ufeff"
_SUFFIX = ".log"
MOST_BYTES = 1 << 20
"""Of the trail that are read at once."""

_PIECE = 65536  # bytes that are looked through at once for the end of a line


def unaudited(_message: AuditMessage) -> None:
    """Where the settings want no trail."""


def syslog_line(message: AuditMessage, source_id: str) -> bytes:
    """A message after RFC 5424, without the end of the line.

    PROCID is the key of the event (RFC 5424 6.2.6 leaves its meaning to the sender).

    Args:
        message: What to tell.
        source_id: Who tells it.
    """
    priority = 8 * FACILITY + _SEVERITIES[message.outcome]
    host = socket.gethostname() or "-"
    head = f"<{priority}>1 {time_of(message.at)} {host} {APPLICATION_NAME} {message.key}"
    return f"{head} {MESSAGE_ID} - {_BOM}{xml_of(message, source_id)}".encode()


class Trail:
    """The files of the trail, which nobody but the node's user can read: they name patients."""

    def __init__(self, folder: Path, source_id: str, now: Callable[[], datetime]) -> None:
        """Prepare; the folder is made with the first message.

        Args:
            folder: Of the files.
            source_id: AE title of this node.
            now: The time, UTC.
        """
        self.folder = folder
        self._source_id, self._now = source_id, now

    def add(self, message: AuditMessage) -> None:
        """Add a message; on return it survives a power cut.

        Raises:
            OSError: The disk is full, read-only or broken; nothing was added.
        """
        self._make_folder()
        path = self._file(f"{self._now().astimezone(UTC):%Y-%m-%d}")
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        try:
            _leave_to_owner_of(self.folder, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            _append(descriptor, syslog_line(message, self._source_id) + b"\n")
        finally:
            os.close(descriptor)
        sync_folder(self.folder)  # always: who made the file may have been killed before it did

    def days(self) -> list[str]:
        """Days there is a file of, the oldest first."""
        with contextlib.suppress(FileNotFoundError):
            return sorted(p.stem for p in self.folder.iterdir() if p.suffix == _SUFFIX)
        return []

    def read(self, day: str, offset: int) -> list[bytes]:
        """Whole lines of a day from an offset on, with their ends; at most MOST_BYTES and one.

        Never lines that are not on disk yet: their writer may still take them back.
        """
        found = []
        with self._file(day).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            file.seek(offset)
            while file.tell() - offset < MOST_BYTES and (line := file.readline()).endswith(b"\n"):
                found.append(line)
        return found

    def size(self, day: str) -> int:
        """Bytes of a day's file."""
        return self._file(day).stat().st_size

    def remove(self, day: str) -> None:
        """Remove a day's file."""
        self._file(day).unlink(missing_ok=True)
        sync_folder(self.folder)

    def _make_folder(self) -> None:
        with contextlib.suppress(FileExistsError):
            self.folder.mkdir(mode=0o700)
            _leave_to_owner_of(self.folder.parent, self.folder)
            sync_folder(self.folder.parent)

    def _file(self, day: str) -> Path:
        return self.folder / f"{day}{_SUFFIX}"


def is_before(day: str, first: date) -> bool:
    """Whether a day is over by retention; what is no day is kept."""
    try:
        return date.fromisoformat(day) < first
    except ValueError:
        return False


def _leave_to_owner_of(folder: Path, what: int | Path) -> None:
    """What root makes, who fetches something by hand, must not keep the node from writing."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(what, owner.st_uid, owner.st_gid)


def _append(descriptor: int, line: bytes) -> None:
    """Add a line and sync it; without a trace where that fails."""
    end = _end_of_lines(descriptor)
    os.ftruncate(descriptor, end)  # what a killed process left there was promised to nobody
    try:
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, end)
        raise


def _end_of_lines(descriptor: int) -> int:
    """Where the last whole line of a file ends."""
    position = os.fstat(descriptor).st_size
    while position:
        begin = max(position - _PIECE, 0)
        found = os.pread(descriptor, position - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        position = begin
    return 0
