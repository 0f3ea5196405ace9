"""The overview: what a node's jobs add up to, for whoever watches it."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from mumap_node.node.jobs.states import FAILED_DELIVERIES, FOR_A_PERSON, JobState
from mumap_node.node.jobs.views import JobView
from mumap_node.node.spool.records import UNDER_WAY, DeliveryState


@dataclass(frozen=True, slots=True)
class Stopped:
    """What waits for a person for one reason.

    Attributes:
        state: Held or quarantined.
        reason: Stable code of docs/operations.md.
        count: How many.
        since: Since when the first of them does, UTC.
    """

    state: JobState
    reason: str
    count: int
    since: datetime


@dataclass(frozen=True, slots=True)
class DeliveriesTo:
    """How the deliveries to one destination stand.

    Attributes:
        destination: Its name in the settings.
        states: How many there are in each state.
        last_success: When it accepted a map last, UTC; None where it never did.
        waiting_since: Since when the map that waits longest has been tried, or could have been.
    """

    destination: str
    states: Mapping[DeliveryState, int]
    last_success: datetime | None
    waiting_since: datetime | None

    @property
    def waiting(self) -> int:
        """Deliveries that are still to be made or to be committed."""
        return sum(self.states.get(state, 0) for state in UNDER_WAY)

    @property
    def failed(self) -> int:
        """Deliveries that were refused for good or given up."""
        return sum(self.states.get(state, 0) for state in FAILED_DELIVERIES)


@dataclass(frozen=True, slots=True)
class Overview:
    """What everything in the spool adds up to.

    Attributes:
        states: Jobs, and instances that became none, by state; every state is there.
        stopped: What waits for a person, by reason; the most frequent first.
        last_received: When the newest object of each peer was received, UTC; None for none.
        deliveries: To each destination.
    """

    states: Mapping[JobState, int]
    stopped: tuple[Stopped, ...]
    last_received: Mapping[str, datetime | None]
    deliveries: tuple[DeliveriesTo, ...]


def overview_of(
    views: Collection[JobView], peers: Iterable[str], destinations: Iterable[str]
) -> Overview:
    """Add up what is known.

    Args:
        views: Every job and instance.
        peers: Names in the settings.
        destinations: Names in the settings.
    """
    counts = Counter(view.state for view in views)
    received: dict[str, list[datetime]] = {peer: [] for peer in peers}
    for view in views:
        if view.peer in received and view.received_at is not None:
            received[view.peer].append(view.received_at)
    return Overview(
        {state: counts[state] for state in JobState},
        _stopped(views),
        {peer: max(times, default=None) for peer, times in received.items()},
        tuple(deliveries_to(name, views) for name in destinations),
    )


def deliveries_to(destination: str, views: Iterable[JobView]) -> DeliveriesTo:
    """How the deliveries to one destination stand."""
    mine = [
        (view, delivery)
        for view in views
        for delivery in view.deliveries
        # Without a map there is nothing to deliver, though it be written down as waiting.
        if delivery.destination == destination
        and (delivery.attempts or view.state is JobState.DELIVERING)
    ]
    successes = [d.last_attempt_at for _, d in mine if d.state is DeliveryState.ACCEPTED]
    waiting = [
        delivery.first_attempt_at or view.changed_at
        for view, delivery in mine
        if delivery.state is DeliveryState.WAITING
    ]
    return DeliveriesTo(
        destination,
        Counter(delivery.state for _, delivery in mine),
        max(filter(None, successes), default=None),
        min(waiting, default=None),
    )


def _stopped(views: Iterable[JobView]) -> tuple[Stopped, ...]:
    since: dict[tuple[JobState, str], list[datetime]] = {}
    for view in views:
        if view.state in FOR_A_PERSON:
            since.setdefault((view.state, view.reason), []).append(view.changed_at)
    found = (
        Stopped(state, reason, len(times), min(times)) for (state, reason), times in since.items()
    )
    return tuple(sorted(found, key=lambda stopped: (-stopped.count, stopped.reason)))
