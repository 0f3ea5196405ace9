"""A run becomes a model the node verifies; one under a name that is taken does not."""

import json
import re
import tomllib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import toys
from mumap_node.errors import ConfigurationError
from mumap_node.imaging.model_card import ModelCard
from mumap_node.node.model import ModelStore, open_model
from mumap_node.training.learning import export
from mumap_node.training.learning.card import draft_content
from mumap_node.training.learning.export import Order, largest_difference, to_onnx, write_model
from mumap_node.training.learning.network import Network
from mumap_node.training.learning.plan import write_plan
from mumap_node.training.learning.readme import model_readme
from mumap_node.training.learning.run import Training
from mumap_node.training.pairs.population import Population, write_population

STRATA = (("sex", "F: 50%, M: 50%"),)
COHORTS = ("seed 7, 23 cases, version 0.1.0",)


@pytest.fixture
def run(tmp_path):
    """The folder of a run that learned nothing."""
    return make_run(tmp_path / "run", 0)


def make_run(folder, seed):
    folder.mkdir()
    plan = toys.plan(seed=seed)
    Training(plan, folder, torch.device("cpu")).save("best.pt")
    write_plan(plan, folder)
    write_population(Population(20, 3, 1, 23, 0, (7,), STRATA, COHORTS), folder)
    return folder


def order(run, **changes):
    return Order(**{"run": run, "models": run.parent / "models", "name": "toy",
                    "version": "1.0", **changes})  # fmt: skip


def test_the_node_opens_what_was_exported(run):
    written = write_model(order(run))

    opened = open_model(written.folder.parent, "toy", "cpu", 1)

    assert opened.model.card == written.card
    assert opened.model.card.identity == "toy-1.0"
    assert opened.model.card.training_population.startswith(
        "23 simulated patients (seed 7, 23 cases, version 0.1.0): "
    )
    assert opened.model.card.training_seeds == (7,)
    assert opened.model.predict(np.zeros((8, 16, 24), np.float32)).shape == (8, 16, 24)
    assert written.difference < 1e-5


def test_the_network_of_the_real_size_stays_exact_and_small():
    torch.manual_seed(0)
    network = Network().eval()

    encoded = to_onnx(network)

    assert len(encoded) < 20e6
    assert largest_difference(network, encoded) <= 1e-5
    model = onnx.load_from_string(encoded)
    assert model.opset_import[0].version >= 17
    axes = model.graph.input[0].type.tensor_type.shape.dim
    assert [axis.dim_param for axis in axes] == ["batch", "", "slices", "rows", "columns"]
    assert not any(node.op_type == "ConvTranspose" for node in model.graph.node)


def test_threads_do_not_change_what_is_exported():
    network = Network((32, 32, 32), (1, 1, 1)).eval()
    before, encoded = torch.get_num_threads(), []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        encoded.append(to_onnx(network))
    torch.set_num_threads(before)

    assert encoded[0] == encoded[1]


def test_a_model_that_is_described_anew_is_never_there_by_half(run, monkeypatch):
    """Whoever reads the folder while it is written finds the model as it was."""
    folder = write_model(order(run)).folder
    (folder / "typicality.npz").write_bytes(b"of its gate")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    write_bytes, seen = Path.write_bytes, []

    def watched(path, data):
        seen.append({file.name: file.read_bytes() for file in folder.iterdir()})
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", watched)
    given = run.parent / "card.toml"
    given.write_text('summary = "Another"')
    write_model(order(run, card=given))

    assert all(files == before for files in seen)
    assert len(seen) >= 5
    assert "Another" in (folder / "model.toml").read_text()
    assert (folder / "typicality.npz").read_bytes() == b"of its gate"
    assert [path.name for path in folder.parent.iterdir()] == ["toy-1.0"]


def test_an_onnx_that_differs_is_not_written(run, monkeypatch):
    monkeypatch.setattr(export, "LARGEST_DIFFERENCE", -1.0)

    with pytest.raises(ConfigurationError) as caught:
        write_model(order(run))
    assert caught.value.reason == "export-differs"
    assert not (run.parent / "models").exists()


def test_another_network_needs_another_version(run, tmp_path):
    write_model(order(run))
    other = make_run(tmp_path / "other", 1)

    with pytest.raises(ConfigurationError) as caught:
        write_model(order(other, models=run.parent / "models"))
    assert caught.value.reason == "model-exists"
    assert write_model(order(other, models=run.parent / "models", version="1.1")).folder.is_dir()


def test_the_same_network_may_be_described_anew_and_keeps_its_gate(run):
    folder = write_model(order(run)).folder
    card = folder / "model.toml"
    gate = f'[typicality]\nsha256 = "{"0" * 64}"\ndistance = {{ warn = 1.5, fail = 2.0 }}\n'
    card.write_text(card.read_text() + "\n" + gate)

    write_model(order(run))

    assert tomllib.loads(card.read_text())["typicality"]["distance"] == {"warn": 1.5, "fail": 2.0}


def test_tables_of_a_file_go_before_the_defaults(run, tmp_path):
    given = tmp_path / "card.toml"
    given.write_text('summary = "Another"\n[limits]\n' + "\n".join((
        'radionuclides = ["Tc-99m"]', "energy_window_kev = [130.0, 150.0]",
        'collimator_types = ["PARA"]', "matrix = [64, 128]", "slices = [20, 100]",
        "spacing_mm = [3.0, 7.0]", "field_of_view_mm = [380.0, 600.0]",
    )))  # fmt: skip

    card = write_model(order(run, card=given)).card

    assert card.summary == "Another"
    assert card.limits.matrix == (64, 128)
    assert card.name == "toy"


@pytest.mark.parametrize("content", ["[limits]\nmatrix = [1]", "no = toml = "])
def test_a_file_that_makes_no_card_is_refused(run, tmp_path, content):
    given = tmp_path / "card.toml"
    given.write_text(content)

    with pytest.raises(ConfigurationError) as caught:
        write_model(order(run, card=given))
    assert caught.value.reason == "model-card"
    assert not (run.parent / "models").exists()


def test_the_golden_pair_shows_no_patient_and_is_answered_by_the_network(run):
    folder = write_model(order(run)).folder
    store = ModelStore(folder.parent)
    given, expected = store.load_golden(store.load_card("toy-1.0"))
    session = onnxruntime.InferenceSession(
        folder / "model.onnx", providers=["CPUExecutionProvider"]
    )

    (found,) = session.run(None, {"nac": given[None, None]})

    assert np.abs(found[0, 0] - expected).max() < 1e-5
    assert given.nbytes < 500_000


def test_the_page_says_whom_it_learned_from_and_what_was_measured(run, tmp_path):
    summary = {"n": 9, "mean": 0.0213, "sd": 0.004, "median": 0.02, "low": 0.0201, "high": 0.0225}
    alone = summary | {"n": 1, "mean": 2.1, "sd": None, "low": None, "high": None}
    results = tmp_path / "results.json"
    results.write_text(
        json.dumps(
            {
                "definitions": {
                    "nmae_range": {"title": "NMAE", "unit": "", "digits": 4},
                    "acf_mean_percent": {"title": "|ACF error|, mean", "unit": "%", "digits": 1},
                },
                "strata": {
                    "core": {
                        "cases": 9,
                        "patients": 9,
                        "methods": {
                            "model": {"nmae_range": summary, "acf_mean_percent": alone},
                            "uniform water": {},
                        },
                    }
                },
                "subgroups": {"sex": {"F": {"cases": 4, "nmae_range": summary}}},
            }
        )
    )

    page = (write_model(order(run, evaluation=results)).folder / "README.md").read_text()

    assert "| NMAE | 0.0213 (0.0201 to 0.0225), SD 0.0040 | - |" in page
    assert r"| \|ACF error\|, mean (%) | 2.1 | - |" in page
    assert "| sex | F | 4 |" in page
    assert "| sex | F: 50%, M: 50% |" in page
    assert "It has never seen a patient" in page
    assert "RESEARCH" in page


def page_of(plan, population):
    return model_readme(ModelCard.model_validate(draft_content(plan)), plan, population, {})


def test_the_page_tells_of_simulation_only_where_nobody_else_taught_it():
    simulated = page_of(toys.plan(), Population(20, 3, 1, 23, 0))
    real = page_of(toys.plan(), Population(20, 3, 1, 0, 23))

    assert "never seen a patient" in simulated
    assert "No comparison with CT-based" in simulated
    assert "what it was trained\n  for, and nothing about patients" in simulated
    assert "never seen a patient" not in real
    assert "No comparison" not in real
    assert "no uncorrected reconstruction shows it" not in real
    assert "It knows the cameras, protocols and patients of that site" in real


def test_the_page_tells_how_it_was_trained_in_words():
    strata = (("heart_in_field", "True: 90%, False: 10%"), ("bmi", "27"), ("field_mm", "400"))
    plan = toys.plan(augmentation=False, validation_share=0.2)
    page = page_of(plan, Population(1, 1, 0, 2, 0, strata=strata))

    assert "| augmentation | none |" in page
    assert "| validation | 20% of the patients, never learned from" in page
    assert "| whole heart in the field | yes: 90%, no: 10% |" in page
    assert "noisier" in page_of(toys.plan(), Population(1, 1, 0, 2, 0))
    assert not re.search(r"[a-z]_[a-z]", page)


def test_without_an_evaluation_the_page_says_so(run):
    assert "Nothing yet" in (write_model(order(run)).folder / "README.md").read_text()


def test_an_evaluation_that_cannot_be_read_is_refused(run, tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        write_model(order(run, evaluation=tmp_path / "none.json"))
    assert caught.value.reason == "evaluation-unreadable"
