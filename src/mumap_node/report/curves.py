"""Charts as inline SVG, coloured by the style sheet of the page they stand in."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from markupsafe import Markup, escape

WIDTH, HEIGHT = 430, 240
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 10, 32
"""Margins around the data, in units of the view box."""

LIMIT_WIDTH = 56
"""On the right of a Bland-Altman chart, for the values of its lines."""

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
MOST_TICKS = 5
DAYS = (1, 2, 3, 5, 7, 10, 14, 21)
MONTHS = (1, 2, 3, 6, 12, 24, 60)
"""Between two ticks of time."""

LONGEST_IN_DAYS = 100
"""Days; longer spans have ticks at the first of a month."""

DOT_RADIUS = 2.6

Shown = Callable[[float], str]
"""A value as people read it."""


@dataclass(frozen=True, slots=True)
class Dot:
    """One comparison.

    Attributes:
        at: When, in the zone of the page.
        value: Of the figure.
    """

    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Mark:
    """An alarm: from the first study of the change to the one at which it rang."""

    began: datetime
    rang: datetime
    sentence: str


@dataclass(frozen=True, slots=True)
class _Axis:
    """From values to units of the view box.

    Attributes:
        low: Smallest value.
        high: Largest value.
        start: Where the smallest lies.
        end: Where the largest lies.
        step: Between two ticks of values; 0 for times.
    """

    low: float
    high: float
    start: float
    end: float
    step: float = 0.0

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


def timeline(
    title: str, dots: Sequence[Dot], course: Sequence[Dot], marks: Sequence[Mark], shown: Shown
) -> Markup:
    """A figure over time: a dot a comparison, a line for its course, alarms behind both.

    Args:
        title: For those who cannot see it.
        dots: At least one.
        course: Of the line, such as a running median; may be empty.
        marks: Of the alarms.
        shown: The figure as people read it.
    """
    times = [dot.at for dot in dots]
    x = _time_axis(min(times), max(times), WIDTH - RIGHT)
    y = _value_axis([0.0, *(dot.value for dot in dots)])
    parts = [
        *(_band(mark, x) for mark in marks),
        *_grid(y),
        *_dates(x, times[0].tzinfo),
        *(
            _dot(x(dot.at.timestamp()), y(dot.value), f"{dot.at:%Y-%m-%d}: {shown(dot.value)}")
            for dot in dots
        ),
        _line(course, x, y),
    ]
    return _svg(title, parts)


def bland_altman(
    title: str,
    pairs: Sequence[tuple[float, float]],
    lines: Sequence[float],
    shown: Shown,
) -> Markup:
    """Difference of two methods against their mean, with bias and limits of agreement.

    Args:
        title: For those who cannot see it.
        pairs: Mean and difference, at least one.
        lines: Bias first, then the limits; those not finite are left out.
        shown: A difference as people read it.
    """
    means, differences = zip(*pairs, strict=True)
    lines = [line for line in lines if math.isfinite(line)]
    x = _value_axis(means, LEFT, WIDTH - LIMIT_WIDTH)
    y = _value_axis([*differences, *lines, 0.0])
    right = WIDTH - LIMIT_WIDTH
    parts = [
        *_grid(y, right),
        *(_tick(x(value), words) for value, words in _ticks(x)),
        *(_dot(x(mean), y(difference), shown(difference)) for mean, difference in pairs),
    ]
    for number, line in enumerate(lines):
        kind = "limit" if number else "bias"
        parts += [
            f'<line class="{kind}" x1="{LEFT}" x2="{right}" y1="{y(line)}" y2="{y(line)}"/>',
            _text("value", right + 5, y(line) + 4, shown(line)),
        ]
    return _svg(title, parts)


def _svg(title: str, parts: Sequence[str]) -> Markup:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">'
    )
    return Markup("\n".join([head, *parts, "</svg>"]))  # noqa: S704  (texts are escaped above)


def _value_axis(values: Sequence[float], start: float = HEIGHT - BOTTOM, end: float = TOP) -> _Axis:
    """From a round value below all to a round one above."""
    low, high = min(values), max(values)
    if low == high:
        low, high = low - 0.5 * abs(low or 1), high + 0.5 * abs(high or 1)
    rough = (high - low) / (MOST_TICKS - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(step for step in STEPS if step >= rough / power * (1 - 1e-9))
    low, high = (math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step)
    return _Axis(low, high, start, end, step)


def _ticks(axis: _Axis) -> list[tuple[float, str]]:
    """Round values of an axis, and how they are written."""
    digits = max(0, -math.floor(math.log10(axis.step) + 1e-9))
    digits += not math.isclose(round(axis.step, digits), axis.step)  # 0.25 has one more than 0.2
    numbers = range(round(axis.low / axis.step), round(axis.high / axis.step) + 1)
    return [
        (axis.step * n, f"{axis.step * n:.{digits}f}".replace("-", "\N{MINUS SIGN}"))
        for n in numbers
    ]


def _time_axis(first: datetime, last: datetime, right: float) -> _Axis:
    """With a little room on either side."""
    room = max((last - first) * 0.02, timedelta(hours=12))
    return _Axis((first - room).timestamp(), (last + room).timestamp(), LEFT, right)


def _grid(y: _Axis, right: float = WIDTH - RIGHT) -> Iterator[str]:
    for value, words in _ticks(y):
        kind = "zero" if value == 0 else "grid"
        yield f'<line class="{kind}" x1="{LEFT}" x2="{right}" y1="{y(value)}" y2="{y(value)}"/>'
        yield _text("scale left", LEFT - 7, y(value) + 4, words)


def _dates(x: _Axis, zone: tzinfo | None) -> Iterator[str]:
    first, last = (datetime.fromtimestamp(seconds, zone) for seconds in (x.low, x.high))
    for at, words in _days(first, last):
        yield _tick(x(at.timestamp()), words)


def _days(first: datetime, last: datetime) -> Iterator[tuple[datetime, str]]:
    days = (last - first).days
    if days <= LONGEST_IN_DAYS:
        step = next(step for step in DAYS if days / step <= MOST_TICKS or step == DAYS[-1])
        at = first.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        while at <= last:
            yield at, f"{at.day} {at:%b}"
            at += timedelta(days=step)
        return
    months = days / 30.4
    step = next(step for step in MONTHS if months / step <= MOST_TICKS or step == MONTHS[-1])
    count = first.year * 12 + first.month  # the month after the first one
    for number in range(-(-count // step) * step, last.year * 12 + last.month, step):
        at = datetime(number // 12, number % 12 + 1, 1, tzinfo=first.tzinfo)
        yield at, f"{at:%b %Y}"


def _tick(x: float, words: str) -> str:
    foot = HEIGHT - BOTTOM
    return (
        f'<line class="axis" x1="{x}" x2="{x}" y1="{foot}" y2="{foot + 5}"/>'
        f"{_text('scale below', x, foot + 19, words)}"
    )


def _text(kind: str, x: float, y: float, words: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y:.1f}">{escape(words)}</text>'


def _dot(x: float, y: float, words: str) -> str:
    return (
        f'<circle class="dot" cx="{x}" cy="{y}" r="{DOT_RADIUS}"><title>{escape(words)}</title>'
        "</circle>"
    )


def _line(course: Sequence[Dot], x: _Axis, y: _Axis) -> str:
    points = " ".join(f"{x(dot.at.timestamp())},{y(dot.value)}" for dot in course)
    return f'<polyline class="course" points="{points}"/>'


def _band(mark: Mark, x: _Axis) -> str:
    """The time of a change, with a line where it rang."""
    began, rang = (max(x(at.timestamp()), LEFT) for at in (mark.began, mark.rang))
    height = HEIGHT - BOTTOM - TOP
    return (
        f"<g><title>{escape(mark.sentence)}</title>"
        f'<rect class="change" x="{began}" y="{TOP}" width="{round(rang - began, 1)}" '
        f'height="{height}"/>'
        f'<line class="rang" x1="{rang}" x2="{rang}" y1="{TOP}" y2="{TOP + height}"/></g>'
    )
