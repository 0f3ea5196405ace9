"""`simulate`, as somebody who trains a model meets it."""

import json

import pytest

from commands import run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulate") / "cohort"
    answer = run("simulate", "--cases", 1, "--seed", 11, "-o", folder, "--no-projections")
    return folder, answer


def test_a_cohort_is_made_and_told(made):
    folder, answer = made

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == f"{folder}: 1 cases of seed 11\n"
    assert "1 of 1 cases in 0:0" in answer.stderr
    assert json.loads((folder / "manifest.json").read_text())["seed"] == 11
    assert [case.name for case in folder.glob("case-*")] == ["case-00000"]


def test_the_node_takes_the_reconstruction_of_a_case_for_a_camera_s(made, tmp_path):
    folder, _ = made

    answer = run(
        "map", folder / "case-00000" / "nac.dcm", "-o", tmp_path,
        "--model", "uniform-body", "--assume-nac", "--json",
    )  # fmt: skip

    (told,) = json.loads(answer.stdout)
    assert told["outcome"] != "rejected", told


def test_a_cohort_of_another_seed_is_exit_code_2(made):
    folder, _ = made

    answer = run("simulate", "--cases", 1, "--seed", 12, "-o", folder, "--no-projections")

    assert answer.returncode == 2
    assert answer.stderr.startswith("cohort-mismatch: ")
    assert "seed 12 (there: 11)" in answer.stderr


def test_a_folder_without_cts_is_exit_code_3(tmp_path):
    answer = run("simulate", "--cases", 1, "--seed", 1, "-o", tmp_path / "out", "--ct", tmp_path)

    assert answer.returncode == 3
    assert answer.stderr.startswith("no-anatomy: ")
