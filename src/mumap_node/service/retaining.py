"""What retention would remove, for people."""

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mumap_node.node.worker.retention import Due, Retention, due
from mumap_node.service import building
from mumap_node.settings.tables import Settings


@dataclass(frozen=True, slots=True)
class Leaving:
    """Something that would go.

    Attributes:
        id: Of the instance, or of the study of measured maps.
        what: "images", "images and records", or "measured maps".
        ended_at: When it was finished, UTC.
        files: How many go.
        bytes: What that frees.
    """

    id: str
    what: str
    ended_at: datetime
    files: int
    bytes: int


def what_is_due(
    settings: Settings, spool_days: int | None = None, jobs_days: int | None = None
) -> list[Leaving]:
    """What the next clean-up would remove.

    Args:
        settings: Valid ones.
        spool_days: Instead of ``retention.spool_days``.
        jobs_days: Instead of ``retention.jobs_days``.

    Raises:
        ConfigurationError: The data directory cannot be used.
    """
    kept = settings.retention
    retention = Retention(spool_days or kept.spool_days, jobs_days or kept.jobs_days)
    found = due(building.open_spool(settings), retention, datetime.now(UTC))
    return [
        Leaving(one.id, _what(one), one.ended_at, len(one.files), sum(map(_size, one.files)))
        for one in found
    ]


def _what(found: Due) -> str:
    if found.decision is None:
        return "measured maps"
    return "images and records" if found.records else "images"


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):  # it may be gone by now
        return path.stat().st_size
    return 0
