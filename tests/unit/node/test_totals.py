"""Totals: nothing that happened is counted twice or forgotten, whoever counts."""

import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mumap_node.node.totals import Total, count, count_all, count_seconds, read_total

PROCESSES, TIMES = 4, 50


def count_often(run: Path, name: str) -> None:
    for _ in range(TIMES):
        count(run, Total.RECEIVED, name)
        count(run, Total.RECEIVED, "all")


def test_processes_count_beside_each_other(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    names = [f"camera {number}" for number in range(PROCESSES)]
    counting = [context.Process(target=count_often, args=(tmp_path, name)) for name in names]
    for process in counting:
        process.start()
    for process in counting:
        process.join()
    expected = {(name,): TIMES for name in names} | {("all",): PROCESSES * TIMES}
    assert read_total(tmp_path, Total.RECEIVED) == expected


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=20))
def test_any_label_is_counted_as_often_as_it_came(
    tmp_path_factory: pytest.TempPathFactory, labels: list[str]
) -> None:
    run = tmp_path_factory.mktemp("run")
    for label in labels:
        count(run, Total.REFUSED, label)
    assert read_total(run, Total.REFUSED) == {(label,): labels.count(label) for label in labels}


def test_several_things_are_counted_at_once(tmp_path: Path) -> None:
    count_all(tmp_path, Total.FINDINGS, [("lungs", "warn"), ("lungs", "warn"), ("width", "fail")])
    count_all(tmp_path, Total.FINDINGS, [])
    found = read_total(tmp_path, Total.FINDINGS)
    assert found == {("lungs", "warn"): 2, ("width", "fail"): 1}


def test_a_duration_counts_in_every_bucket_it_fits_into(tmp_path: Path) -> None:
    for seconds in (0.2, 1.0, 100_000.0):
        count_seconds(tmp_path, Total.STEPS, {"line": seconds})
    found = read_total(tmp_path, Total.STEPS)
    assert ("line", "0.1") not in found
    assert (found["line", "0.25"], found["line", "1.0"], found["line", "14400.0"]) == (1, 2, 2)
    assert (found["line", "count"], found["line", "sum"]) == (3, 100_001.2)


@pytest.mark.parametrize("left", [b"", b'[["camera", 12', b"\0" * 40, b'{"camera": 1}', b"[[]]"])
def test_what_a_power_cut_left_begins_again(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "total-received.json").write_bytes(left)
    assert read_total(tmp_path, Total.RECEIVED) == {}
    count(tmp_path, Total.RECEIVED, "camera")
    assert read_total(tmp_path, Total.RECEIVED) == {("camera",): 1}


def test_a_folder_that_is_gone_stops_nobody(tmp_path: Path) -> None:
    count(tmp_path / "gone", Total.RECEIVED, "camera")
    assert read_total(tmp_path / "gone", Total.RECEIVED) == {}
