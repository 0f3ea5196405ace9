"""Retention: removes finished things when their time is over, and nothing a person must look at.

First the images and maps go, later the records. Measured maps go as the images do. Held and
quarantined things stay until a person says what becomes of them.
"""

import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from mumap_node.node.jobs.dossier import Dossier, read_dossier
from mumap_node.node.jobs.states import FINAL, standing_of
from mumap_node.node.spool.commitments import Transactions
from mumap_node.node.spool.files import (
    PART,
    RecordDamagedError,
    Spool,
    move_durably,
    read_record,
    sync_folder,
    write_record,
)
from mumap_node.node.spool.records import Decision

MAPS = "map-*.dcm"
"""Names of the maps, and of their reports, in the folder of a job."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Retention:
    """How long finished things are kept.

    Attributes:
        spool_days: Days until images and maps are removed.
        jobs_days: Days until the records are removed too, and an instance is forgotten.
    """

    spool_days: int = 30
    jobs_days: int = 365

    def images_before(self, now: datetime) -> datetime:
        """Images of what ended before may go."""
        return now - timedelta(days=self.spool_days)

    def records_before(self, now: datetime) -> datetime:
        """Records of what ended before may go; never earlier than the images."""
        return now - timedelta(days=max(self.jobs_days, self.spool_days))


@dataclass(frozen=True, slots=True)
class Due:
    """Something finished whose time is over.

    Attributes:
        id: Of the instance, or of the study of measured maps.
        ended_at: When it was finished, UTC.
        records: Whether its records go, too.
        files: What goes now.
        decision: On the instance; None of a study.
        dossiers: Of its jobs.
    """

    id: str
    ended_at: datetime
    records: bool
    files: tuple[Path, ...]
    decision: Decision | None = None
    dossiers: tuple[Dossier, ...] = ()


def due(spool: Spool, retention: Retention, now: datetime) -> Iterator[Due]:
    """What may go; nothing is changed.

    Args:
        spool: Where everything is.
        retention: How long it is kept.
        now: UTC.
    """
    yield from _measured_due(spool, retention.images_before(now))
    yield from _instances_due(spool, retention, now)


def purge(spool: Spool, retention: Retention, now: datetime) -> None:
    """Remove what may go. Only for the process that also admits: nothing is moved meanwhile.

    May be interrupted anywhere. The records say that images are gone before they are, and a
    job's own record goes before the rest of it: a job that is half there is no job.
    """
    _finish_interrupted(spool)
    for study in _measured_due(spool, retention.images_before(now)):
        _remove_measured(spool, study)
    Transactions(spool).purge(retention.images_before(now))
    for found in _instances_due(spool, retention, now):
        if found.decision is not None and found.decision.purged_at is None:
            _remove_images(spool, found.decision, found.dossiers, now)
        if found.records:
            _remove_records(spool, found.id, found.dossiers)


def _instances_due(spool: Spool, retention: Retention, now: datetime) -> Iterator[Due]:
    jobs = _jobs_by_instance(spool)
    for instance_id in list(spool.instance_ids()):
        dossiers = jobs.pop(instance_id, [])
        try:
            decision = read_record(Decision, spool.decision_file(instance_id))
        except RecordDamagedError:
            continue  # kept for a person
        if decision is None or not _is_final(decision, dossiers):
            continue
        ended = max(
            [decision.decided_at, *(time for dossier in dossiers for time in dossier.times)]
        )
        records = ended < retention.records_before(now)
        if records or (ended < retention.images_before(now) and decision.purged_at is None):
            files = tuple(_files_of(spool, instance_id, dossiers, images_only=not records))
            yield Due(instance_id, ended, records, files, decision, tuple(dossiers))


def _files_of(
    spool: Spool, instance_id: str, dossiers: Sequence[Dossier], *, images_only: bool
) -> Iterator[Path]:
    folders = [spool.job_folder(dossier.job.job_id) for dossier in dossiers]
    if images_only:
        yield spool.instance_file(instance_id)
    else:
        folders.append(spool.instance_file(instance_id).parent)
    for folder in folders:
        found = folder.rglob(MAPS if images_only else "*")
        yield from (path for path in found if path.is_file())


def _finish_interrupted(spool: Spool) -> None:
    """Remove what an interrupted purge left; its name may be needed again."""
    for folder in spool.measured.glob(f"*{PART}"):
        shutil.rmtree(folder)
    for job_id in list(spool.job_ids()):
        if not spool.job_file(job_id).exists():
            shutil.rmtree(spool.job_folder(job_id))


def _measured_due(spool: Spool, before: datetime) -> Iterator[Due]:
    """Studies to whose measured maps nothing came since."""
    for folder in sorted(spool.measured.iterdir()):
        files = tuple(folder.glob("*/*.dcm"))
        newest = max(path.stat().st_mtime for path in files or (folder,))
        if newest < before.timestamp() and folder.suffix != PART:
            ended = datetime.fromtimestamp(newest, UTC)
            yield Due(folder.name, ended, records=False, files=files)


def _remove_measured(spool: Spool, study: Due) -> None:
    folder = spool.measured / study.id
    leaving = folder.with_suffix(PART)
    # At once: what is left of a study would be compared with, as if it were all of it.
    move_durably(folder, leaving)
    shutil.rmtree(leaving)
    log.info("measured.purged", count=len(study.files))


def _jobs_by_instance(spool: Spool) -> dict[str, list[Dossier]]:
    jobs: dict[str, list[Dossier]] = defaultdict(list)
    for job_id in list(spool.job_ids()):
        try:
            dossier = read_dossier(spool, job_id)
        except RecordDamagedError:
            continue  # kept for a person, and its instance with it, which has a job by its decision
        if dossier is not None:
            jobs[dossier.job.instance_id].append(dossier)
    return jobs


def _is_final(decision: Decision, dossiers: Sequence[Dossier]) -> bool:
    standings = [dossier.standing() for dossier in dossiers] or [standing_of(decision)]
    return all(standing.state in FINAL for standing in standings)


def _remove_images(
    spool: Spool, decision: Decision, dossiers: Sequence[Dossier], now: datetime
) -> None:
    write_record(spool.decision_file(decision.instance_id), replace(decision, purged_at=now))
    spool.instance_file(decision.instance_id).unlink(missing_ok=True)
    for dossier in dossiers:
        for path in spool.job_folder(dossier.job.job_id).rglob(MAPS):
            path.unlink()
    log.info("instance.images_purged", instance_id=decision.instance_id)


def _remove_records(spool: Spool, instance_id: str, dossiers: Sequence[Dossier]) -> None:
    for dossier in dossiers:
        folder = spool.job_folder(dossier.job.job_id)
        spool.job_file(dossier.job.job_id).unlink(missing_ok=True)
        sync_folder(folder)
        shutil.rmtree(folder)
    shutil.rmtree(spool.instance_file(instance_id).parent)
    log.info("instance.purged", instance_id=instance_id, count=len(dossiers))
