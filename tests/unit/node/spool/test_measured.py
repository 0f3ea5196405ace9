"""Measured maps lie by study, once each, and it shows when something came."""

import os
from pathlib import Path

import pytest

from mumap_node.node.spool.files import Spool
from mumap_node.node.spool.measured import Measured, changes_of, keep, key_of, read_measured

STUDY, SERIES, INSTANCE = "1.2.3", "1.2.3.4", "1.2.3.4.5"


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


def receive(
    spool: Spool,
    content: bytes = b"slice",
    *,
    study: str = STUDY,
    series: str = SERIES,
    instance: str = INSTANCE,
) -> bool:
    path = spool.store_arrival(content, b"")
    return keep(spool, path, study=study, series=series, instance=instance)


def measured_in(spool: Spool, study: str = STUDY) -> Measured:
    found = read_measured(spool, key_of(study))
    assert found is not None
    return found


def test_what_is_kept_leaves_the_inbox_and_lies_with_its_study(spool: Spool) -> None:
    assert receive(spool)
    assert receive(spool, instance="1.2.3.4.6")
    assert receive(spool, series="1.2.9", instance="1.2.9.1")
    assert receive(spool, study="1.9", instance="1.9.1")
    assert not spool.arrivals()
    found = measured_in(spool)
    assert sorted(len(files) for files in found.series.values()) == [1, 2]
    assert all(path.read_bytes() == b"slice" for files in found.series.values() for path in files)


def test_names_are_hashes_whatever_the_uids_say(spool: Spool) -> None:
    receive(spool, study="../../etc", series="/root", instance="..")
    (path,) = (path for path in spool.root.rglob("*.dcm"))
    assert path.resolve().is_relative_to(spool.measured)
    assert set("".join(path.relative_to(spool.measured).with_suffix("").parts)) <= set(
        "0123456789abcdef"
    )


def test_the_same_file_again_is_nothing_new(spool: Spool) -> None:
    receive(spool)
    before = measured_in(spool)
    assert not receive(spool)
    assert measured_in(spool) == before
    assert not spool.arrivals()


def test_a_corrected_instance_takes_the_place_of_the_old_one(spool: Spool) -> None:
    receive(spool, b"old")
    for path in spool.measured.rglob("*.dcm"):
        os.utime(path, (1000, 1000))  # compared with, so not of this moment
    before = measured_in(spool)
    assert receive(spool, b"new")  # of the same size
    after = measured_in(spool)
    assert after.series == before.series
    assert after.digest != before.digest
    ((path,),) = after.series.values()
    assert path.read_bytes() == b"new"


def test_another_instance_is_another_set_of_files(spool: Spool) -> None:
    receive(spool)
    before = measured_in(spool)
    receive(spool, instance="1.2.3.4.6")
    assert measured_in(spool).digest != before.digest


def test_its_age_is_that_of_the_newest_file(spool: Spool) -> None:
    receive(spool)
    receive(spool, instance="1.2.3.4.6")
    for path, seconds in zip(spool.measured.rglob("*.dcm"), (1000, 2000), strict=True):
        os.utime(path, (seconds, seconds))
    assert measured_in(spool).newest_at.timestamp() == 2000


@pytest.mark.parametrize("study", ["", key_of("1.2.3")])
def test_without_a_study_or_measured_maps_there_is_nothing(spool: Spool, study: str) -> None:
    receive(spool, study="1.9")
    assert read_measured(spool, study) is None
    assert changes_of(spool, study) == ()


def test_folders_change_when_something_comes_and_not_otherwise(spool: Spool) -> None:
    receive(spool, b"old")
    for folder in (spool.measured / key_of(STUDY)).rglob("*/"):
        os.utime(folder, ns=(0, 0))
    before = changes_of(spool, key_of(STUDY))
    receive(spool, b"old")
    assert changes_of(spool, key_of(STUDY)) == before
    receive(spool, b"new")
    assert changes_of(spool, key_of(STUDY)) != before
