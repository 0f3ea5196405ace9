import pytest

from mumap_node.imaging.findings import (
    Finding,
    Relaxable,
    Verdict,
    at_least,
    at_most,
    relax,
    within,
    worst,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.10, Verdict.PASS), (0.11, Verdict.WARN), (0.30, Verdict.WARN), (0.31, Verdict.FAIL)],
)
def test_a_value_above_its_limits_warns_and_then_fails(value, expected):
    finding = at_most("truncation", value, 0.10, 0.30, "%")

    assert finding.verdict is expected
    assert finding.limit == "at most 10 %, fails above 30 %"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.98, Verdict.PASS), (0.97, Verdict.WARN), (0.90, Verdict.WARN), (0.89, Verdict.FAIL)],
)
def test_a_value_below_its_limits_warns_and_then_fails(value, expected):
    finding = at_least("body-component", value, 0.98, 0.90, "%")

    assert finding.verdict is expected
    assert finding.limit == "at least 98 %, fails below 90 %"


def test_a_limit_without_a_failure_only_warns():
    assert at_most("area-change", 9.0, 0.2, None, "%").verdict is Verdict.WARN
    assert at_least("outline", 0.0, 0.85, None, "").verdict is Verdict.WARN
    assert at_least("outline", 0.0, 0.85, None, "").limit == "at least 0.85"


def test_both_ends_of_a_range_belong_to_it():
    for value in (0.14, 0.30):
        assert within("unit", value, (0.14, 0.30), "/cm").verdict is Verdict.PASS
    outside = within("unit", 0.1399, (0.14, 0.30), "/cm")
    assert outside.verdict is Verdict.FAIL
    assert str(outside) == "unit fail: 0.1399 /cm (limit 0.14 to 0.3 /cm)"


def test_only_a_named_failure_is_relaxed():
    failed = Finding("collimator", Verdict.FAIL, "PINH", "PARA")
    other = Finding("matrix", Verdict.FAIL, "8 x 8", "48 to 256")
    passed = Finding("spacing", Verdict.PASS, "4 mm", "3 to 8 mm")

    relaxed = relax((failed, other, passed), {Relaxable.COLLIMATOR, Relaxable.SPACING})

    assert [finding.verdict for finding in relaxed] == [Verdict.WARN, Verdict.FAIL, Verdict.PASS]
    assert [finding.relaxed for finding in relaxed] == [True, False, False]
    assert str(relaxed[0]) == "collimator warn: PINH (limit PARA, relaxed by the route)"


def test_the_gravest_verdict_counts():
    findings = [Finding("x", verdict, "", "") for verdict in Verdict]

    assert worst(findings) is Verdict.FAIL
    assert worst(findings[:2]) is Verdict.WARN
    assert worst(findings[:1]) is Verdict.PASS
    assert worst(()) is Verdict.PASS
