from pathlib import Path

import numpy as np
import pytest

from mumap_node.errors import ConfigurationError
from mumap_node.imaging.findings import Verdict
from mumap_node.imaging.volume import Geometry, Quantity, Volume
from mumap_node.pipeline import Model
from mumap_node.service.evaluation import baseline, find_model
from mumap_node.settings.loading import settings_without_file
from mumap_node.training.evaluation.methods import (
    MEAN_MAP,
    MODEL,
    WATER,
    mean_map,
    of_mean_map,
    of_model,
    open_methods,
)
from patients import case, torso
from phantoms import BASELINE, card


def test_a_model_answers_as_the_node_does():
    found = of_model(Model(card(), lambda voxels: np.full_like(voxels, 0.15)))(case().source)

    assert found.mumap.quantity is Quantity.LAC_PER_CM
    assert found.mumap.geometry.shape == case().source.volume.geometry.shape
    assert found.mumap.voxels == pytest.approx(0.15)
    failed = {finding.check for finding in found.findings if finding.verdict is Verdict.FAIL}
    assert "truncation" in failed  # a block of water to the edges is no body
    assert "radionuclide" in {finding.check for finding in found.findings}


def test_the_mean_map_is_the_mean_laid_on_each_middle():
    truth = torso().lac
    moved = truth.geometry.affine.copy()
    moved[:3, 3] += (100, -50, 30)
    elsewhere = Volume(0.5 * truth.voxels, Geometry(truth.geometry.shape, moved), truth.quantity)
    found = of_mean_map(mean_map([truth, elsewhere]))(case().source).mumap

    inner = np.s_[5:-5, 5:-5, 5:-5]
    difference = found.voxels[inner] - 0.75 * truth.voxels[inner]
    assert np.abs(difference).mean() < 0.01
    assert abs(difference.mean()) < 0.001


def test_a_mean_needs_maps():
    with pytest.raises(ValueError, match="found none"):
        mean_map([])


def test_methods_are_opened_by_name():
    def open_model():
        return Model(card(), np.zeros_like)

    models = {MODEL: open_model, WATER: open_model}
    assert list(open_methods(models, None)) == [MODEL, WATER]
    assert list(open_methods(models, torso().lac)) == [MODEL, WATER, MEAN_MAP]


@pytest.mark.parametrize("named", ["uniform-body", "uniform-body-1.0", str(BASELINE)])
def test_a_model_is_found_by_name_and_by_folder(named):
    found, open_model = find_model(named, settings_without_file())

    assert found.identity == open_model().card.identity == "uniform-body-1.0"


def test_a_folder_may_be_named_from_where_one_stands(monkeypatch):
    monkeypatch.chdir(BASELINE)
    found, _ = find_model(str(Path()), settings_without_file())

    assert found.identity == "uniform-body-1.0"


def test_a_folder_of_one_model_is_that_model_and_of_several_none(tmp_path):
    settings = settings_without_file()
    (tmp_path / BASELINE.name).symlink_to(BASELINE)
    assert find_model(str(tmp_path), settings)[0].identity == "uniform-body-1.0"

    copy = tmp_path / "uniform-body-2.0"
    copy.mkdir()
    (copy / "model.toml").touch()
    with pytest.raises(ConfigurationError, match="expected one model, found uniform-body"):
        find_model(str(tmp_path), settings)


def test_the_baseline_is_the_one_of_the_package():
    assert baseline()().card.identity == "uniform-body-1.0"
