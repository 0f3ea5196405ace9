import subprocess
import sys

import pytest

from mumap_node.demo import tour
from mumap_node.imaging.findings import Finding, Verdict


def test_a_node_that_ended_is_not_waited_for() -> None:
    with (
        subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"]) as process,
        pytest.raises(TimeoutError, match="ended with exit code 3"),
    ):
        tour._wait(process, 60, lambda: False)


def test_what_holds_already_is_not_waited_for() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        tour._wait(process, 0, lambda: True)


def test_every_finding_stands_in_columns_with_its_limit() -> None:
    findings = [
        Finding("unit", Verdict.PASS, "0.154 /cm", "0.14 to 0.3 /cm"),
        Finding("a-longer-name", Verdict.WARN, "x" * 60, "short"),
    ]

    first, second, below = tour._table(findings)

    assert "PASS" in first
    assert first.index("0.154") == second.index("xxx")
    assert "0.14 to 0.3 /cm" in first
    assert below.strip() == f"{tour.DIM}short{tour.PLAIN}"


def test_a_table_may_be_empty() -> None:
    assert list(tour._table([])) == []
