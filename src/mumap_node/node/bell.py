"""The bell: the receiver rings it so that the worker need not wait for its next look.

A named pipe in the spool. A lost ring only costs time, since the worker looks by itself too.
"""

import contextlib
import os
import select
from pathlib import Path


def ring(pipe: Path) -> None:
    """Wake whoever waits at the pipe; silently nothing where nobody does."""
    with contextlib.suppress(OSError):  # no reader, no pipe yet, or it is full of rings
        descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.write(descriptor, b"!")
        finally:
            os.close(descriptor)


class Bell:
    """The waiting end of the pipe."""

    def __init__(self, pipe: Path) -> None:
        """Make the pipe where it does not exist yet."""
        with contextlib.suppress(FileExistsError):
            os.mkfifo(pipe, 0o660)
        # Read and write: a pipe without a writer would report its end at once, for ever.
        self._descriptor = os.open(pipe, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def wait(self, seconds: float) -> bool:
        """Wait for a ring, or until the time is over; True where it rang."""
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        if ready:
            os.read(self._descriptor, 65536)
        return bool(ready)

    def close(self) -> None:
        """Stop listening."""
        os.close(self._descriptor)
