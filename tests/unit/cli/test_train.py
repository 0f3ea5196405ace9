"""`train` takes no option it would not heed."""

import pytest
import typer
from typer.testing import CliRunner

import toys
from mumap_node.cli.train import train
from mumap_node.errors import ConfigurationError
from mumap_node.training.learning.plan import write_plan


def failure(tmp_path, *options):
    """How a run that goes on ends; its pairs are never there."""
    app = typer.Typer()
    app.command()(train)
    write_plan(toys.plan(cohorts=(tmp_path / "gone",)), tmp_path)
    return CliRunner().invoke(app, ["-o", str(tmp_path), "--resume", *options]).exception


@pytest.mark.parametrize(
    "option",
    [("--batch", "2"), ("--cohort", "."), ("--no-augmentation",), ("--spacing", "8")],
)
def test_a_run_goes_on_as_it_was_set(tmp_path, option):
    error = failure(tmp_path, *option)

    assert isinstance(error, ConfigurationError)
    assert error.reason == "training-settings"


@pytest.mark.parametrize("option", [("--epochs", "9"), ("--hours", "1"), ("--threads", "1")])
def test_a_run_may_go_on_for_longer_or_on_more_cores(tmp_path, option):
    assert failure(tmp_path, *option).reason == "no-pairs"
