"""The reconciler hands over whatever is to be done and the engine does not know."""

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mumap_node.node.engine.attempts import Attempt, Kind
from mumap_node.node.engine.client import FINISHED
from mumap_node.node.jobs.dossier import Dossier, read_delivery, read_dossier
from mumap_node.node.jobs.verbs import Jobs, NotPossibleError
from mumap_node.node.spool.files import Spool, create_record, write_record
from mumap_node.node.spool.records import DeliveryState, OperatorWord, Outcome, Verb
from mumap_node.node.worker.reconciler import Reconciler
from records import NOW, MemoryEngine, decision, delivery, job, result, write_job

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
        stopped = {Kind.MAP: self.stop_map, Kind.DELIVER: self.stop_delivery}
        self.reconciler = Reconciler(self.spool, self.engine, stopped, lambda: NOW)

    def stop_map(self, attempt: Attempt, reason: str, _sentence: str) -> None:
        self.stopped.append((attempt.workflow_id, reason))
        stopped = result(Outcome.STOPPED, reason, attempt.number)
        create_record(self.spool.result_file(attempt.job_id), stopped)

    def stop_delivery(self, attempt: Attempt, reason: str, _sentence: str) -> None:
        self.stopped.append((attempt.workflow_id, reason))
        refused = delivery(REFUSED, attempt.destination, attempts=attempt.number)
        write_record(self.spool.delivery_file(attempt.job_id, attempt.destination), refused)


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


class Life(RuleBasedStateMachine):
    """Whatever happens in whatever order, work is never without an attempt, nor has it two."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.house = House(Path(self._folder.name))
        self.jobs = Jobs(self.house.spool, self.house.engine, lambda: NOW)
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

    @precondition(lambda self: self._active(Kind.DELIVER))
    @rule(state=st.sampled_from([WAITING, ACCEPTED, REFUSED]), data=st.data())
    def end_a_delivery(self, state: DeliveryState, data: st.DataObject) -> None:
        """As the deliverer does: a record only where it is wanted, then the next attempt."""
        workflow_id = data.draw(st.sampled_from(self._active(Kind.DELIVER)))
        _, _, name, number = workflow_id.split("/")
        self.engine.workflows[workflow_id] = "SUCCESS"
        before = read_delivery(self.house.spool, "job", name)
        if before in self.dossier.to_deliver and before.attempts < int(number):
            after = delivery(state, name, attempts=int(number))
            write_record(self.house.spool.delivery_file("job", name), after)
            if state is WAITING:
                self.engine.enqueue([Attempt(Kind.DELIVER, "job", int(number) + 1, name, 30.0)])

    @rule(verb=st.sampled_from(["retry", "cancel", "discard"]), name=st.sampled_from(["", "a"]))
    def speak(self, verb: str, name: str) -> None:
        try:
            getattr(self.jobs, verb)("job", name)
        except NotPossibleError as error:
            assert error.reason == "not-possible"  # noqa: PT017  (either way is right)

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

    def _all_active(self) -> list[str]:
        return [*self._active(Kind.MAP), *self._active(Kind.DELIVER)]


Life.TestCase.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)
TestLife = Life.TestCase
