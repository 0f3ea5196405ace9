"""`serve`: the processes of the node as children, restarted when they die, drained at the end.

Children are started afresh, never forked from a process with threads, and share nothing but the
spool and the engine. Each holds the reading end of a pipe whose other end only the supervisor
has: should the supervisor be killed, the pipe closes and the children stop by themselves.
"""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from mumap_node.service.stopping import StopRequest

FIRST_WAIT_SECONDS = 0.5
"""Before the first restart of a child that died."""

LONGEST_WAIT_SECONDS = 60.0
"""Between restarts of a child that keeps dying."""

STEADY_SECONDS = 60.0
"""A child that ran this long is trusted again: its next restart waits no longer than the first."""

SETTINGS_WRONG = 2
"""Exit code of a child that cannot start with these settings (see `mumap_node.cli`)."""

Command = Sequence[str]


@dataclass(slots=True)
class Child:
    """One process of the node.

    Attributes:
        name: Its verb.
        command: What starts it.
        process: The running process; None while it waits for its restart.
        started_at: Monotonic time of the last start, seconds.
        restart_at: Monotonic time of the next start, seconds.
        deaths: Since it last ran steadily.
        starts: In all.
    """

    name: str
    command: Command
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    deaths: int = 0
    starts: int = field(default=0)


def wait_before_restart(deaths: int) -> float:
    """Seconds to wait before a restart; doubles with every death in a row, up to a minute."""
    return float(min(FIRST_WAIT_SECONDS * (1 << min(deaths - 1, 30)), LONGEST_WAIT_SECONDS))


def supervise(
    commands: Mapping[str, Command],
    stop: StopRequest,
    *,
    drain_seconds: float,
    on_death: Callable[[str, str], None] = lambda _name, _how: None,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Keep every command running until asked to stop.

    Args:
        commands: Command line by name.
        stop: Who asks.
        drain_seconds: Time the children get to finish what they do.
        on_death: Is told the name of a child that ended unasked, and how.
        clock: Monotonic seconds.

    Returns:
        0 after a stop; 2 where a child could not start with these settings.
    """
    log = structlog.get_logger()
    children = [Child(name, command) for name, command in commands.items()]
    try:
        while not stop.asked:
            for child in children:
                if _tend(child, clock(), on_death) == SETTINGS_WRONG:
                    log.error("node.stopping", process=child.name, exit_code=SETTINGS_WRONG)
                    return SETTINGS_WRONG
            stop.wait_or_child(_until_next_restart(children, clock()))
        log.info("node.stopping")
        return 0
    finally:
        _drain(children, drain_seconds)
        log.info("node.stopped")


def _tend(child: Child, now: float, on_death: Callable[[str, str], None]) -> int | None:
    """Start a child that is due, and see whether a running one has died.

    Returns:
        Its exit code, where it ended by itself on its very first start; None otherwise.
    """
    if child.process is None:
        if now >= child.restart_at:
            _start(child, now)
        return None
    exit_code = child.process.poll()
    if exit_code is None:
        return None
    _bury(child, exit_code, now)
    on_death(child.name, "; ".join(f"{what} {which}" for what, which in _how(exit_code).items()))
    # Later, what is wrong with one process (a model file gone) must not end reception too.
    is_first = child.starts == 1 and now - child.started_at < STEADY_SECONDS
    return exit_code if is_first else None


def _start(child: Child, now: float) -> None:
    child.process = subprocess.Popen(child.command, stdin=subprocess.PIPE)  # noqa: S603
    child.started_at = now
    child.starts += 1
    structlog.get_logger().info("process.started", process=child.name, run=child.starts)


def _bury(child: Child, exit_code: int, now: float) -> None:
    _close_pipe(child.process)
    child.process = None
    child.deaths = 1 if now - child.started_at >= STEADY_SECONDS else child.deaths + 1
    wait_seconds = wait_before_restart(child.deaths)
    child.restart_at = now + wait_seconds
    structlog.get_logger().error(
        "process.died",
        process=child.name,
        seconds=round(now - child.started_at, 1),
        wait_seconds=wait_seconds,
        **_how(exit_code),
    )


def _how(exit_code: int) -> dict[str, int | str]:
    return {"exit_code": exit_code} if exit_code >= 0 else {"signal": _signal_name(-exit_code)}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"SIG{number}"


def _until_next_restart(children: Sequence[Child], now: float) -> float | None:
    waits = [child.restart_at - now for child in children if child.process is None]
    return max(min(waits), 0.0) if waits else None


def _drain(children: Sequence[Child], seconds: float) -> None:
    """Ask all children to stop, and end those that do not in time."""
    running = [(child.name, child.process) for child in children if child.process is not None]
    for _, process in running:
        process.terminate()
    deadline = time.monotonic() + seconds
    for name, process in running:
        try:
            exit_code = process.wait(max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            process.kill()
            exit_code = process.wait()
        _close_pipe(process)
        structlog.get_logger().info("process.ended", process=name, **_how(exit_code))


def _close_pipe(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None and process.stdin is not None:
        process.stdin.close()
