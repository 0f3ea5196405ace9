"""Views: what people are shown of jobs and of instances that became none; no patient data."""

from collections.abc import Collection, Container, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from mumap_node.errors import TransientError
from mumap_node.imaging.findings import Finding
from mumap_node.node.engine.attempts import Attempt, Kind
from mumap_node.node.engine.client import EngineClient
from mumap_node.node.jobs.dossier import Dossier, read_dossier
from mumap_node.node.jobs.states import UNKNOWN, JobState, Standing, standing_of
from mumap_node.node.spool.files import RecordDamagedError, Spool, read_record
from mumap_node.node.spool.records import (
    UNDER_WAY,
    Admission,
    Agreement,
    Decision,
    Delivery,
    DeliveryState,
    OperatorWord,
)

CHUNK = 100
"""Jobs the engine is asked about at once."""


LOOKS = 3
"""At an inbox that is being emptied, before it is shown as it was found."""


@dataclass(frozen=True, slots=True)
class ByHand:
    """A series of a retracted map where it must be deleted by hand.

    Attributes:
        destination: Acts on no rejection notes, or did not take this one.
        series: How it is found there: description, number and date as they were sent, or the UID
            of an object where the files were purged since; empty in lists.
    """

    destination: str
    series: str = ""


@dataclass(frozen=True, slots=True)
class JobView:
    """One line of the list of jobs, and everything its own page shows.

    Attributes:
        id: Of the job; of the instance where it became none; of the arrival before.
        state: Where it stands.
        reason: Stable code of docs/operations.md; empty where there is nothing to explain.
        sentence: Expected and found; empty where there is nothing to explain.
        received_at: When the instance was acknowledged, UTC.
        changed_at: Last that was written down, UTC.
        instance_id: The instance it answers; empty for an arrival.
        series: Short hash of the Series Instance UID.
        calling_ae_title: Who sent the instance.
        peer: Name of the sender in the settings.
        route: Name of the route that matched.
        seen: Attributes the routes looked at, and what they found.
        superseded_by: Instance or job that counts instead.
        run: 1, and one more for every rerun.
        model: Model identity; empty without a job.
        runtime: What ran the network; empty before.
        findings: Every check of input and map.
        seconds: Duration by step of the line.
        deliveries: One per destination.
        agreement: How its map compares with what was measured; None where nothing was yet.
        retraction: Why the map was taken back; None where it was not.
        notes: Rejection notes, one per destination that takes them and has the map.
        by_hand: Series of a retracted map that a person must delete, by destination.
        replaces: The job before, whose map this one stands for; empty where there was none.
    """

    id: str
    state: JobState
    reason: str
    sentence: str
    received_at: datetime | None
    changed_at: datetime
    instance_id: str = ""
    series: str = ""
    calling_ae_title: str = ""
    peer: str = ""
    route: str = ""
    seen: dict[str, str] | None = None
    superseded_by: str = ""
    run: int = 1
    model: str = ""
    runtime: str = ""
    findings: tuple[Finding, ...] = ()
    seconds: dict[str, float] | None = None
    deliveries: tuple[Delivery, ...] = ()
    agreement: Agreement | None = None
    retraction: OperatorWord | None = None
    notes: tuple[Delivery, ...] = ()
    by_hand: tuple[ByHand, ...] = ()
    replaces: str = ""


Item = Dossier | Decision
"""What a line of the list is made from, beside arrivals."""


def list_views(
    spool: Spool,
    engine: EngineClient,
    *,
    states: Collection[JobState] = (),
    limit: int | None = None,
) -> list[JobView]:
    """Jobs, instances that became none, and arrivals; the last to arrive first.

    Args:
        spool: Where they are.
        engine: Asked which jobs are running; where it cannot be, they are shown as queued.
        states: Only these; all where empty.
        limit: At most so many; all where None.
    """
    views = (view for view in _views(spool, engine) if not states or view.state in states)
    return list(islice(views, limit))


def view_of(engine: EngineClient, item: Item) -> JobView:
    """Everything there is to show of one job, or of an instance that became none."""
    (view,) = _views_of(engine, [item])
    return view


def views_of_records(
    spool: Spool, engine: EngineClient, records: Sequence[Path]
) -> Iterator[JobView]:
    """What there is to show of some jobs and instances, in their order.

    Args:
        spool: Where they are.
        engine: As for ``list_views``.
        records: ``job.json`` or ``decision.json``; an instance that has a job gives nothing.
    """
    return _views_of_items(engine, _items(spool, records, shows_late_jobs=False))


def view_of_arrival(name: str, received_at: datetime) -> JobView:
    """What there is to show of what nobody has looked at yet."""
    return JobView(name, standing_of(None).state, "", "", received_at, received_at)


def _views(spool: Spool, engine: EngineClient) -> Iterator[JobView]:
    arrivals, paths = _arrivals_and_records(spool)
    for name, received_at in arrivals.items():
        yield view_of_arrival(name, received_at)
    # With arrivals, a job that appears meanwhile may be one of them, which is shown already.
    yield from _views_of_items(engine, _items(spool, paths, shows_late_jobs=not arrivals))


def _views_of_items(engine: EngineClient, items: Iterator[Item]) -> Iterator[JobView]:
    while chunk := list(islice(items, CHUNK)):
        yield from _views_of(engine, chunk)


def _arrivals_and_records(spool: Spool) -> tuple[dict[str, datetime], list[Path]]:
    """What is in the inbox, and the records of all that is not; newest first.

    Looked at again where something moved from the one to the other meanwhile, which would be
    seen twice.
    """
    for _ in range(LOOKS):
        arrivals = {path: _changed(path) for path in reversed(spool.arrivals())}
        # Instances before jobs: a job that appears meanwhile is seen, and its instance left out.
        paths = [spool.decision_file(instance_id) for instance_id in spool.instance_ids()]
        paths += [spool.job_file(job_id) for job_id in spool.job_ids()]
        times = {path: changed for path in paths if (changed := _changed(path)) is not None}
        if all(path.exists() for path in arrivals):
            break
    received = {path.name.partition(".")[0]: time for path, time in arrivals.items() if time}
    return received, sorted(times, key=lambda path: times[path], reverse=True)


def _changed(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None


def _items(spool: Spool, paths: Sequence[Path], *, shows_late_jobs: bool) -> Iterator[Item]:
    """Jobs and instances without one, reading no more of them than are asked for."""
    listed = frozenset(paths) if shows_late_jobs else None
    for path in paths:
        try:
            item = _item(spool, path, listed)
        except RecordDamagedError as error:
            item = _damaged(path, error)
        if item is not None:
            yield item


def _item(spool: Spool, path: Path, listed: Container[Path] | None) -> Item | None:
    if path.name == "job.json":
        return read_dossier(spool, path.parent.name)
    decision = read_record(Decision, path)
    if decision is None:
        return None
    job = spool.job_file(decision.job_id) if decision.job_id else None
    if job is not None and job.exists():  # in the list, or written since
        is_shown = listed is None or job in listed
        return None if is_shown else read_dossier(spool, decision.job_id)
    # Neither there nor purged: it is in the inbox, to be decided on again.
    stands = decision.purged_at is not None or spool.instance_file(decision.instance_id).exists()
    return decision if stands else None


def _damaged(path: Path, error: RecordDamagedError) -> Decision:
    """Shown in place of a job or an instance whose records cannot be read."""
    changed = _changed(path) or datetime.now(UTC)
    return Decision(
        instance_id=path.parent.name,
        admission=Admission.QUARANTINED,
        reason=error.reason,
        sentence=error.sentence,
        route="",
        seen={},
        calling_ae_title="",
        peer="",
        received_at=changed,
        decided_at=changed,
    )


def _views_of(engine: EngineClient, items: Sequence[Item]) -> Iterator[JobView]:
    unfinished = [i for i in items if isinstance(i, Dossier) and i.result is None]
    statuses = _statuses(engine, unfinished)
    for item in items:
        if isinstance(item, Decision):
            yield _view_of_instance(item, standing_of(item))
        else:
            yield _view_of_job(item, item.standing(statuses.get(item.job.job_id, UNKNOWN)))


def _statuses(engine: EngineClient, dossiers: Sequence[Dossier]) -> dict[str, str]:
    if not dossiers:
        return {}
    series = {Attempt(Kind.MAP, d.job.job_id).series: d.job.job_id for d in dossiers}
    try:
        latest = engine.latest(series)
    except TransientError:
        return {}
    return {series[name]: known.status for name, known in latest.items()}


def _view_of_instance(decision: Decision, standing: Standing) -> JobView:
    return JobView(
        id=decision.instance_id,
        state=standing.state,
        reason=standing.reason,
        sentence=standing.sentence,
        received_at=decision.received_at,
        changed_at=decision.decided_at,
        instance_id=decision.instance_id,
        series=decision.series,
        calling_ae_title=decision.calling_ae_title,
        peer=decision.peer,
        route=decision.route,
        seen=decision.seen,
        superseded_by=decision.superseded_by,
        run=decision.run,
    )


def _view_of_job(dossier: Dossier, standing: Standing) -> JobView:
    job, decision, result = dossier.job, dossier.decision, dossier.result
    return JobView(
        id=job.job_id,
        state=standing.state,
        reason=standing.reason,
        sentence=standing.sentence,
        received_at=decision.received_at if decision else None,
        changed_at=max(dossier.times),
        instance_id=job.instance_id,
        series=decision.series if decision else "",
        calling_ae_title=decision.calling_ae_title if decision else "",
        peer=decision.peer if decision else "",
        route=job.route,
        seen=decision.seen if decision else None,
        superseded_by=dossier.superseded_by,
        run=job.run,
        model=job.model,
        runtime=result.runtime if result else "",
        findings=result.findings if result else (),
        seconds=result.seconds if result else None,
        deliveries=tuple(_shown(delivery, dossier) for delivery in dossier.deliveries),
        agreement=dossier.agreement,
        retraction=dossier.word if dossier.is_retracted else None,
        notes=dossier.notes,
        by_hand=tuple(ByHand(name) for name in dossier.needs_a_person),
        replaces=job.replaces,
    )


def _shown(delivery: Delivery, dossier: Dossier) -> Delivery:
    """A delivery as people read it: one that waits for nothing any more was cancelled."""
    if dossier.is_wanted or delivery.state not in UNDER_WAY:
        return delivery
    return replace(delivery, state=DeliveryState.CANCELLED, next_attempt_at=None)
