"""One attempt at a comparison, without an engine."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydicom import Dataset

from agreements import put_agreement
from builders import card, water_where_counts
from examinations import ct, file_of, mumap, nac
from mumap_node.comparing import compare_with_measured
from mumap_node.dicom.files import read_dataset
from mumap_node.errors import ConfigurationError
from mumap_node.imaging.definitions import METRICS
from mumap_node.imaging.model_card import ModelCard
from mumap_node.node.engine.attempts import Attempt, Kind
from mumap_node.node.jobs.dossier import Dossier, read_dossier
from mumap_node.node.jobs.states import JobState
from mumap_node.node.model import LoadedModel
from mumap_node.node.routing import Route
from mumap_node.node.spool.files import Spool, write_record
from mumap_node.node.spool.measured import key_of, read_measured
from mumap_node.node.spool.records import Agreement, OperatorWord, Verb
from mumap_node.node.totals import Total, read_total
from mumap_node.node.worker.admission import Admitter
from mumap_node.node.worker.comparing import Comparing
from mumap_node.node.worker.decisions import Rules
from mumap_node.node.worker.making import Making, MakingOptions
from mumap_node.pipeline import Model, Request
from nodes import COMPARING

OPTIONS = MakingOptions("MUMAP", "0.1.0", ZoneInfo("Europe/Berlin"))
SHADOW = Route("shadow", assume_nac=True, deliver=False)
ASKED = Request(assume_nac=True)
ELSEWHERE = "2.25.4711"


class House:
    """A spool with a map that goes nowhere, and whoever compares it."""

    def __init__(self, folder: Path) -> None:
        self.spool = Spool(folder)
        self.source = nac()
        self.load_card: Callable[[str], ModelCard] = lambda _name: card()
        (job,) = self.take(self.source)
        assert job is not None
        self.job_id: str = job
        model = LoadedModel(Model(card(), water_where_counts), "numpy")
        making = Making(self.spool, OPTIONS, lambda _identity: model, _now)
        assert making.attempt(Attempt(Kind.MAP, self.job_id)) == []

    def take(self, *datasets: Dataset) -> list[str | None]:
        """Receive and admit; ids of the jobs they became."""
        rules = Rules([*COMPARING, SHADOW], [], {}, lambda _name: card())
        admitter = Admitter(self.spool, rules, _now)
        arrivals = [self.spool.store_arrival(file_of(dataset), b"") for dataset in datasets]
        jobs = [admitter.admit(arrival) for arrival in arrivals]
        return [job.job_id if job else None for job in jobs]

    @property
    def digest(self) -> str:
        measured = read_measured(self.spool, key_of(self.source.StudyInstanceUID))
        return measured.digest if measured else ""

    def map(self) -> Dataset:
        """As it is stored."""
        assert self.dossier.result is not None
        name = self.dossier.result.files["standard"][0].name
        return read_dataset((self.spool.job_folder(self.job_id) / name).read_bytes())

    def compare(self, number: int = 1, measured: str = "") -> list[Attempt]:
        comparing = Comparing(self.spool, self.load_card, _now, OPTIONS.timezone)
        digest = measured or self.digest
        return list(comparing.attempt(Attempt(Kind.COMPARE, self.job_id, number, measured=digest)))

    @property
    def dossier(self) -> Dossier:
        dossier = read_dossier(self.spool, self.job_id)
        assert dossier is not None
        return dossier

    @property
    def agreement(self) -> Agreement:
        assert self.dossier.agreement is not None
        return self.dossier.agreement


def _now() -> datetime:
    return datetime.now(UTC)


def _read(dataset: Dataset) -> Dataset:
    return read_dataset(file_of(dataset))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.mark.parametrize("kind", ["ct", "map"])
def test_what_was_measured_where_the_source_lies_is_compared_with(house: House, kind: str) -> None:
    measured = ct() if kind == "ct" else [mumap()]
    house.take(*measured)
    assert house.compare() == []
    found = house.agreement
    assert (found.kind, found.reason, found.sentence, found.attempt) == (kind, "", "", 1)
    assert found.measured == house.digest
    expected = compare_with_measured(
        _read(house.source), house.map(), list(map(_read, measured)), card(), ASKED
    )
    assert found.figures == expected.figures
    assert set(found.figures) <= set(METRICS)
    assert (found.dice, found.shift_mm) == (
        expected.registration.dice,
        expected.registration.shift_mm,
    )
    assert found.is_registered
    assert found.groups["source"] == "reconstruction"
    assert (found.model, found.model_sha256) == (card().identity, card().sha256)
    assert house.dossier.decision is not None
    assert found.received_at == house.dossier.decision.received_at


def test_the_job_stays_as_it_was(house: House) -> None:
    before = replace(house.dossier, agreement=None)
    house.take(mumap())
    house.compare()
    assert replace(house.dossier, agreement=None) == before
    assert (house.dossier.standing().state, house.dossier.standing().reason) == (
        JobState.DONE,
        "shadow",
    )


def test_the_record_tells_nothing_of_the_patient(house: House) -> None:
    house.take(*ct())
    house.compare()
    written = house.spool.agreement_file(house.job_id).read_text()
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "SOPInstanceUID", "StudyDate"):
        assert str(house.source[keyword].value) not in written


def test_a_map_goes_before_a_ct_and_the_frame_of_reference_before_both(house: House) -> None:
    house.take(*ct(), mumap())
    house.compare()
    assert house.agreement.kind == "map"
    house.take(mumap(FrameOfReferenceUID=ELSEWHERE))
    house.compare(2)
    assert (house.agreement.kind, house.agreement.attempt) == ("ct", 2)


def test_of_several_nobody_knows_which_was_meant(house: House) -> None:
    house.take(mumap(), mumap(SeriesInstanceUID="2.25.1", SOPInstanceUID="2.25.2"))
    house.compare()
    assert (house.agreement.reason, house.agreement.kind) == ("ambiguous-truth", "")
    assert house.agreement.figures == {}
    assert house.agreement.groups["source"] == "reconstruction"


def test_what_lies_in_another_frame_of_reference_is_not_compared(house: House) -> None:
    house.take(mumap(FrameOfReferenceUID=ELSEWHERE))
    house.compare()
    assert house.agreement.reason == "other-frame"


def test_a_series_that_no_memory_holds_is_not_read(house: House) -> None:
    house.take(*ct())
    (files,) = read_measured(house.spool, key_of(house.source.StudyInstanceUID)).series.values()
    for path in files[1:3]:  # sparse: they take no place on the disk
        os.truncate(path, 600 << 20)
    assert house.compare() == []
    assert (house.agreement.reason, house.agreement.figures) == ("oversized", {})


def test_what_lies_elsewhere_is_shown_and_does_not_count(house: House) -> None:
    house.take(mumap(shift_mm=(0, 40, 0)))
    house.compare()
    assert house.agreement.figures
    assert not house.agreement.is_registered
    assert max(map(abs, house.agreement.shift_mm)) > 10


def test_an_attempt_that_is_repeated_after_a_crash_changes_nothing(house: House) -> None:
    house.take(mumap())
    house.compare()
    before = house.spool.agreement_file(house.job_id).read_bytes()
    house.load_card = _must_not_run
    assert house.compare() == []
    assert house.spool.agreement_file(house.job_id).read_bytes() == before


def test_other_files_than_those_asked_for_are_left_to_the_next_attempt(house: House) -> None:
    house.take(mumap())
    assert house.compare(measured="of before") == []
    assert house.dossier.agreement is None


def test_files_that_come_while_it_compares_make_it_worthless(house: House) -> None:
    house.take(mumap())

    def take_another(_name: str) -> ModelCard:
        house.take(mumap(SeriesDescription="CORRECTED"))
        return card()

    house.load_card = take_another
    assert house.compare() == []
    assert house.dossier.agreement is None


def test_a_later_comparison_is_never_overwritten_by_an_older_one(house: House) -> None:
    house.take(mumap())
    house.compare(5)
    later = replace(house.agreement, measured="of a moment ago")
    write_record(house.spool.agreement_file(house.job_id), later)
    house.compare(4)
    assert house.agreement == later


def test_nothing_is_compared_that_nobody_wants(house: House) -> None:
    house.take(mumap())
    word = OperatorWord(Verb.DISCARD, _now())
    write_record(house.spool.operator_file(house.job_id), word)
    house.load_card = _must_not_run
    assert house.compare() == []
    assert house.dossier.agreement is None


def test_a_comparison_outlives_the_images_it_was_made_of(house: House) -> None:
    house.take(mumap())
    house.compare()
    before = house.agreement
    house.take(mumap(SeriesDescription="CORRECTED"))
    assert house.dossier.decision is not None
    house.spool.instance_file(house.dossier.decision.instance_id).unlink()
    assert house.compare(2) == []
    assert house.agreement == before


def test_a_map_that_is_not_what_was_made_is_not_compared(house: House) -> None:
    house.take(mumap())
    assert house.dossier.result is not None
    name = house.dossier.result.files["standard"][0].name
    (house.spool.job_folder(house.job_id) / name).write_bytes(b"something else")
    house.compare()
    assert house.agreement.reason == "map-damaged"


@pytest.mark.parametrize("changed", ["network", "missing"])
def test_a_model_that_is_not_what_it_was_is_told(house: House, changed: str) -> None:
    def load(_name: str) -> ModelCard:
        if changed == "missing":
            raise ConfigurationError("model-missing", ["expected model m-1, found none"])
        return card(sha256=hashlib.sha256(b"").hexdigest())

    house.take(mumap())
    house.load_card = load
    house.compare()
    assert house.agreement.reason == f"model-{'missing' if changed == 'missing' else 'changed'}"


def test_a_disk_that_fails_is_tried_again_later(house: House) -> None:
    def broken_disk(_name: str) -> ModelCard:
        raise OSError(5, "input/output error")

    house.take(mumap())
    house.load_card = broken_disk
    (again,) = house.compare()
    assert (again.kind, again.number, again.measured) == (Kind.COMPARE, 2, house.digest)
    assert again.wait_seconds > 0
    assert house.dossier.agreement is None


def test_what_took_its_worker_down_is_written_down_and_the_job_stays_done(house: House) -> None:
    house.take(mumap())
    comparing = Comparing(house.spool, house.load_card, _now, OPTIONS.timezone)
    attempt = Attempt(Kind.COMPARE, house.job_id, 1, measured=house.digest)
    comparing.stopped(attempt, "repeated-crash", "expected an outcome, found the process dead")
    assert (house.agreement.reason, house.agreement.measured) == ("repeated-crash", house.digest)
    assert house.dossier.standing().state is JobState.DONE
    before = house.agreement
    comparing.stopped(attempt, "internal-error", "again")
    assert house.agreement == before


def test_a_job_that_was_purged_is_no_fault(house: House) -> None:
    house.job_id = "no-such-job"
    assert house.compare(measured="x") == []
    attempt = Attempt(Kind.COMPARE, house.job_id, 1, measured="x")
    Comparing(house.spool, house.load_card, _now, OPTIONS.timezone).stopped(
        attempt, "internal-error", "a bug"
    )
    assert not house.spool.job_folder(house.job_id).exists()


def _must_not_run(_name: str) -> ModelCard:
    raise AssertionError


def test_the_study_that_makes_a_drift_certain_is_known_once_it_is_compared(house):
    """Each outlier adds at most 2.5 to the sum, which rings above 7: the third does."""
    house.take(mumap())
    house.compare()
    own = house.dossier.agreement
    calm = [0.001, 0.0011, 0.0009] * 10
    for number, nmae in enumerate([*calm, 0.9, 0.9], start=1):
        earlier = own.received_at - timedelta(hours=100 - number)
        figures = {"nmae_body": nmae, "bias_body_per_cm": 0.0}
        put_agreement(house.spool, number, replace(own, figures=figures, received_at=earlier))
    house.spool.agreement_file(house.job_id).unlink()

    house.compare()

    assert read_total(house.spool.run, Total.DRIFTS) == {(): 1}
