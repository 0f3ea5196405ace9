"""Where the engine keeps its records, and the locks that keep executors apart."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mumap_node.node.engine.attempts import Attempt, Kind
from mumap_node.node.engine.database import EngineOptions, embedded_database, filesystem_of
from mumap_node.node.engine.lease import FileLease

MOUNTS = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /mnt rw,relatime - nfs4 server:/export rw
31 30 0:41 / /mnt/local\040disk rw,relatime - xfs /dev/sdb1 rw
32 22 0:42 / /mnt/twice rw - cifs //server/share rw
33 22 0:43 / /mnt/twice rw - ext4 /dev/sdc1 rw
""".lstrip()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/var/lib/mumap-node/engine.sqlite", "ext4"),
        ("/mnt/engine.sqlite", "nfs4"),
        ("/mnt/local disk/engine.sqlite", "xfs"),
        ("/mnt/local disks/engine.sqlite", "nfs4"),
        ("/mnt/twice/engine.sqlite", "ext4"),
    ],
)
def test_the_file_system_of_a_path(tmp_path: Path, path: str, expected: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert filesystem_of(Path(path), mounts) == expected


def test_where_nobody_says_nothing_is_known(tmp_path: Path) -> None:
    assert filesystem_of(tmp_path, tmp_path / "absent") == ""


def test_this_machines_file_systems_can_be_told() -> None:
    assert filesystem_of(Path.cwd())


def test_the_address_says_which_database_it_is(tmp_path: Path) -> None:
    embedded = EngineOptions(embedded_database(tmp_path), tmp_path)
    assert embedded.sqlite_file == tmp_path / "engine.sqlite"
    server = EngineOptions("postgres://me@host:5432/mumap", tmp_path)
    assert server.sqlite_file is None
    assert server.server_url.drivername == "postgresql+psycopg"


def test_a_lock_is_held_by_one_and_free_after_it(tmp_path: Path) -> None:
    one, other = FileLease(tmp_path), FileLease(tmp_path)
    assert one.take("worker-0@host")
    assert one.take("worker-0@host")
    assert not other.take("worker-0@host")
    one.free("worker-0@host")
    assert other.take("worker-0@host")
    assert not one.take("worker-0@host")
    other.close()
    assert not list(tmp_path.iterdir())


def test_names_of_locks_are_no_paths(tmp_path: Path) -> None:
    lease = FileLease(tmp_path)
    assert lease.take("../../etc/passwd")
    assert [path.parent for path in tmp_path.iterdir()] == [tmp_path]
    lease.close()


@given(
    st.sampled_from(Kind),
    st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
    st.integers(1, 10**6),
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", fullmatch=True),
)
def test_an_attempt_survives_the_engine(kind: Kind, job: str, number: int, name: str) -> None:
    destination, measured = name * (kind is Kind.DELIVER), job * (kind is Kind.COMPARE)
    attempt = Attempt(kind, job, number, destination, 1.5, measured)
    assert Attempt.from_json(attempt.to_json()) == attempt
    series, _, last = attempt.workflow_id.rpartition("/")
    assert (f"{series}/", int(last)) == (attempt.series, number)
