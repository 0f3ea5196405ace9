"""Delivery: objects to one destination by C-STORE, one attempt, and what its answers mean."""

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import cast

from pydicom import Dataset, dcmread
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, build_context, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.pdu import A_ASSOCIATE_RJ
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at import

from mumap_node.node.deliverer.answers import judge
from mumap_node.node.jobs.deliveries import Answer
from mumap_node.node.routing import Destination
from mumap_node.node.spool.records import DeliveryState

SLOWEST_BYTES_PER_SECOND = 100_000
"""Link speed that is still waited for: pynetdicom's timeout runs while the bytes are under way."""

REJECTED_PERMANENT = 0x01
"""Result of an A-ASSOCIATE-RJ that asking again does not change. Source: PS3.8 9.3.4."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each stage of an association is waited for, in seconds.

    Attributes:
        connect_seconds: For the TCP connection.
        negotiate_seconds: For the answer to an association request, and to its release.
        answer_seconds: For a C-STORE response, beside the time its bytes may take.
    """

    connect_seconds: float = 10.0
    negotiate_seconds: float = 15.0
    answer_seconds: float = 15.0


@dataclass(frozen=True, slots=True)
class Sent:
    """How far an attempt came.

    Attributes:
        accepted: How many objects were accepted, the first ones.
        answer: To the first that was not, else to the last.
    """

    accepted: int
    answer: Answer


_REFUSED = DeliveryState.REFUSED
_RETRY = DeliveryState.WAITING


def send(
    objects: Sequence[bytes],
    destination: Destination,
    calling_ae_title: str,
    *,
    accept_warnings: bool = False,
    patience: Patience | None = None,
) -> Sent:
    """Send stored objects over one association, in order, up to the first that is not accepted.

    A file's own transfer syntax is preferred, and the uncompressed ones offered beside it.
    Every sending of a file in the same transfer syntax has the same bytes.

    pynetdicom's SCU can lose a response to its own reactor thread and then waits until its
    timeout, though the peer has stored the object; so an unanswered C-STORE is repeated at once
    on a fresh association before it counts as a failure.

    Args:
        objects: Whole files, at least one.
        destination: Where it goes.
        calling_ae_title: Who we say we are.
        accept_warnings: Whether 0xB000, 0xB006 and 0xB007 count as accepted.
        patience: How long to wait for the peer.
    """
    datasets = [dcmread(BytesIO(encoded)) for encoded in objects]
    allowance = max(map(len, objects)) / SLOWEST_BYTES_PER_SECOND
    call = _Call(destination, calling_ae_title, patience or Patience(), allowance)
    accepted, answer = call.store(datasets, accept_warnings=accept_warnings)
    if answer is None:
        more, answer = call.store(datasets[accepted:], accept_warnings=accept_warnings)
        accepted += more
    silent = Answer(
        _RETRY,
        reason="peer-silent",
        sentence=f"expected a C-STORE response from {destination.name!r}, found none, twice",
    )
    return Sent(accepted, answer or silent)


def echo(
    destination: Destination, calling_ae_title: str, patience: Patience | None = None
) -> Answer:
    """Ask a destination whether it is there (C-ECHO)."""
    return _Call(destination, calling_ae_title, patience or Patience(), 0.0).echo()


class _Call:
    """One or more associations to the same destination, and how far the last one came."""

    def __init__(
        self,
        destination: Destination,
        calling_ae_title: str,
        patience: Patience,
        allowance_seconds: float,
    ) -> None:
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

    def store(
        self, datasets: Sequence[Dataset], *, accept_warnings: bool
    ) -> tuple[int, Answer | None]:
        """C-STORE on a fresh association, up to the first that is not accepted.

        Returns:
            How many were accepted, and the last answer; None where none came in time.
        """
        association = self._associate(_offered(datasets))
        if isinstance(association, Answer):
            return 0, association
        answer: Answer | None = None
        try:
            for accepted, dataset in enumerate(datasets):
                answer = self._store(association, dataset)
                answer = answer and judge(answer, accept_warnings=accept_warnings)
                if answer is None or answer.state is not DeliveryState.ACCEPTED:
                    return accepted, answer
        finally:
            association.release()
        return len(datasets), answer

    def _store(self, association: Association, dataset: Dataset) -> Answer | None:
        used = _used(association, dataset)
        if not used:
            return self._nothing_taken()
        started = time.monotonic()
        try:
            status = association.send_c_store(dataset)
        except RuntimeError:  # the association ended between its opening and the request
            return self._aborted()
        if "Status" in status:
            return Answer(_RETRY, status=status.Status, transfer_syntax_uid=used)
        waited = time.monotonic() - started
        return None if waited >= cast(float, self._ae.dimse_timeout) else self._aborted()

    def echo(self) -> Answer:
        """C-ECHO on a fresh association."""
        association = self._associate([(UID(Verification), ImplicitVRLittleEndian)])
        if isinstance(association, Answer):
            return association
        try:
            status = association.send_c_echo()
        except RuntimeError:
            return self._aborted()
        finally:
            association.release()
        if "Status" not in status:
            return self._silent("a C-ECHO response")
        return judge(Answer(_RETRY, status=status.Status), accept_warnings=False)

    def _associate(self, offered: Sequence[tuple[UID, UID]]) -> Association | Answer:
        self._opened = self._accepted = False
        self._rejection = None
        self._started = time.monotonic()
        # One context per transfer syntax: of a context with several, the peer would choose.
        contexts = [build_context(sop_class, syntax) for sop_class, syntax in offered]
        try:
            association = self._ae.associate(
                self._destination.host,
                self._destination.port,
                contexts=contexts,
                ae_title=self._destination.ae_title,
                evt_handlers=[
                    (evt.EVT_CONN_OPEN, self._on_open),
                    (evt.EVT_ACCEPTED, self._on_accepted),
                    (evt.EVT_PDU_RECV, self._on_pdu),
                ],
            )
        except OSError:  # such as a host name nobody knows
            return self._unreachable()
        return association if association.is_established else self._not_established()

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

    def _not_established(self) -> Answer:
        name = self._destination.name
        if self._rejection is not None:
            result, reason = self._rejection.result_str, self._rejection.reason_str
            sentence = (
                f"expected {name!r} to accept an association, "
                f"found it {result.lower()}: {reason.lower()}"
            )
            if self._rejection.result == REJECTED_PERMANENT:
                return Answer(_REFUSED, reason="association-rejected", sentence=sentence)
            return Answer(_RETRY, reason="association-rejected-for-now", sentence=sentence)
        if self._accepted:
            return self._nothing_taken()
        if not self._opened:
            return self._unreachable()
        waited = time.monotonic() - self._started
        in_time = waited < self._patience.negotiate_seconds
        return self._aborted() if in_time else self._silent("an association")

    def _nothing_taken(self) -> Answer:
        return Answer(
            _REFUSED,
            reason="no-accepted-context",
            sentence=f"expected {self._destination.name!r} to take the object, "
            "found none of its encodings taken",
        )

    def _unreachable(self) -> Answer:
        return Answer(
            _RETRY,
            reason="peer-unreachable",
            sentence=f"expected {self._destination.name!r} to take a connection, found none",
        )

    def _aborted(self) -> Answer:
        return Answer(
            _RETRY,
            reason="association-aborted",
            sentence=f"expected {self._destination.name!r} to answer, found the association ended",
        )

    def _silent(self, expected: str) -> Answer:
        return Answer(
            _RETRY,
            reason="peer-silent",
            sentence=f"expected {expected} from {self._destination.name!r}, found none in time",
        )


def _offered(datasets: Sequence[Dataset]) -> list[tuple[UID, UID]]:
    """SOP classes and transfer syntaxes, each pair once."""
    pairs = {
        (dataset.SOPClassUID, syntax): None
        for dataset in datasets
        for syntax in (
            dataset.file_meta.TransferSyntaxUID,
            ExplicitVRLittleEndian,
            ImplicitVRLittleEndian,
        )
    }
    return list(pairs)


def _used(association: Association, dataset: Dataset) -> str:
    """The transfer syntax pynetdicom sends in: the file's own where it was accepted."""
    own = dataset.file_meta.TransferSyntaxUID
    accepted = [
        context.transfer_syntax[0]
        for context in association.accepted_contexts
        if context.abstract_syntax == dataset.SOPClassUID
    ]
    return str(own if own in accepted else (*accepted, "")[0])
