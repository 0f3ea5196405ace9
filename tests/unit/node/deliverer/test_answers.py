"""What a destination's answer means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mumap_node.node.deliverer.answers import DUPLICATE, SUCCESS, WARNINGS, judge
from mumap_node.node.deliverer.scu import Sent
from mumap_node.node.jobs.deliveries import Answer
from mumap_node.node.spool.records import DeliveryState

WAITING, REFUSED = DeliveryState.WAITING, DeliveryState.REFUSED


@given(st.integers(0, 0xFFFF), st.booleans())
def test_only_success_is_success(status: int, accept_warnings: bool) -> None:
    answer = judge(Answer(WAITING, status=status), accept_warnings=accept_warnings)
    accepted = status in (SUCCESS, DUPLICATE) or (accept_warnings and status in WARNINGS)
    assert (answer.state is DeliveryState.ACCEPTED) == accepted
    assert (answer.reason == "") == accepted
    assert answer.status == status


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (Sent(0, Answer(REFUSED, "sop-class-refused", status=0x0122)), False),
        (Sent(0, Answer(WAITING, "peer-unreachable")), False),
        (Sent(0, Answer(WAITING, "peer-unreachable"), is_unanswered=True), True),
        (Sent(0, Answer(WAITING, "association-aborted")), True),
        (Sent(0, Answer(REFUSED, "stored-with-warning", status=0xB000)), True),
        (Sent(1, Answer(REFUSED, "dataset-refused", status=0xA900)), True),
    ],
)
def test_only_an_answer_proves_that_nothing_is_there(sent: Sent, expected: bool) -> None:
    assert sent.may_have_left_some is expected


@pytest.mark.parametrize("status", [0xA700, 0xA7FF, 0x0110, 0x0213])
def test_what_may_pass_is_tried_again(status: int) -> None:
    assert judge(Answer(WAITING, status=status), accept_warnings=False).state is WAITING


@pytest.mark.parametrize("status", [0xA900, 0xA9FF, 0xC000, 0xCFFF, 0x0122, 0x0124, 0xB000, 0xFE00])
def test_what_will_not_pass_is_refused(status: int) -> None:
    answer = judge(Answer(WAITING, status=status), accept_warnings=False)
    assert answer.state is DeliveryState.REFUSED
    assert answer.sentence == f"expected status 0x0000, found 0x{status:04X}"


def test_no_answer_stays_what_it_was() -> None:
    silence = Answer(WAITING, "peer-silent", "expected a response, found none")
    assert judge(silence, accept_warnings=True) is silence
