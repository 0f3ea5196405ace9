from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from mumap_node.node.bell import Bell, ring


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    return tmp_path / "bell"


@pytest.fixture
def bell(pipe: Path) -> Iterator[Bell]:
    bell = Bell(pipe)
    yield bell
    bell.close()


def test_a_ring_is_heard(bell: Bell, pipe: Path) -> None:
    ring(pipe)
    assert bell.wait(10)


def test_a_ring_wakes_who_waits(bell: Bell, pipe: Path) -> None:
    ringer = Thread(target=ring, args=(pipe,))
    ringer.start()
    assert bell.wait(30)
    ringer.join()


def test_silence_ends_with_the_time(bell: Bell) -> None:
    assert not bell.wait(0)


def test_many_rings_are_one(bell: Bell, pipe: Path) -> None:
    for _ in range(100_000):  # more than a pipe holds
        ring(pipe)
    assert bell.wait(0)
    while bell.wait(0):
        pass


def test_a_ring_nobody_waits_for_does_no_harm(pipe: Path) -> None:
    ring(pipe)
    assert not pipe.exists()
    Bell(pipe).close()
    ring(pipe)


def test_a_second_bell_takes_the_same_pipe(bell: Bell, pipe: Path) -> None:
    again = Bell(pipe)
    ring(pipe)
    assert bell.wait(0) or again.wait(0)
    again.close()
