"""Drift: whether the agreement of maps changed at some time, however good it was before.

A self-starting CUSUM (Hawkins 1987, The Statistician 36:299): each value is held against the mean
and spread of all before it, so no period has to be called good beforehand.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from scipy.special import ndtr, ndtri, stdtr, stdtrit

ALLOWANCE = 0.5
"""Standard deviations that a value may lie off without adding to the sum: half of the smallest
change worth finding."""

DECISION_LIMIT = 7.0
"""Standard deviations; a sum above rings. Without any change one of 7000 values does, for each
direction of a chart (Siegmund's approximation)."""

LARGEST_SCORE = 3.0
"""Of one value, in standard deviations: it takes three outliers in a row to ring, not one."""

FEWEST_BEFORE = 2
"""Values that have a spread; those after them are judged."""


class Direction(IntEnum):
    """Where a figure moved."""

    UP = 1
    DOWN = -1


@dataclass(frozen=True, slots=True)
class Chart:
    """One figure that is watched.

    Attributes:
        figure: Its name in ``definitions.METRICS``.
        directions: Where a move is told of.
        is_log: Whether its logarithm is watched: errors spread by factors.
    """

    figure: str
    directions: tuple[Direction, ...]
    is_log: bool = False

    def watched(self, value: float) -> float:
        """The value on the scale of the chart; NaN where it has none there."""
        if not self.is_log:
            return value
        return math.log(value) if value > 0 else math.nan


CHARTS = (
    Chart("nmae_body", (Direction.UP,), is_log=True),
    Chart("bias_body_per_cm", (Direction.UP, Direction.DOWN)),
)
"""What is watched for each model and camera; three directions in all. Not the NMAE of the whole
volume: how much air is around the patients spreads it twice as far, by zoom and matrix."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A chart rang.

    Attributes:
        figure: Name of the figure in ``definitions.METRICS``.
        direction: Where it moved.
        began: Index of the comparison the change began with, as estimated: the first after the
            sum was 0 for the last time.
        rang: Index of the comparison at which the sum passed its limit.
        before: Mean of the figure since the chart began, until the change.
        since: Mean of the figure from there to the alarm.
        studies: Comparisons from there to the alarm, both counted.
    """

    figure: str
    direction: Direction
    began: int
    rang: int
    before: float
    since: float
    studies: int


def find_alarms(comparisons: Sequence[Mapping[str, float]]) -> tuple[Alarm, ...]:
    """Every alarm of the charts, in the order they rang.

    Args:
        comparisons: Figures by name, one mapping a comparison, in the order of time; of one
            model and camera, and only of maps that lay on each other.
    """
    alarms = [alarm for chart in CHARTS for alarm in _alarms_of(chart, comparisons)]
    return tuple(sorted(alarms, key=lambda alarm: alarm.rang))


def _alarms_of(chart: Chart, comparisons: Sequence[Mapping[str, float]]) -> Iterator[Alarm]:
    values = [figures.get(chart.figure, math.nan) for figures in comparisons]
    places = [n for n, value in enumerate(values) if math.isfinite(chart.watched(value))]
    first = 0  # of the chart, in places
    while rung := _first_alarm([chart.watched(values[n]) for n in places[first:]], chart):
        direction, began, rang = rung
        before = [values[n] for n in places[first : first + began]]
        since = [values[n] for n in places[first + began : first + rang + 1]]
        yield Alarm(
            chart.figure,
            direction,
            places[first + began],
            places[first + rang],
            sum(before) / len(before),
            sum(since) / len(since),
            len(since),
        )
        first += rang + 1  # nobody knows what is usual after a change: the chart begins anew


def _first_alarm(values: Sequence[float], chart: Chart) -> tuple[Direction, int, int] | None:
    """Direction, beginning of the change and index of the alarm; None where nothing rang."""
    sums = dict.fromkeys(chart.directions, 0.0)
    began = dict.fromkeys(chart.directions, 0)
    for index, score in enumerate(_scores(values)):
        for direction in chart.directions:
            if sums[direction] == 0:
                began[direction] = index
            sums[direction] = max(0.0, sums[direction] + direction * score - ALLOWANCE)
            if sums[direction] > DECISION_LIMIT:
                return direction, began[direction], index
    return None


def _scores(values: Sequence[float]) -> Iterator[float]:
    """Each value against all before it, as a standard normal score; 0 for the first two.

    Of n values before, (value - mean) / (sd sqrt(1 + 1 / n)) follows Student's t with n - 1
    degrees of freedom, whatever their mean and spread are. An outlier counts among those before
    as the largest value that is none; else three of them would hide a change of 1.5 sd for good.
    """
    mean = squares = 0.0
    for n, value in enumerate(values):
        counted, score = value, 0.0
        if n >= FEWEST_BEFORE:
            scale = math.sqrt(squares / (n - 1) * (1 + 1 / n))
            score = _score(value - mean, scale, n - 1)
            if scale and abs(score) == LARGEST_SCORE:
                counted = mean + scale * float(stdtrit(n - 1, ndtr(score)))
        yield score
        deviation = counted - mean
        mean += deviation / (n + 1)  # Welford's recurrence
        squares += deviation * (counted - mean)


def _score(deviation: float, scale: float, degrees_of_freedom: int) -> float:
    if not scale:  # all before were the same
        return math.copysign(LARGEST_SCORE, deviation) if deviation else 0.0
    score = float(ndtri(stdtr(degrees_of_freedom, deviation / scale)))
    return min(max(score, -LARGEST_SCORE), LARGEST_SCORE)
