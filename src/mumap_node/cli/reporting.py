"""How the command line says that something failed."""

import os
import sys
import traceback
from enum import IntEnum
from pathlib import Path
from types import TracebackType

import typer

from mumap_node.errors import ConfigurationError, InputRejected, NodeError, TransientError


class ExitCode(IntEnum):
    """What a verb ends with; a contract with scripts."""

    DONE = 0
    FAILED = 1  #: anything not named below
    SETTINGS_WRONG = 2  #: settings, models, data directory, or the command line itself
    INPUT_REJECTED = 3  #: an input was rejected, or a map failed its checks
    PEER_FAILED = 4  #: another AE did not answer, or refused


def quieten() -> None:
    """Keep logs out of the way of answers for people; what fails is reported by `report`."""
    import logging

    from mumap_node import logs

    logs.configure("command-line", sys.stderr, logging.CRITICAL)


def exit_code_of(error: NodeError) -> ExitCode:
    """The exit code that says what must happen next."""
    match error:
        case ConfigurationError():
            return ExitCode.SETTINGS_WRONG
        case InputRejected():
            return ExitCode.INPUT_REJECTED
        case TransientError():
            return ExitCode.PEER_FAILED
    return ExitCode.FAILED


def report(error: NodeError) -> None:
    """Print an expected failure: one line a problem, ``reason: sentence``."""
    problems = error.problems if isinstance(error, ConfigurationError) else (error.sentence,)
    for problem in problems:
        typer.echo(f"{error.reason}: {problem}", err=True)


def report_unexpected(
    _kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print a failure nobody expected: its type and place, never its text or local variables."""
    if isinstance(error, KeyboardInterrupt):
        return
    if isinstance(error, BrokenPipeError):  # whoever read our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    reason = "unexpected-error"
    frames = traceback.extract_tb(trace)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    typer.echo(
        f"{reason}: {type(error).__qualname__}{place}; this is a fault of mumap-node, "
        "please report this line (it holds no patient data)",
        err=True,
    )
