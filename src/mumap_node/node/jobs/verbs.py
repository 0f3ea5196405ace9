"""Jobs as people handle them: list, show, retry, rerun, cancel, retract, discard.

Works with or without running processes. What a person says is written into the spool first, and
holds; the engine is told where it can be reached, and else learns it from the reconciler.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from mumap_node.errors import TransientError
from mumap_node.node.bell import ring
from mumap_node.node.engine.attempts import Attempt, Kind
from mumap_node.node.engine.client import FINISHED, EngineClient
from mumap_node.node.jobs.dossier import (
    Dossier,
    next_delivery_attempt,
    next_map_attempt,
    read_delivery,
    skip_attempt,
)
from mumap_node.node.jobs.lookup import NotPossibleError, current, find
from mumap_node.node.jobs.retraction import require_not_retracted, series_by_hand, take_back
from mumap_node.node.jobs.states import JobState
from mumap_node.node.jobs.views import JobView, list_views, view_of
from mumap_node.node.spool.files import Spool, locked, move_durably, read_record, write_record
from mumap_node.node.spool.records import (
    Admission,
    Decision,
    Delivery,
    DeliveryState,
    OperatorWord,
    Verb,
)

WAITING_FOR_A_MACHINE = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.DELIVERING})
"""States in which the node itself has something to do."""


class Jobs:
    """Everything a person can see and do.

    Ids may be shortened to any unique beginning.

    Raises:
        NotPossibleError: From every verb, where it makes no sense for that job.
    """

    def __init__(
        self,
        spool: Spool,
        engine: EngineClient,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        take_notes: Sequence[str] = (),
    ) -> None:
        """Prepare; neither has to be reachable yet.

        Args:
            spool: Where jobs are.
            engine: Told where it can be reached.
            now: The time, UTC.
            take_notes: Names of the destinations that act on rejection notes.
        """
        self._take_notes = tuple(take_notes)
        self._spool = spool
        self._engine = engine
        self._now = now

    def list_jobs(
        self, *, states: Collection[JobState] = (), limit: int | None = None
    ) -> list[JobView]:
        """Jobs, instances that became none, and arrivals; the last to arrive first."""
        return list_views(self._spool, self._engine, states=states, limit=limit)

    def show(self, which: str) -> JobView:
        """Everything about one of them."""
        item = find(self._spool, which)
        view = view_of(self._engine, item)
        if not view.by_hand or isinstance(item, Decision):
            return view
        return replace(view, by_hand=series_by_hand(self._spool, item))

    def retry(self, which: str, destination: str = "") -> JobView:
        """Try again now what failed, waits or was taken back.

        An instance without a job is decided on again, by the settings the worker was started
        with. A map that was not made is made again. Deliveries that wait are tried now, and
        those that were refused or given up from the beginning; one that is named is sent even
        where it was accepted before.
        """
        item = find(self._spool, which)
        if isinstance(item, Decision):
            self._decide_again(item)
            return view_of(self._engine, item)
        job_id = item.job.job_id
        if item.superseded_by:
            raise NotPossibleError(
                reason="superseded",
                sentence=f"expected the current one, found {item.superseded_by}",
            )
        with locked(self._spool.job_folder(job_id)):
            item = current(self._spool, job_id)
            require_not_retracted(item)
            again = self._reopen(item, destination)
            # Last: a retry that was refused above takes back nobody's word.
            self._spool.operator_file(job_id).unlink(missing_ok=True)
        with suppress(TransientError):
            if again is None:
                self._hand_over_map(job_id)
            for delivery in again or ():
                self._hand_over_delivery(job_id, delivery)
        return self.show(job_id)

    def rerun(self, which: str) -> int:
        """Make another map of the same instance, as a new object; the number of that run.

        The instance is decided on again, by the settings the worker was started with.
        """
        item = self._find_job(which)
        view = view_of(self._engine, item)
        if item.decision is not None and item.decision.superseded_by:
            raise NotPossibleError(
                reason="superseded",
                sentence=f"expected the current one, found {item.superseded_by}",
            )
        if view.state in WAITING_FOR_A_MACHINE:
            raise NotPossibleError(
                reason="not-possible", sentence=f"expected an ended job, found it {view.state}"
            )
        self._require_images(item.job.instance_id)
        run = 1 + max(item.job.run, item.decision.run if item.decision else 1)
        self._spool.return_to_inbox(item.job.instance_id, run)
        ring(self._spool.bell)
        return run

    def cancel(self, which: str, destination: str = "") -> JobView:
        """Do nothing more for a job, or for one of its destinations."""
        if destination:
            return self._drop_delivery(which, destination)
        item = find(self._spool, which)
        view = view_of(self._engine, item)
        open_deliveries = isinstance(item, Dossier) and bool(item.to_deliver)
        if isinstance(item, Decision) or (
            view.state not in WAITING_FOR_A_MACHINE and not open_deliveries
        ):
            raise NotPossibleError(
                reason="not-possible", sentence=f"expected unfinished work, found it {view.state}"
            )
        return self._say(item.job.job_id, Verb.CANCEL)

    def retract(self, which: str, reason: str, comment: str = "") -> JobView:
        """Take a map back: nothing more of it is sent, and rejection notes go to where it is.

        Where nothing was sent the job is only cancelled, and retry takes that back.

        Args:
            which: Id of the job.
            reason: A key of ``dicom.rejection_note.REASONS``.
            comment: In the person's words; sent to nobody.
        """
        job = self._find_job(which).job
        word = OperatorWord(Verb.RETRACT, self._now(), reason, comment, self._take_notes)
        retracted = take_back(self._spool, job.job_id, word)
        with suppress(TransientError):
            self._engine.enqueue(
                next_delivery_attempt(job.job_id, note, self._now(), Kind.NOTE)
                for note in retracted.to_notify
            )
        return self.show(job.job_id)

    def discard(self, which: str, destination: str = "") -> JobView:
        """Put aside what a person has looked at: held, quarantined or cancelled."""
        if destination:
            return self._drop_delivery(which, destination)
        item = find(self._spool, which)
        view = view_of(self._engine, item)
        if view.state not in {JobState.HELD, JobState.QUARANTINED, JobState.CANCELLED}:
            raise NotPossibleError(
                reason="not-possible",
                sentence=f"expected it held, quarantined or cancelled, found it {view.state}",
            )
        if isinstance(item, Dossier):
            return self._say(item.job.job_id, Verb.DISCARD)
        path = self._spool.decision_file(item.instance_id)
        with locked(path.parent):
            current = read_record(Decision, path) or item
            discarded = replace(
                current, admission=Admission.IGNORED, reason="discarded", decided_at=self._now()
            )
            write_record(path, discarded)
        return view_of(self._engine, discarded)

    def _decide_again(self, decision: Decision) -> None:
        self._require_images(decision.instance_id)
        self._spool.return_to_inbox(decision.instance_id, decision.run)
        ring(self._spool.bell)

    def _reopen(self, item: Dossier, destination: str) -> list[Delivery] | None:
        """Write down what is to be done again: deliveries, or None for the map itself."""
        job_id = item.job.job_id
        if item.is_made:
            return self._reopen_deliveries(item, destination)
        self._require_images(item.job.instance_id)
        if item.result is not None:
            path = self._spool.result_file(job_id)
            move_durably(path, path.with_name(f"result-{item.result.attempt}.json"))
        return None

    def _reopen_deliveries(self, item: Dossier, destination: str) -> list[Delivery]:
        if destination and destination not in item.job.profiles:
            raise NotPossibleError(
                reason="not-possible",
                sentence=f"expected a delivery to {destination!r}, found none",
            )
        chosen = [
            delivery
            for delivery in item.deliveries
            if destination == delivery.destination
            or (not destination and delivery.state is not DeliveryState.ACCEPTED)
        ]
        if not chosen:
            raise NotPossibleError(
                reason="not-possible", sentence="expected a delivery to try again, found none"
            )
        self._require_images(item.job.instance_id)
        reopened = [
            replace(
                delivery,
                # What waits to be committed is asked for now; what is named is stored anew.
                state=DeliveryState.WAITING,
                stored_by=0 if destination else delivery.stored_by,
                first_attempt_at=None,
                next_attempt_at=None,
            )
            for delivery in chosen
        ]
        for delivery in reopened:
            path = self._spool.delivery_file(item.job.job_id, delivery.destination)
            write_record(path, delivery)
        return reopened

    def _hand_over_map(self, job_id: str) -> None:
        series = Attempt(Kind.MAP, job_id).series
        latest = self._engine.latest([series]).get(series)
        if latest is not None and latest.status not in FINISHED:
            self._engine.hasten(Attempt(Kind.MAP, job_id, latest.number))
            return
        number = latest.number if latest else 0
        self._engine.enqueue([next_map_attempt(self._spool, job_id, number)])

    def _hand_over_delivery(self, job_id: str, delivery: Delivery) -> None:
        attempt = next_delivery_attempt(job_id, delivery, self._now())
        status = self._engine.statuses([attempt]).get(attempt.workflow_id)
        if status in FINISHED:  # it ended without a word while nobody wanted it
            skipped = skip_attempt(self._spool, attempt)
            attempt = next_delivery_attempt(job_id, skipped or delivery, self._now())
        self._engine.enqueue([attempt])
        self._engine.hasten(attempt)

    def _drop_delivery(self, which: str, destination: str) -> JobView:
        item = find(self._spool, which)
        if isinstance(item, Decision) or destination not in item.job.profiles:
            raise NotPossibleError(
                reason="not-possible",
                sentence=f"expected a delivery to {destination!r}, found none",
            )
        job_id = item.job.job_id
        with locked(self._spool.job_folder(job_id)):
            delivery = read_delivery(self._spool, job_id, destination)
            if delivery.state is DeliveryState.ACCEPTED:
                raise NotPossibleError(
                    reason="not-possible", sentence="expected it undelivered, found it accepted"
                )
            dropped = replace(delivery, state=DeliveryState.CANCELLED, next_attempt_at=None)
            write_record(self._spool.delivery_file(job_id, destination), dropped)
        return self.show(job_id)

    def _say(self, job_id: str, verb: Verb) -> JobView:
        with locked(self._spool.job_folder(job_id)):
            require_not_retracted(current(self._spool, job_id))
            write_record(self._spool.operator_file(job_id), OperatorWord(verb, self._now()))
        return self.show(job_id)

    def _require_images(self, instance_id: str) -> None:
        if not self._spool.instance_file(instance_id).exists():
            raise NotPossibleError(
                reason="images-gone",
                sentence="expected the received images, found them purged or being decided on",
            )

    def _find_job(self, which: str) -> Dossier:
        item = find(self._spool, which)
        if isinstance(item, Decision):
            raise NotPossibleError(reason="not-possible", sentence="expected a job, found none")
        return item
