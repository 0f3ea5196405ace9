"""`mumap-node gate` on toy patients, as a physicist runs it."""

import json
import shutil

import pytest

import phantoms
from commands import run
from mumap_node.node.model import ModelStore
from patients import write_cohort


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("data") / "toys", cases=8)


def test_a_model_gets_a_gate_that_is_tried_at_once(cohort, tmp_path):
    model = tmp_path / phantoms.BASELINE.name
    shutil.copytree(phantoms.BASELINE, model)

    answer = run("gate", "--model", model, "--cohort", cohort, "--test", cohort, "-o", tmp_path)

    assert answer.returncode == 0, answer.stderr
    assert ModelStore(tmp_path).load_card(model.name).typicality is not None
    assert "typicality.npz written" in answer.stderr
    assert answer.stdout.splitlines()[1].startswith("good")
    assert answer.stdout.splitlines()[-1].startswith("all bad inputs")
    stated = json.loads((tmp_path / "gate.json").read_text())
    assert {"mirrored", "attenuation-corrected"} < {row["kind"] for row in stated}


def test_a_model_without_a_gate_stops_nothing(cohort, tmp_path):
    answer = run(
        "gate", "--model", phantoms.BASELINE, "--test", cohort, "-o", tmp_path, "--json"
    )  # fmt: skip

    assert answer.returncode == 0, answer.stderr
    assert {row["stopped"] for row in json.loads(answer.stdout)} == {0}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [((), "--cohort"), (("--cohort", "nowhere"), "no-pairs"), (("--test", "here"), "no-cohort")],
)
def test_what_to_learn_or_try_with_must_be_named(arguments, reason, tmp_path):
    answer = run("gate", "--model", phantoms.BASELINE, *arguments, "-o", tmp_path)

    assert answer.returncode == 2
    assert reason in answer.stderr
