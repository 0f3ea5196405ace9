"""The receiver: Storage and Verification SCP of the node, in a small process of its own.

Every object is stored as it came and answered for only then; looking into it is the worker's.
"""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import structlog
from pydicom.uid import UID
from pynetdicom.ae import ApplicationEntity
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from mumap_node.dicom.uids import IMPLEMENTATION_CLASS_UID
from mumap_node.errors import ConfigurationError
from mumap_node.node.receiver.door import Door
from mumap_node.node.receiver.listener import Listener
from mumap_node.node.reception import (
    IMPLEMENTATION_VERSION_NAME,
    TRANSFER_SYNTAXES,
    receive_object,
)
from mumap_node.node.rejections import Rejections
from mumap_node.node.routing import Peer
from mumap_node.node.spool.files import Spool

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
        port: 0 for a free one.
        peers: Who may open associations; nobody else may.
        max_associations: Open at once; further ones are rejected for the moment.
        min_free_gb: Free space in GB (10^9 bytes) below which objects are refused.
        storage_classes: UIDs of the SOP classes that are accepted.
        request_seconds: A connection without an association lasts that long.
        silence_seconds: Longest silence within an association before it is aborted.
    """

    ae_title: str
    bind: str
    port: int
    peers: tuple[Peer, ...]
    max_associations: int = 50
    min_free_gb: float = 2.0
    storage_classes: tuple[str, ...] = (NM_IMAGE_STORAGE,)
    request_seconds: float = 10.0
    silence_seconds: float = 60.0


class Receiver:
    """A running receiver.

    Attributes:
        port: Where it listens.
    """

    def __init__(self, listener: Listener) -> None:
        """Start to take connections."""
        self._listener = listener
        self.port: int = listener.server_address[1]
        self._thread = threading.Thread(
            target=listener.serve_forever, args=(0.1,), name="listener", daemon=True
        )
        self._thread.start()

    def is_listening(self) -> bool:
        """Whether connections are still taken."""
        return self._thread.is_alive()

    def drain(self, seconds: float) -> bool:
        """Take no more connections, let open associations finish, then abort what is left.

        Args:
            seconds: How long associations may take to finish.

        Returns:
            Whether all of them finished by themselves.
        """
        self._listener.shutdown()
        self._listener.server_close()
        places = self._listener.door.places
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
        ConfigurationError: The address cannot be listened on.
        OSError: The spool cannot be tidied up.
    """
    store = partial(receive_object, spool, options.min_free_gb)
    address = (options.bind, options.port)
    rejections = Rejections(spool.run, partial(datetime.now, UTC))
    door = Door(options.ae_title, options.peers, options.max_associations, rejections)
    try:
        listener = Listener(_application_entity(options), address, door, store)
    except OSError as error:
        raise ConfigurationError(
            "port-not-available",
            [f"expected to listen on {options.bind} port {options.port}, found: {error.strerror}"],
        ) from error
    # Only once the port is ours: a receiver before us may still be finishing what it began.
    leftovers = spool.clear_unfinished_arrivals()
    receiver = Receiver(listener)
    _log.info("receiver.started", address=options.bind, port=receiver.port, count=leftovers)
    return receiver


def _application_entity(options: ReceiverOptions) -> ApplicationEntity:
    """This node, as pynetdicom knows it."""
    ae = ApplicationEntity(options.ae_title)
    ae.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    ae.maximum_pdu_size = MAXIMUM_LENGTH
    ae.acse_timeout = options.request_seconds
    ae.network_timeout = ae.dimse_timeout = options.silence_seconds
    ae.add_supported_context(Verification)
    for sop_class_uid in options.storage_classes:
        ae.add_supported_context(sop_class_uid, list(TRANSFER_SYNTAXES))
    # A second lock behind access.py, which also knows addresses and says what to do about it.
    ae.require_called_aet = True
    ae.require_calling_aet = [peer.ae_title for peer in options.peers]
    ae.maximum_associations = UNLIMITED  # pynetdicom would count silent connections; places.py
    return ae
