"""Charts as SVG: where dots, lines and ticks lie."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mumap_node.report.curves import HEIGHT, WIDTH, Dot, Mark, bland_altman, timeline

SVG = "{http://www.w3.org/2000/svg}"
BEGIN = datetime(2026, 10, 1, tzinfo=UTC)


def shown(value: float) -> str:
    return f"{value:+.3f}"


def dots(values: list[float], step: timedelta = timedelta(days=1)) -> list[Dot]:
    return [Dot(BEGIN + number * step, value) for number, value in enumerate(values)]


def of_kind(svg: str, kind: str) -> list[ET.Element]:
    found = ET.fromstring(svg).iter()  # noqa: S314  (our own)
    return [element for element in found if element.get("class") == kind]


def words(svg: str, kind: str) -> list[str | None]:
    return [element.text for element in of_kind(svg, kind)]


def places(svg: str) -> list[tuple[float, float]]:
    return [(float(dot.get("cx", "")), float(dot.get("cy", ""))) for dot in of_kind(svg, "dot")]


def coordinates(svg: str) -> Iterator[tuple[str, float]]:
    for element in ET.fromstring(svg).iter():  # noqa: S314  (our own)
        for name, value in element.attrib.items():
            if name in ("x", "x1", "x2", "cx", "y", "y1", "y2", "cy"):
                yield name, float(value)


def test_a_dot_lies_later_to_the_right_and_larger_further_up():
    (x, y), (later, larger) = places(timeline("t", dots([0.02, 0.04]), [], [], shown))
    assert later > x
    assert larger < y


def test_a_dot_lies_on_the_line_of_its_value():
    svg = timeline("t", dots([0.01, 0.04]), [], [], shown)
    heights = dict(zip(words(svg, "scale left"), of_kind(svg, "scale left"), strict=True))
    assert set(heights) == {"0.00", "0.01", "0.02", "0.03", "0.04"}
    for (_, y), tick in zip(places(svg), ("0.01", "0.04"), strict=True):
        assert y == pytest.approx(float(heights[tick].get("y", "")) - 4)


def test_the_axis_of_values_shows_zero_and_both_signs():
    svg = timeline("t", dots([-0.002, 0.0041]), [], [], shown)
    assert words(svg, "scale left") == ["\u22120.002", "0.000", "0.002", "0.004", "0.006"]
    assert len(of_kind(svg, "zero")) == 1


@pytest.mark.parametrize("value", [0.0, 0.02, -3.0])
def test_one_study_has_a_chart_too(value):
    svg = timeline("t", dots([value]), [], [], shown)
    assert len(places(svg)) == 1
    assert bland_altman("t", [(0.13, value)], [value, float("nan"), float("nan")], shown)


def test_everything_lies_within_the_chart():
    days = dots([0.01 * (1 + n % 7) for n in range(400)])
    marks = [Mark(BEGIN - timedelta(days=90), BEGIN + timedelta(days=3), "before the first shown")]
    charts = [
        timeline("t", days, days, marks, shown),
        bland_altman("t", [(0.12, 0.01), (0.14, -0.02)], [0.0, -0.04, 0.04], shown),
    ]
    for svg in charts:
        for name, value in coordinates(svg):
            assert 0 <= value <= (WIDTH if "x" in name else HEIGHT), (name, value)


def test_the_line_goes_through_its_dots():
    given = dots([0.02, 0.04, 0.03])
    svg = timeline("t", given, given, [], shown)
    (line,) = of_kind(svg, "course")
    points = [tuple(map(float, point.split(","))) for point in line.get("points", "").split()]
    assert points == places(svg)


def test_an_alarm_reaches_from_the_first_dot_of_the_change_to_the_one_it_rang_at():
    given = dots([0.02] * 5)
    mark = Mark(given[1].at, given[3].at, "the maps of <A & B> agree less")
    svg = timeline("t", given, [], [mark], shown)
    (change,), (rang,) = of_kind(svg, "change"), of_kind(svg, "rang")
    x = [x for x, _ in places(svg)]
    assert float(change.get("x", "")) == x[1]
    assert float(change.get("width", "")) == pytest.approx(x[3] - x[1], abs=0.11)
    assert float(rang.get("x1", "")) == x[3]
    assert "the maps of <A & B> agree less" in [e.text for e in ET.fromstring(svg).iter()]  # noqa: S314


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (0, ["1 Oct"]),
        (4, ["1 Oct", "2 Oct", "3 Oct", "4 Oct", "5 Oct"]),
        (30, ["1 Oct", "8 Oct", "15 Oct", "22 Oct", "29 Oct"]),
        (200, ["Nov 2026", "Jan 2027", "Mar 2027"]),
        (1000, ["Jan 2027", "Jan 2028", "Jan 2029"]),
    ],
)
def test_dates_are_round_ones(days, expected):
    first, last = Dot(BEGIN, 1.0), Dot(BEGIN + timedelta(days=days), 2.0)
    found = words(timeline("t", [first, last], [], [], shown), "scale below")
    assert found == expected


def test_days_begin_at_the_midnight_of_the_site():
    zone = ZoneInfo("Europe/Vienna")  # on 25 October summer time ends there
    at = datetime(2026, 10, 24, tzinfo=zone)
    given = [Dot(at, 1.0), Dot(datetime(2026, 10, 27, tzinfo=zone), 2.0)]
    svg = timeline("t", given, [], [], shown)
    ticks = dict(zip(words(svg, "scale below"), of_kind(svg, "scale below"), strict=True))
    for dot, day in zip(places(svg), ("24 Oct", "27 Oct"), strict=True):
        assert float(ticks[day].get("x", "")) == pytest.approx(dot[0])


def test_bland_altman_shows_bias_and_limits_with_their_values():
    pairs = [(0.12, 0.001), (0.13, -0.001), (0.14, 0.003)]
    svg = bland_altman("t", pairs, [0.001, -0.003, 0.005], shown)
    assert words(svg, "value") == ["+0.001", "-0.003", "+0.005"]
    (bias,), limits = of_kind(svg, "bias"), of_kind(svg, "limit")
    heights = [float(line.get("y1", "")) for line in (limits[1], bias, limits[0])]
    assert heights == sorted(heights)
    assert places(svg)[0][1] == heights[1]  # a difference of 0.001 lies on the bias


def test_limits_that_are_not_known_are_left_out():
    nan = float("nan")
    svg = bland_altman("t", [(0.12, 0.001)], [0.001, nan, nan], shown)
    assert len(of_kind(svg, "bias")) == 1
    assert of_kind(svg, "limit") == []
    assert "nan" not in svg


def test_words_cannot_become_markup():
    svg = timeline('<script>"&', dots([1.0, 2.0]), [], [], lambda _: "<b>&")
    assert "<script>" not in svg
    assert "<b>" not in svg
    assert ET.fromstring(svg).get("aria-label") == '<script>"&'  # noqa: S314  (our own)
