"""The gate of a model from simulated pairs to the node, and what it stops."""

import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import structlog

import patients
import phantoms
from mumap_node.errors import ConfigurationError
from mumap_node.imaging.model_card import Mistake
from mumap_node.node.model import open_model
from mumap_node.pipeline import Model
from mumap_node.service.evaluation import open_here
from mumap_node.training.gate.looks import look_at
from mumap_node.training.gate.making import make_gate
from mumap_node.training.gate.table import ALL_BAD, tabulate
from mumap_node.training.gate.trial import GOOD, examine_file, inputs_of, try_gate
from mumap_node.training.pairs.sources import of_cohort
from mumap_node.training.simulation.cohort import PROJECTIONS, Cohort

CASES = 12


@pytest.fixture(autouse=True, scope="module")
def logs_of_others():
    """What opens models for commands silences the logs of its process; other tests read them."""
    yield
    structlog.reset_defaults()


def opened(models) -> Model:
    return open_model(models, phantoms.BASELINE.name, "cpu", threads=1).model


@pytest.fixture(scope="module")
def gated(tmp_path_factory):
    """A folder of models whose only one has learned what toy patients look like."""
    models = tmp_path_factory.mktemp("models")
    shutil.copytree(phantoms.BASELINE, models / phantoms.BASELINE.name)
    cohort = Cohort.open(patients.write_cohort(tmp_path_factory.mktemp("cohort"), CASES))
    told = []
    make_gate(
        models / phantoms.BASELINE.name,
        opened(models),
        of_cohort(cohort.folder),
        jobs=1,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(done, CASES) for done in range(1, CASES + 1)]
    return models, cohort


def test_the_card_has_a_limit_for_every_mistake_and_for_agreement(gated):
    limits = opened(gated[0]).card.typicality

    assert set(limits.resemblance) == set(Mistake)
    assert limits.self_deviation_per_cm.fail > 0


def test_the_same_pairs_give_the_same_gate(gated, tmp_path):
    models, cohort = gated
    shutil.copytree(models / phantoms.BASELINE.name, tmp_path / phantoms.BASELINE.name)

    make_gate(
        tmp_path / phantoms.BASELINE.name,
        opened(models),
        of_cohort(cohort.folder)[::-1],
        jobs=2,
        progress=lambda *_: None,
    )

    for name in ("typicality.npz", "model.toml"):
        one, other = (folder / phantoms.BASELINE.name / name for folder in (models, tmp_path))
        assert one.read_bytes() == other.read_bytes()


def test_bad_inputs_are_stopped_and_good_ones_are_not(gated):
    models, cohort = gated

    outcomes = try_gate(
        partial(open_here, models, phantoms.BASELINE.name),
        cohort,
        [],
        jobs=1,
        progress=lambda *_: None,
    )

    rows = {row.kind: row for row in tabulate(outcomes)}
    assert rows[GOOD].inputs == CASES
    assert rows[GOOD].stopped < CASES / 2  # the limits are from two or three toys
    for kind in ("mirrored", "noise", "cylinder", "brain", "bone-scan", "enlarged"):
        assert rows[kind].stopped == CASES
    assert rows[ALL_BAD].stopped > 0.9 * rows[ALL_BAD].inputs


def test_a_pair_is_looked_at_with_every_mistake_that_can_be_made_of_it(gated, tmp_path):
    source = of_cohort(gated[1].folder)[0]
    shutil.copytree(source.nac.parent, tmp_path / "case-00000")
    (tmp_path / "case-00000" / PROJECTIONS).unlink()
    (without_projections,) = of_cohort(tmp_path)

    all_mistakes = [mistake for mistake, _ in look_at(source).mistaken]
    fewer = [mistake for mistake, _ in look_at(without_projections).mistaken]

    assert set(all_mistakes) == set(Mistake)
    assert all_mistakes.count(Mistake.CORRECTED) == 2
    assert set(Mistake) - set(fewer) == {Mistake.ANOTHER_ISOTOPE}


def test_a_pair_that_cannot_be_read_is_left_out(gated, tmp_path):
    source = of_cohort(gated[1].folder)[0]
    (tmp_path / "nac.dcm").write_bytes(b"no DICOM")

    assert look_at(replace(source, nac=tmp_path / "nac.dcm")) is None


def test_too_few_pairs_make_no_gate(gated):
    models, cohort = gated

    with pytest.raises(ConfigurationError, match="no-pairs: expected at least 4 usable pairs"):
        make_gate(
            models / phantoms.BASELINE.name, opened(models), of_cohort(cohort.folder)[:3],
            jobs=1, progress=lambda *_: None,
        )  # fmt: skip


@pytest.mark.parametrize("camera", ["ge-nm530c", "mediso"])
def test_real_objects_of_other_cameras_are_stopped(gated, camera):
    folder = phantoms.SHARED_DATA / camera
    if not folder.is_dir():
        pytest.skip("../shared/data is absent: no real files of other kinds to turn away")

    for path in sorted(folder.glob("*.dcm")):
        assert examine_file(opened(gated[0]), path).stopped_by


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "FBP", "iterations": 0, "subsets": 0, "post_filter": "none"},
        {"post_filter": "butterworth", "cutoff_per_cm": 0.3, "order": 5.0},
    ],
)
def test_measured_inputs_follow_the_settings_of_their_case(settings, tmp_path):
    protocol = replace(patients.PROTOCOL, **settings)
    (case,) = Cohort.open(patients.write_cohort(tmp_path, 1, protocol))

    made = dict(inputs_of(case))

    nac, corrected = made[GOOD].voxels, made["attenuation-corrected"].voxels
    assert corrected.shape == made["another-isotope"].voxels.shape == nac.shape
    middle = np.s_[15:25, 15:25, 15:25]
    assert (corrected[middle].mean() / corrected.mean()) > (nac[middle].mean() / nac.mean())
