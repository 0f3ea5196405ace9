"""pynetdicom's upper layer without a thread of its own, and without its waiting.

pynetdicom runs an association in two threads that poll each other and the socket, and reads in
pieces of 4 kB. Here the association's thread runs both reactors in turns and waits on the socket
alone. What is said on the wire, and in which state, stays pynetdicom's; docs/performance.md says
what each override buys.
"""

import contextlib
import math
import select
import socket
import ssl
import struct
import time
from typing import Any, cast

from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dul import DULServiceProvider
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.pdu_items import PresentationDataValueItem
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.transport import AssociationSocket

WAIT_SECONDS = 0.1
"""Longest wait for the peer before timers and requests to stop are looked at."""

LONGEST_PDU = 1 << 24
"""Bytes of a PDU that is read; this node asks for 128 kB, but not everybody listens."""

LONGEST_OBJECT = 1 << 30
"""Bytes of an object that is received: it lies in memory until it is stored."""

_P_DATA_TF = 0x04  # PDU type (PS3.8 9.3.5)
_PDU_HEADER = 6  # bytes of type, reserved and length (PS3.8 9.3.1)


class BulkSocket(AssociationSocket):
    """Waits for the peer up to ``select_timeout``, and reads in bites as large as they come."""

    @property
    def ready(self) -> bool:
        """Whether there is something to read, the end of the connection included."""
        connection = self.socket
        if connection is None or connection.fileno() < 0:
            time.sleep(self.select_timeout)
            return False
        if isinstance(connection, ssl.SSLSocket) and connection.pending():
            return True  # decrypted already: the rest of a record is no longer on the wire
        poll = select.poll()  # not select(), which knows descriptors up to 1023 only
        poll.register(connection, select.POLLIN)
        return bool(poll.poll(self.select_timeout * 1000))

    def recv(self, nr_bytes: int) -> bytearray:
        """Read so many bytes; fewer where the peer closes the connection.

        Raises:
            OSError: The connection broke, the peer fell silent, or no PDU is that long.
        """
        if nr_bytes > LONGEST_PDU:
            raise ConnectionError(f"expected a PDU of up to {LONGEST_PDU} bytes, found {nr_bytes}")
        connection = cast(socket.socket, self.socket)
        buffer = bytearray(nr_bytes)
        done = 0
        with memoryview(buffer) as view:
            while done < nr_bytes:
                count = connection.recv_into(view[done:])
                if count == 0:
                    break
                done += count
        # A sender with Nagle's algorithm waits for this before its next word. Linux forgets it.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        del buffer[done:]
        return buffer

    def _shutdown_socket(self) -> None:
        """Close the connection, also where the peer was faster; pynetdicom would keep it then."""
        if self.socket is not None:
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)
            self.socket.close()


class SteppedUpperLayer(DULServiceProvider):
    """Runs a step at a time in the thread of its association, which must be the only one.

    Attributes:
        is_stopping: Set from any thread, ends a connection that is no open association.
    """

    is_stopping = False

    def start(self) -> None:
        """Begin, without a thread."""
        self._idle_timer.start()

    def is_alive(self) -> bool:
        """Whether there is anything left to do."""
        return not self._kill_thread

    def step(self, wait_seconds: float) -> None:
        """Act on one event: of a timer, the association or the peer, if one comes in time."""
        if self.event_queue.empty():
            if self.artim_timer.expired or self._is_to_close():
                self.event_queue.put("Evt18")  # ARTIM timer expired (PS3.8 table 9-2)
            elif not self._process_recv_primitive():
                cast(BulkSocket, self.socket).select_timeout = wait_seconds
                if self._is_transport_event():
                    self._idle_timer.restart()
        if not self.event_queue.empty():
            self.state_machine.do_action(self.event_queue.get())

    def send_pdu(self, primitive: Any) -> None:
        """Send at once."""
        super().send_pdu(primitive)
        while self.is_alive() and not self.to_provider_queue.empty():
            self.step(0)

    def receive_pdu(self, wait: bool = False, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002
        """The next primitive; None where none comes, or none can come any more."""
        deadline = time.monotonic() + (math.inf if timeout is None else timeout)
        while wait and self.is_alive() and self.to_user_queue.empty():
            if time.monotonic() > deadline:
                break
            self.step(WAIT_SECONDS)
        return super().receive_pdu()

    def stop_dul(self) -> bool:
        """End once the connection is closed; False while it is not."""
        if self.state_machine.current_state == "Sta1":
            self.kill_dul()
            return True
        self.step(WAIT_SECONDS)
        return False

    def _is_to_close(self) -> bool:
        # Sta2 waits for a request, Sta13 for the peer to hang up (PS3.8 table 9-10).
        return self.is_stopping and self.state_machine.current_state in ("Sta2", "Sta13")

    def _decode_pdu(self, bytestream: bytearray) -> tuple[Any, str]:
        """Decode a PDU; data is not copied once per layer it passes."""
        if bytestream[0] != _P_DATA_TF:
            return super()._decode_pdu(bytestream)
        pdu = P_DATA_TF()
        rest = memoryview(bytestream)[_PDU_HEADER:]
        while rest:
            # PS3.8 9.3.5.1: the length counts the context id and the message control header.
            length = int.from_bytes(rest[:4], "big")
            if not 2 <= length <= len(rest) - 4:
                raise ValueError(f"expected a value within its PDU, found {length} bytes")
            item = PresentationDataValueItem()
            item.presentation_context_id = rest[4]
            item.presentation_data_value = cast(bytes, rest[5 : 4 + length])
            pdu.presentation_data_value_items.append(item)
            rest = rest[4 + length :]
        return pdu, "Evt10"  # P-DATA-TF PDU (PS3.8 table 9-2)


class BoundedDimse(DIMSEServiceProvider):
    """Puts messages together, up to a length."""

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take the next piece of a message.

        Raises:
            ConnectionError: The object is longer than any this node receives.
        """
        super().receive_primitive(primitive)
        if self.message is not None and self.message.data_set is not None:
            size = self.message.data_set.tell()
            if size > LONGEST_OBJECT:
                raise ConnectionError(f"expected up to {LONGEST_OBJECT} bytes, found {size}")

    def send_msg(self, primitive: Any, context_id: int) -> None:
        """Answer a C-STORE without a general dataset encoder; send everything else as usual."""
        if not isinstance(primitive, C_STORE) or primitive.MessageIDBeingRespondedTo is None:
            super().send_msg(primitive, context_id)
            return
        response = P_DATA()
        response.presentation_data_value_list.append(
            (context_id, b"\x03" + encode_store_response(primitive))
        )
        self.dul.send_pdu(response)


def encode_store_response(response: C_STORE) -> bytes:
    """The command set of a C-STORE-RSP (PS3.7 9.3.1.2): implicit VR little endian."""
    elements = (
        (0x0002, _ui(response.AffectedSOPClassUID)),
        (0x0100, _us(0x8001)),  # C-STORE-RSP
        (0x0120, _us(response.MessageIDBeingRespondedTo)),
        (0x0800, _us(0x0101)),  # no dataset
        (0x0900, _us(response.Status)),
        (0x1000, _ui(response.AffectedSOPInstanceUID)),
    )
    body = b"".join(struct.pack("<HHI", 0, number, len(v)) + v for number, v in elements)
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def _us(value: int | None) -> bytes:
    return (value or 0).to_bytes(2, "little")


def _ui(uid: str | None) -> bytes:
    value = (uid or "").encode()
    return value + b"\0" * (len(value) % 2)
