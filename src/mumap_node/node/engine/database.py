"""The engine's database: a SQLite file that survives a power cut, or PostgreSQL."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from mumap_node.errors import ConfigurationError

POOL_SIZE = 10
"""Connections of an executor; DBOS checks out one per queue, listener and running workflow."""

CLIENT_POOL_SIZE = 2
"""Connections of a process that only asks and enqueues."""

BUSY_TIMEOUT_MS = 30_000
"""How long SQLite waits for another process's write lock. Source: DBOS's own setting."""

SERVER_PATIENCE: Mapping[str, int] = MappingProxyType(
    {
        "connect_timeout": 5,  # seconds
        "keepalives_idle": 5,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,  # milliseconds
    }
)
"""How long a PostgreSQL server may be silent (libpq). With TCP's defaults a host that vanished
would keep a connection, and the locks taken over it, for two hours."""

SYNCHRONOUS_FULL = 2
"""PRAGMA synchronous from which a commit is on disk when it returns, in WAL mode."""

NETWORK_FILESYSTEMS = ("nfs", "cifs", "smb", "9p", "fuse.sshfs", "ceph", "glusterfs")
"""Beginnings of file system names on which SQLite's locks and WAL are not safe."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Where the engine keeps its records.

    Attributes:
        database_url: "sqlite:////folder/engine.sqlite" or "postgresql://user@host:port/name".
        lock_folder: Folder of the locks executors hold beside a SQLite file.
    """

    database_url: str
    lock_folder: Path

    @property
    def sqlite_file(self) -> Path | None:
        """The database file; None where the database is a server."""
        url = sa.make_url(self.database_url)
        return Path(url.database or "") if url.get_backend_name() == "sqlite" else None

    @property
    def server_url(self) -> sa.URL:
        """Address of the PostgreSQL server, for psycopg 3."""
        return sa.make_url(self.database_url).set(drivername="postgresql+psycopg")


def embedded_database(data_dir: Path) -> str:
    """Address of the SQLite database below the data directory, used where none is set."""
    return f"sqlite:///{data_dir.absolute() / 'engine.sqlite'}"


def open_database(options: EngineOptions, *, pool_size: int) -> sa.Engine:
    """Open the database with the durability the node promises.

    DBOS's own SQLite engine keeps the rollback journal, whose unlink is not synced: after a power
    cut a committed enqueue can vanish. With a write-ahead log and synchronous=FULL a commit has
    been synced when it returns. An engine of one's own bypasses DBOS's connect hook, so all its
    settings are made here.
    """
    if options.sqlite_file is None:
        return sa.create_engine(
            options.server_url,
            pool_size=pool_size,
            max_overflow=0,
            pool_pre_ping=True,
            connect_args={
                **SERVER_PATIENCE,
                "application_name": f"mumap-node@{socket.gethostname()}",
            },
        )
    engine = sa.create_engine(options.database_url, pool_size=pool_size, max_overflow=0)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def check_durability(engine: sa.Engine) -> None:
    """Refuse a SQLite file that would forget a commit in a power cut.

    Raises:
        ConfigurationError: It lies on a network file system, or cannot keep a write-ahead log.
    """
    if engine.dialect.name != "sqlite":
        return  # fsync and synchronous_commit are PostgreSQL's defaults
    filesystem = filesystem_of(Path(engine.url.database or ""))
    if filesystem.startswith(NETWORK_FILESYSTEMS):
        raise ConfigurationError(
            "database-on-network-disk",
            [f"expected the SQLite database on a local disk, found it on {filesystem}"],
        )
    with engine.connect() as connection:
        journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
    if journal != "wal" or synchronous < SYNCHRONOUS_FULL:
        problem = f"expected SQLite with journal wal, synchronous 2; found {journal}, {synchronous}"
        raise ConfigurationError("database-not-durable", [problem])


def filesystem_of(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """Kind of the file system a path lies on, such as "ext4"; empty where nobody says.

    Source: proc_pid_mountinfo(5): mount point in field 5, kind after the separator "-".
    """
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return ""
    found = [(fields[4], fields[fields.index("-") + 1]) for fields in map(str.split, lines)]
    resolved = path.resolve()
    # Mounted later hides mounted earlier, so the last of the longest mount points counts.
    holding = [item for item in found if resolved.is_relative_to(_unescaped(item[0]))]
    return max(reversed(holding), key=lambda item: len(item[0]), default=("", ""))[1]


def _unescaped(mount_point: str) -> str:
    for escaped, character in (("\\040", " "), ("\\011", "\t"), ("\\134", "\\")):
        mount_point = mount_point.replace(escaped, character)
    return mount_point


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = "IMMEDIATE"  # writers queue up instead of failing at commit
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "foreign_keys=ON",
        "journal_mode=WAL",
        "synchronous=FULL",
    ):
        connection.execute(f"PRAGMA {pragma}")
