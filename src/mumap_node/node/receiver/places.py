"""Who is connected, and how many may be."""

import threading
from collections.abc import Iterable
from typing import Protocol


class Stoppable(Protocol):
    """A connection that can be ended from another thread."""

    def stop(self) -> None:
        """End soon."""


class Places:
    """Places of connections: a few for open associations, more for those that have none.

    Silent connections cannot use up the places of associations; and when they use up their own,
    the one that is silent for longest has to go.
    """

    def __init__(self, associations: int, silent: int) -> None:
        """All places are free.

        Args:
            associations: Places of open associations.
            silent: Places of connections that have not become an association.
        """
        self._associations, self._most_silent = associations, silent
        self._silent: dict[Stoppable, None] = {}  # ordered: the oldest first
        self._open: set[Stoppable] = set()
        self._ends_silent = False
        self._changed = threading.Condition()

    def enter(self, connection: Stoppable) -> None:
        """A connection begins."""
        ending = []
        with self._changed:
            if len(self._silent) >= self._most_silent:
                evicted = next(iter(self._silent))
                del self._silent[evicted]
                ending.append(evicted)
            self._silent[connection] = None
            if self._ends_silent:
                ending.append(connection)
        _stop(ending)

    def open(self, connection: Stoppable) -> bool:
        """The connection asks to become an association; False where there is no place for one."""
        with self._changed:
            if connection not in self._silent or len(self._open) >= self._associations:
                return False
            del self._silent[connection]
            self._open.add(connection)
            return True

    def leave(self, connection: Stoppable) -> None:
        """The connection ended, whatever it was."""
        with self._changed:
            self._silent.pop(connection, None)
            self._open.discard(connection)
            self._changed.notify_all()

    def count_open(self) -> int:
        """Associations that are open."""
        with self._changed:
            return len(self._open)

    def wait_until_closed(self, seconds: float) -> bool:
        """Wait until no association is open; False where some still are."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._open, seconds)

    def stop_silent(self) -> None:
        """End every connection that is no open association, and from now on each that begins."""
        with self._changed:
            self._ends_silent = True
            silent = list(self._silent)
        _stop(silent)

    def stop_open(self) -> int:
        """End every open association, and say how many there were."""
        with self._changed:
            open_ones = list(self._open)
        _stop(open_ones)
        return len(open_ones)


def _stop(connections: Iterable[Stoppable]) -> None:
    for connection in connections:
        connection.stop()
