"""The supervisor keeps its children running, and leaves none behind."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from mumap_node.service.stopping import StopRequest
from mumap_node.service.supervisor import supervise, wait_before_restart
from waiting import wait_until

TELL = "import os, pathlib, sys; pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))"
STAYS = f"{TELL}; import time; time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {STAYS}"
LISTENS = f"{TELL}; sys.stdin.read()"


def command(script: str, file: Path) -> list[str]:
    return [sys.executable, "-c", script, str(file)]


def pid_in(file: Path) -> int:
    return int(file.read_text() or 0) if file.exists() else 0


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def meanwhile():
    """Runs something beside the supervisor, which needs the main thread for its signals."""
    threads = []

    def meanwhile(action) -> None:
        def act() -> None:
            try:
                action()
            finally:
                os.kill(os.getpid(), signal.SIGTERM)

        thread = threading.Thread(target=act)
        threads.append(thread)
        thread.start()

    yield meanwhile
    for thread in threads:
        thread.join()


def test_waits_between_restarts_double_up_to_a_minute():
    assert [wait_before_restart(n) for n in (1, 2, 3, 8, 200)] == [0.5, 1, 2, 60, 60]


def test_a_killed_child_is_started_again_and_the_other_left_alone(tmp_path, meanwhile):
    a, b, pids = tmp_path / "a", tmp_path / "b", []

    def act() -> None:
        first, other = wait_until(lambda: pid_in(a)), wait_until(lambda: pid_in(b))
        os.kill(first, signal.SIGKILL)
        second = wait_until(lambda: pid_in(a) != first and pid_in(a))
        pids.extend([first, second, other, pid_in(b)])

    with StopRequest() as stop:
        meanwhile(act)
        commands = {"a": command(STAYS, a), "b": command(STAYS, b)}
        assert supervise(commands, stop, drain_seconds=10) == 0
    first, second, other, same = pids
    assert first != second
    assert other == same
    assert not any(map(is_alive, pids))


def test_a_death_is_told_and_a_stop_is_none(tmp_path, meanwhile):
    files = {name: tmp_path / name for name in ("a", "b")}
    commands = {name: command(STAYS, file) for name, file in files.items()}
    deaths = []

    def kill() -> None:
        wait_until(lambda: all(map(pid_in, files.values())))
        os.kill(pid_in(files["a"]), signal.SIGKILL)
        wait_until(lambda: deaths)

    with StopRequest() as stop:
        meanwhile(kill)
        told = lambda name, how: deaths.append((name, how))  # noqa: E731
        assert supervise(commands, stop, drain_seconds=10, on_death=told) == 0
    assert deaths == [("a", "signal SIGKILL")]


def test_a_child_that_will_not_stop_is_killed(tmp_path, meanwhile):
    file = tmp_path / "a"
    with StopRequest() as stop:
        meanwhile(lambda: wait_until(lambda: pid_in(file)))
        assert supervise({"a": command(STUBBORN, file)}, stop, drain_seconds=0.2) == 0
    assert not is_alive(pid_in(file))


def test_a_child_that_refuses_its_settings_stops_everything(tmp_path):
    file = tmp_path / "a"
    refuse = (
        "import pathlib, sys, time\n"
        "while not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.01)\n"
        "sys.exit(2)"
    )
    with StopRequest() as stop:
        commands = {"a": command(STAYS, file), "b": command(refuse, file)}
        assert supervise(commands, stop, drain_seconds=10) == 2
    wait_until(lambda: not is_alive(pid_in(file)))


def test_settings_that_turn_wrong_later_stop_only_that_child(tmp_path, meanwhile):
    """A model file that vanished must not end reception."""
    tries = tmp_path / "tries"
    flaky = (
        "import pathlib, sys\n"
        "tries = pathlib.Path(sys.argv[1])\n"
        "tries.write_text((tries.read_text() if tries.exists() else '') + 'x')\n"
        "sys.exit(2 if len(tries.read_text()) > 1 else 1)"
    )
    with StopRequest() as stop:
        meanwhile(lambda: wait_until(lambda: tries.exists() and len(tries.read_text()) > 2))
        assert supervise({"a": command(flaky, tries)}, stop, drain_seconds=10) == 0


def test_children_hear_that_the_supervisor_was_killed(tmp_path):
    """Their standard input is a pipe whose other end dies with it."""
    file = tmp_path / "a"
    supervisor = (
        "from mumap_node.service.stopping import StopRequest\n"
        "from mumap_node.service.supervisor import supervise\n"
        f"supervise({{'a': {command(LISTENS, file)!r}}}, StopRequest(), drain_seconds=9)"
    )
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", supervisor], dict(os.environ))
    running = wait_until(lambda: pid_in(file))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    wait_until(lambda: not is_alive(running))
