"""The receiver: Storage and Verification SCP of the node, in a small process of its own.

Every object is stored as it came and answered for only then; looking into it is the worker's.
"""

import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import structlog
from pydicom.uid import UID
from pynetdicom.ae import ApplicationEntity
from pynetdicom.dimse_primitives import N_ACTION
from pynetdicom.events import Event
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    Verification,
)

from mumap_node.dicom.uids import IMPLEMENTATION_CLASS_UID
from mumap_node.errors import ConfigurationError
from mumap_node.node.audit.trail import Audit, unaudited
from mumap_node.node.commitments import answer_report, answer_request
from mumap_node.node.receiver.alerts import Alerts
from mumap_node.node.receiver.door import Door
from mumap_node.node.receiver.handshake import Spoken
from mumap_node.node.receiver.listener import Answer, Listener
from mumap_node.node.reception import (
    IMPLEMENTATION_VERSION_NAME,
    TRANSFER_SYNTAXES,
    Caller,
    receive_object,
)
from mumap_node.node.rejections import Rejections
from mumap_node.node.routing import Peer
from mumap_node.node.spool.files import Spool
from mumap_node.node.tls.contexts import RenewedContext, server_context
from mumap_node.node.tls.files import TlsFiles

NM_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.20"
"""Nuclear Medicine Image Storage (PS3.4 B.5)."""

MAXIMUM_LENGTH = 1 << 17
"""Bytes of a P-DATA-TF this node asks for: 16 kB, the usual, would cost a third of the speed."""

UNLIMITED = 1 << 30

_ABORT_SECONDS = 5.0  # for aborted associations to end; an fsync may be under way

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ReceiverOptions:
    """How the receiver behaves.

    Attributes:
        ae_title: Of this node; associations that ask for another are rejected.
        bind: IP address to listen on, such as "0.0.0.0" or "::" for all.
        port: For clear text; 0 for a free one, None for none.
        peers: Who may open associations; nobody else may.
        max_associations: Open at once; further ones are rejected for the moment.
        min_free_gb: Free space in GB (10^9 bytes) below which objects are refused.
        storage_classes: UIDs of the SOP classes that are accepted.
        request_seconds: A connection without an association lasts that long.
        silence_seconds: Longest silence within an association before it is aborted.
        tls_port: For TLS; 0 for a free one, None for none.
        tls: The node's certificate, where there is a port for TLS.
        audit: Where security alerts go.
    """

    ae_title: str
    bind: str
    port: int | None
    peers: tuple[Peer, ...]
    max_associations: int = 50
    min_free_gb: float = 2.0
    storage_classes: tuple[str, ...] = (NM_IMAGE_STORAGE,)
    request_seconds: float = 10.0
    silence_seconds: float = 60.0
    tls_port: int | None = None
    tls: TlsFiles | None = None
    audit: Audit = unaudited


class Receiver:
    """A running receiver.

    Attributes:
        port: Where it listens for clear text; 0 for nowhere.
        tls_port: Where it listens for TLS; 0 for nowhere.
    """

    def __init__(self, listeners: Sequence[Listener], door: Door) -> None:
        """Start to take connections.

        Args:
            listeners: For clear text, for TLS, or for both.
            door: Who is connected.
        """
        self._listeners, self._door = listeners, door
        self.port = self.tls_port = 0
        for listener in listeners:
            if listener.spoken.tls is None:
                self.port = listener.server_address[1]
            else:
                self.tls_port = listener.server_address[1]
        self._threads = [
            threading.Thread(
                target=listener.serve_forever, args=(0.1,), name="listener", daemon=True
            )
            for listener in listeners
        ]
        for thread in self._threads:
            thread.start()

    def is_listening(self) -> bool:
        """Whether connections are still taken."""
        return any(thread.is_alive() for thread in self._threads)

    def drain(self, seconds: float) -> bool:
        """Take no more connections, let open associations finish, then abort what is left.

        Args:
            seconds: How long associations may take to finish.

        Returns:
            Whether all of them finished by themselves.
        """
        for listener in self._listeners:
            listener.shutdown()
        self._door.close()
        places = self._door.places
        places.stop_silent()
        if places.wait_until_closed(seconds):
            _log.info("receiver.drained", count=0)
            return True
        aborted = places.stop_open()
        places.wait_until_closed(_ABORT_SECONDS)
        _log.warning("receiver.drained", count=aborted)
        return False


def start_receiver(options: ReceiverOptions, spool: Spool) -> Receiver:
    """Begin to receive into a spool.

    Raises:
        ConfigurationError: An address cannot be listened on, or TLS not be spoken.
        OSError: The spool cannot be tidied up.
    """
    now = partial(datetime.now, UTC)
    tls = RenewedContext(options.tls, server_context, now) if options.tls else None
    rejections = Rejections(spool.run, now)
    commit = partial(_commit, spool, {peer.name: peer for peer in options.peers})
    alerts = Alerts(options.ae_title, options.audit, now)
    door = Door(options.ae_title, options.peers, options.max_associations, rejections, alerts)
    store = partial(receive_object, spool, options.min_free_gb)
    listen = partial(_listen, options, door, store, commit)
    with ExitStack() as bound:
        listeners = []
        if options.port is not None:
            spoken = Spoken(other_port=options.tls_port)
            listeners.append(bound.enter_context(listen(options.port, spoken)))
        if options.tls_port is not None and tls is not None:
            spoken = Spoken(tls, other_port=options.port)
            listeners.append(bound.enter_context(listen(options.tls_port, spoken)))
        # Only once the ports are ours: a receiver before us may still be finishing what it began.
        leftovers = spool.clear_unfinished_arrivals()
        bound.pop_all()
    receiver = Receiver(listeners, door)
    for listener in listeners:
        _log.info(
            "receiver.started",
            address=options.bind,
            port=listener.server_address[1],
            outcome="tls" if listener.spoken.tls else "clear text",
            count=leftovers,
        )
    return receiver


def _listen(
    options: ReceiverOptions,
    door: Door,
    store: Answer,
    commit: Answer,
    port: int,
    spoken: Spoken,
) -> Listener:
    try:
        address = (options.bind, port)
        return Listener(_application_entity(options), address, door, store, commit, spoken)
    except OSError as error:
        raise ConfigurationError(
            "port-not-available",
            [f"expected to listen on {options.bind} port {port}, found: {error.strerror}"],
        ) from error


def _commit(spool: Spool, peers: Mapping[str, Peer], event: Event, caller: Caller) -> int:
    """Serve a message of storage commitment."""
    if isinstance(event.request, N_ACTION):
        return answer_request(spool, peers[caller.peer], event)
    return answer_report(spool, caller.calling_ae_title, event)


def _application_entity(options: ReceiverOptions) -> ApplicationEntity:
    """This node, as pynetdicom knows it."""
    ae = ApplicationEntity(options.ae_title)
    ae.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    ae.maximum_pdu_size = MAXIMUM_LENGTH
    ae.acse_timeout = options.request_seconds
    ae.network_timeout = ae.dimse_timeout = options.silence_seconds
    ae.add_supported_context(Verification)
    # Both roles: peers ask us, and destinations report to us (PS3.4 J.3.3).
    ae.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
    for sop_class_uid in options.storage_classes:
        ae.add_supported_context(sop_class_uid, list(TRANSFER_SYNTAXES))
    # A second lock behind access.py, which also knows addresses and says what to do about it.
    ae.require_called_aet = True
    ae.require_calling_aet = [peer.ae_title for peer in options.peers]
    ae.maximum_associations = UNLIMITED  # pynetdicom would count silent connections; places.py
    return ae
