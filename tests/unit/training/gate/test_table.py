import csv
import json

from mumap_node.training.gate.table import ALL_BAD, tabulate, write
from mumap_node.training.gate.trial import GOOD, Outcome

OUTCOMES = [
    Outcome("noise", ("typicality", "mirrored")),
    Outcome(GOOD, ()),
    Outcome("noise", ("typicality",)),
    Outcome("brain", ()),
    Outcome(GOOD, ("self-agreement",)),
]


def test_each_kind_has_a_row_the_good_ones_first_and_all_bad_ones_last():
    rows = tabulate(OUTCOMES)

    assert [(row.kind, row.inputs, row.stopped) for row in rows] == [
        (GOOD, 2, 1), ("noise", 2, 2), ("brain", 1, 0), (ALL_BAD, 3, 2),
    ]  # fmt: skip
    assert rows[1].by_check == {"typicality": 2, "mirrored": 1}


def test_people_read_percent_and_the_check_that_stopped_most_first():
    assert tabulate(OUTCOMES)[1].shown() == {
        "input": "noise",
        "inputs": "2",
        "stopped": "100.0 %",
        "by": "typicality 100.0 %, mirrored 50.0 %",
    }


def test_the_three_files_say_the_same(tmp_path):
    write(tabulate(OUTCOMES), tmp_path / "new")

    stated = json.loads((tmp_path / "new" / "gate.json").read_text())
    with (tmp_path / "new" / "gate.csv").open(newline="") as file:
        listed = list(csv.DictReader(file))
    lines = (tmp_path / "new" / "gate.md").read_text().splitlines()
    assert [row["stopped"] for row in stated] == [1, 2, 0, 2]
    assert [row["stopped"] for row in listed] == ["50.0 %", "100.0 %", "0.0 %", "66.7 %"]
    assert lines[2] == "| good | 2 | 50.0 % | self-agreement 50.0 % |"
