"""Prepared cases: as the node would see them, made once, and made further where that stopped."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

import toys
from examinations import mumap, nac, write
from mumap_node.imaging import preprocess, resampling
from mumap_node.imaging.postprocess import to_attenuation_map
from mumap_node.imaging.volume import Quantity, Volume
from mumap_node.training.learning.card import draft_card
from mumap_node.training.pairs import cache
from mumap_node.training.pairs.cache import build, to_arrays
from mumap_node.training.pairs.sources import of_site

CARD = draft_card(toys.plan(input={"spacing_mm": (12.0,) * 3, "multiple_of": 8}))


@pytest.fixture
def sources(tmp_path):
    write(tmp_path / "site", nac(1), mumap(1), nac(2), mumap(2, shift_mm=(0, 40, 0)))
    return of_site([tmp_path / "site"])[0]


@pytest.fixture
def inline(monkeypatch):
    """Cases are made in this process, one after the other."""
    monkeypatch.setattr(cache, "in_processes", lambda work, items, _jobs: map(work, items))


def test_a_case_is_what_the_node_would_see_and_should_say(sources):
    pair = sources[0].load()

    given, truth = to_arrays(pair, CARD)

    seen = preprocess.prepare(pair.nac, CARD).voxels
    assert np.nanmax(np.abs(given - seen)) < 1e-3 * seen.max()
    assert given.dtype == truth.dtype == np.float16
    known = np.isfinite(truth)
    assert truth.shape == (24, 40, 40)
    assert known[:, :36, :36].all()
    assert not known[:, 36:].any()  # padded to a multiple of 8
    assert np.isnan(given[:, 36:]).all()
    assert np.nanmax(truth) * CARD.output.lac_per_cm_per_unit == pytest.approx(0.179, abs=0.01)


def test_where_only_the_truth_is_unknown_the_input_stays(sources):
    pair = sources[0].load()
    lac = pair.lac.voxels.copy()
    lac[:16] = np.nan
    whole = to_arrays(pair, CARD)[1]

    given, truth = to_arrays(replace(pair, lac=pair.lac.with_voxels(lac)), CARD)

    unknown = np.isfinite(given) & np.isnan(truth)
    assert given[unknown].max() > 0.5
    assert np.nanmax(np.abs(truth - whole)) < 0.05  # where the truth ends, its splines do not swing


def test_a_pair_whose_truth_nobody_knows_anywhere_teaches_nothing(sources):
    pair = sources[0].load()
    nothing = np.full(pair.lac.geometry.shape, np.nan, np.float32)

    truth = to_arrays(replace(pair, lac=pair.lac.with_voxels(nothing)), CARD)[1]

    assert np.isnan(truth).all()


def test_the_truth_comes_back_from_the_grid_as_maps_do(sources):
    """Linear interpolation on the way there costs more than twice as much."""
    pair = sources[0].load()
    lac = pair.lac.with_voxels(ndimage.gaussian_filter(pair.lac.voxels, 1.0))
    card = draft_card(toys.plan(input={"spacing_mm": (8.0,) * 3, "multiple_of": 8}))
    grid = preprocess.prepare(pair.nac, card).geometry

    truth = np.nan_to_num(to_arrays(replace(pair, lac=lac), card)[1].astype(np.float32))

    linear = resampling.onto(lac, grid).voxels / card.output.lac_per_cm_per_unit
    errors = [
        np.abs(
            to_attenuation_map(Volume(voxels, grid, Quantity.NETWORK), card, lac.geometry).voxels
            - lac.voxels
        ).mean()
        for voxels in (truth, linear)
    ]
    assert errors[0] < 0.5 * errors[1]


def test_cases_are_made_in_processes_and_bad_pairs_are_listed(tmp_path, sources):
    told = []

    made, doubtful = build(
        tmp_path / "cache", sources, CARD, jobs=2, tell=lambda *done: told.append(done)
    )

    assert told == [(1, 2), (2, 2)]
    assert [pair.reason for pair in doubtful] == ["misregistered"]
    assert sorted(made.usable) == [False, True]
    (index,) = made.indices_of(sources)
    assert np.nanmax(made.load(index)[0]) > 1


@pytest.mark.usefixtures("inline")
def test_what_is_there_is_not_made_again(tmp_path, sources, monkeypatch):
    build(tmp_path / "cache", sources, CARD, jobs=1, tell=lambda *_: None)
    made = []
    fill = cache._fill

    def counted(*arguments):
        made.append(arguments)
        return fill(*arguments)

    monkeypatch.setattr(cache, "_fill", counted)
    build(tmp_path / "cache", sources, CARD, jobs=1, tell=lambda *_: None)

    assert len(made) == 1  # the doubtful one is looked at again


@pytest.mark.usefixtures("inline")
def test_another_grid_gets_arrays_of_its_own(tmp_path, sources):
    other = draft_card(toys.plan())
    for card in (CARD, other):
        build(tmp_path / "cache", sources, card, jobs=1, tell=lambda *_: None)

    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.mark.usefixtures("inline")
def test_other_patients_in_the_same_place_never_meet_the_old_arrays(tmp_path):
    """A cohort made anew, or another of the same folder name: keys and paths are the same."""
    found = []
    for scale in (1.0, 1.1):
        write(tmp_path / "one", nac(1, scale=scale), mumap(1, scale=scale))
        (source,), _ = of_site([tmp_path / "one"])
        made, _ = build(tmp_path / "cache", [source], CARD, jobs=1, tell=lambda *_: None)
        found.append(made.load(0)[1])
        for file in (tmp_path / "one").iterdir():
            file.unlink()

    assert not np.array_equal(*found, equal_nan=True)


@pytest.mark.usefixtures("inline")
def test_a_path_may_be_typed_in_another_way(tmp_path, sources, monkeypatch):
    build(tmp_path / "cache", sources, CARD, jobs=1, tell=lambda *_: None)
    monkeypatch.chdir(tmp_path)

    build(Path("cache"), of_site([Path("site")])[0], CARD, jobs=1, tell=lambda *_: None)

    assert len(list((tmp_path / "cache").iterdir())) == 1
