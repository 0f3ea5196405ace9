"""Retries: when something that failed for the moment is tried again, and when no more."""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta

from mumap_node.node.engine.attempts import Attempt

FIRST_WAIT = timedelta(seconds=30)
"""Before the second attempt."""

LONGEST_WAIT = timedelta(hours=1)
"""Between two attempts, at most."""

PATIENCE = timedelta(days=3)
"""How long a delivery is tried: an archive may be down over a weekend."""

JITTER = 0.2
"""Share by which a wait may be shortened, so that a recovered peer is not asked by all at once."""


def wait_before_attempt(number: int, key: str) -> timedelta:
    """Time to wait before an attempt.

    Doubles from 30 s and stays at one hour, so an archive that is down over a weekend is asked
    some 80 times, not 9 000; shortened by up to a fifth, always the same for the same key.

    Args:
        number: Of the attempt to come; there is no wait before the first.
        key: What is tried, such as a workflow id.
    """
    if number <= 1:
        return timedelta(0)
    wait = min(FIRST_WAIT * (1 << min(number - 2, 30)), LONGEST_WAIT)
    digest = hashlib.sha256(f"{key}/{number}".encode()).digest()
    return wait * (1 - JITTER * int.from_bytes(digest[:4]) / 2**32)


def another(attempt: Attempt) -> Attempt:
    """The attempt after one that failed for the moment."""
    number = attempt.number + 1
    wait = wait_before_attempt(number, attempt.series)
    return replace(attempt, number=number, wait_seconds=wait.total_seconds())


def is_over(first_attempt_at: datetime, now: datetime, wait: timedelta) -> bool:
    """Whether another wait would go beyond the time a delivery is tried."""
    return now + wait - first_attempt_at > PATIENCE
