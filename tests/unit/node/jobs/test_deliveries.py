"""What is written down about a delivery."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mumap_node.node.engine.attempts import Attempt, Kind
from mumap_node.node.engine.retries import PATIENCE, wait_before_attempt
from mumap_node.node.jobs.deliveries import ASK_AGAIN, Answer, record_answer
from mumap_node.node.spool.records import Delivery, DeliveryState

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
DOWN = Answer(DeliveryState.WAITING, "peer-unreachable", "expected a connection, found none")


def _attempt(number: int) -> Attempt:
    return Attempt(Kind.DELIVER, "job", number, "pacs")


def test_an_accepted_map_is_accepted_once_and_for_all() -> None:
    answer = Answer(DeliveryState.ACCEPTED, status=0, transfer_syntax_uid="1.2.840.10008.1.2.1")
    assert record_answer(Delivery("pacs"), _attempt(1), answer, NOW) == Delivery(
        "pacs",
        DeliveryState.ACCEPTED,
        attempts=1,
        status=0,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        first_attempt_at=NOW,
        last_attempt_at=NOW,
    )


def test_a_failure_for_now_says_when_it_is_tried_again() -> None:
    before = Delivery("pacs", attempts=1, first_attempt_at=NOW - timedelta(minutes=1))
    found = record_answer(before, _attempt(2), DOWN, NOW)
    assert found.state is DeliveryState.WAITING
    assert found.attempts == 2
    assert found.reason == "peer-unreachable"
    assert found.first_attempt_at == before.first_attempt_at
    assert found.next_attempt_at == NOW + wait_before_attempt(3, "deliver/job/pacs/")


def test_a_peer_is_left_alone_as_long_as_it_asks() -> None:
    asked = replace(DOWN, wait_seconds=1800)
    assert record_answer(Delivery("pacs"), _attempt(1), asked, NOW).next_attempt_at == (
        NOW + timedelta(minutes=30)
    )
    hasty = replace(DOWN, wait_seconds=1)
    assert record_answer(Delivery("pacs"), _attempt(1), hasty, NOW).next_attempt_at == (
        NOW + wait_before_attempt(2, "deliver/job/pacs/")
    )


def test_after_three_days_it_is_given_up() -> None:
    before = Delivery("pacs", attempts=80, first_attempt_at=NOW - PATIENCE)
    found = record_answer(before, _attempt(81), DOWN, NOW)
    assert found.state is DeliveryState.GAVE_UP
    assert found.next_attempt_at is None
    assert found.reason == "peer-unreachable"


def test_what_was_stored_waits_an_hour_for_its_commitment_and_three_days_at_most() -> None:
    asked = Answer(DeliveryState.COMMITTING, "awaiting-commitment", stored_by=1)
    found = record_answer(Delivery("pacs"), _attempt(1), asked, NOW)
    assert (found.state, found.stored_by) == (DeliveryState.COMMITTING, 1)
    assert found.next_attempt_at == NOW + ASK_AGAIN
    late = record_answer(found, _attempt(2), asked, NOW + PATIENCE)
    assert (late.state, late.reason) == (DeliveryState.GAVE_UP, "awaiting-commitment")


def test_what_was_not_kept_is_stored_again_after_the_usual_wait() -> None:
    before = Delivery("pacs", DeliveryState.COMMITTING, 1, first_attempt_at=NOW, stored_by=1)
    lost = Answer(DeliveryState.WAITING, "commitment-failed")
    found = record_answer(before, _attempt(2), lost, NOW)
    assert (found.state, found.stored_by) == (DeliveryState.WAITING, 0)
    assert found.next_attempt_at == NOW + wait_before_attempt(3, "deliver/job/pacs/")


def test_what_may_be_there_is_remembered_until_it_is_known_that_it_is_not() -> None:
    begun = Delivery("pacs", may_hold=True)
    assert record_answer(begun, _attempt(1), DOWN, NOW).may_hold
    nothing_left = replace(DOWN, may_hold=False)
    assert not record_answer(begun, _attempt(1), nothing_left, NOW).may_hold


def test_what_a_person_dropped_meanwhile_stays_dropped_unless_it_arrived() -> None:
    dropped = Delivery("pacs", DeliveryState.CANCELLED)
    assert record_answer(dropped, _attempt(1), DOWN, NOW).state is DeliveryState.CANCELLED
    accepted = replace(DOWN, state=DeliveryState.ACCEPTED)
    assert record_answer(dropped, _attempt(1), accepted, NOW).state is DeliveryState.ACCEPTED
