"""The DICOM port: pynetdicom's association server, hardened.

Whoever may not call from an IP address is turned away before anything is created for it. Silent
connections are not associations: they take no place of one, and are closed after some seconds.
TLS is negotiated in the thread of its connection.
"""

import math
import socket
import socketserver
import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import structlog
from pynetdicom import evt
from pynetdicom.acse import ACSE
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.pdu import A_ABORT_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    Verification,
)
from pynetdicom.transport import (
    AddressInformation,
    AssociationSocket,
    ThreadedAssociationServer,
)

from mumap_node.node.receiver.access import Refusal
from mumap_node.node.receiver.door import Door
from mumap_node.node.receiver.handshake import Patience, Spoken, begin
from mumap_node.node.receiver.stepping import (
    WAIT_SECONDS,
    BoundedDimse,
    BulkSocket,
    SteppedUpperLayer,
)
from mumap_node.node.reception import Caller
from mumap_node.node.routing import parse_address
from mumap_node.node.tls.certificates import certificate_of

_log = structlog.get_logger()


Answer = Callable[[Event, Caller], int]
"""Answers a message with a DIMSE status."""


class Listener(ThreadedAssociationServer):
    """Takes connections and serves each in a thread of its own.

    Attributes:
        door: Lets callers in.
        store: Serves C-STORE.
        spoken: Clear text or TLS.
        commit: Serves N-ACTION and N-EVENT-REPORT of storage commitment.
    """

    request_queue_size = 128  # a burst of senders waits here rather than being refused
    daemon_threads = True

    def __init__(
        self,
        ae: ApplicationEntity,
        address: tuple[str, int],
        door: Door,
        store: Answer,
        commit: Answer,
        spoken: Spoken = Spoken(),  # noqa: B008  (frozen)
    ) -> None:
        """Bind the port.

        Args:
            ae: This node: its title, what it supports, its timeouts.
            address: IP address and port to listen on; port 0 for a free one.
            door: Lets callers in.
            store: Serves C-STORE.
            spoken: Clear text or TLS.
            commit: Serves N-ACTION and N-EVENT-REPORT.

        Raises:
            OSError: It cannot be bound.
        """
        self.door, self.store, self.commit, self.spoken = door, store, commit, spoken
        super().__init__(ae, address, ae.ae_title, ae.supported_contexts)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take the next connection."""
        try:
            return super().get_request()
        except OSError:
            time.sleep(WAIT_SECONDS)  # out of descriptors: asking at once would burn a core
            raise

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002
        """Whether anybody may call from this address."""
        return self.door.may_connect(_plain(client_address[0]))

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Begin to serve a connection."""
        try:
            # Nagle's algorithm with delayed acknowledgements costs 40 ms an object (DCMTK FAQ 48).
            request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            StorageAssociation(self, request, client_address).start()
        except (OSError, RuntimeError):  # gone already; no more threads
            self.handle_error(request, client_address)
            self.shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """A connection could not be begun; the next one may."""
        _log.exception("connection.failed", address=client_address[0])

    def service_actions(self) -> None:
        """Leave collecting garbage to Python; pynetdicom would stop all threads for it."""

    def shutdown(self) -> None:
        """Take no more connections; those there are go on."""
        socketserver.BaseServer.shutdown(self)  # pynetdicom's forgets servers it did not make
        self.server_close()


class StorageAssociation(Association):
    """One connection, from its first byte to its last, in its own single thread."""

    def __init__(self, server: Listener, connection: socket.socket, address: Any) -> None:
        """Take over a connection; ``start`` serves it."""
        ae = server.ae
        super().__init__(ae, "acceptor")
        self.caller = Caller("", "", _plain(address[0]))
        self.name = f"association from {self.caller.address}"
        self._server: Listener = server
        self._is_stopping = False
        self.acse = GuardedAcse(self)
        self.dimse = BoundedDimse(self)
        self.dul: SteppedUpperLayer = SteppedUpperLayer(self)
        self._dul_ready.set()
        self.acse_timeout, self.network_timeout = ae.acse_timeout, ae.network_timeout
        connection.settimeout(ae.acse_timeout)
        self.set_socket(BulkSocket(self, client_socket=connection))
        self.acceptor.ae_title = ae.ae_title
        self.acceptor.maximum_length = ae.maximum_pdu_size
        self.acceptor.implementation_class_uid = ae.implementation_class_uid
        self.acceptor.implementation_version_name = ae.implementation_version_name
        self.acceptor.supported_contexts = ae.supported_contexts
        self.acceptor.address_info = AddressInformation.from_tuple(server.server_address)
        self.requestor.address_info = AddressInformation.from_tuple(address)
        self.bind(evt.EVT_C_STORE, self._on_store)
        self.bind(evt.EVT_N_ACTION, self._on_commit)
        self.bind(evt.EVT_N_EVENT_REPORT, self._on_commit)

    def stop(self) -> None:
        """End soon; from any thread."""
        self._is_stopping = True
        self.dul.is_stopping = True

    def admit(self) -> Refusal | None:
        """Why the peer gets no association; None where it does, and a place is taken."""
        request = cast(A_ASSOCIATE, self.requestor.primitive)
        caller = replace(
            self.caller,
            calling_ae_title=request.calling_ae_title.strip(),
            called_ae_title=request.called_ae_title.strip(),
        )
        found = self._server.door.admit(self, caller)
        if isinstance(found, Refusal):
            return found
        self.caller = found
        return None

    def note_useless(self) -> None:
        """Say so where the peer was let in, and can send nothing of what it proposed."""
        accepted, refused, taken = (
            [str(context.abstract_syntax) for context in contexts]
            for contexts in (
                self.accepted_contexts, self.rejected_contexts, self.ae.supported_contexts
            )
        )  # fmt: skip
        if refused and set(accepted) <= {Verification, StorageCommitmentPushModel}:
            self._server.door.note_useless(self.caller, refused, taken)

    def run_reactor(self) -> None:
        """Serve the connection until one side ends it; an error costs this connection only."""
        began = time.monotonic()
        self._server.door.places.enter(self)
        try:
            if self._begin():
                super().run_reactor()
        # pynetdicom raises whatever a peer's bytes provoke; it must not end the thread unheard.
        except Exception:  # noqa: BLE001
            _log.exception("association.failed", peer=self.caller.peer, address=self.caller.address)
            self._abort_without_state()
        finally:
            self._close()
            self._server.door.places.leave(self)
        if self.caller.peer:
            _log.info(
                "association.ended",
                peer=self.caller.peer,
                address=self.caller.address,
                outcome="released" if self.is_released else "aborted",
                seconds=round(time.monotonic() - began, 3),
            )

    def _begin(self) -> bool:
        """Whether the peer speaks what the port does; where that is TLS, it is negotiated."""
        transport = cast(BulkSocket, self.dul.socket)
        plain = cast(socket.socket, transport.socket)
        patience = Patience(self.acse_timeout or math.inf, lambda: self._is_stopping)
        begun = begin(plain, self._server.spoken, patience)
        if isinstance(begun, Refusal):
            self._server.door.turn_away(self.caller, begun)
        if not isinstance(begun, socket.socket):
            return False
        if isinstance(begun, ssl.SSLSocket):
            begun.settimeout(self.acse_timeout)
            transport.socket = begun
            self.caller = replace(self.caller, certificate=certificate_of(begun))
        return True

    def _run_reactor(self) -> None:
        """Serve requests as they come; the end of it all is left to pynetdicom's own loop."""
        transport = cast(AssociationSocket, self.dul.socket)
        if transport.socket is not None:
            transport.socket.settimeout(self.network_timeout)
        while self._is_undisturbed():
            self.dul.step(WAIT_SECONDS)
            context_id, message = self.dimse.get_msg()
            if message is not None and not message.is_valid_request:
                self.abort()  # pynetdicom would say nothing, and leave the peer waiting
            elif message is not None and context_id is not None:
                self._serve_request(message, context_id)
        if self._is_stopping:
            self.abort()
        super()._run_reactor()

    def _is_undisturbed(self) -> bool:
        """Whether nothing but requests is to be looked at."""
        return (
            self.dul.is_alive()
            and not self._is_stopping
            and not self.dul.idle_timer_expired()
            and self.dul.peek_next_pdu() is None  # a release or an abort
        )

    def _bind_defaults(self) -> None:
        """Leave out pynetdicom's log handlers: they write identifiers, and take their time."""
        for event in evt._INTERVENTION_EVENTS:  # noqa: SLF001  (there is no public list)
            self.bind(event, evt.get_default_handler(event))

    def _on_store(self, event: Event) -> int:
        return self._server.store(event, self.caller)

    def _on_commit(self, event: Event) -> tuple[int, None]:
        return self._server.commit(event, self.caller), None

    def _abort_without_state(self) -> None:
        """Send an A-ABORT although the state machine has lost its way."""
        abort = A_ABORT_RQ()
        abort.source, abort.reason_diagnostic = 2, 0  # service provider, no reason (PS3.8 9.3.8)
        transport = self.dul.socket
        if transport is not None and transport.socket is not None:
            transport.send(abort.encode())

    def _close(self) -> None:
        transport = self.dul.socket
        if transport is not None and transport.socket is not None:
            transport.close()


class GuardedAcse(ACSE):
    """Negotiates an association only after the caller was admitted.

    Not an event handler of pynetdicom's: an error in one of those would open the door.
    """

    def negotiate_association(self) -> None:
        """Reject the caller, or negotiate."""
        assoc = cast(StorageAssociation, self.assoc)
        refusal = assoc.admit()
        if refusal is None:
            super().negotiate_association()
            assoc.note_useless()
        else:
            self.send_reject(*refusal.wire)
            assoc.kill()


def _plain(address: str) -> str:
    """An IP address as people write it: an IPv4 caller of an IPv6 port is an IPv4 caller."""
    return str(parse_address(address) or address)
