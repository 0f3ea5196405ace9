"""Memory: which instances were fetched, so that each is fetched once (ADR 0024).

A file a series, written after its instances are safely here: whoever is killed in between fetches
them again, and what comes again is recognised. Names and contents are hashes of UIDs.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from mumap_node.node.spool.files import Spool, make_folder, write_durably
from mumap_node.node.spool.measured import key_of

MARGIN = timedelta(days=3)
"""More than time zones and the days a range is wider than it says come to."""


class Memory:
    """What was fetched; for one process at a time."""

    def __init__(self, spool: Spool, now: Callable[[], datetime]) -> None:
        """Open it.

        Args:
            spool: Where it is kept.
            now: The time, UTC.
        """
        self._folder = spool.root / "fetched"
        self._now = now
        make_folder(self._folder)

    def missing(self, series_uid: str, instances: Sequence[str]) -> list[str]:
        """Those of the instances that were not fetched yet."""
        known = self._known(series_uid)
        return [uid for uid in instances if key_of(uid) not in known]

    def keep(self, series_uid: str, instances: Sequence[str]) -> None:
        """Remember instances; on return that survives a power cut."""
        known = self._known(series_uid) | {key_of(uid) for uid in instances}
        write_durably(self._file(series_uid), json.dumps(sorted(known), indent=2).encode())

    def forget(self, days: int) -> None:
        """Forget series of which nothing came for so long that no watch asks for them any more.

        Args:
            days: How far back the farthest watch asks. What was fetched had a study date of the
                day after at most, so by then it has left every range.
        """
        before = (self._now() - timedelta(days=days) - MARGIN).timestamp()
        for path in self._folder.glob("*.json"):
            if path.stat().st_mtime < before:
                path.unlink()

    def _known(self, series_uid: str) -> frozenset[str]:
        try:
            return frozenset(json.loads(self._file(series_uid).read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return frozenset()  # of a damaged file too: what comes again is recognised

    def _file(self, series_uid: str) -> Path:
        return self._folder / f"{key_of(series_uid)}.json"
