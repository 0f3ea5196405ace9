"""What integration tests may ask for."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from databases import Postgres, postgres_server
from nodes import MakeSite, Site, stop


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An engine's SQLite file whose schema and queues are made already, which takes a second."""
    folder = tmp_path_factory.mktemp("template")
    with Site(folder) as site:
        assert stop(site.start("both")) == 0
    return folder / "engine.sqlite"


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of such a PostgreSQL database."""
    url = postgres.make_database()
    with Site(tmp_path_factory.mktemp("template"), database_url=url) as site:
        assert stop(site.start("both")) == 0
    return url.partition("?")[0].rpartition("/")[2]


@pytest.fixture
def make_site(tmp_path: Path, sqlite_template: Path) -> Iterator[MakeSite]:
    """Makes sites on SQLite."""
    with _sites(tmp_path, lambda folder: _copied(sqlite_template, folder)) as make:
        yield make


@pytest.fixture(params=["sqlite", "postgresql"])
def make_any_site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeSite]:
    """Makes sites on SQLite, and for the same test again on PostgreSQL."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        prepare = lambda folder: _copied(template, folder)  # noqa: E731
    else:
        server: Postgres = request.getfixturevalue("postgres")
        name: str = request.getfixturevalue("postgres_template")
        prepare = lambda _folder: server.make_database(name)  # noqa: E731
    with _sites(tmp_path, prepare) as make:
        yield make


@contextmanager
def _sites(tmp_path: Path, prepare: Callable[[Path], str]) -> Iterator[MakeSite]:
    with ExitStack() as stack:

        def make(**destinations: int) -> Site:
            folder = tmp_path / f"site-{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            return stack.enter_context(Site(folder, destinations, prepare(folder)))

        yield make


def _copied(template: Path, folder: Path) -> str:
    shutil.copy(template, folder / "engine.sqlite")
    return f"sqlite:///{folder / 'engine.sqlite'}"
