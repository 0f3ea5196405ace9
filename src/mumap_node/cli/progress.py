"""How far something long has come, on standard error: one line that a terminal rewrites."""

import sys
import time
from collections.abc import Callable

import typer

SECONDS_BETWEEN_LINES = 30.0
"""Where nobody watches, as in a log file."""


class Progress:
    """Tells how many of how many are done, and when the rest will be; its clock starts at once.

    Attributes:
        noun: What is counted, in the plural.
    """

    def __init__(self, noun: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.noun = noun
        self._clock = clock
        self._is_watched = sys.stderr.isatty()
        self._began = self._told = clock()
        self._ready: int | None = None

    def tell(self, done: int, total: int) -> None:
        """Say how far it is.

        Several that are done at the first call were ready before, and say nothing about the
        speed; a single one was made since the clock started.
        """
        now = self._clock()
        if self._ready is None:
            self._ready = done if done > 1 else 0
        made, is_last = done - self._ready, done == total
        is_due = not done or is_last or now - self._told >= SECONDS_BETWEEN_LINES
        if not (self._is_watched or is_due):
            return
        self._told = now
        line = f"{done} of {total} {self.noun}"
        if made and not is_last:
            seconds_each = (now - self._began) / made
            line += f", {seconds_each:.1f} s each, {_duration(seconds_each * (total - done))} left"
        elif made:
            line += f" in {_duration(now - self._began)}"
        typer.echo(f"\r{line:70}" if self._is_watched else line, err=True, nl=False)
        if is_last or not self._is_watched:
            typer.echo(err=True)


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
