"""What a person who waits is told."""

import pytest

from mumap_node.cli.progress import Progress


class Clock:
    """Seconds that a test sets."""

    def __init__(self):
        self.seconds = 100.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


def test_the_first_case_takes_its_time_too(clock, capsys):
    progress = Progress("cases", clock)
    for done in (1, 2, 3):
        clock.seconds += 11
        progress.tell(done, 3)

    assert capsys.readouterr().err == "3 of 3 cases in 0:00:33\n"


def test_cases_that_were_ready_say_nothing_about_the_speed(clock, capsys):
    progress = Progress("cases", clock)
    progress.tell(80, 100)
    clock.seconds += 40
    progress.tell(90, 100)

    assert capsys.readouterr().err == "90 of 100 cases, 4.0 s each, 0:00:40 left\n"


def test_where_all_were_ready_no_time_is_told(clock, capsys):
    Progress("cases", clock).tell(5, 5)

    assert capsys.readouterr().err == "5 of 5 cases\n"


def test_a_log_is_told_of_the_beginning_and_then_now_and_then(clock, capsys):
    progress = Progress("pictures", clock)
    for done in range(4):
        progress.tell(done, 6)
        clock.seconds += 12

    assert capsys.readouterr().err.splitlines() == [
        "0 of 6 pictures", "3 of 6 pictures, 12.0 s each, 0:00:36 left",
    ]  # fmt: skip
