import shutil
from dataclasses import fields

import numpy as np
import pytest

import phantoms
import populations
from mumap_node.errors import ConfigurationError
from mumap_node.imaging.model_card import WarnFail, parse_model_card
from mumap_node.imaging.typicality import Population, encode
from mumap_node.node.model import ModelStore, open_model
from mumap_node.training.gate import writing

IDENTITY = phantoms.BASELINE.name


@pytest.fixture
def models(tmp_path):
    """A folder with the baseline in it, which has a gate now."""
    shutil.copytree(phantoms.BASELINE, tmp_path / IDENTITY)
    content = encode(populations.population())
    writing.write(tmp_path / IDENTITY, content, populations.limits())
    return tmp_path


def refused(models):
    with pytest.raises(ConfigurationError) as caught:
        open_model(models, IDENTITY, "cpu", threads=1)
    return caught.value


def change_card(models, old, new):
    card = models / IDENTITY / "model.toml"
    card.write_text(card.read_text().replace(old, new))


def test_what_is_written_is_what_the_node_reads(models):
    model = open_model(models, IDENTITY, "cpu", threads=1).model

    assert model.card.typicality == populations.limits()
    for field in fields(Population):
        np.testing.assert_array_equal(
            getattr(model.population, field.name), getattr(populations.population(), field.name)
        )


def test_the_same_population_is_the_same_file():
    assert encode(populations.population()) == encode(populations.population())


def test_a_gate_that_was_there_is_replaced_and_the_rest_of_the_card_kept(models):
    before = (phantoms.BASELINE / "model.toml").read_text()
    changed = populations.limits().model_copy(
        update={"self_deviation_per_cm": WarnFail(warn=0.002, fail=0.004)}
    )

    content = encode(populations.population())
    for _ in range(2):
        writing.write(models / IDENTITY, content, changed)

    text = (models / IDENTITY / "model.toml").read_text()
    assert text.startswith(before.rstrip())
    assert text.count("[typicality]") == 1
    assert parse_model_card(text).typicality == changed


def test_limits_without_mistakes_are_written_too(models):
    bare = populations.limits().model_copy(update={"resemblance": {}})

    writing.write(models / IDENTITY, encode(populations.population()), bare)

    assert ModelStore(models).load_card(IDENTITY).typicality == bare


def test_a_model_without_a_gate_has_no_population():
    assert open_model(phantoms.MODELS, IDENTITY, "cpu", threads=1).model.population is None


def test_changed_statistics_are_refused(models):
    file = models / IDENTITY / "typicality.npz"
    file.write_bytes(file.read_bytes() + b"\0")

    assert refused(models).reason == "model-checksum"


def test_missing_statistics_are_refused(models):
    (models / IDENTITY / "typicality.npz").unlink()

    assert refused(models).reason == "model-missing"


@pytest.mark.parametrize(
    "arrays",
    [
        {"view": np.zeros(3)},
        {field.name: np.array([None]) for field in fields(Population)},
        {field.name: np.zeros(3) for field in fields(Population)},
    ],
)
def test_statistics_that_are_none_are_refused(models, arrays):
    file = models / IDENTITY / "typicality.npz"
    np.savez(file, allow_pickle=True, **arrays)
    change_card(models, populations.limits().sha256, writing.digest(file.read_bytes()))

    assert refused(models).reason == "model-card"


def test_a_file_that_holds_no_arrays_is_refused(models):
    file = models / IDENTITY / "typicality.npz"
    file.write_bytes(b"no arrays")
    change_card(models, populations.limits().sha256, writing.digest(b"no arrays"))

    assert refused(models).reason == "model-card"


def test_limits_for_a_mistake_the_statistics_do_not_know_are_refused(models):
    change_card(models, "[typicality.resemblance]", "[typicality.resemblance]\nshrunk = {warn = 1}")

    problem = refused(models)

    assert problem.reason == "model-card"
    assert "shrunk" in problem.sentence


def test_a_mistake_nobody_knows_is_no_limit(models):
    change_card(models, "resemblance.mirrored", "resemblance.inside-out")

    assert refused(models).reason == "model-card"
