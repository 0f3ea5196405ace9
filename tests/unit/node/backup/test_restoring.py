"""A backup is restored wholly or not at all, into nothing but an empty folder."""

import gzip
import io
import itertools
import os
import shutil
import signal
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mumap_node.errors import ConfigurationError
from mumap_node.node.backup.contents import DONE, FORMAT, STAGING, Header
from mumap_node.node.backup.restoring import restore_backup
from mumap_node.node.backup.writing import write_backup
from mumap_node.node.spool.files import Spool
from mumap_node.node.spool.measured import key_of, read_measured
from mumap_node.node.spool.records import DeliveryState
from records import STUDY, delivery, job, measure, result, write_job

NAME_EVENTS = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.utime")

HEADER = Header(FORMAT, "1.2.3", datetime(2026, 3, 1, tzinfo=UTC), {"test-1": "0" * 64}, {})


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """With a job, a measured map and an arrival."""
    spool = Spool(tmp_path / "spool")
    write_job(spool, job(), made=result(), sent=[delivery(DeliveryState.ACCEPTED)])
    measure(spool)
    spool.store_arrival(os.urandom(100_000), b"")
    return spool


def _backup(spool: Spool, header: Header = HEADER) -> bytes:
    output = io.BytesIO()
    write_backup(output, spool.root, header, {"mumap-node.toml": b"[node]\n"})
    return output.getvalue()


def _files(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def _restore(backup: bytes, root: Path) -> None:
    restore_backup(io.BytesIO(backup), root)


def test_what_is_restored_is_what_was_there_to_the_nanosecond(spool, tmp_path) -> None:
    restored = tmp_path / "deep" / "restored"
    manifest = restore_backup(io.BytesIO(_backup(spool)), restored)

    assert _files(restored) == _files(spool.root)
    assert read_measured(Spool(restored), key_of(STUDY)).digest == (
        read_measured(spool, key_of(STUDY)).digest
    ), "or everything is compared anew"
    assert (manifest.header, manifest.jobs, manifest.instances) == (HEADER, 1, 2)
    assert manifest.size == sum(map(len, _files(restored).values()))


def test_only_the_nodes_user_can_reach_what_is_restored(spool, tmp_path) -> None:
    _restore(_backup(spool), tmp_path / "restored")
    modes = {
        (path.is_dir(), path.stat().st_mode & 0o777)
        for path in (tmp_path / "restored", *(tmp_path / "restored").rglob("*"))
    }
    assert modes == {(True, 0o700), (False, 0o600)}


def test_what_was_replaced_while_it_was_copied_is_restored_as_it_was_last(tmp_path) -> None:
    spool = Spool(tmp_path / "spool")
    write_job(spool, job())

    class Busy(io.BytesIO):
        """Whose first bytes take so long that a map is made meanwhile."""

        def write(self, data: bytes) -> int:  # type: ignore[override]
            if not spool.result_file("job").exists():
                write_job(spool, job(), made=result())
            return super().write(data)

    output = Busy()
    write_backup(output, spool.root, HEADER, {})
    _restore(output.getvalue(), tmp_path / "restored")
    assert _files(tmp_path / "restored") == _files(spool.root)


def test_a_folder_that_is_not_empty_is_left_as_it_is(spool, tmp_path) -> None:
    backup, before = _backup(spool), _files(spool.root)
    with pytest.raises(ConfigurationError, match="data-dir-not-empty"):
        _restore(backup, spool.root)
    assert _files(spool.root) == before
    assert not (spool.root / STAGING).exists()


def _killed(step: int, backup: bytes, root: Path) -> bool:
    """Whether a restore in a process of its own dies before its n-th change of a name."""
    child = os.fork()
    if child == 0:
        left = iter(range(step))

        def trap(event: str, _arguments: object) -> None:
            if event in NAME_EVENTS and next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(trap)
        _restore(backup, root)
        os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


def test_a_restore_killed_at_any_step_is_known_and_ended_by_the_next(tmp_path) -> None:
    spool = Spool(tmp_path / "spool")
    write_job(spool, job())
    backup = _backup(spool)
    for step in itertools.count():
        root = tmp_path / f"{step}"
        if not _killed(step, backup, root):
            break
        begun = list(root.glob("*")) != []
        if begun and not (root / STAGING).exists():  # nothing is missing then but tidying up
            shutil.rmtree(root / DONE)
        else:
            assert [path.name for path in root.glob("*")] == [STAGING] * begun or (
                root / STAGING / "manifest.json"
            ).exists()
            _restore(backup, root)
        assert _files(root) == _files(spool.root)
    assert step > 15


def test_an_empty_disk_with_its_lost_and_found_is_empty(spool, tmp_path) -> None:
    (tmp_path / "disk" / "lost+found").mkdir(parents=True)
    _restore(_backup(spool), tmp_path / "disk")
    assert _files(tmp_path / "disk") == _files(spool.root)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
def test_a_backup_that_is_cut_off_restores_nothing(spool, tmp_path, share) -> None:
    backup = _backup(spool)
    with pytest.raises(ConfigurationError, match="backup-damaged"):
        _restore(backup[: int(len(backup) * share)], tmp_path / "restored")
    assert not list((tmp_path / "restored").iterdir())


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9])
def test_a_backup_with_a_changed_byte_restores_nothing(spool, tmp_path, share) -> None:
    backup = bytearray(_backup(spool))
    backup[int(len(backup) * share)] ^= 0x40
    with pytest.raises(ConfigurationError, match="backup-damaged"):
        _restore(bytes(backup), tmp_path / "restored")
    assert not list((tmp_path / "restored").iterdir())


def _edited(backup: bytes, edit: Callable[[str, bytes], tuple[str, bytes] | None]) -> bytes:
    """The same backup with other members, whole as far as gzip and tar can tell."""
    output = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(gzip.decompress(backup))) as before,
        tarfile.open(fileobj=output, mode="w:gz") as after,
    ):
        for member in before:
            file = before.extractfile(member)
            edited = edit(member.name, file.read() if file else b"")
            if edited is not None:
                info = tarfile.TarInfo(edited[0])
                info.size = len(edited[1])
                after.addfile(info, io.BytesIO(edited[1]))
    return output.getvalue()


@pytest.mark.parametrize(
    "edit",
    [
        lambda name, data: None if name.endswith("result.json") else (name, data),
        lambda name, data: None if name == "manifest.json" else (name, data),
        lambda name, data: None if name == "backup.json" else (name, data),
        lambda name, data: (name, b"{" if name == "manifest.json" else data),
        lambda name, data: (name, b"{" if name == "backup.json" else data),
        lambda name, data: (name, data.replace(b"accepted", b"waiting ")),
        lambda name, data: (name.replace("data/inbox", "data/../../outside"), data),
        lambda name, data: (name.replace("data/inbox", "/outside"), data),
        lambda name, data: (name.replace("data/inbox", "elsewhere"), data),
    ],
)
def test_a_backup_that_was_tampered_with_restores_nothing(spool, tmp_path, edit) -> None:
    backup = _edited(_backup(spool), edit)
    with pytest.raises(ConfigurationError, match="backup-damaged"):
        _restore(backup, tmp_path / "restored")
    assert not list((tmp_path / "restored").iterdir())
    assert not (tmp_path / "outside").exists()


def test_a_backup_of_a_newer_format_is_refused_with_the_version_it_needs(spool, tmp_path) -> None:
    newer = _backup(spool, replace(HEADER, format=FORMAT + 1, software_version="9.0.0"))
    with pytest.raises(
        ConfigurationError, match=r"backup-too-new.*format 1.*of mumap-node 9\.0\.0"
    ):
        _restore(newer, tmp_path / "restored")
    assert not list((tmp_path / "restored").iterdir())


def test_the_settings_can_be_taken_out_of_a_backup(spool) -> None:
    with tarfile.open(fileobj=io.BytesIO(_backup(spool))) as tar:
        file = tar.extractfile("settings/mumap-node.toml")
        assert file is not None
        assert file.read() == b"[node]\n"
