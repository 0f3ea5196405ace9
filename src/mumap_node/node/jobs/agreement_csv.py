"""The agreement record for spreadsheets and a site's own statistics: one row a comparison."""

import csv
import io
from collections.abc import Iterator, Sequence

from mumap_node.imaging.definitions import METRICS
from mumap_node.node.jobs.agreements import Row

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""Beginnings that make a spreadsheet compute what it should show."""

DIRECTIONS = ("head", "back", "left")


def as_csv(rows: Sequence[Row]) -> str:
    """RFC 4180, UTF-8: a line of headings, then the rows; what is not known is empty."""
    groups = sorted({name for row in rows for name in row.agreement.groups})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    shifts = [f"shift_{direction}_mm" for direction in DIRECTIONS]
    writer.writerow([
        "received_at", "compared_at", "job", "route", "model", "model_sha256", *groups, "measured",
        "kind", "attempt", "counts", "reason", "sentence", *METRICS, "registration_dice", *shifts,
    ])  # fmt: skip
    for row in rows:
        writer.writerow([_cell(value) for value in _values(row, groups)])
    return text.getvalue()


def _values(row: Row, groups: Sequence[str]) -> Iterator[str | float | None]:
    found = row.agreement
    yield from (found.received_at.isoformat(), found.compared_at.isoformat())
    yield from (row.job_id, row.route, found.model, found.model_sha256)
    yield from (found.groups.get(name) for name in groups)
    yield from (found.measured, found.kind, found.attempt, int(row.counts))
    yield from (row.reason, row.sentence)
    yield from (found.figures.get(name) for name in METRICS)
    yield found.dice
    yield from found.shift_mm if found.figures else (None,) * len(DIRECTIONS)


def _cell(value: str | float | None) -> str:
    match value:
        case None:
            return ""
        case str():
            return f"'{value}" if value.startswith(FORMULA) else value
    return f"{value:.6g}"
