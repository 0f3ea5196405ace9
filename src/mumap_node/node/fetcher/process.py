"""The fetcher: looks at every watched archive when its time has come, one after the other."""

import time
from collections.abc import Callable, Sequence

from mumap_node.node.fetcher.memory import Memory
from mumap_node.node.fetcher.watching import Watcher


def keep_watching(
    watchers: Sequence[Watcher], memory: Memory, wait: Callable[[float], bool]
) -> None:
    """Look, again and again, until asked to stop.

    Args:
        watchers: At least one.
        memory: What they share.
        wait: Sleeps for so many seconds; True where asked to stop.
    """
    days = max(watcher.watch.days for watcher in watchers)
    due = [0.0] * len(watchers)
    while not wait(max(min(due) - time.monotonic(), 0.0)):
        memory.forget(days)
        for position, watcher in enumerate(watchers):
            if time.monotonic() >= due[position]:
                watcher.look(lambda: wait(0.0))
                due[position] = time.monotonic() + watcher.watch.every_seconds
