"""Work on many cases at once leaves nothing behind."""

import math
import subprocess
import sys
from pathlib import Path

import pytest

from mumap_node.training.parallel import in_processes
from waiting import wait_until

PARENT = """
import os
import time
from mumap_node.training.parallel import in_processes

if __name__ == "__main__":
    for pid in in_processes(os.getpgid, [0, 0], 2):
        print(pid, flush=True)
        time.sleep(600)  # until it is killed
"""


def test_every_item_is_worked_on_whatever_the_order() -> None:
    assert sorted(in_processes(abs, [-3, 2, -1], 2)) == [1, 2, 3]


def test_what_stops_a_worker_stops_the_work() -> None:
    with pytest.raises(ValueError, match="math domain"):
        list(in_processes(math.sqrt, [1.0, -1.0], 1))


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        group = int(parent.stdout.readline())
        assert len(members(group)) > 1
        parent.kill()
    wait_until(lambda: not members(group))


def members(group: int) -> list[Path]:
    """Living processes of a group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, of = stat.read_text(encoding="utf-8").rpartition(")")[2].split()[:3]
        except OSError:
            continue  # it ended meanwhile
        if int(of) == group and state != "Z":
            found.append(stat)
    return found
