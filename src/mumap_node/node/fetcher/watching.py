"""A watch: one look at an archive for what is new, each instance taken once."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from mumap_node.errors import TransientError
from mumap_node.node.calling import CallFailed
from mumap_node.node.fetcher.archive import Archive
from mumap_node.node.fetcher.choosing import Query, Series
from mumap_node.node.fetcher.memory import Memory
from mumap_node.node.fetcher.retrieve import Retrieved, retrieve
from mumap_node.node.routing import Condition
from mumap_node.node.spool.measured import key_of

LONGEST_WAIT_SECONDS = 3600.0
"""Between two requests for a series the archive cannot send."""

SERIES_DIGITS = 12
"""Of the hash of a Series Instance UID in logs and decisions."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Watch:
    """What is fetched without anybody asking.

    Attributes:
        name: As in the settings.
        archive: Who is asked.
        match: Condition by keyword.
        modalities: Of the series.
        every_seconds: From one look to the next.
        days: How many days back study dates go.
    """

    name: str
    archive: Archive
    match: dict[str, Condition]
    modalities: tuple[str, ...]
    every_seconds: float
    days: int

    def query(self, now: datetime, zone: ZoneInfo) -> Query:
        """What is asked for: up to tomorrow, since clocks and time zones differ.

        Args:
            now: UTC.
            zone: Of the site.
        """
        today = now.astimezone(zone).date()
        begin, end = today - timedelta(days=self.days), today + timedelta(days=1)
        return Query(self.match, self.modalities, begin, end)


@dataclass(frozen=True, slots=True)
class Look:
    """What came of one look.

    Attributes:
        taken: Instances that came.
        errors: What failed.
    """

    taken: int
    errors: tuple[TransientError, ...]


@dataclass(frozen=True, slots=True)
class _Setback:
    """A series that does not come.

    Attributes:
        missing: What was asked for; something else is asked for at once.
        count: How often it was.
        again_at: Monotonic time of the next try, seconds.
    """

    missing: list[str]
    count: int
    again_at: float


class Watcher:
    """Looks for what is new, and has it sent."""

    def __init__(
        self, watch: Watch, memory: Memory, zone: ZoneInfo, now: Callable[[], datetime]
    ) -> None:
        """Prepare.

        Args:
            watch: For what.
            memory: What was fetched.
            zone: Of the site.
            now: The time, UTC.
        """
        self.watch = watch
        self._memory, self._zone, self._now = memory, zone, now
        self._setbacks: dict[str, _Setback] = {}

    def look(self, is_stopping: Callable[[], bool]) -> Look:
        """Have everything sent that is new.

        What fails is logged, and tried again with a later look.

        Args:
            is_stopping: Whether to end after the series at hand.
        """
        taken = 0
        errors: list[TransientError] = []
        try:
            found = self.watch.archive.search(self.watch.query(self._now(), self._zone))
            errors += [series.error for series in found if series.error is not None]
            for series, missing in self._new(found):
                if is_stopping():
                    break
                came = self._fetch(series, missing)
                taken += len(came.instances)
                if came.error is not None:
                    errors.append(came.error)
                if isinstance(came.error, CallFailed):
                    break  # what fails for the archive itself would fail for every series
        except TransientError as error:
            errors.append(error)
        except OSError as error:
            sentence = f"expected to write below the data directory, found: {error.strerror}"
            errors.append(TransientError("spool-failed", sentence))
        self._tell(errors)
        return Look(taken, tuple(errors))

    def _new(self, found: Sequence[Series]) -> Iterator[tuple[Series, list[str]]]:
        """Series with instances that were not fetched yet, and those instances."""
        uids = {series.series_uid for series in found}
        self._setbacks = {uid: back for uid, back in self._setbacks.items() if uid in uids}
        for series in found:
            missing = self._memory.missing(series.series_uid, series.instances)
            if missing and self._is_due(series, missing):
                yield series, missing

    def _fetch(self, series: Series, missing: list[str]) -> Retrieved:
        began = time.monotonic()
        came = retrieve(self.watch.archive, series, missing)
        if came.instances:
            self._memory.keep(series.series_uid, came.instances)
        if came.error is None:
            self._setbacks.pop(series.series_uid, None)
        else:
            self._set_back(series, missing)
        log.info(
            "series.fetched" if came.error is None else "series.postponed",
            watch=self.watch.name,
            destination=self.watch.archive.destination.name,
            series=key_of(series.series_uid)[:SERIES_DIGITS],
            count=len(came.instances),
            seconds=round(time.monotonic() - began, 3),
        )
        return came

    def _is_due(self, series: Series, missing: list[str]) -> bool:
        setback = self._setbacks.get(series.series_uid)
        if setback is None or setback.missing != missing:
            return True
        return time.monotonic() >= setback.again_at

    def _set_back(self, series: Series, missing: list[str]) -> None:
        """Ask less and less often for what does not come."""
        before = self._setbacks.get(series.series_uid)
        count = before.count if before and before.missing == missing else 0
        wait = min(self.watch.every_seconds * (1 << min(count, 30)), LONGEST_WAIT_SECONDS)
        again_at = time.monotonic() + wait
        self._setbacks[series.series_uid] = _Setback(missing, count + 1, again_at)

    def _tell(self, errors: Sequence[TransientError]) -> None:
        """Say each thing once, whatever the number of series it concerns."""
        for reason, sentence in dict.fromkeys((error.reason, error.sentence) for error in errors):
            log.warning(
                "watch.failed",
                watch=self.watch.name,
                destination=self.watch.archive.destination.name,
                reason=reason,
                sentence=sentence,
            )
