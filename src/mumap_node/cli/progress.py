"""How far something long has come, on standard error: one line that a terminal rewrites."""

import sys
import time

import typer

SECONDS_BETWEEN_LINES = 30.0
"""Where nobody watches, as in a log file."""


class Progress:
    """Tells how many of how many are done, and when the rest will be.

    Attributes:
        noun: What is counted, in the plural.
    """

    def __init__(self, noun: str) -> None:
        self.noun = noun
        self._is_watched = sys.stderr.isatty()
        self._began = self._told = time.monotonic()
        self._before: int | None = None

    def tell(self, done: int, total: int) -> None:
        """Say how far it is; those done at the first call say nothing about the speed."""
        now = time.monotonic()
        if self._before is None:
            self._before, self._began = done, now
        made, is_last = done - self._before, done == total
        if not (self._is_watched or is_last or now - self._told >= SECONDS_BETWEEN_LINES):
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
