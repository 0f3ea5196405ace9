"""Databases for tests: PostgreSQL of our own, and empty engine databases in next to no time."""

import contextlib
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg


class Postgres:
    """A PostgreSQL server that only listens on a socket in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        """Make a cluster and start it; as user postgres where we are root, who must not."""
        self._folder = folder
        self._user = "postgres" if os.getuid() == 0 else None
        self._numbers = itertools.count()
        if self._user:
            entry = pwd.getpwnam(self._user)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
        self._run("initdb", "-D", str(folder / "data"), "-A", "trust", "-U", "postgres", "-N")
        self.start()

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        options = f"-k {self._folder} -c listen_addresses= -c max_connections=200"
        self._control("start", "-w", "-l", str(self._folder / "log"), "-o", options)

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; "immediate" is how it crashes."""
        self._control("stop", "-w", "-m", mode)

    def url(self, database: str) -> str:
        """Address of a database."""
        return f"postgresql://postgres@/{database}?host={self._folder}"

    def make_database(self, template: str = "template0") -> str:
        """Address of a new database."""
        name = f"engine_{next(self._numbers)}"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def cut_connections(self, url: str) -> None:
        """End every connection to a database, as a network does."""
        name = url.partition("?")[0].rpartition("/")[2]
        self._execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608
        )

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        command = [find_program(program), *arguments]
        subprocess.run(
            command, user=self._user, cwd="/", check=True, stdout=subprocess.DEVNULL, timeout=60
        )


@contextlib.contextmanager
def postgres_server() -> Iterator[Postgres]:
    """A server that is gone when the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="mumap-pg-"))  # pytest's own folders are closed to others
    try:
        server = Postgres(folder)
        yield server
        server.stop("immediate")
    finally:
        shutil.rmtree(folder)


def find_program(name: str) -> str:
    """A program of PostgreSQL, which Debian keeps off the PATH.

    Raises:
        FileNotFoundError: It is not installed; `make test` does that.
    """
    found = shutil.which(name) or next(
        (str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), None
    )
    if found is None:
        raise FileNotFoundError(f"expected {name} of PostgreSQL; `make test` installs it")
    return found
