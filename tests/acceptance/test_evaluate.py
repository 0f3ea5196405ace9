"""`mumap-node evaluate` on toy patients, as a physicist runs it."""

import json
import shutil

import pytest

from commands import SETTINGS, run, write_settings
from patients import write_cohort
from phantoms import BASELINE


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
    assert document["about"]["was_trained_on"] is False
    assert "was trained on" not in answer.stderr
    assert "toys, seed 7, drawn anatomy" in document["about"]["facts"]["cohort"]
    assert set(document["strata"]["core"]["methods"]) == {
        "model", "uniform water", "mean map", "no map",
    }  # fmt: skip
    assert (folder / "report.html").read_text().startswith("<!doctype html>")


def test_a_model_tested_on_its_own_patients_is_told_so(cohort, tmp_path):
    """The toys have seed 7. The site's own folder of models has no baseline."""
    model = tmp_path / "models" / "my-site-1.0"
    shutil.copytree(BASELINE, model)
    card = (
        (BASELINE / "model.toml").read_text().replace('name = "uniform-body"', 'name = "my-site"')
    )
    (model / "model.toml").write_text("training_seeds = [3, 7]\n" + card)
    settings = SETTINGS.replace("[node]", '[node]\nmodels_dir = "models"')
    settings = settings.replace("uniform-body-1.0", "my-site")
    answer = run(
        "evaluate", "-c", write_settings(tmp_path, 104, settings), "--model", "my-site",
        "--cohort", cohort, "-o", tmp_path / "report", "--no-correction", "--limit", "1",
    )  # fmt: skip

    assert answer.returncode == 0, answer.stderr
    assert "my-site-1.0 was trained on" in answer.stderr
    document = json.loads((tmp_path / "report" / "results.json").read_text())
    assert document["about"]["was_trained_on"] is True


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
