"""A copy of a spool at work is one a node goes on with, whatever happens while it is taken."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from builders import card, nac_file
from mumap_node.node.backup.copying import changed_files, is_abandoned
from mumap_node.node.jobs.dossier import read_dossier
from mumap_node.node.jobs.verbs import Jobs
from mumap_node.node.routing import Condition, Destination, Route
from mumap_node.node.spool.files import (
    Spool,
    move_durably,
    write_durably,
    write_record,
)
from mumap_node.node.spool.measured import key_of, read_measured
from mumap_node.node.spool.records import DeliveryState
from mumap_node.node.worker.admission import Admitter
from mumap_node.node.worker.decisions import Rules
from records import FILE, STUDY, MemoryEngine, agreement, delivery, job, measure, result, write_job

Act = Callable[[Spool], None]

RULES = Rules(
    (Route("all", {"PatientID": Condition(("A",))}, assume_nac=True, destinations=("pacs",)),),
    [],
    {"pacs": Destination("pacs", "ARCHIVE", "192.0.2.1", 104)},
    lambda _name: card(),
)
JOB, HELD = (nac_file(PatientID=name, SOPInstanceUID=f"2.25.{ord(name)}") for name in "AB")


def _admit(spool: Spool) -> None:
    admitter = Admitter(spool, RULES, lambda: datetime.now(UTC))
    admitter.recover()
    for path in spool.arrivals():
        admitter.admit(path)


def _retry(spool: Spool) -> None:
    for instance_id in list(spool.instance_ids()):
        if not spool.arrivals():
            Jobs(spool, MemoryEngine()).retry(instance_id)


def _copies(folder: Path, prepare: Act, act: Act, beat: Act = lambda _: None) -> Iterator[Spool]:
    """A copy for each moment: between two files, and between their listing and their reading."""
    for moment in itertools.count():
        spool, copy = (Spool(folder / f"{moment}-{name}") for name in ("spool", "copy"))
        prepare(spool)
        listed = _copy(spool, copy, {moment: act}, beat)
        yield copy
        if moment >= listed:
            return


def _copy(spool: Spool, copy: Spool, acts: Mapping[int, Act], beat: Act = lambda _: None) -> int:
    """Copy while something happens at the n-th file, and something else at each; how many."""
    position = -1
    for position, (name, file) in enumerate(changed_files(spool.root)):
        acts.get(position, beat)(spool)
        target = copy.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read())
    return position + 1


def _received(spool: Spool) -> None:
    spool.store_arrival(JOB, b"")
    spool.store_arrival(HELD, b"")


def _held(spool: Spool) -> None:
    spool.store_arrival(HELD, b"")
    _admit(spool)


def test_nothing_acknowledged_is_missing_whenever_it_is_decided_on(tmp_path: Path) -> None:
    for copy in _copies(tmp_path, _received, _admit):
        _admit(copy)
        files = {copy.instance_file(i).read_bytes() for i in copy.instance_ids()}
        assert files == {JOB, HELD}
        assert len(list(copy.job_ids())) == 1
        assert not copy.arrivals()


@pytest.mark.parametrize("steps", [(_retry,), (_retry, _admit), (_retry, _admit, _retry)])
def test_nothing_is_missing_whenever_a_person_has_it_decided_again(tmp_path, steps) -> None:
    def act(spool: Spool) -> None:
        for step in steps:
            step(spool)

    for copy in _copies(tmp_path, _held, act):
        _admit(copy)
        (instance_id,) = copy.instance_ids()
        assert copy.instance_file(instance_id).read_bytes() == HELD


def test_nothing_is_missing_that_goes_back_and_forth_between_two_files(tmp_path: Path) -> None:
    """From the inbox, while that is read, to where was looked, and back: one step a file."""
    for first in range(8):
        spool, copy = Spool(tmp_path / f"{first}-spool"), Spool(tmp_path / f"{first}-copy")
        _received(spool)
        _admit(spool)
        _copy(spool, copy, {first: _retry, first + 1: _admit})
        _admit(copy)
        files = {copy.instance_file(i).read_bytes() for i in copy.instance_ids()}
        assert files == {JOB, HELD}


def test_no_record_comes_without_what_it_relies_on_however_late_that_came(tmp_path) -> None:
    """All of a job happens at once, at any moment of any look, in every order the copy may meet."""

    def beat(spool: Spool) -> None:
        for path in beats(spool):
            draft = path.with_name(f"{path.name}.part")
            draft.touch()
            draft.replace(path)

    def happen(spool: Spool) -> None:
        write_durably(spool.inbox / "late.dcm", b"images")
        write_record(spool.root / "fetched" / "late.json", ["late"])
        write_record(spool.root / "commitments" / "late" / "delivery.json", ["late"])
        measure(spool)
        compared, accepted = agreement(), delivery(DeliveryState.ACCEPTED)
        write_job(spool, job(job_id="late"), made=result(), sent=[accepted])
        write_record(spool.agreement_file("late"), compared)

    for copy in _copies(tmp_path, beat, happen, beat):
        has_arrived = (copy.inbox / "late.dcm").exists()
        assert has_arrived or not (copy.root / "fetched" / "late.json").exists()
        assert has_arrived or not (copy.root / "commitments" / "late").exists()
        found = read_dossier(copy, "late")
        assert found or not copy.result_file("late").exists()
        if found:
            assert copy.instance_file(found.job.instance_id).exists()
            assert found.decision is not None
            assert found.result is None or (copy.job_folder("late") / FILE.name).exists()
            assert found.agreement is None or read_measured(copy, key_of(STUDY))


def beats(spool: Spool) -> list[Path]:
    """Files that are replaced all the time, so that every look meets something everywhere."""
    folders = [
        spool.inbox,
        spool.measured / "beat",
        spool.instances / "beat",
        spool.job_folder("late"),
        *(spool.root / name / "beat" for name in ("commitments", "fetched")),
    ]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    return [folder / name for folder in folders for name in ("beat.dcm", "beat.json")]


def test_a_study_that_is_being_removed_is_not_kept_in_part(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    measure(spool, "1.2.3.4.1")
    measure(spool, "1.2.3.4.2")
    files = changed_files(spool.root)
    name, _ = next(files)
    study = spool.measured / key_of(STUDY)
    assert not is_abandoned(spool.root, name)
    move_durably(study, study.with_suffix(".part"))

    assert is_abandoned(spool.root, name)
    assert not any(name.startswith("measured/") for name, _ in files)
    assert read_measured(spool, key_of(STUDY)) is None


def test_what_nobody_was_promised_and_what_is_derived_stays_out(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for name in ("engine.sqlite", "engine.sqlite-wal", "run/bell", "inbox/1.dcm.1-2.part"):
        (tmp_path / name).touch()
    (tmp_path / "trail").mkdir()
    (tmp_path / "trail" / "2026-11-23.log").write_text("a line\n")
    spool.store_arrival(JOB, b"")

    names = [name for name, _ in changed_files(tmp_path)]

    assert names[0] == "trail/2026-11-23.log", "what is not known is copied too"
    assert [name.partition("/")[0] for name in names[1:]] == ["inbox"]
