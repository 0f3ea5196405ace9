"""Whether the node can do its work now: one check per thing it depends on, each with its reason."""

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mumap_node.errors import TransientError
from mumap_node.node.jobs.dossier import read_dossier
from mumap_node.node.presence import is_present
from mumap_node.node.spool.files import RecordDamagedError, Spool
from mumap_node.node.tls.certificates import WARNING_TIME, date_troubles
from mumap_node.node.tls.files import TlsFiles

PROCESSES = ("receiver", "worker", "deliverer")
"""Processes every node has beside the page's own."""

HEARTBEAT_SECONDS = 120.0
"""Age from which an executor's heartbeat, renewed every 10 s, means that it hangs."""

LONGEST_QUEUE = timedelta(minutes=15)
"""Age from which the oldest waiting job means that nobody works; a map takes seconds."""


@dataclass(frozen=True, slots=True)
class Check:
    """What one look gave.

    Attributes:
        name: What was looked at.
        sentence: Expected and found, for people.
        reason: Stable code of docs/operations.md; empty where all is well.
        hinders: Whether the node cannot do its work because of it, now.
    """

    name: str
    sentence: str
    reason: str = ""
    hinders: bool = True

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return not self.reason


@dataclass(frozen=True, slots=True)
class Watch:
    """What is looked at.

    Attributes:
        spool: The node's spool.
        min_free_bytes: Free space below which the receiver refuses.
        check_engine: Raises TransientError where the engine's database cannot be used.
        processes: That must live beside the page's own.
        certificates: The node's, where it has one.
    """

    spool: Spool
    min_free_bytes: float
    check_engine: Callable[[], None]
    processes: tuple[str, ...] = PROCESSES
    certificates: TlsFiles | None = None


def look(watch: Watch, now: datetime) -> tuple[Check, ...]:
    """Look at everything, the disk first.

    Args:
        watch: What is looked at.
        now: UTC.
    """
    return (
        _writable(watch.spool),
        _space(watch.spool, watch.min_free_bytes),
        _engine(watch.check_engine),
        *(_process(watch.spool.run, name) for name in watch.processes),
        _queue(watch.spool, now),
        *([_certificates(watch.certificates, now)] if watch.certificates else ()),
    )


def is_ready(checks: Iterable[Check]) -> bool:
    """Whether the node can do its work, as far as these say."""
    return all(check.ok or not check.hinders for check in checks)


def _writable(spool: Spool) -> Check:
    probe = spool.run / f"health-{secrets.token_hex(4)}.probe"
    try:
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        return Check(
            "spool",
            f"expected to write below the data directory, found: {error.strerror}",
            reason="spool-not-writable",
        )
    return Check("spool", "the data directory can be written")


def _space(spool: Spool, min_free_bytes: float) -> Check:
    try:
        free = spool.free_bytes()
    except OSError as error:
        return Check("disk", f"free space is not known: {error.strerror}", reason="disk-low")
    sentence = f"{free / 1e9:.1f} GB free"
    if free < min_free_bytes:
        expected = f"expected at least {min_free_bytes / 1e9:g} GB, found {sentence}"
        return Check("disk", expected, reason="disk-low")
    return Check("disk", sentence)


def _engine(check_engine: Callable[[], None]) -> Check:
    try:
        check_engine()
    except TransientError as error:
        return Check("engine", error.sentence, reason=error.reason)
    return Check("engine", "the engine's database answers")


def _process(run: Path, name: str) -> Check:
    try:
        if not is_present(run, name):
            return Check(name, f"expected a running {name}, found none", reason="process-missing")
        silent = _silent_seconds(run / f"{name}.alive")
    except OSError as error:
        return Check(name, f"the spool cannot be read: {error.strerror}", reason="process-missing")
    if silent > HEARTBEAT_SECONDS:
        sentence = f"expected a heartbeat every 10 s, found the last {silent:.0f} s ago"
        return Check(name, sentence, reason="process-hangs")
    return Check(name, "runs")


def _silent_seconds(heartbeat: Path) -> float:
    """Since the last heartbeat; 0 for a process that has none, such as the receiver."""
    try:
        return time.time() - os.stat(heartbeat).st_mtime  # noqa: PTH116  (one call, one error)
    except FileNotFoundError:
        return 0.0


def _queue(spool: Spool, now: datetime) -> Check:
    try:
        oldest = min(waiting_since(spool), default=None)
    except OSError as error:
        return Check("queue", f"cannot be read: {error.strerror}", reason="spool-failed")
    if oldest is None:
        return Check("queue", "no job waits")
    minutes = (now - oldest).total_seconds() / 60
    if now - oldest > LONGEST_QUEUE:
        limit = LONGEST_QUEUE.total_seconds() / 60
        sentence = f"expected no job to wait longer than {limit:g} minutes, found {minutes:.0f}"
        return Check("queue", sentence, reason="queue-stuck")
    return Check("queue", f"the oldest job has waited {minutes:.0f} minutes")


def _certificates(files: TlsFiles, now: datetime) -> Check:
    try:
        troubles = sorted(date_troubles(files, now), key=lambda trouble: not trouble.stops)
    except OSError as error:
        return Check("certificates", f"cannot be read: {error.strerror}", reason="tls-files")
    if not troubles:
        return Check("certificates", f"valid for {WARNING_TIME.days} more days")
    sentences = "; ".join(trouble.sentence for trouble in troubles)
    return Check("certificates", sentences, troubles[0].reason, hinders=troubles[0].stops)


def waiting_since(spool: Spool) -> Iterator[datetime]:
    """Since when each arrival, and each job without a result, waits for a machine; UTC.

    Raises:
        OSError: The spool cannot be read.
    """
    for arrival in spool.arrivals():
        with contextlib.suppress(FileNotFoundError):  # admitted meanwhile
            yield datetime.fromtimestamp(arrival.stat().st_mtime, UTC)
    for job_id in spool.job_ids():
        if not spool.result_file(job_id).exists():
            with contextlib.suppress(RecordDamagedError):  # waits for a person, not for a machine
                dossier = read_dossier(spool, job_id)
                if dossier is not None and dossier.result is None and dossier.is_wanted:
                    yield max(dossier.times)
