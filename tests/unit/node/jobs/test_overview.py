"""The overview: what jobs add up to."""

from datetime import timedelta
from typing import Any

from mumap_node.node.jobs.overview import DeliveriesTo, Stopped, overview_of
from mumap_node.node.jobs.states import JobState
from mumap_node.node.jobs.views import JobView
from mumap_node.node.spool.records import Delivery, DeliveryState
from records import NOW, delivery

EARLIER = NOW - timedelta(hours=2)


def view(state: JobState, reason: str = "", **changes: Any) -> JobView:
    return JobView("id", state, reason, "", NOW, changes.pop("changed_at", NOW), **changes)


def deliveries(*views: JobView) -> DeliveriesTo:
    (found,) = overview_of(views, (), ("pacs",)).deliveries
    return found


def test_an_empty_node_has_every_state_peer_and_destination() -> None:
    found = overview_of([], ("camera",), ("pacs",))
    assert found.states == dict.fromkeys(JobState, 0)
    assert found.last_received == {"camera": None}
    assert (found.deliveries[0].last_success, found.deliveries[0].waiting_since) == (None, None)


def test_what_waits_for_a_person_is_told_by_reason_the_most_frequent_first() -> None:
    views = [
        view(JobState.QUARANTINED, "implausible-map"),
        view(JobState.HELD, "no-route"),
        view(JobState.HELD, "no-route", changed_at=EARLIER),
        view(JobState.DONE, "shadow"),
    ]
    assert overview_of(views, (), ()).stopped == (
        Stopped(JobState.HELD, "no-route", 2, EARLIER),
        Stopped(JobState.QUARANTINED, "implausible-map", 1, NOW),
    )


def test_a_peer_of_older_settings_is_left_out() -> None:
    views = [view(JobState.DONE, peer="camera"), view(JobState.DONE, peer="gone")]
    assert overview_of(views, ("camera",), ()).last_received == {"camera": NOW}


def test_a_delivery_waits_since_it_was_first_tried_or_could_have_been() -> None:
    untried = view(JobState.DELIVERING, deliveries=(Delivery("pacs"),))
    assert deliveries(untried).waiting_since == NOW
    tried = delivery(DeliveryState.WAITING, first_attempt_at=EARLIER)
    both = deliveries(untried, view(JobState.QUARANTINED, deliveries=(tried,)))
    assert (both.waiting_since, both.waiting) == (EARLIER, 2)


def test_without_a_map_nothing_waits_to_be_delivered() -> None:
    unmade = view(JobState.QUARANTINED, "implausible-map", deliveries=(Delivery("pacs"),))
    found = deliveries(unmade, view(JobState.QUEUED, deliveries=(Delivery("pacs"),)))
    assert (found.waiting, found.waiting_since) == (0, None)


def test_what_is_to_be_committed_waits_and_what_was_given_up_failed() -> None:
    states = (DeliveryState.COMMITTING, DeliveryState.GAVE_UP, DeliveryState.REFUSED)
    found = deliveries(
        *(view(JobState.QUARANTINED, deliveries=(delivery(state),)) for state in states)
    )
    assert (found.waiting, found.failed, found.waiting_since) == (1, 2, None)
