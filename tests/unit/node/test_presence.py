"""Who is alive can be seen, and whoever died cannot."""

import signal
import subprocess
import sys

from mumap_node.node.presence import is_present, present
from waiting import wait_until

CHILD = """
import sys, pathlib, signal
from mumap_node.node.presence import present
with present(pathlib.Path(sys.argv[1]), "worker"):
    print("here", flush=True)
    signal.pause()
"""


def test_nobody_is_present_before_anybody_came(tmp_path):
    assert not is_present(tmp_path, "worker")


def test_a_process_is_present_for_as_long_as_it_wants(tmp_path):
    with present(tmp_path, "worker"):
        assert is_present(tmp_path, "worker")
        assert not is_present(tmp_path, "deliverer")
    assert not is_present(tmp_path, "worker")


def test_two_of_a_kind_may_be_present(tmp_path):
    with present(tmp_path, "worker"):
        with present(tmp_path, "worker"):
            pass
        assert is_present(tmp_path, "worker")


def test_a_killed_process_is_not_present(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "here\n"
        assert is_present(tmp_path, "worker")
        child.send_signal(signal.SIGKILL)
    wait_until(lambda: not is_present(tmp_path, "worker"))
