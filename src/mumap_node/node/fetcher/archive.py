"""An archive: who is asked, for what, and how its objects come here."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from pynetdicom.events import Event

from mumap_node.node.audit.trail import Audit, unaudited
from mumap_node.node.calling import Patience
from mumap_node.node.fetcher.choosing import Query, Series, find_series
from mumap_node.node.fetcher.find import PATIENCE, Inquiry
from mumap_node.node.reception import Caller
from mumap_node.node.routing import Destination, Peer

OBJECT_SECONDS = 240.0
"""Time of 24 MB at 100 kB/s, the slowest link that is waited for."""

Keep = Callable[[Event, Caller], int]
"""Stores the object of a C-STORE durably, and answers with its status."""


class How(StrEnum):
    """How objects come."""

    MOVE = "move"  #: the archive opens an association to the receiver of this node
    GET = "get"  #: on the association of the request


@dataclass(frozen=True, slots=True)
class Archive:
    """Who is asked, and how its objects come here.

    Attributes:
        destination: The archive.
        ae_title: Of this node.
        how: Move or get.
        peers: Who may send to this node.
        storage_classes: UIDs of the SOP classes this node takes.
        keep: Stores what comes by C-GET.
        patience: How long the archive is waited for.
        object_seconds: How much longer for each object, while its bytes are under way.
        audit: Where it is told what the archive was asked.
    """

    destination: Destination
    ae_title: str
    how: How
    peers: tuple[Peer, ...]
    storage_classes: tuple[str, ...]
    keep: Keep
    patience: Patience = PATIENCE
    object_seconds: float = OBJECT_SECONDS
    audit: Audit = unaudited

    def search(self, query: Query) -> tuple[Series, ...]:
        """The series that are wanted, our own, and what cannot be decided on; each once.

        Raises:
            TransientError: The archive does not answer, or refuses.
        """
        with Inquiry(self.destination, self.ae_title, self.patience, audit=self.audit) as inquiry:
            found = find_series(inquiry, query, self.storage_classes)
            return tuple({(one.study_uid, one.series_uid): one for one in found}.values())
