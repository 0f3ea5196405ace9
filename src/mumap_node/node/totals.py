"""Totals: how often something happened, kept in the spool's `run/` over restarts and retention.

What can be counted in the spool is counted there when somebody asks. But what is removed from it,
or was never in it, would be missing, and a counter may never fall. So each of these is added up
where it happens, in a small file shared by all processes, for the metrics alone: nothing depends on
it, and what is lost with it begins again at 0.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

BOUNDS_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 14400.0)
"""Upper ends of the buckets durations are counted in."""

COUNT, SUM = "count", "sum"
"""Beside the buckets of a duration: how many there were, and their seconds together."""

Labels = tuple[str, ...]


class Total(StrEnum):
    """What is added up; never by anything of a patient, or of a stranger's choosing."""

    RECEIVED = "received"  #: objects stored, by peer
    REFUSED = "refused"  #: objects not stored, by reason
    REJECTED = "rejected"  #: associations turned away, by reason
    DECIDED = "decided"  #: instances, by decision and reason
    ENDED = "ended"  #: attempts at a map with a result, by outcome and reason
    FINDINGS = "findings"  #: of checks that did not pass, by check and verdict
    STEPS = "steps"  #: durations, by step
    DELIVERIES = "deliveries"  #: attempts, by destination, state and reason
    ANSWERS = "answers"  #: durations from acknowledged images to the accepted map, by destination
    DRIFTS = "drifts"  #: alarms of the agreement record


def count(run: Path, total: Total, *labels: str) -> None:
    """Count something that happened once.

    Args:
        run: Folder of the file (`Spool.run`).
        total: What happened.
        labels: What it is counted by.
    """
    count_all(run, total, [labels])


def count_all(run: Path, total: Total, labels: Iterable[Labels]) -> None:
    """Count several things at once."""
    amounts: dict[Labels, float] = {}
    for found in labels:
        amounts[found] = amounts.get(found, 0) + 1
    _add(run, total, amounts)


def count_seconds(run: Path, total: Total, seconds: Mapping[str, float]) -> None:
    """Count durations in their buckets, by one label."""
    amounts: dict[Labels, float] = {}
    for label, found in seconds.items():
        bounds = (str(bound) for bound in BOUNDS_SECONDS if found <= bound)
        amounts |= {(label, bound): 1 for bound in bounds}
        amounts |= {(label, COUNT): 1, (label, SUM): found}
    _add(run, total, amounts)


def read_total(run: Path, total: Total) -> dict[Labels, float]:
    """What was counted so far, by its labels; nothing where the file cannot be read."""
    try:
        return _decoded(_file(run, total).read_bytes())
    except OSError:
        return {}


def _add(run: Path, total: Total, amounts: Mapping[Labels, float]) -> None:
    if not amounts:
        return
    # A disk that is full or broken loses a count: what is counted is what matters.
    with contextlib.suppress(OSError):
        descriptor = os.open(_file(run, total), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            before = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
            counted = _decoded(before)
            for labels, amount in amounts.items():
                counted[labels] = round(counted.get(labels, 0) + amount, 4)
            # In place and in one call, which a kill cannot halve; never shorter than before.
            os.pwrite(descriptor, _encoded(counted).ljust(len(before)), 0)
        finally:
            os.close(descriptor)


def _file(run: Path, total: Total) -> Path:
    return run / f"total-{total}.json"


def _encoded(counted: Mapping[Labels, float]) -> bytes:
    return json.dumps([[*labels, amount] for labels, amount in counted.items()]).encode()


def _decoded(content: bytes) -> dict[Labels, float]:
    """Counts begin again at 0 where a power cut left something else."""
    try:
        return {tuple(labels): float(amount) for *labels, amount in json.loads(content)}
    except (ValueError, TypeError):
        return {}
