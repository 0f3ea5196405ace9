"""The reconciler: hands over whatever the spool says is to be done and the engine does not know.

So the engine may lose everything, and an enqueue that failed only costs time.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from mumap_node.node.engine.attempts import Attempt, Kind
from mumap_node.node.engine.client import FINISHED, EngineClient, Known
from mumap_node.node.jobs.dossier import (
    Dossier,
    archived_attempts,
    next_compare_attempt,
    next_delivery_attempt,
    next_map_attempt,
    read_dossier,
    skip_attempt,
)
from mumap_node.node.jobs.states import ENGINE_REASONS
from mumap_node.node.jobs.survey import CLOCK_TICK_NANOSECONDS
from mumap_node.node.spool.files import RecordDamagedError, Spool
from mumap_node.node.spool.measured import Measured, changes_of, read_measured

log = structlog.get_logger()

SETTLE_SECONDS = 120.0
"""Without another measured file before a study is compared: the slices of a CT come one by one, and
nothing says which is the last."""

Changes = tuple[int, ...]
"""Times of the last changes of a job's folder, and of those of what was measured, in ns."""

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
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        """Prepare.

        Args:
            spool: What is to be done.
            engine: What is known to be under way.
            stopped: By kind of attempt.
            now: The time, UTC.
            settle_seconds: Without another measured file before a study is compared.
        """
        self._spool = spool
        self._engine = engine
        self._stopped = stopped
        self._now = now
        self._settle = timedelta(seconds=settle_seconds)
        self._settled: dict[str, tuple[str, Changes]] = {}  # study by job with nothing left to do

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
            *self._compare_attempts(open_jobs),
        ]
        self._engine.enqueue(attempts)
        if attempts:
            log.info("engine.reconciled", count=len(attempts))
        return len(attempts)

    def _open_jobs(self) -> Iterator[Dossier]:
        for job_id in list(self._spool.job_ids()):
            study, settled = self._settled.get(job_id, ("", ()))
            changed = self._spool.job_folder(job_id).stat().st_mtime_ns
            if settled == (changed, *changes_of(self._spool, study)):
                continue
            try:
                dossier = read_dossier(self._spool, job_id)
            except RecordDamagedError as error:
                log.error("record.damaged", job_id=job_id, reason=error.reason)
                continue  # shown to people as it is; the others must not wait for it
            study = dossier.job.study if dossier else ""
            changes = (changed, *changes_of(self._spool, study))
            if dossier is not None and self._is_open(dossier):
                yield dossier
            elif max(changes) < time.time_ns() - CLOCK_TICK_NANOSECONDS:
                self._settled[job_id] = study, changes

    def _is_open(self, dossier: Dossier) -> bool:
        has_images = self._spool.instance_file(dossier.job.instance_id).exists()
        if dossier.result is None:
            return dossier.is_wanted and has_images
        try:
            return (
                bool(dossier.to_deliver or dossier.to_notify)
                or self._measured_for(dossier) is not None
            )
        except OSError:
            return True  # said where it is to be compared, and tried again

    def _measured_for(self, dossier: Dossier) -> Measured | None:
        """What a map is to be compared with; None where nothing is left to compare."""
        job, known = dossier.job, dossier.agreement
        if not (dossier.is_made and dossier.is_wanted):
            return None
        measured = read_measured(self._spool, job.study)
        if measured is None or (known is not None and known.measured == measured.digest):
            return None
        return measured if self._spool.instance_file(job.instance_id).exists() else None

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
            next_delivery_attempt(dossier.job.job_id, delivery, now, kind)
            for dossier in dossiers
            for kind, waiting in (
                (Kind.DELIVER, dossier.to_deliver),
                (Kind.NOTE, dossier.to_notify),
            )
            for delivery in waiting
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
            self._stopped[attempt.kind](attempt, reason, _sentence(reason))
            return
        skipped = skip_attempt(self._spool, attempt)
        if skipped is not None:
            yield next_delivery_attempt(attempt.job_id, skipped, self._now(), attempt.kind)

    def _compare_attempts(self, dossiers: list[Dossier]) -> Iterator[Attempt]:
        due = {}
        for dossier in dossiers:
            try:
                measured = self._measured_for(dossier)
            except OSError as error:  # maps and deliveries must not wait for a comparison
                log.error(
                    "agreement.postponed",
                    job_id=dossier.job.job_id,
                    reason="spool-failed",
                    exc_info=error,
                )
                continue
            if measured is not None and measured.newest_at <= self._now() - self._settle:
                first = next_compare_attempt(dossier, measured.digest)
                due[first.series] = dossier, first
        known = self._engine.latest(due)
        for series, (dossier, attempt) in due.items():
            latest = known.get(series)
            if latest is None:
                yield attempt
            elif latest.status in FINISHED:
                yield from self._after_finished_comparison(dossier, attempt, latest)

    def _after_finished_comparison(
        self, dossier: Dossier, attempt: Attempt, latest: Known
    ) -> Iterator[Attempt]:
        reason = ENGINE_REASONS.get(latest.status)
        if reason is None or latest.number < attempt.number:  # then it was written down before
            yield next_compare_attempt(dossier, attempt.measured, latest.number)
        else:
            ended = replace(attempt, number=latest.number)
            self._stopped[Kind.COMPARE](ended, reason, _sentence(reason))


def _sentence(reason: str) -> str:
    if reason == "repeated-crash":
        return "expected an outcome, found the process dead every time it was tried"
    return "expected an outcome, found an error; the log of the process has its place"
