"""Ends the process when a call into native code never returns."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

HUNG_EXIT_CODE = 70
"""EX_SOFTWARE of sysexits.h: the process ended itself because a call hung."""


@contextmanager
def watchdog(limit_seconds: float, end: Callable[[float], None] | None = None) -> Iterator[None]:
    """End the process when the block takes longer than the limit.

    A call that hangs inside native code cannot be interrupted, only left: the engine gives the
    job to the process started next.
    """
    timer = threading.Timer(limit_seconds, end or end_process, [limit_seconds])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def end_process(limit_seconds: float) -> None:
    """Say why, and leave at once: no clean-up, which could hang as well."""
    structlog.get_logger().critical("inference.hung", seconds=limit_seconds)
    os._exit(HUNG_EXIT_CODE)
