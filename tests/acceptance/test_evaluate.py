"""`mumap-node evaluate` on toy patients, as a physicist runs it."""

import json

import pytest

from commands import run
from patients import write_cohort


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("data") / "toys")


def test_a_cohort_becomes_a_report(cohort, tmp_path):
    folder = tmp_path / "report"
    answer = run(
        "evaluate", "--model", "uniform-body", "--cohort", cohort, "--mean-map-of", cohort,
        "-o", folder,
    )  # fmt: skip

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[0] == "core, 1 cases, means"
    document = json.loads((folder / "results.json").read_text())
    assert document["about"]["model"] == "uniform-body-1.0"
    assert "toys, seed 7, drawn anatomy" in document["about"]["facts"]["cohort"]
    assert set(document["strata"]["core"]["methods"]) == {
        "model", "uniform water", "mean map", "no map",
    }  # fmt: skip
    assert (folder / "report.html").read_text().startswith("<!doctype html>")


def test_pairs_need_no_cohort_and_no_projections(cohort, tmp_path):
    answer = run(
        "evaluate", "--model", "uniform-body", "--pairs", cohort, "-o", tmp_path, "--limit", "1",
        "--json",
    )  # fmt: skip

    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["strata"]["all"]["cases"] == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "--cohort"),
        (("--cohort", "here", "--pairs", "here"), "--cohort"),
        (("--cohort", "nowhere"), "no-pairs"),
    ],
)
def test_what_to_evaluate_on_must_be_named(arguments, reason, tmp_path):
    answer = run("evaluate", "--model", "uniform-body", *arguments, "-o", tmp_path)

    assert answer.returncode == 2
    assert reason in answer.stderr
