"""Security alerts: callers that were turned away, told without letting them fill the disk."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from mumap_node.node.audit.events import turned_away
from mumap_node.node.audit.trail import Audit
from mumap_node.node.receiver.access import Refusal
from mumap_node.node.reception import Caller

WINDOW = timedelta(hours=1)
"""In which the same is told of an address once."""

MOST = 100
"""Alerts within a window; what comes above is counted, and its number told with the next."""

NO_ALERT = frozenset({"too-many-associations", "no-sop-class", "no-transfer-syntax"})
"""Reasons that say nothing of who a caller is: no room, and nothing in common with a peer."""

_log = structlog.get_logger()


class Alerts:
    """Tells who was turned away; from any thread."""

    def __init__(self, ae_title: str, audit: Audit, now: Callable[[], datetime]) -> None:
        """Prepare.

        Args:
            ae_title: Of this node.
            audit: Where to.
            now: The time, UTC.
        """
        self._ae_title, self._audit, self._now = ae_title, audit, now
        self._lock = threading.Lock()
        self._began = now()
        self._told: set[tuple[str, str]] = set()
        self._untold = 0

    def tell(self, caller: Caller, refusal: Refusal) -> None:
        """Tell that a caller was turned away, or count it."""
        if refusal.reason in NO_ALERT:
            return
        now = self._now()
        with self._lock:
            if now - self._began >= WINDOW:
                self._begin_window(now)
            about = (caller.address, refusal.reason)
            if about in self._told or len(self._told) >= MOST:
                self._untold += 1
                return
            self._told.add(about)
        self._tell(caller.calling_ae_title, caller.address, now, refusal.sentence)

    def close(self) -> None:
        """Tell how many were only counted."""
        with self._lock:
            self._begin_window(self._now())

    def _begin_window(self, now: datetime) -> None:
        untold, self._untold = self._untold, 0
        self._began = now
        self._told.clear()
        if untold:
            sentence = f"{untold} more callers like those before were turned away"
            self._tell("", "", now, sentence)

    def _tell(self, calling: str, address: str, now: datetime, sentence: str) -> None:
        try:
            self._audit(turned_away(self._ae_title, calling, address, now, sentence))
        except OSError as error:  # a full disk must not stop who may call
            _log.error("audit.failed", reason="spool-failed", exc_info=error)
