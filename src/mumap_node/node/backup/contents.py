"""What a backup holds: a gzipped tar that begins with a header and ends with sums (ADR 0031).

Its members, in this order::

    backup.json       what it is, and what it does not hold
    settings/…        the settings file and the templates it names
    data/…            the files of the data directory; of one name the last counts
    manifest.json     their sums; a backup without it is cut off
"""

from dataclasses import dataclass
from datetime import datetime

FORMAT = 1
"""Of the data directory and of its backups. One more wherever older versions of the node could no
longer read what is in them."""

HEADER = "backup.json"
SETTINGS = "settings"
DATA = "data"
MANIFEST = "manifest.json"

STAGING = "restore.part"
"""Folder of the data directory that a restore unpacks to: while it is there, no node may start."""

DONE = "restore.done"
"""What that folder is called while it is removed."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a backup is.

    Attributes:
        format: ``FORMAT`` of the node that made it.
        software_version: Of that node.
        begun_at: UTC; what was acknowledged, made, sent and said until then is in it.
        models: SHA-256 of the network by identity, of the models its node could run.
        left_out: What a restored node needs beside it, by setting: paths, never contents.
    """

    format: int
    software_version: str
    begun_at: datetime
    models: dict[str, str]
    left_out: dict[str, str]


@dataclass(frozen=True, slots=True)
class Copied:
    """One file as it was copied.

    Attributes:
        size: Bytes.
        sha256: Of its bytes.
        modified_ns: When it was written, nanoseconds since 1970.
    """

    size: int
    sha256: str
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is to be restored, each file as it must be.

    Attributes:
        header: The first member, repeated.
        files: By path below the data directory.
    """

    header: Header
    files: dict[str, Copied]

    @property
    def jobs(self) -> int:
        """Jobs in it."""
        return self._count("jobs/", "/job.json")

    @property
    def instances(self) -> int:
        """Received instances in it, decided on or not."""
        return self._count("instances/", "/instance.dcm") + self._count("inbox/", ".dcm")

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(copied.size for copied in self.files.values())

    def _count(self, beginning: str, end: str) -> int:
        return sum(name.startswith(beginning) and name.endswith(end) for name in self.files)
