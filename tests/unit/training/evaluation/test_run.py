import json
from functools import partial

import pytest

import patients
from mumap_node.errors import ConfigurationError
from mumap_node.training.evaluation.evaluating import CaseSource, Rejected, shares
from mumap_node.training.evaluation.run import Evaluation, run

ABOUT = {
    "model": "toy-1.0",
    "summary": "A toy",
    "data": "toys",
    "is_simulated": True,
    "was_trained_on": False,
    "facts": {},
}


def evaluation(sources):
    return Evaluation(
        sources=sources,
        rejected=[Rejected("lonely", "no-map", "expected a map, found none")],
        open_methods=partial(patients.scaled_models, 1.1),
        correct=True,
        about=ABOUT,
    )


def toys(number):
    return [CaseSource(f"case-{seed:05d}", partial(patients.case, seed)) for seed in range(number)]


def watcher(told):
    """Writes down what is told, and of what."""
    return lambda noun: lambda *step: told.append((noun, *step))


def test_cases_become_three_files(tmp_path):
    told = []
    sources = [*toys(5), CaseSource("case-00005", patients.broken)]
    document = run(evaluation(sources), tmp_path / "new", 2, watcher(told))

    assert told == [
        *(("cases", done, 6) for done in range(1, 7)),
        *(("pictures", done, 4) for done in range(5)),
    ]
    assert json.loads((tmp_path / "new" / "results.json").read_text()) == document
    assert [case["name"] for case in document["rejected"]] == ["case-00005", "lonely"]
    assert document["strata"]["all"]["cases"] == 5
    assert (tmp_path / "new" / "cases.csv").read_text().count("case-00004") == 3
    assert "case-00005 (unreadable)" in (tmp_path / "new" / "report.html").read_text()


def test_nothing_but_rejected_cases_is_no_evaluation(tmp_path):
    with pytest.raises(ConfigurationError, match="lonely: no-map: expected a map") as error:
        run(evaluation([]), tmp_path, 1, watcher([]))
    assert error.value.reason == "nothing-evaluated"


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="output-not-writable"):
        run(evaluation(toys(1)), tmp_path / "file" / "below", 1, watcher([]))


@pytest.mark.parametrize(
    ("cases", "jobs", "expected"),
    [(4, 2, [2, 2]), (3, 8, [1, 1, 1]), (9, 2, [3, 2, 2, 2]), (9, 1, [3, 3, 3]), (0, 2, [])],
)
def test_cases_are_shared_fairly(cases, jobs, expected):
    every = toys(cases)
    found = shares(every, jobs)

    assert [len(share) for share in found] == expected
    assert sorted(source.name for share in found for source in share) == [
        source.name for source in every
    ]
