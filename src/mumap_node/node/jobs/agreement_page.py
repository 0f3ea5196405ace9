"""The agreement record for people: what its page and its lines say."""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from statistics import median

from markupsafe import Markup

from mumap_node.imaging.definitions import METRICS
from mumap_node.imaging.drift import CHARTS
from mumap_node.imaging.statistics import agreement
from mumap_node.node.jobs.agreement_record import (
    FIGURES,
    AgreementRecord,
    Drift,
    Group,
    History,
    Spread,
)
from mumap_node.node.jobs.agreements import Row
from mumap_node.report.agreement import Camera, Card, Cell, Column, Line, Missing, Page
from mumap_node.report.curves import Dot, Mark, bland_altman, timeline

HEADLINE = (
    "nmae_range", "nmae_body", "bias_body_per_cm",
    "acf_mean_percent", "segment_mean_normalised_percent",
)  # fmt: skip
"""Shown large, of all models and cameras."""

COURSE, LEAST_OF_COURSE = 15, 5
"""Comparisons whose median the line of a chart shows, and how few of them begin it."""

MOST_MISSING = 20
"""Comparisons without figures that the page names one by one."""

RECENT = timedelta(days=30)
"""Age up to which an alarm is told on the node's front page."""

SHORT_ID = 12

Chart = tuple[str, Markup, str]
"""Title, chart and what it shows."""

MISREGISTERED = (
    "the outlines of emission and measured body did not lie on each other: such a comparison "
    "tells of the patient's movement, not of the map, and counts nowhere"
)
LIMITS = (
    "mean difference ± 1.96 standard deviations (Bland and Altman 1986); 95 % of the studies lie "
    "within if the differences are normally distributed"
)
DRIFT = (
    "a self-starting CUSUM (Hawkins 1987) of log NMAE and of bias, both in the body, for each "
    "model and camera: each study against all before it. Without any change 3 of 100 series of 100 "
    "studies ring; a change of 1.5 standard deviations is found after 8 studies in the median. It "
    "says that something changed, not what, and nothing of maps that were wrong from the beginning"
)
MEANINGS = (("misregistered", MISREGISTERED), ("limits of agreement", LIMITS), ("drift", DRIFT))
"""What the page shows beside the figures of METRICS."""


def recent(drifts: Sequence[Drift], now: datetime) -> list[Drift]:
    """Alarms of the last days."""
    return [drift for drift in drifts if now - drift.rang_at <= RECENT]


def page_of(
    record: AgreementRecord,
    zone: tzinfo,
    now: datetime,
    *,
    node: str,
    software_version: str,
    home: str = "",
) -> Page:
    """What the page of a record tells.

    Args:
        record: Of the site.
        zone: Dates are shown in it.
        now: UTC.
        node: AE title of the node.
        software_version: Of the node.
        home: Address of the node's own page; empty for a file.
    """
    missing = [row for row in reversed(record.rows) if not row.counts]
    return Page(
        node=node,
        period=_period(record.rows, zone),
        made_on=_day(now, zone),
        software_version=software_version,
        home=home,
        alarms=[drift.sentence(zone) for drift in record.drifts],
        cards=list(_cards(record.total)),
        cameras=[_camera(history, zone) for history in record.histories],
        columns=[_column(name) for name in _shown_figures(record)],
        lines=[_line(group, _shown_figures(record)) for group in record.groups],
        missing=[_missing(row, zone) for row in missing[:MOST_MISSING]],
        reasons=record.left_out,
        definitions=[
            *((METRICS[name].heading, METRICS[name].definition) for name in _shown_figures(record)),
            *MEANINGS,
        ],
    )


def _shown_figures(record: AgreementRecord) -> list[str]:
    return [name for name in FIGURES if name in record.total.figures]


def _period(rows: Sequence[Row], zone: tzinfo) -> str:
    if not rows:
        return ""
    first, last = _day(rows[0].received_at, zone), _day(rows[-1].received_at, zone)
    return first if first == last else f"{first} to {last}"


def _day(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d}"


def _cards(total: Group) -> Iterator[Card]:
    yield Card("studies compared", str(total.counted), "", f"{total.left_out} left out", "")
    for name in HEADLINE:
        if name in total.figures:
            spread, metric = total.figures[name], METRICS[name]
            note = f"{metric.shown(spread.low)} to {metric.shown(spread.high)}"
            if spread.n != total.counted:
                note += f"; n {spread.n}"
            yield Card(
                metric.title, metric.shown(spread.median), metric.unit, note, metric.definition
            )


def _camera(history: History, zone: tzinfo) -> Camera:
    count = len(history.rows)
    return Camera(
        title=history.camera,
        note=f"{history.model}, {count} {'study' if count == 1 else 'studies'}",
        charts=[*_timelines(history, zone), *_bland_altman(history)],
    )


def _timelines(history: History, zone: tzinfo) -> Iterator[Chart]:
    for chart in CHARTS:
        metric = METRICS[chart.figure]
        dots = [
            Dot(row.received_at.astimezone(zone), row.agreement.figures[chart.figure])
            for row in history.rows
            if chart.figure in row.agreement.figures
        ]
        marks = [
            Mark(
                drift.began_at.astimezone(zone),
                drift.rang_at.astimezone(zone),
                drift.sentence(zone),
            )
            for drift in history.drifts
            if drift.alarm.figure == chart.figure
        ]
        if dots:
            drawn = timeline(metric.heading, dots, list(_course(dots)), marks, metric.shown)
            told = f"A dot a study; the line is the median of the last {COURSE}."
            if marks:
                told += " Red: from the first study of a change to its alarm."
            yield metric.heading, drawn, told


def _course(dots: Sequence[Dot]) -> Iterator[Dot]:
    for end in range(LEAST_OF_COURSE, len(dots) + 1):
        latest = dots[max(0, end - COURSE) : end]
        yield Dot(latest[-1].at, median(dot.value for dot in latest))


def _bland_altman(history: History) -> Iterator[Chart]:
    pairs = history.pairs
    if not pairs:
        return
    limits = agreement([difference for _, difference in pairs])
    bias = METRICS["bias_body_per_cm"]
    title = f"Bland-Altman, mean LAC in the body ({bias.unit})"
    drawn = bland_altman(title, pairs, (limits.bias, limits.lower, limits.upper), bias.shown)
    told = "Synthetic \N{MINUS SIGN} measured against the mean of both. "
    told += f"Bias {bias.shown(limits.bias)} {bias.unit}"
    if math.isfinite(limits.lower):
        told += f", limits of agreement {bias.shown(limits.lower)} to {bias.shown(limits.upper)}"
    yield title, drawn, f"{told}."


def _column(name: str) -> Column:
    metric = METRICS[name]
    return Column(metric.title, metric.unit, metric.definition)


def _line(group: Group, names: Sequence[str]) -> Line:
    cells = [_cell(name, group.figures[name]) if name in group.figures else None for name in names]
    counts = (group.counted, group.misregistered, sum(group.not_compared.values()))
    return Line(group.name, group.value if group.name else group.model, counts, cells)


def _cell(name: str, spread: Spread) -> Cell:
    shown = METRICS[name].shown
    return Cell(shown(spread.median), shown(spread.low), shown(spread.high))


def _missing(row: Row, zone: tzinfo) -> Missing:
    return Missing(
        day=_day(row.received_at, zone),
        camera=row.chart[1],
        job=row.job_id[:SHORT_ID],
        reason=row.reason,
        sentence=row.sentence,
    )
