"""The receiver under strace, which lets its disk fail and its process die at every step.

Whatever happens: Success is never answered for an object that is not there afterwards.
"""

import re
from pathlib import Path

import pytest

from builders import nac_file
from peers import answers, store
from receivers import receiving_process

STEPS = [("fsync", 1), ("rename", 1), ("fsync", 2)]
"""The bytes are synced, the file is renamed, its folder is synced: all of one C-STORE."""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    paths = (tmp_path / "first.dcm", tmp_path / "second.dcm")
    for number, path in enumerate(paths, start=1):
        path.write_bytes(nac_file(SOPInstanceUID=f"2.25.{number}"))
    return paths


def strace(*inject: str, log: Path | None = None) -> list[str]:
    """Trace what makes files durable. Not with --seccomp-bpf, which forgets later signals."""
    traced = ["-e", "trace=fsync,fdatasync,rename,renameat,renameat2,link,linkat"]
    faults = [argument for fault in inject for argument in ("-e", f"inject={fault}")]
    return ["strace", "-f", "-qq", "-o", str(log or "/dev/null"), *traced, *faults]


def test_the_steps_that_may_fail_are_all_known(tmp_path: Path, files: tuple[Path, Path]) -> None:
    log = tmp_path / "strace.log"
    with receiving_process(tmp_path / "spool", strace(log=log)) as node:
        assert answers(store(node.port, files[0], called="MUMAP")) == ["Success"]
    calls = re.findall(r"\d+ +(\w+)\(", log.read_text())
    assert calls == [call for call, _ in STEPS]


@pytest.mark.parametrize(("call", "count"), STEPS)
def test_a_receiver_that_dies_acknowledges_nothing_it_has_not(
    tmp_path: Path, files: tuple[Path, Path], call: str, count: int
) -> None:
    spool = tmp_path / "spool"
    with receiving_process(spool, strace(f"{call}:signal=SIGKILL:when={count}")) as node:
        assert answers(store(node.port, files[0], called="MUMAP")) == []
    with receiving_process(spool) as node:
        assert node.leftovers() == []
        assert answers(store(node.port, files[1], called="MUMAP")) == ["Success"]
        assert "2.25.2" in [stored.SOPInstanceUID for stored in node.stored()]


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.parametrize(("call", "count"), STEPS)
def test_a_disk_that_fails_is_out_of_resources_and_the_next_object_is_stored(
    tmp_path: Path, files: tuple[Path, Path], call: str, count: int, error: str
) -> None:
    tracer = strace(f"{call}:error={error}:when={count}")
    with receiving_process(tmp_path / "spool", tracer) as node:
        sent = store(node.port, *files, called="MUMAP", options=["--no-halt"])
        assert answers(sent) == ["Refused: OutOfResources", "Success"]
        uids = [stored.SOPInstanceUID for stored in node.stored()]
        assert uids[-1] == "2.25.2"
        # Only a folder that could not be synced may hold more than was acknowledged.
        assert len(uids) == (2 if (call, count) == STEPS[-1] else 1)
        assert node.leftovers() == []
