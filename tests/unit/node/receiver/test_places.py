from dataclasses import dataclass
from threading import Thread

from mumap_node.node.receiver.places import Places


@dataclass(eq=False)
class Connection:
    """A connection that only remembers that it was told to end."""

    is_stopped: bool = False

    def stop(self) -> None:
        self.is_stopped = True


def entered(places: Places, count: int) -> list[Connection]:
    connections = [Connection() for _ in range(count)]
    for connection in connections:
        places.enter(connection)
    return connections


def test_silent_connections_take_no_place_of_an_association() -> None:
    places = Places(associations=1, silent=10)
    *_, last = entered(places, 10)
    assert places.open(last)


def test_the_oldest_silent_connection_goes_for_one_more() -> None:
    places = Places(associations=1, silent=2)
    first, second, third = entered(places, 3)
    assert [first.is_stopped, second.is_stopped, third.is_stopped] == [True, False, False]
    assert not places.open(first)


def test_open_associations_are_limited() -> None:
    places = Places(associations=2, silent=10)
    first, second, third = entered(places, 3)
    assert places.open(first)
    assert places.open(second)
    assert not places.open(third)
    places.leave(first)
    assert places.open(third)
    assert places.count_open() == 2


def test_leaving_twice_or_never_having_come_does_no_harm() -> None:
    places = Places(associations=1, silent=1)
    places.leave(Connection())
    (connection,) = entered(places, 1)
    places.leave(connection)
    places.leave(connection)
    assert places.count_open() == 0


def test_stopping_silent_ones_spares_open_ones() -> None:
    places = Places(associations=1, silent=10)
    silent, opened = entered(places, 2)
    assert places.open(opened)
    places.stop_silent()
    assert (silent.is_stopped, opened.is_stopped) == (True, False)
    assert places.stop_open() == 1
    assert opened.is_stopped


def test_once_silent_ones_were_stopped_each_that_begins_is_stopped_at_once() -> None:
    places = Places(associations=1, silent=10)
    places.stop_silent()
    (late,) = entered(places, 1)
    assert late.is_stopped


def test_waiting_ends_when_the_last_association_leaves() -> None:
    places = Places(associations=1, silent=1)
    (connection,) = entered(places, 1)
    assert places.open(connection)
    assert not places.wait_until_closed(0)
    leaver = Thread(target=places.leave, args=(connection,))
    leaver.start()
    assert places.wait_until_closed(30)
    leaver.join()
