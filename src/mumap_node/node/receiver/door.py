"""The door of the receiver: who may come in, and what is said of those who may not."""

from collections.abc import Sequence
from dataclasses import replace

import structlog

from mumap_node.node.receiver.access import (
    Refusal,
    refuse_address,
    refuse_certificate,
    refuse_contexts,
    refuse_for_now,
    refuse_titles,
)
from mumap_node.node.receiver.alerts import Alerts
from mumap_node.node.receiver.places import Places, Stoppable
from mumap_node.node.reception import Caller
from mumap_node.node.rejections import Rejections
from mumap_node.node.routing import Peer, find_peer

MOST_SILENT = 100
"""Connections without an association; the oldest is closed for one more."""

_log = structlog.get_logger()


class Door:
    """Lets callers in, one place for each.

    Attributes:
        places: Who is connected.
    """

    def __init__(
        self,
        ae_title: str,
        peers: Sequence[Peer],
        max_associations: int,
        rejections: Rejections,
        alerts: Alerts,
    ) -> None:
        """Open it.

        Args:
            ae_title: Of this node.
            peers: Who may call.
            max_associations: Open at once; further ones are rejected for the moment.
            rejections: Keeps who was turned away.
            alerts: Tells it to the audit trail.
        """
        self._ae_title, self._peers = ae_title.strip(), peers
        self._max_associations = max_associations
        self._rejections, self._alerts = rejections, alerts
        self.places = Places(max_associations, MOST_SILENT)

    def may_connect(self, address: str) -> bool:
        """Whether anybody may call from this IP address."""
        refusal = refuse_address(self._peers, address)
        if refusal is not None:
            self.turn_away(Caller("", "", address), refusal)
        return refusal is None

    def admit(self, connection: Stoppable, caller: Caller) -> Caller | Refusal:
        """Give a caller a place, and its name in the settings; or say why it gets none."""
        calling, address = caller.calling_ae_title, caller.address
        refusal = refuse_titles(
            self._peers,
            self._ae_title,
            called=caller.called_ae_title,
            calling=calling,
            address=address,
        )
        peer = find_peer(self._peers, calling, address)
        if refusal is None and peer is not None:
            refusal = refuse_certificate(peer, caller.certificate)
        if refusal is None and not self.places.open(connection):
            refusal = refuse_for_now(self._max_associations)
        if refusal is not None:
            self.turn_away(caller, refusal)
            return refusal
        return replace(caller, peer=peer.name if peer else "")

    def note_useless(
        self, caller: Caller, proposed: Sequence[str], accepted: Sequence[str]
    ) -> None:
        """Say that a caller that was let in proposed nothing this node takes.

        Args:
            caller: Who.
            proposed: SOP classes it proposed.
            accepted: SOP classes this node takes.
        """
        self.turn_away(caller, refuse_contexts(proposed, accepted))

    def turn_away(self, caller: Caller, refusal: Refusal) -> None:
        """Say who, why, and what to write into the settings to let them in."""
        calling, called = caller.calling_ae_title, caller.called_ae_title
        told = {
            "reason": refusal.reason,
            "sentence": refusal.sentence,
            "settings": refusal.settings,
        }
        _log.warning(
            "association.rejected",
            address=caller.address,
            calling_ae_title=calling,
            called_ae_title=called,
            **told,
        )
        self._rejections.keep(calling, called, caller.address, **told)
        self._alerts.tell(caller, refusal)

    def close(self) -> None:
        """Nobody comes any more."""
        self._alerts.close()
