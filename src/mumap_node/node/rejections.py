"""Who was turned away lately, and what would let them in: a small file in the spool's `run/`.

It is for people, and may be lost: nothing depends on it.
"""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter

from mumap_node.node.totals import Total, count

MOST = 100
"""Different ones that are kept; the one that was seen longest ago goes for one more."""

SAME_CALL = timedelta(seconds=1)
"""A caller that comes again sooner is counted, and written down with the next: whoever calls
without end must not keep the disk busy."""

LONGEST_TITLE = 16
"""Characters of an AE title (PS3.5 6.2, VR AE)."""

NAME = "rejected.json"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A caller that was turned away, and how often.

    Attributes:
        calling_ae_title: What it calls itself; empty where the connection was closed before.
        called_ae_title: Whom it asked for; the same.
        address: IP address it calls from.
        reason: Stable code of docs/operations.md.
        sentence: Expected and found.
        settings: Lines for ``mumap-node.toml`` that would admit it.
        last_at: When it was turned away last, UTC.
        first_at: When it was first, UTC.
        count: How often.
    """

    calling_ae_title: str
    called_ae_title: str
    address: str
    reason: str
    sentence: str
    settings: str
    last_at: datetime
    first_at: datetime
    count: int = 1

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it another one."""
        return self.calling_ae_title, self.called_ae_title, self.address, self.reason


class Rejections:
    """Keeps who was turned away; for the one process that receives."""

    def __init__(self, run: Path, now: Callable[[], datetime]) -> None:
        """Take over what an earlier receiver kept.

        Args:
            run: Folder of the file (`Spool.run`).
            now: The time, UTC.
        """
        self._run, self._now = run, now
        self._kept = {rejection.key: rejection for rejection in reversed(read_rejections(run))}
        self._lock = threading.Lock()

    def keep(
        self, calling: str, called: str, address: str, *, reason: str, sentence: str, settings: str
    ) -> None:
        """Keep one more; a disk that is full or broken forgets it."""
        count(self._run, Total.REJECTED, reason)
        now = self._now()
        titles = (_shown(calling), _shown(called))
        found = Rejection(*titles, address, reason, sentence, settings, now, now)
        with self._lock:
            before = self._kept.pop(found.key, None)
            if before is not None:
                found = replace(found, first_at=before.first_at, count=before.count + 1)
            self._kept[found.key] = found
            while len(self._kept) > MOST:
                del self._kept[next(iter(self._kept))]
            if before is None or now - before.last_at >= SAME_CALL:
                with contextlib.suppress(OSError):
                    self._write()

    def _write(self) -> None:
        """Not synced: a crash of the process loses no rename, and nothing depends on the file."""
        draft = self._run / f"{NAME}.part"
        draft.write_bytes(_ADAPTER.dump_json(tuple(reversed(self._kept.values())), indent=2))
        draft.replace(self._run / NAME)


def read_rejections(run: Path) -> tuple[Rejection, ...]:
    """Who was turned away, the last first; none where the file cannot be read.

    Args:
        run: Folder of the file (`Spool.run`).
    """
    try:
        return _ADAPTER.validate_json((run / NAME).read_bytes())
    except (OSError, ValueError):
        return ()


def _shown(ae_title: str) -> str:
    """What a stranger sent, safe to be shown."""
    return "".join(c if c.isprintable() else "?" for c in ae_title.strip())[:LONGEST_TITLE]


_ADAPTER = TypeAdapter(tuple[Rejection, ...])
