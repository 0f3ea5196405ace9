"""The rate warms up and ends at nothing, by steps or by the clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mumap_node.training.learning.schedule import Schedule, remaining


def test_the_rate_rises_first_and_ends_at_nothing():
    schedule = Schedule(steps=1000, seconds=None, warm_up=0.1)
    rates = [schedule.rate(schedule.progress(step, 0.0)) for step in (0, 50, 100, 550, 1000)]

    assert rates == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_the_clock_decides_where_hours_are_given():
    schedule = Schedule(steps=None, seconds=3600.0, warm_up=0.0)

    assert schedule.progress(10_000, 900.0) == 0.25
    assert schedule.progress(1, 4000.0) == 1.0


@given(st.floats(0, 1), st.floats(0, 0.9))
def test_the_rate_never_leaves_its_bounds(progress, warm_up):
    assert -1e-9 <= Schedule(1, None, warm_up).rate(progress) <= 1 + 1e-9


@pytest.mark.parametrize(
    ("progress", "seconds", "expected"),
    [(0.0, 5.0, "?"), (0.5, 600.0, "10 min"), (0.1, 3600.0, "9.0 h"), (1.0, 60.0, "0 min")],
)
def test_the_rest_is_told_as_people_say_it(progress, seconds, expected):
    assert remaining(progress, seconds) == expected
