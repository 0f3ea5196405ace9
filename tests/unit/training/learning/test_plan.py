"""A plan says at once everything that is wrong with it, and comes back as it was written."""

import pytest

import toys
from mumap_node.errors import ConfigurationError
from mumap_node.training.learning.card import draft_card
from mumap_node.training.learning.plan import Plan, extended, make_plan, read_plan, write_plan


def test_a_plan_is_read_as_it_was_written(tmp_path):
    plan = make_plan({"cohorts": ["here"], "seed": 5, "hours": 0.5})

    write_plan(plan, tmp_path)

    assert read_plan(tmp_path) == plan


def test_a_run_can_go_on_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    plan = make_plan({"cohorts": ["here"], "pairs": ["../there"]})

    assert plan.cohorts == (tmp_path / "here",)
    assert plan.pairs == (tmp_path.parent / "there",)


def test_every_wrong_value_is_named():
    with pytest.raises(ConfigurationError) as caught:
        make_plan({"cohorts": ["here"], "batch": 0, "input": {"spacing_mm": (0, 6, 6)}})

    assert caught.value.reason == "training-settings"
    assert {problem.split(":")[0] for problem in caught.value.problems} == {
        "batch",
        "input.spacing_mm.0",
    }


def test_a_grid_the_network_cannot_halve_is_refused():
    with pytest.raises(ConfigurationError, match="multiples of 8"):
        make_plan({"cohorts": ["here"], "input": {"multiple_of": 4}})


def test_something_to_learn_from_must_be_named():
    with pytest.raises(ConfigurationError, match="--cohort or --pairs"):
        make_plan({})


def test_a_folder_without_a_plan_is_no_run(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        read_plan(tmp_path)
    assert caught.value.reason == "no-such-run"


def test_a_run_can_be_made_longer_and_nothing_else():
    plan = toys.plan(epochs=2)

    assert extended(plan, None, None) == plan
    assert extended(plan, 5, None).epochs == 5
    assert extended(plan, None, 0.5).hours == 0.5
    assert extended(extended(plan, None, 0.5), 5, None).hours is None


def test_the_card_of_a_plan_is_a_valid_one():
    card = draft_card(Plan())

    assert card.input.shape is None  # as large as its source
    assert card.output.emission_energy_kev == 140.5
    assert "RESEARCH" in card.intended_use
