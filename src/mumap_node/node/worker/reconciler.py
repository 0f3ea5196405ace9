"""The reconciler: hands over whatever the spool says is to be done and the engine does not know.

So the engine may lose everything, and an enqueue that failed only costs time.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

import structlog

from mumap_node.node.engine.attempts import Attempt, Kind
from mumap_node.node.engine.client import FINISHED, EngineClient, Known
from mumap_node.node.jobs.dossier import (
    Dossier,
    archived_attempts,
    next_delivery_attempt,
    next_map_attempt,
    read_dossier,
    skip_attempt,
)
from mumap_node.node.jobs.states import ENGINE_REASONS
from mumap_node.node.spool.files import RecordDamagedError, Spool

log = structlog.get_logger()

CLOCK_TICK_NANOSECONDS = 2 * 10**9
"""Two changes of a folder less than this apart may bear the same time (ext4: 4 ms, ext3: 1 s)."""

Stopped = Callable[[Attempt, str, str], None]
"""Keeps for people that an attempt ended by a bug or by repeated crashes."""


class Reconciler:
    """Compares spool and engine. Only one process may do so at a time."""

    def __init__(
        self,
        spool: Spool,
        engine: EngineClient,
        stopped: Mapping[Kind, Stopped],
        now: Callable[[], datetime],
    ) -> None:
        """Prepare.

        Args:
            spool: What is to be done.
            engine: What is known to be under way.
            stopped: By kind of attempt.
            now: The time, UTC.
        """
        self._spool = spool
        self._engine = engine
        self._stopped = stopped
        self._now = now
        self._settled: dict[str, int] = {}  # time of the last change by job with nothing left to do

    def reconcile(self) -> int:
        """Hand over what the engine does not know; how much that was.

        Raises:
            TransientError: The engine's database cannot be reached.
            OSError: The spool cannot be read or written.
        """
        open_jobs = list(self._open_jobs())
        attempts = [
            *self._map_attempts([d for d in open_jobs if d.result is None]),
            *self._delivery_attempts(open_jobs),
        ]
        self._engine.enqueue(attempts)
        if attempts:
            log.info("engine.reconciled", count=len(attempts))
        return len(attempts)

    def _open_jobs(self) -> Iterator[Dossier]:
        for job_id in list(self._spool.job_ids()):
            changed = self._spool.job_folder(job_id).stat().st_mtime_ns
            if self._settled.get(job_id) == changed:
                continue
            try:
                dossier = read_dossier(self._spool, job_id)
            except RecordDamagedError as error:
                log.error("record.damaged", job_id=job_id, reason=error.reason)
                continue  # shown to people as it is; the others must not wait for it
            if dossier is not None and _is_open(self._spool, dossier):
                yield dossier
            elif changed < time.time_ns() - CLOCK_TICK_NANOSECONDS:
                self._settled[job_id] = changed

    def _map_attempts(self, dossiers: list[Dossier]) -> Iterator[Attempt]:
        first = {d.job.job_id: Attempt(Kind.MAP, d.job.job_id) for d in dossiers}
        known = self._engine.latest(attempt.series for attempt in first.values())
        for job_id, attempt in first.items():
            latest = known.get(attempt.series)
            if latest is None:
                yield next_map_attempt(self._spool, job_id)
            elif latest.status in FINISHED:
                yield from self._after_finished_map(job_id, latest)

    def _after_finished_map(self, job_id: str, latest: Known) -> Iterator[Attempt]:
        dossier = read_dossier(self._spool, job_id)
        if dossier is None or dossier.result is not None:
            return  # it finished while we looked
        ended = Attempt(Kind.MAP, job_id, latest.number)
        reason = ENGINE_REASONS.get(latest.status)
        if reason is None or latest.number in archived_attempts(self._spool, job_id):
            yield next_map_attempt(self._spool, job_id, latest.number)
        else:
            self._stopped[Kind.MAP](ended, reason, _sentence(reason))

    def _delivery_attempts(self, dossiers: list[Dossier]) -> Iterator[Attempt]:
        now = self._now()
        due = [
            next_delivery_attempt(dossier.job.job_id, delivery, now)
            for dossier in dossiers
            for delivery in dossier.to_deliver
        ]
        known = self._engine.statuses(due)
        for attempt in due:
            status = known.get(attempt.workflow_id)
            if status is None:
                yield attempt
            elif status in FINISHED:
                yield from self._after_finished_delivery(attempt, status)

    def _after_finished_delivery(self, attempt: Attempt, status: str) -> Iterator[Attempt]:
        reason = ENGINE_REASONS.get(status)
        if reason is not None:
            self._stopped[Kind.DELIVER](attempt, reason, _sentence(reason))
            return
        skipped = skip_attempt(self._spool, attempt)
        if skipped is not None:
            yield next_delivery_attempt(attempt.job_id, skipped, self._now())


def _is_open(spool: Spool, dossier: Dossier) -> bool:
    if dossier.result is None:
        return dossier.is_wanted and spool.instance_file(dossier.job.instance_id).exists()
    return bool(dossier.to_deliver)


def _sentence(reason: str) -> str:
    if reason == "repeated-crash":
        return "expected an outcome, found the process dead every time it was tried"
    return "expected an outcome, found an error; the log of the process has its place"
