"""Forwarding: sends the trail to a syslog server, in order, and removes what is over."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from mumap_node.errors import TransientError
from mumap_node.node.audit.syslog import SyslogServer, deliver
from mumap_node.node.audit.trail import Trail, is_before
from mumap_node.node.presence import try_lock
from mumap_node.node.spool.files import RecordDamagedError, read_record, write_record

LOOK_SECONDS = 5.0
"""Between two looks for new messages."""

LONGEST_WAIT_SECONDS = 300.0
"""Between two attempts at a server that does not take them."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the server has the trail.

    Attributes:
        sent: Bytes it took, by day.
    """

    sent: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ForwardingOptions:
    """What becomes of the trail.

    Attributes:
        trail: What is sent.
        run: Folder of locks (`Spool.run`).
        days: How many its files are kept.
        server: Where it goes; None for nowhere.
        look_seconds: Between two looks, and before the first new attempt.
    """

    trail: Trail
    run: Path
    days: int
    server: SyslogServer | None = None
    look_seconds: float = LOOK_SECONDS


class Forwarder:
    """The thread that forwards; it works in one process at a time."""

    def __init__(self, options: ForwardingOptions, now: Callable[[], datetime]) -> None:
        """Begin, as soon as no other process does it.

        Args:
            options: What to do.
            now: The time, UTC.
        """
        self._options, self._trail, self._now = options, options.trail, now
        self._progress_file = options.trail.folder / "sent.json"
        self._failures = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="forwarder", daemon=True)
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """End after the batch at hand; what is cut short is sent again by the next one."""
        self._stop.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        lock = os.open(self._options.run / "forwarder.lock", flags, 0o660)
        try:
            while not try_lock(lock):
                if self._stop.wait(self._options.look_seconds):
                    return
            while not self._stop.is_set():
                self._stop.wait(self._look())
        finally:
            os.close(lock)

    def _look(self) -> float:
        """Send what is new; how many seconds to wait before the next look."""
        reason, sentence = "", ""
        try:
            self._forward()
            self._clean_up()
        except TransientError as error:
            reason, sentence = error.reason, error.sentence
        except OSError as error:
            reason, sentence = "spool-failed", f"expected the audit trail, found: {error.strerror}"
        if not reason:
            self._failures = 0
            return self._options.look_seconds
        wait = min(self._options.look_seconds * (1 << self._failures), LONGEST_WAIT_SECONDS)
        self._failures = min(self._failures + 1, 30)
        log.warning("audit.postponed", reason=reason, sentence=sentence, wait_seconds=wait)
        return wait

    def _forward(self) -> None:
        server = self._options.server
        if server is None:
            return
        for day in self._trail.days():
            while not self._stop.is_set():
                offset = self._sent().get(day, 0)
                lines = self._trail.read(day, offset)
                if not lines:
                    break
                deliver(server, [line[:-1] for line in lines])
                self._keep(day, offset + sum(map(len, lines)))
                log.info("audit.sent", count=len(lines))

    def _clean_up(self) -> None:
        """Remove files whose time is over; never one the server does not have."""
        first = (self._now().astimezone(UTC) - timedelta(days=self._options.days)).date()
        for day in self._trail.days():
            if not is_before(day, first):
                continue
            if self._options.server is None or self._sent().get(day, 0) >= self._trail.size(day):
                self._trail.remove(day)

    def _sent(self) -> dict[str, int]:
        try:
            progress = read_record(Progress, self._progress_file)
        except RecordDamagedError:  # all of it is sent again
            return {}
        return progress.sent if progress else {}

    def _keep(self, day: str, offset: int) -> None:
        days = self._trail.days()
        sent = {known: count for known, count in self._sent().items() if known in days}
        write_record(self._progress_file, Progress(sent | {day: offset}))
