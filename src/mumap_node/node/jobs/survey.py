"""The survey: every job and instance, of which only what changed is read again.

Listing ten thousand jobs takes more than a second; whoever watches the node asks every few seconds.
"""

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from mumap_node.node.engine.client import EngineClient
from mumap_node.node.jobs.states import JobState
from mumap_node.node.jobs.views import JobView, view_of_arrival, views_of_records
from mumap_node.node.spool.files import Spool

CLOCK_TICK_NANOSECONDS = 2 * 10**9
"""Two changes of a folder less than this apart may bear the same time (ext4: 4 ms, ext3: 1 s)."""


@dataclass(frozen=True, slots=True)
class _Remembered:
    """What a record gave.

    Attributes:
        changed_ns: When something was last written about it, as its folders say.
        view: Without details; None of an instance that has a job.
    """

    changed_ns: tuple[int, int]
    view: JobView | None


class Survey:
    """What is known of everything in the spool; for any thread, one after the other."""

    def __init__(self, spool: Spool, engine: EngineClient) -> None:
        """Prepare; neither has to be reachable yet.

        Args:
            spool: Where jobs and instances are.
            engine: Asked about jobs that have no result yet.
        """
        self._spool, self._engine = spool, engine
        self._known: dict[str, _Remembered] = {}  # by id of job or instance
        self._lock = threading.Lock()

    def views(self) -> list[JobView]:
        """What ``list_views`` gives, in no order and without details: where it stands and why.

        Raises:
            OSError: The spool cannot be read.
        """
        with self._lock:
            return [*self._arrivals(), *self._records()]

    def _arrivals(self) -> Iterator[JobView]:
        for path in self._spool.arrivals():
            with contextlib.suppress(FileNotFoundError):  # admitted meanwhile
                received_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                yield view_of_arrival(path.name.partition(".")[0], received_at)

    def _records(self) -> list[JobView]:
        oldest_ns = time.time_ns() - CLOCK_TICK_NANOSECONDS
        # Instances before jobs: of one that becomes a job meanwhile nothing is seen twice.
        instances = _changes(self._spool.instances)
        jobs = _changes(self._spool.jobs)
        changes = instances | jobs

        def last_change(name: str, view: JobView | None) -> tuple[int, int]:
            return changes[name], instances.get(view.instance_id, 0) if view else 0

        known = {
            name: found
            for name, found in self._known.items()
            if name in changes and found.changed_ns == last_change(name, found.view)
        }
        views = [found.view for found in known.values() if found.view is not None]
        records = {
            name: self._spool.job_file(name) if name in jobs else self._spool.decision_file(name)
            for name in changes
            if name not in known
        }
        read = {
            view.id: _without_details(view)
            for view in views_of_records(self._spool, self._engine, list(records.values()))
        }
        for name in records:
            view = read.get(name)
            changed_ns = last_change(name, view)
            if max(changed_ns) < oldest_ns and (view is None or _is_written(view)):
                known[name] = _Remembered(changed_ns, view)
        self._known = known
        return [*views, *read.values()]


def _changes(folder: Path) -> dict[str, int]:
    """When something was last written into each folder within, in ns."""
    changes = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                changes[entry.name] = entry.stat().st_mtime_ns
    return changes


def _is_written(view: JobView) -> bool:
    """Whether it changes only where something is written into its folders.

    A job without a result stands where the engine says; an instance that is to become a job waits
    for something written elsewhere.
    """
    return view.seconds is not None or (
        view.id == view.instance_id and view.state is not JobState.QUEUED
    )


def _without_details(view: JobView) -> JobView:
    """Ten thousand jobs are kept in memory; ``seconds`` says whether there is a result."""
    seconds: dict[str, float] | None = None if view.seconds is None else {}
    return replace(view, sentence="", seen=None, findings=(), seconds=seconds, agreement=None)
