"""The reconciler hands over whatever is to be done and the engine does not know."""

import contextlib
import json
import os
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mumap_node.node.engine.attempts import Attempt, Kind
from mumap_node.node.engine.client import FINISHED
from mumap_node.node.jobs.dossier import Dossier, delivery_file, read_delivery, read_dossier
from mumap_node.node.jobs.lookup import NotPossibleError
from mumap_node.node.jobs.verbs import Jobs
from mumap_node.node.spool.files import Spool, create_record, write_record
from mumap_node.node.spool.measured import key_of, read_measured
from mumap_node.node.spool.records import DeliveryState, OperatorWord, Outcome, Verb
from mumap_node.node.worker.reconciler import Reconciler
from records import (
    NOW,
    STUDY,
    MemoryEngine,
    agreement,
    decision,
    delivery,
    job,
    measure,
    result,
    write_job,
)

WAITING, ACCEPTED, REFUSED = (
    DeliveryState.WAITING,
    DeliveryState.ACCEPTED,
    DeliveryState.REFUSED,
)


class House:
    """A spool, an engine and their reconciler."""

    def __init__(self, folder: Path) -> None:
        self.spool = Spool(folder)
        self.engine = MemoryEngine()
        self.stopped: list[tuple[str, str]] = []
        self.restart()

    def restart(self) -> None:
        """What the reconciler remembers is gone."""
        stopped = {
            Kind.MAP: self.stop_map,
            Kind.DELIVER: self.stop_delivery,
            Kind.NOTE: self.stop_delivery,
            Kind.COMPARE: self.stop_comparison,
        }
        self.reconciler = Reconciler(self.spool, self.engine, stopped, lambda: NOW)

    def stop_map(self, attempt: Attempt, reason: str, _sentence: str) -> None:
        self.stopped.append((attempt.workflow_id, reason))
        stopped = result(Outcome.STOPPED, reason, attempt.number)
        create_record(self.spool.result_file(attempt.job_id), stopped)

    def stop_delivery(self, attempt: Attempt, reason: str, _sentence: str) -> None:
        self.stopped.append((attempt.workflow_id, reason))
        refused = delivery(REFUSED, attempt.destination, attempts=attempt.number)
        path = delivery_file(self.spool, attempt.kind, attempt.job_id, attempt.destination)
        write_record(path, refused)

    def stop_comparison(self, attempt: Attempt, reason: str, _sentence: str) -> None:
        self.stopped.append((attempt.workflow_id, reason))
        nothing = agreement(attempt.measured, attempt=attempt.number, reason=reason, kind="")
        write_record(self.spool.agreement_file(attempt.job_id), nothing)

    @property
    def digest(self) -> str:
        """Of what was measured in the study."""
        measured = read_measured(self.spool, key_of(STUDY))
        assert measured is not None
        return measured.digest


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_job_the_engine_does_not_know_is_handed_over(house: House) -> None:
    write_job(house.spool, job())
    assert house.reconciler.reconcile() == 1
    assert house.engine.workflows == {"map/job/1": "ENQUEUED"}
    assert house.reconciler.reconcile() == 0


@pytest.mark.parametrize("status", ["ENQUEUED", "DELAYED", "PENDING"])
def test_a_job_the_engine_works_on_is_left_alone(house: House, status: str) -> None:
    write_job(house.spool, job())
    house.engine.workflows["map/job/4"] = status
    assert house.reconciler.reconcile() == 0


def test_an_attempt_that_left_no_result_is_followed_by_another(house: House) -> None:
    write_job(house.spool, job())
    house.engine.workflows["map/job/1"] = "SUCCESS"
    assert house.reconciler.reconcile() == 1
    assert house.engine.workflows["map/job/2"] == "ENQUEUED"


@pytest.mark.parametrize(
    ("status", "reason"),
    [("ERROR", "internal-error"), ("MAX_RECOVERY_ATTEMPTS_EXCEEDED", "repeated-crash")],
)
def test_what_the_engine_gave_up_is_written_down(house: House, status: str, reason: str) -> None:
    write_job(house.spool, job())
    house.engine.workflows["map/job/1"] = status
    assert house.reconciler.reconcile() == 0
    assert house.stopped == [("map/job/1", reason)]
    assert house.reconciler.reconcile() == 0
    assert len(house.stopped) == 1


def test_a_retried_job_whose_hand_over_was_interrupted_goes_on(house: House) -> None:
    write_job(house.spool, job())
    house.engine.workflows["map/job/1"] = "ERROR"
    write_record(house.spool.job_folder("job") / "result-1.json", result(Outcome.STOPPED))
    assert house.reconciler.reconcile() == 1
    assert house.engine.workflows["map/job/2"] == "ENQUEUED"
    assert not house.stopped


def test_after_the_database_was_lost_numbers_go_on_from_the_spool(house: House) -> None:
    write_job(house.spool, job("a", "b"), made=result(), sent=[delivery(WAITING, "a", attempts=7)])
    write_job(house.spool, job(job_id="second"), decided=decision(job_id="second"))
    write_record(house.spool.job_folder("second") / "result-4.json", result(Outcome.STOPPED))
    assert house.reconciler.reconcile() == 3
    assert set(house.engine.workflows) == {"deliver/job/a/8", "deliver/job/b/1", "map/second/5"}


def test_a_waiting_delivery_keeps_its_time(house: House) -> None:
    due = NOW + timedelta(minutes=20)
    write_job(house.spool, job(), made=result(), sent=[delivery(WAITING, next_attempt_at=due)])
    house.reconciler.reconcile()
    assert house.engine.waits == {"deliver/job/pacs/2": 1200.0}


def test_a_delivery_attempt_that_ended_without_a_word_is_counted(house: House) -> None:
    write_job(house.spool, job(), made=result())
    house.engine.workflows["deliver/job/pacs/1"] = "SUCCESS"
    assert house.reconciler.reconcile() == 1
    assert house.engine.workflows["deliver/job/pacs/2"] == "ENQUEUED"
    assert read_delivery(house.spool, "job", "pacs").attempts == 1


def test_a_delivery_that_kept_crashing_is_put_aside(house: House) -> None:
    write_job(house.spool, job(), made=result())
    house.engine.workflows["deliver/job/pacs/1"] = "MAX_RECOVERY_ATTEMPTS_EXCEEDED"
    assert house.reconciler.reconcile() == 0
    assert house.stopped == [("deliver/job/pacs/1", "repeated-crash")]


@pytest.mark.parametrize(
    ("status", "handed_over", "stopped"),
    [
        ("", ["note/job/pacs/1"], []),
        ("SUCCESS", ["note/job/pacs/1", "note/job/pacs/2"], []),
        ("ERROR", ["note/job/pacs/1"], [("note/job/pacs/1", "internal-error")]),
    ],
)
def test_a_rejection_note_that_is_due_is_handed_over_as_a_delivery_is(
    house: House, status: str, handed_over: list[str], stopped: list[tuple[str, str]]
) -> None:
    retracted = OperatorWord(Verb.RETRACT, NOW, "quality", notes=("pacs",))
    sent = [delivery(ACCEPTED), delivery(ACCEPTED, "other")]
    write_job(house.spool, job("pacs", "other"), made=result(), sent=sent, word=retracted)
    if status:
        house.engine.workflows["note/job/pacs/1"] = status
    house.reconciler.reconcile()
    assert list(house.engine.workflows) == handed_over
    assert house.stopped == stopped


@pytest.mark.parametrize(
    "about",
    [
        {"made": result(), "sent": [delivery(ACCEPTED)]},
        {"made": result(), "sent": [delivery(REFUSED)]},
        {"made": result(Outcome.REJECTED)},
        {"word": OperatorWord(Verb.CANCEL, NOW)},
        {"word": OperatorWord(Verb.CANCEL, NOW), "made": result()},
        {"decided": decision(superseded_by="newer")},
        {"decided": decision(superseded_by="newer"), "made": result()},
        {"decided": decision(run=2, job_id="second")},
    ],
)
def test_what_is_finished_or_not_wanted_is_left_alone(
    house: House, about: dict[str, object]
) -> None:
    write_job(house.spool, job(), **about)  # type: ignore[arg-type]
    assert house.reconciler.reconcile() == 0
    assert not house.engine.workflows


def test_a_job_whose_instance_is_gone_is_left_alone(house: House) -> None:
    write_job(house.spool, job())
    house.spool.instance_file("instance").unlink()
    assert house.reconciler.reconcile() == 0


DONE = {"made": result(), "sent": [delivery(ACCEPTED)]}


@pytest.mark.parametrize("sent", [WAITING, ACCEPTED, REFUSED])
def test_a_map_is_compared_once_what_was_measured_is_there(
    house: House, sent: DeliveryState
) -> None:
    write_job(house.spool, job(), made=result(), sent=[delivery(sent)])
    house.reconciler.reconcile()
    measure(house.spool)
    house.reconciler.reconcile()
    assert house.engine.workflows[f"compare/job/{house.digest}/1"] == "ENQUEUED"
    assert house.reconciler.reconcile() == 0


def test_what_was_measured_before_the_map_was_made_waits_for_it(house: House) -> None:
    measure(house.spool)
    write_job(house.spool, job())
    house.reconciler.reconcile()
    assert set(house.engine.workflows) == {"map/job/1"}
    write_job(house.spool, job(), **DONE)  # type: ignore[arg-type]
    house.reconciler.reconcile()
    assert f"compare/job/{house.digest}/1" in house.engine.workflows


def test_measured_files_that_cannot_be_read_keep_no_delivery_waiting(house: House) -> None:
    write_job(house.spool, job(), made=result(), sent=[delivery(WAITING)])
    write_job(house.spool, job(job_id="sent"), **DONE)  # type: ignore[arg-type]
    measure(house.spool)
    (path,) = house.spool.measured.glob("*/*/*.dcm")
    path.rename(path.with_name("gone"))
    path.symlink_to("nowhere.dcm")

    assert house.reconciler.reconcile() == 1
    assert set(house.engine.workflows) == {"deliver/job/pacs/2"}
    path.unlink()
    path.with_name("gone").rename(path)
    house.reconciler.reconcile()
    assert f"compare/sent/{house.digest}/1" in house.engine.workflows


@pytest.mark.parametrize(("age_seconds", "begun"), [(119, 0), (121, 1)])
def test_slices_are_waited_for(house: House, age_seconds: float, begun: int) -> None:
    write_job(house.spool, job(), **DONE)  # type: ignore[arg-type]
    measure(house.spool, "1.2.3.4.1", age_seconds=3600)
    measure(house.spool, "1.2.3.4.2", age_seconds=age_seconds)
    assert house.reconciler.reconcile() == begun


def test_what_is_compared_is_left_alone_until_something_comes(house: House) -> None:
    write_job(house.spool, job(), **DONE)  # type: ignore[arg-type]
    measure(house.spool)
    written = agreement(house.digest, attempt=3)
    write_record(house.spool.agreement_file("job"), written)
    for folder in (house.spool.job_folder("job"), *house.spool.measured.rglob("*/")):
        os.utime(folder, (0, 0))  # long ago: the reconciler need not look again
    assert house.reconciler.reconcile() == 0
    measure(house.spool, "1.2.3.4.2")
    assert house.digest != written.measured
    assert house.reconciler.reconcile() == 1
    assert set(house.engine.workflows) == {f"compare/job/{house.digest}/4"}


@pytest.mark.parametrize(
    ("status", "reason"),
    [("ERROR", "internal-error"), ("MAX_RECOVERY_ATTEMPTS_EXCEEDED", "repeated-crash")],
)
def test_a_comparison_the_engine_gave_up_is_written_down_and_the_job_stays_done(
    house: House, status: str, reason: str
) -> None:
    write_job(house.spool, job(), **DONE)  # type: ignore[arg-type]
    measure(house.spool)
    house.engine.workflows[f"compare/job/{house.digest}/1"] = status
    assert house.reconciler.reconcile() == 0
    assert house.stopped == [(f"compare/job/{house.digest}/1", reason)]
    dossier = read_dossier(house.spool, "job")
    assert dossier is not None
    assert dossier.agreement is not None
    assert (dossier.standing().state, dossier.agreement.reason) == ("done", reason)
    assert house.reconciler.reconcile() == 0
    assert len(house.stopped) == 1


def test_a_crash_with_other_files_does_not_count_for_those_of_now(house: House) -> None:
    write_job(house.spool, job(), **DONE)  # type: ignore[arg-type]
    measure(house.spool)
    house.engine.workflows[f"compare/job/{house.digest}/1"] = "MAX_RECOVERY_ATTEMPTS_EXCEEDED"
    measure(house.spool, "1.2.3.4.2")
    assert house.reconciler.reconcile() == 1
    assert house.engine.workflows[f"compare/job/{house.digest}/1"] == "ENQUEUED"
    assert not house.stopped


def test_files_that_are_those_of_an_older_crash_again_are_tried_again(house: House) -> None:
    write_job(house.spool, job(), **DONE)  # type: ignore[arg-type]
    measure(house.spool)
    write_record(house.spool.agreement_file("job"), agreement("of others", attempt=2))
    house.engine.workflows[f"compare/job/{house.digest}/1"] = "MAX_RECOVERY_ATTEMPTS_EXCEEDED"
    assert house.reconciler.reconcile() == 1
    assert house.engine.workflows[f"compare/job/{house.digest}/3"] == "ENQUEUED"


def test_a_comparison_that_ended_without_a_word_is_followed_by_another(house: House) -> None:
    write_job(house.spool, job(), **DONE)  # type: ignore[arg-type]
    measure(house.spool)
    house.engine.workflows[f"compare/job/{house.digest}/1"] = "SUCCESS"
    assert house.reconciler.reconcile() == 1
    assert house.engine.workflows[f"compare/job/{house.digest}/2"] == "ENQUEUED"


def test_a_database_that_was_lost_costs_no_comparison_twice(house: House) -> None:
    write_job(house.spool, job(), **DONE)  # type: ignore[arg-type]
    measure(house.spool)
    write_record(house.spool.agreement_file("job"), agreement(house.digest))
    assert house.reconciler.reconcile() == 0


def test_a_damaged_comparison_is_made_anew_and_hides_no_job(house: House) -> None:
    write_job(house.spool, job(), **DONE)  # type: ignore[arg-type]
    measure(house.spool)
    house.spool.agreement_file("job").write_text("{")
    assert house.reconciler.reconcile() == 1
    dossier = read_dossier(house.spool, "job")
    assert dossier is not None
    assert dossier.standing().state == "done"


def test_jobs_of_older_versions_have_no_study_and_are_left_alone(house: House) -> None:
    write_job(house.spool, job(), **DONE)  # type: ignore[arg-type]
    path = house.spool.job_file("job")
    written = json.loads(path.read_text())
    del written["study"]
    path.write_text(json.dumps(written))
    measure(house.spool)
    assert house.reconciler.reconcile() == 0


@pytest.mark.parametrize(
    "about",
    [
        {"made": result(Outcome.FAILED_CHECKS)},
        {"made": result(Outcome.REJECTED)},
        {**DONE, "decided": decision(superseded_by="newer")},
        {**DONE, "decided": decision(run=2, job_id="second")},
        {**DONE, "word": OperatorWord(Verb.DISCARD, NOW)},
    ],
)
def test_only_a_map_that_counts_is_compared(house: House, about: dict[str, object]) -> None:
    write_job(house.spool, job(), **about)  # type: ignore[arg-type]
    measure(house.spool)
    assert house.reconciler.reconcile() == 0


def test_without_the_source_nothing_is_compared(house: House) -> None:
    write_job(house.spool, job(), **DONE)  # type: ignore[arg-type]
    measure(house.spool)
    house.spool.instance_file("instance").unlink()
    assert house.reconciler.reconcile() == 0


def test_every_job_of_a_study_is_compared(house: House) -> None:
    for name in ("rest", "stress"):
        decided = decision(job_id=name, instance_id=name)
        asked = replace(job(job_id=name), instance_id=name)
        write_job(house.spool, asked, decided=decided, **DONE)  # type: ignore[arg-type]
    measure(house.spool)
    assert house.reconciler.reconcile() == 2
    digest = house.digest
    assert set(house.engine.workflows) == {
        f"compare/rest/{digest}/1",
        f"compare/stress/{digest}/1",
    }


class Life(RuleBasedStateMachine):
    """Whatever happens in whatever order, work is never without an attempt, nor has it two."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.house = House(Path(self._folder.name))
        self.jobs = Jobs(self.house.spool, self.house.engine, lambda: NOW, take_notes=["a"])
        write_job(self.house.spool, job("a", "b"))

    def teardown(self) -> None:
        self._folder.cleanup()

    @property
    def dossier(self) -> Dossier:
        dossier = read_dossier(self.house.spool, "job")
        assert dossier is not None
        return dossier

    @property
    def engine(self) -> MemoryEngine:
        return self.house.engine

    def _active(self, kind: Kind) -> list[str]:
        return [
            workflow_id
            for workflow_id, status in self.engine.workflows.items()
            if status not in FINISHED and workflow_id.startswith(kind)
        ]

    @rule()
    def reconcile(self) -> None:
        self.house.reconciler.reconcile()

    @rule()
    def restart(self) -> None:
        self.house.restart()

    @rule()
    def lose_the_database(self) -> None:
        self.engine.workflows.clear()

    @precondition(lambda self: self._active(Kind.MAP))
    @rule(
        outcome=st.sampled_from([None, *Outcome]),
        status=st.sampled_from(["SUCCESS", "ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]),
    )
    def end_a_map(self, outcome: Outcome | None, status: str) -> None:
        """As the worker does: a result only where it is wanted, then the engine's word."""
        workflow_id = self._active(Kind.MAP)[0]
        number = int(workflow_id.rpartition("/")[2])
        if outcome is not None and self.dossier.is_wanted:
            made = result(outcome, attempt=number)
            create_record(self.house.spool.result_file("job"), made)
        self.engine.workflows[workflow_id] = status

    @precondition(lambda self: self._active(Kind.DELIVER) + self._active(Kind.NOTE))
    @rule(state=st.sampled_from([WAITING, ACCEPTED, REFUSED]), data=st.data())
    def end_a_delivery(self, state: DeliveryState, data: st.DataObject) -> None:
        """As the deliverer does: a record only where it is wanted, then the next attempt."""
        active = self._active(Kind.DELIVER) + self._active(Kind.NOTE)
        workflow_id = data.draw(st.sampled_from(active))
        kind, _, name, number = workflow_id.split("/")
        self.engine.workflows[workflow_id] = "SUCCESS"
        before = read_delivery(self.house.spool, "job", name, Kind(kind))
        due = self.dossier.to_notify if kind == Kind.NOTE else self.dossier.to_deliver
        if before in due and before.attempts < int(number):
            after = delivery(state, name, attempts=int(number))
            write_record(delivery_file(self.house.spool, Kind(kind), "job", name), after)
            if state is WAITING:
                self.engine.enqueue([Attempt(Kind(kind), "job", int(number) + 1, name, 30.0)])

    @rule(instance=st.sampled_from(["1.2.3.4.1", "1.2.3.4.2"]), age=st.integers(200, 300))
    def measure(self, instance: str, age: int) -> None:
        """Two slices come, or come again with another time."""
        for path in self.house.spool.measured.rglob(f"{key_of(instance)}.dcm"):
            path.unlink()
        measure(self.house.spool, instance, age_seconds=age)

    @precondition(lambda self: self._active(Kind.COMPARE))
    @rule(
        data=st.data(),
        status=st.sampled_from(["SUCCESS", "ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]),
    )
    def end_a_comparison(self, data: st.DataObject, status: str) -> None:
        """As the worker does: a record unless it crashed or other files came."""
        workflow_id = data.draw(st.sampled_from(self._active(Kind.COMPARE)))
        _, _, digest, number = workflow_id.split("/")
        self.engine.workflows[workflow_id] = status
        known = self.dossier.agreement
        is_newer = known is None or known.attempt < int(number)
        if status == "SUCCESS" and digest == self.house.digest and is_newer:
            written = agreement(digest, attempt=int(number))
            write_record(self.house.spool.agreement_file("job"), written)

    @rule(verb=st.sampled_from(["retry", "cancel", "discard"]), name=st.sampled_from(["", "a"]))
    def speak(self, verb: str, name: str) -> None:
        try:
            getattr(self.jobs, verb)("job", name)
        except NotPossibleError as error:
            assert error.reason in {"not-possible", "retracted"}  # noqa: PT017  (either is right)

    @rule()
    def retract(self) -> None:
        was_retracted = self.dossier.is_retracted
        with contextlib.suppress(NotPossibleError):
            self.jobs.retract("job", "quality")
            assert not was_retracted

    @invariant()
    def never_two_attempts_at_one_thing(self) -> None:
        series = [workflow_id.rpartition("/")[0] for workflow_id in self._all_active()]
        assert len(series) == len(set(series))

    @invariant()
    def whatever_is_to_be_done_is_under_way_once_reconciled(self) -> None:
        self.house.reconciler.reconcile()
        dossier = self.dossier
        if dossier.is_wanted and dossier.result is None:
            assert self._active(Kind.MAP)
        for waiting in dossier.to_deliver:
            number = waiting.attempts + 1
            assert f"deliver/job/{waiting.destination}/{number}" in self._active(Kind.DELIVER)
        for waiting in dossier.to_notify:
            number = waiting.attempts + 1
            assert f"note/job/{waiting.destination}/{number}" in self._active(Kind.NOTE)
        measured = read_measured(self.house.spool, key_of(STUDY))
        if dossier.is_made and dossier.is_wanted and measured is not None:
            known = self.dossier.agreement
            active = [i for i in self._active(Kind.COMPARE) if f"/{measured.digest}/" in i]
            assert (known is not None and known.measured == measured.digest) != bool(active)

    def _all_active(self) -> list[str]:
        return [i for kind in Kind for i in self._active(kind)]


Life.TestCase.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)
TestLife = Life.TestCase
