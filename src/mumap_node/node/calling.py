"""Calls: associations this node opens with a destination, and why one did not come about.

The only place that opens one; what is asked on it is the deliverer's and the fetcher's.
"""

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.pdu import A_ASSOCIATE_RJ
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext

from mumap_node.errors import ConfigurationError, TransientError
from mumap_node.node.routing import Destination
from mumap_node.node.tls.contexts import client_context
from mumap_node.node.tls.failures import find_failure

REJECTED_PERMANENT = 0x01
"""Result of an A-ASSOCIATE-RJ that asking again does not change. Source: PS3.8 9.3.4."""

Handler = Callable[[Event], Any]
Served = tuple[evt.EventType, Handler]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each stage of an association is waited for, in seconds.

    Attributes:
        connect_seconds: For the TCP connection.
        negotiate_seconds: For the answer to an association request, and to its release.
        answer_seconds: For a response, beside the time the bytes of an object may take.
        report_seconds: For the report of a destination that commits itself at once; most do so
            later, on an association of their own.
    """

    connect_seconds: float = 10.0
    negotiate_seconds: float = 15.0
    answer_seconds: float = 15.0
    report_seconds: float = 1.0


class CallFailed(TransientError):  # noqa: N818  (says what became of the call)
    """A peer could not be asked, or did not answer.

    Attributes:
        is_final: Whether the peer said that asking again changes nothing.
    """

    def __init__(self, reason: str, sentence: str, *, is_final: bool = False) -> None:
        super().__init__(reason, sentence)
        self.is_final = is_final


class Call:
    """One or more associations with the same destination, and how far the last one came."""

    def __init__(
        self,
        destination: Destination,
        calling_ae_title: str,
        patience: Patience,
        allowance_seconds: float = 0.0,
    ) -> None:
        """Prepare.

        Args:
            destination: Who is called.
            calling_ae_title: Who we say we are.
            patience: How long to wait for the peer.
            allowance_seconds: Longer for each response, while bytes are under way.
        """
        self._destination = destination
        self._patience = patience
        self._ae = AE(calling_ae_title)
        self._ae.connection_timeout = patience.connect_seconds
        self._ae.acse_timeout = patience.negotiate_seconds
        self._ae.dimse_timeout = patience.answer_seconds + allowance_seconds
        self._ae.network_timeout = 2 * self._ae.dimse_timeout  # never the first to end a wait
        self._opened = self._accepted = False
        self._rejection: A_ASSOCIATE_RJ | None = None
        self._started = 0.0

    @property
    def answer_seconds(self) -> float:
        """How long a response is waited for."""
        return cast(float, self._ae.dimse_timeout)

    def open(
        self,
        contexts: Sequence[PresentationContext],
        *,
        wanted: str = "the object",
        roles: Sequence[SCP_SCU_RoleSelectionNegotiation] = (),
        serves: Sequence[Served] = (),
    ) -> Association:
        """Open an association; the caller releases it.

        Args:
            contexts: What is proposed.
            wanted: What they are for, in the sentence of a failure.
            roles: Roles that are proposed for them, where they are not the usual ones.
            serves: Events that are handled, such as requests of the peer, and by what.

        Raises:
            CallFailed: There is none.
        """
        self._opened = self._accepted = False
        self._rejection = None
        self._started = time.monotonic()
        handlers: list[Any] = [
            (evt.EVT_CONN_OPEN, self._on_open),
            (evt.EVT_ACCEPTED, self._on_accepted),
            (evt.EVT_PDU_RECV, self._on_pdu),
            *serves,
        ]
        tls = self._destination.tls
        try:
            association = self._ae.associate(
                self._destination.host,
                self._destination.port,
                contexts=list(contexts),
                ae_title=self._destination.ae_title,
                ext_neg=list(roles),
                tls_args=(client_context(tls.files), tls.server_name) if tls else None,
                evt_handlers=handlers,
            )
        except ConfigurationError as error:  # a certificate may be exchanged just now
            raise CallFailed(error.reason, error.sentence) from None
        except OSError:  # such as a host name nobody knows
            raise self._unreachable() from None
        if not association.is_established:
            raise self._not_established(wanted)
        return association

    def aborted(self) -> CallFailed:
        """The association ended before it was answered."""
        return CallFailed(
            reason="association-aborted",
            sentence=f"expected {self._destination.name!r} to answer, found the association ended",
        )

    def silent(self, expected: str) -> CallFailed:
        """Nothing came in time."""
        return CallFailed(
            reason="peer-silent",
            sentence=f"expected {expected} from {self._destination.name!r}, found none in time",
        )

    def not_taken(self, wanted: str) -> CallFailed:
        """Nothing that was proposed is accepted."""
        name = self._destination.name
        return CallFailed(
            reason="no-accepted-context",
            sentence=f"expected {name!r} to take {wanted}, found none of its encodings taken",
            is_final=True,
        )

    def _on_open(self, event: Event) -> None:
        self._opened = True
        wrapped = event.assoc.dul.socket
        if wrapped is not None and wrapped.socket is not None:
            # pynetdicom leaves Nagle's algorithm on, which costs 40 ms per object.
            wrapped.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _on_accepted(self, _event: Event) -> None:
        self._accepted = True

    def _on_pdu(self, event: Event) -> None:
        # A peer that rejects and hangs up at once looks to pynetdicom as if it had never answered.
        if isinstance(event.pdu, A_ASSOCIATE_RJ):
            self._rejection = event.pdu

    def _not_established(self, wanted: str) -> CallFailed:
        if self._rejection is not None:
            return self._rejected(self._rejection)
        if self._accepted:
            return self.not_taken(wanted)
        if (insecure := self._insecure()) is not None:
            return insecure
        if not self._opened:
            return self._unreachable()
        waited = time.monotonic() - self._started
        in_time = waited < self._patience.negotiate_seconds
        return self.aborted() if in_time else self.silent("an association")

    def _insecure(self) -> CallFailed | None:
        """Why TLS did not come about; tried again, since certificates are mended by people."""
        target, tls = self._destination, self._destination.tls
        seconds = self._patience.connect_seconds
        failure = find_failure(target.host, target.port, tls, seconds) if tls else None
        if failure is None:
            return None
        return CallFailed(failure.reason, f"TLS with {target.name!r}: {failure.sentence}")

    def _rejected(self, rejection: A_ASSOCIATE_RJ) -> CallFailed:
        is_final = rejection.result == REJECTED_PERMANENT
        return CallFailed(
            reason="association-rejected" if is_final else "association-rejected-for-now",
            sentence=f"expected {self._destination.name!r} to accept an association, found it "
            f"{rejection.result_str.lower()}: {rejection.reason_str.lower()}",
            is_final=is_final,
        )

    def _unreachable(self) -> CallFailed:
        return CallFailed(
            reason="peer-unreachable",
            sentence=f"expected {self._destination.name!r} to take a connection, found none",
        )
