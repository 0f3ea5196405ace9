"""The agreement record: how a site's maps agree with measured ones, and whether that drifts."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

import numpy as np

from mumap_node.imaging.definitions import METRICS
from mumap_node.imaging.drift import Alarm, Direction, find_alarms
from mumap_node.node.jobs.agreements import CAMERA, Row, read_rows
from mumap_node.node.spool.files import Spool

FIGURES = (
    "nmae_range", "nmae_body",
    "bias_body_per_cm", "bias_soft_per_cm", "bias_lung_per_cm", "bias_bone_per_cm",
    "acf_mean_percent", "segment_mean_normalised_percent",
)  # fmt: skip
"""Summarised by camera and subgroup; all others stand in the CSV."""

CHANGES: Mapping[tuple[str, Direction], str] = {
    ("nmae_body", Direction.UP): "agree less",
    ("bias_body_per_cm", Direction.UP): "attenuate more in the body",
    ("bias_body_per_cm", Direction.DOWN): "attenuate less in the body",
}
"""What an alarm says of maps, for people."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How a figure is distributed: median and 95 % range (2.5th to 97.5th percentile) of n."""

    n: int
    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Group:
    """Comparisons that have something in common.

    Attributes:
        model: Model identity; empty for all models.
        name: Of the subgroup, such as "camera"; empty for everything of the model.
        value: Of the subgroup.
        counted: Comparisons that count.
        misregistered: Comparisons that do not, since the two did not lie on each other.
        not_compared: How many could not be compared, by reason.
        figures: By name, of those that count.
    """

    model: str
    name: str
    value: str
    counted: int
    misregistered: int
    not_compared: Mapping[str, int]
    figures: Mapping[str, Spread]

    @property
    def left_out(self) -> int:
        """Those that do not count, for whatever reason."""
        return self.misregistered + sum(self.not_compared.values())


@dataclass(frozen=True, slots=True)
class Drift:
    """An alarm, with who and when.

    Attributes:
        model: Model identity.
        camera: Manufacturer and model name.
        alarm: What was found.
        began_at: When the first study of the change was received, UTC, as estimated.
        rang_at: When the study was received that made it certain.
    """

    model: str
    camera: str
    alarm: Alarm
    began_at: datetime
    rang_at: datetime

    def is_the_same_as(self, other: "Drift") -> bool:
        """Whether another alarm tells of this change, if by other studies."""
        one, two = (
            (drift.model, drift.camera, drift.alarm.figure, drift.alarm.direction)
            for drift in (self, other)
        )
        return one == two and self.began_at <= other.rang_at and other.began_at <= self.rang_at

    def sentence(self, zone: tzinfo) -> str:
        """For people, with dates of their zone."""
        alarm, metric = self.alarm, METRICS[self.alarm.figure]
        name, _, _ = metric.title.partition(",")  # of the bias, the sentence says where
        unit = f" {metric.unit}" if metric.unit else ""
        rang, began = (f"{at.astimezone(zone):%Y-%m-%d}" for at in (self.rang_at, self.began_at))
        return (
            f"{rang}: the maps of {self.camera} ({self.model}) "
            f"{CHANGES[alarm.figure, alarm.direction]}: "
            f"{name} {metric.shown(alarm.before)}{unit} before, "
            f"{metric.shown(alarm.since)}{unit} in the {alarm.studies} studies since {began}"
        )


@dataclass(frozen=True, slots=True)
class History:
    """One model on one camera, over time.

    Attributes:
        model: Model identity.
        camera: Manufacturer and model name.
        rows: That count, oldest first.
        drifts: Alarms, oldest first.
    """

    model: str
    camera: str
    rows: tuple[Row, ...]
    drifts: tuple[Drift, ...]

    @property
    def pairs(self) -> list[tuple[float, float]]:
        """Mean LAC in the body: that of both maps, and synthetic - measured; in 1/cm."""
        figures = [row.agreement.figures for row in self.rows]
        return [
            (found["lac_body_per_cm"] - found["bias_body_per_cm"] / 2, found["bias_body_per_cm"])
            for found in figures
            if {"lac_body_per_cm", "bias_body_per_cm"} <= found.keys()
        ]


@dataclass(frozen=True, slots=True)
class AgreementRecord:
    """Everything a site knows of the agreement of its maps.

    Attributes:
        rows: Oldest first; those that do not count as well.
        total: Of all models and cameras.
        groups: Of each model, by subgroup and value; the cameras first.
        histories: Of each model and camera with anything that counts; the most studies first.
    """

    rows: tuple[Row, ...]
    total: Group
    groups: tuple[Group, ...]
    histories: tuple[History, ...]

    @property
    def left_out(self) -> list[tuple[str, int]]:
        """How many do not count, by reason; the most frequent first."""
        return Counter(row.reason for row in self.rows if not row.counts).most_common()

    @property
    def drifts(self) -> tuple[Drift, ...]:
        """Alarms of all cameras, the latest first."""
        every = [drift for history in self.histories for drift in history.drifts]
        return tuple(sorted(every, key=lambda drift: drift.rang_at, reverse=True))


def read_record_of(spool: Spool, since: datetime | None = None) -> AgreementRecord:
    """The record of a spool.

    Args:
        spool: Where the jobs are.
        since: Only what was received from then on is shown and summarised; None for everything.
            The charts of drift know what was before in any case.
    """
    return assemble(read_rows(spool), since)


def assemble(rows: Sequence[Row], since: datetime | None = None) -> AgreementRecord:
    """The record of comparisons, the oldest first."""
    shown = [row for row in rows if since is None or row.received_at >= since]
    return AgreementRecord(
        rows=tuple(shown),
        total=_group("", "", "", shown),
        groups=tuple(_groups(shown)),
        histories=tuple(_histories(rows, since)),
    )


def drifts_told_by(rows: Sequence[Row], job_id: str) -> list[Drift]:
    """Alarms that nobody knew without one comparison, wherever it lies in the order of time.

    Comparisons are not made in that order: an earlier study may be the one that was missing.
    """
    known = assemble([row for row in rows if row.job_id != job_id]).drifts
    return [drift for drift in assemble(rows).drifts if not any(map(drift.is_the_same_as, known))]


def _histories(rows: Sequence[Row], since: datetime | None) -> Iterator[History]:
    counted = [row for row in rows if row.counts]
    sizes = Counter(row.chart for row in counted)
    for model, camera in sorted(sizes, key=lambda chart: (-sizes[chart], chart)):
        mine = [row for row in counted if row.chart == (model, camera)]
        drifts = (
            Drift(model, camera, alarm, mine[alarm.began].received_at, mine[alarm.rang].received_at)
            for alarm in find_alarms([row.agreement.figures for row in mine])
        )
        shown = tuple(row for row in mine if since is None or row.received_at >= since)
        told = tuple(drift for drift in drifts if since is None or drift.rang_at >= since)
        if shown:
            yield History(model, camera, shown, told)


def _groups(rows: Sequence[Row]) -> Iterator[Group]:
    for model in sorted({row.agreement.model for row in rows}):
        mine = [row for row in rows if row.agreement.model == model]
        yield _group(model, "", "", mine)
        names = {name for row in mine for name in row.agreement.groups}
        for name in sorted(names, key=lambda name: (name != CAMERA, name)):
            values = {row.agreement.groups.get(name, "") for row in mine}
            if len(values) == 1 and name != CAMERA:
                continue  # the same as the whole
            for value in sorted(values, key=_in_order):
                having = [row for row in mine if row.agreement.groups.get(name, "") == value]
                yield _group(model, name, value or "not known", having)


def _in_order(value: str) -> tuple[int, str]:
    """Sorts 64 before 128, and words by their letters."""
    return len(value) if value[:1].isdigit() else 0, value


def _group(model: str, name: str, value: str, rows: Sequence[Row]) -> Group:
    counted = [row for row in rows if row.counts]
    return Group(
        model=model,
        name=name,
        value=value,
        counted=len(counted),
        misregistered=sum(1 for row in rows if row.agreement.figures and not row.counts),
        not_compared=dict(Counter(row.reason for row in rows if not row.agreement.figures)),
        figures=dict(_spreads(row.agreement.figures for row in counted)),
    )


def _spreads(found: Iterable[Mapping[str, float]]) -> Iterator[tuple[str, Spread]]:
    every = list(found)
    for name in FIGURES:
        values = [figures[name] for figures in every if name in figures]
        if values:
            low, median, high = np.percentile(values, (2.5, 50, 97.5))
            yield name, Spread(len(values), float(median), float(low), float(high))
