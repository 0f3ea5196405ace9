"""How the command line says that something failed."""

import os
import sys
from enum import IntEnum

import typer

from mumap_node.errors import (
    ConfigurationError,
    InputRejected,
    NodeError,
    TransientError,
    place_of,
)


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


def report_unexpected(error: Exception) -> None:
    """Print a failure nobody expected: its type and place, never its text or local variables."""
    _let_go_of_output()
    if isinstance(error, BrokenPipeError):  # whoever read our output went away, as `head` does
        return
    reason = "unexpected-error"
    typer.echo(
        f"{reason}: {place_of(error)}; this is a fault of mumap-node, "
        "please report this line (it holds no patient data)",
        err=True,
    )


def _let_go_of_output() -> None:
    """Forget what cannot be printed: Python would try again at its end, and then exit with 120."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
