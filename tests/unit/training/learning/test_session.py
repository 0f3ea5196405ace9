"""A run is begun once its pairs are found, and goes on with those it began with."""

import json

import pytest

import toys
from examinations import mumap, nac, write
from mumap_node.errors import ConfigurationError
from mumap_node.training.learning.plan import PLAN_FILE
from mumap_node.training.learning.session import Session, Where
from mumap_node.training.pairs import cache


@pytest.fixture(autouse=True)
def _inline(monkeypatch):
    """Cases are made in this process, one after the other."""
    monkeypatch.setattr(cache, "in_processes", lambda work, items, _jobs: map(work, items))


@pytest.fixture
def site(tmp_path):
    return write(tmp_path / "site", nac(1), mumap(1), nac(2), mumap(2))


def prepared(tmp_path, site, *, resume=False, **changes):
    where = Where(tmp_path / "run", tmp_path / "cache", "cpu", None, 1)
    session = Session(toys.plan(pairs=(site,), **changes), where, resume=resume)
    session.prepare(lambda _done, _of: None)
    return session


def test_a_folder_that_was_mistyped_leaves_no_run_behind(tmp_path, site):
    with pytest.raises(ConfigurationError, match="no-pairs"):
        prepared(tmp_path, tmp_path / "sight")
    assert not (tmp_path / "run").exists()

    assert prepared(tmp_path, site).population.site_patients == 2


def test_a_run_is_not_begun_twice(tmp_path, site):
    prepared(tmp_path, site)

    with pytest.raises(ConfigurationError) as caught:
        prepared(tmp_path, site)
    assert caught.value.reason == "run-exists"


def test_a_run_says_which_pairs_it_began_with(tmp_path, site):
    prepared(tmp_path, site)

    parts = json.loads((tmp_path / "run" / "cases.json").read_text())

    assert {part: len(keys) for part, keys in parts.items()} == {"learned": 1, "validated": 1}


def test_a_run_goes_on_with_the_same_pairs_only(tmp_path, site):
    prepared(tmp_path, site, epochs=2)
    prepared(tmp_path, site, resume=True, epochs=3)
    settings = (tmp_path / "run" / PLAN_FILE).read_text()
    write(site, nac(3), mumap(3))

    with pytest.raises(ConfigurationError) as caught:
        prepared(tmp_path, site, resume=True, epochs=4)

    assert caught.value.reason == "pairs-changed"
    assert "1 more" in caught.value.sentence
    assert (tmp_path / "run" / PLAN_FILE).read_text() == settings
    assert '"epochs": 3' in settings


def test_a_pair_that_was_taken_away_is_noticed(tmp_path, site):
    write(site, nac(3), mumap(3))
    prepared(tmp_path, site)
    for file in sorted(site.iterdir())[-2:]:
        file.unlink()

    with pytest.raises(ConfigurationError, match=r"pairs-changed: .* 1 fewer"):
        prepared(tmp_path, site, resume=True)


def test_a_run_whose_pairs_nobody_knows_any_more_does_not_go_on(tmp_path, site):
    prepared(tmp_path, site)
    (tmp_path / "run" / "cases.json").unlink()

    with pytest.raises(ConfigurationError) as caught:
        prepared(tmp_path, site, resume=True)
    assert caught.value.reason == "no-such-run"
