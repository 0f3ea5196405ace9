"""Leases: at most one living process per executor id, and a dead one's id can be told.

Two executors with one id would run each other's work twice; an executor that died leaves work
that only its id may claim. A lease is a lock that ends with its process.
"""

import contextlib
import fcntl
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol

import sqlalchemy as sa

from mumap_node.errors import ConfigurationError
from mumap_node.node.engine.database import SERVER_PATIENCE, EngineOptions

MOST_EXECUTORS = 64
"""Executors of one kind on one host."""

APPLICATION_LOCKS = "mumap-node"
"""First key of the PostgreSQL advisory locks, so that they meet no other application's."""


class Lease(Protocol):
    """Locks by name that end with their process."""

    def take(self, name: str) -> bool:
        """Take a lock unless another process has it; True where it is ours."""

    def free(self, name: str) -> None:
        """Give a lock back."""

    def check(self) -> None:
        """Raise where the locks taken may be lost."""

    def reopen(self) -> None:
        """Begin anew without any lock, after they were lost."""

    def close(self) -> None:
        """Give every lock back."""


class FileLease:
    """Locks as files on one host (flock), beside a SQLite database."""

    def __init__(self, folder: Path) -> None:
        """Keep the locks below ``folder``, which must exist."""
        self._folder = folder
        self._held: dict[str, IO[bytes]] = {}

    def take(self, name: str) -> bool:
        """See `Lease.take`."""
        if name in self._held:
            return True  # flock belongs to the open file: never open our own twice
        path = self._path(name)
        while True:
            file = path.open("wb")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                return False
            if _is_still(path, file):
                self._held[name] = file
                return True
            file.close()  # its holder removed it while we opened it: that lock guards nothing

    def free(self, name: str) -> None:
        """See `Lease.free`."""
        file = self._held.pop(name)
        self._path(name).unlink(missing_ok=True)  # while it is locked, so nobody loses theirs
        file.close()

    def check(self) -> None:
        """The kernel keeps the locks as long as the process lives."""

    def reopen(self) -> None:
        """Nothing is ever lost."""

    def close(self) -> None:
        """See `Lease.close`."""
        for name in list(self._held):
            self.free(name)

    def _path(self, name: str) -> Path:
        return self._folder / f"{re.sub('[^A-Za-z0-9.@-]', '_', name)}.lock"


class ServerLease:
    """Advisory locks of PostgreSQL on one connection of our own; its end frees them."""

    def __init__(self, url: sa.URL) -> None:
        """Connect.

        Raises:
            sqlalchemy.exc.OperationalError: The server cannot be reached.
        """
        self._engine = sa.create_engine(
            url,
            isolation_level="AUTOCOMMIT",
            poolclass=sa.NullPool,
            connect_args=dict(SERVER_PATIENCE),
        )
        self._connection = self._engine.connect()
        self._held: set[str] = set()

    def take(self, name: str) -> bool:
        """See `Lease.take`."""
        if name in self._held:
            return True  # PostgreSQL would count it, and one `free` would not be enough
        taken = bool(self._call("pg_try_advisory_lock", name))
        if taken:
            self._held.add(name)
        return taken

    def free(self, name: str) -> None:
        """See `Lease.free`."""
        self._held.discard(name)
        self._call("pg_advisory_unlock", name)

    def check(self) -> None:
        """Raise `sqlalchemy.exc.DBAPIError` where the connection, and so every lock, is lost."""
        self._connection.execute(sa.text("SELECT 1"))

    def reopen(self) -> None:
        """See `Lease.reopen`."""
        self.close()
        self._connection = self._engine.connect()

    def close(self) -> None:
        """See `Lease.close`."""
        self._held.clear()
        with contextlib.suppress(sa.exc.DBAPIError):  # it may be broken already
            self._connection.close()

    def _call(self, function: str, name: str) -> object:
        query = sa.text(f"SELECT {function}(hashtext(:application), hashtext(:name))")
        keys = {"application": APPLICATION_LOCKS, "name": name}
        return self._connection.execute(query, keys).scalar()


def open_lease(options: EngineOptions) -> Lease:
    """The kind of lease that fits the database."""
    if options.sqlite_file is None:
        return ServerLease(options.server_url)
    return FileLease(options.lock_folder)


def take_executor_id(lease: Lease, name: str) -> str:
    """Take the first executor id of this host that no living process has.

    Stable where one process of a kind runs per host, and still unique where several do.

    Raises:
        ConfigurationError: All are taken.
    """
    for executor_id in _executor_ids(name):
        if lease.take(executor_id):
            return executor_id
    raise ConfigurationError(
        "too-many-executors", [f"expected at most {MOST_EXECUTORS} of {name!r} on one host"]
    )


def _executor_ids(name: str) -> Iterator[str]:
    host = socket.gethostname()
    return (f"{name}-{number}@{host}" for number in range(MOST_EXECUTORS))


def _is_still(path: Path, file: IO[bytes]) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    return False
