"""When something is tried again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mumap_node.node.engine.retries import (
    FIRST_WAIT,
    LONGEST_WAIT,
    PATIENCE,
    is_over,
    wait_before_attempt,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
numbers = st.integers(1, 10_000)


@given(numbers, st.text())
def test_a_wait_is_never_longer_than_an_hour(number: int, key: str) -> None:
    assert timedelta(0) <= wait_before_attempt(number, key) <= LONGEST_WAIT


@given(numbers, st.text())
def test_the_same_attempt_always_waits_as_long(number: int, key: str) -> None:
    assert wait_before_attempt(number, key) == wait_before_attempt(number, key)


@pytest.mark.parametrize(("number", "seconds"), [(2, 30), (3, 60), (4, 120), (8, 1920), (9, 3600)])
def test_waits_double_from_half_a_minute(number: int, seconds: int) -> None:
    wait = wait_before_attempt(number, "deliver/job/pacs/").total_seconds()
    assert 0.8 * seconds <= wait <= seconds


def test_the_first_attempt_does_not_wait() -> None:
    assert wait_before_attempt(1, "deliver/job/pacs/") == timedelta(0)


def test_not_everybody_comes_back_at_once() -> None:
    waits = {wait_before_attempt(9, f"deliver/{job}/pacs/") for job in range(50)}
    assert len(waits) == 50


def test_a_weekend_is_some_eighty_attempts() -> None:
    now, number = NOW, 1
    while not is_over(NOW, now, wait_before_attempt(number + 1, "deliver/job/pacs/")):
        number += 1
        now += wait_before_attempt(number, "deliver/job/pacs/")
    assert 70 <= number <= 100
    assert PATIENCE - LONGEST_WAIT <= now - NOW <= PATIENCE


def test_the_first_wait_is_within_the_time_a_delivery_is_tried() -> None:
    assert not is_over(NOW, NOW, FIRST_WAIT)
