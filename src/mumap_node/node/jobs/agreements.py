"""Comparisons of a spool: each map that was held against a measured one, and what came of it."""

import math
from dataclasses import dataclass
from datetime import datetime

from mumap_node.node.jobs.dossier import read_dossier
from mumap_node.node.spool.files import RecordDamagedError, Spool, read_record
from mumap_node.node.spool.records import Agreement

CAMERA = "camera"
"""The subgroup that charts are kept for, beside the model."""

MISREGISTERED = "misregistered"


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison, or why there was none.

    Attributes:
        job_id: Whose map.
        route: That asked for it.
        agreement: What was found.
    """

    job_id: str
    route: str
    agreement: Agreement

    @property
    def received_at(self) -> datetime:
        """Of the source, UTC."""
        return self.agreement.received_at

    @property
    def chart(self) -> tuple[str, str]:
        """Model and camera."""
        return self.agreement.model, self.agreement.groups.get(CAMERA, "camera unknown")

    @property
    def reason(self) -> str:
        """Why it does not count, a code of docs/operations.md; empty where it does."""
        if not self.agreement.figures:
            return self.agreement.reason
        return "" if self.agreement.is_registered else MISREGISTERED

    @property
    def sentence(self) -> str:
        """Expected and found; empty where it counts."""
        if self.reason != MISREGISTERED or self.agreement.sentence:
            return self.agreement.sentence
        found = self.agreement
        overlap = "unknown" if found.dice is None else f"{found.dice:.2f}"
        return (
            "expected the two to lie on each other, found outlines whose overlap (Dice) is "
            f"{overlap}, {math.hypot(*found.shift_mm):.0f} mm apart"
        )

    @property
    def counts(self) -> bool:
        """Whether its figures say something of the map."""
        return not self.reason


def read_rows(spool: Spool) -> list[Row]:
    """Every comparison in a spool, oldest source first.

    Of an image that was answered again, by a rerun or since its attributes were corrected, only
    the latest job is there: a patient counts once.
    """
    rows = [row for job_id in spool.job_ids() if (row := _row_of(spool, job_id)) is not None]
    return sorted(rows, key=lambda row: (row.received_at, row.job_id))


def _row_of(spool: Spool, job_id: str) -> Row | None:
    try:
        agreement = read_record(Agreement, spool.agreement_file(job_id))
        dossier = read_dossier(spool, job_id) if agreement is not None else None
    except RecordDamagedError:
        return None  # the list of jobs shows it
    if agreement is None or dossier is None or dossier.superseded_by:
        return None
    return Row(job_id, dossier.job.route, agreement)
