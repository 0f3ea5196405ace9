"""What hostile, broken and forgetful peers can do to the receiver: nothing to anybody else."""

import contextlib
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from structlog.testing import capture_logs

from builders import nac_file
from mumap_node.node.spool.files import Spool
from peers import association, context_id, echo, send_encoded, silent_connections, store
from receivers import Receiving, receiving
from waiting import wait_until


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Receiving]:
    with receiving(tmp_path / "spool") as running:
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "nac.dcm"
    path.write_bytes(nac_file())
    return path


def test_silent_connections_lock_nobody_out(tmp_path: Path, file: Path) -> None:
    with (
        receiving(tmp_path / "spool", max_associations=2) as node,
        silent_connections(node.port, 30),
    ):
        assert echo(node.port, called="MUMAP", seconds=5).returncode == 0
        assert store(node.port, file, called="MUMAP", seconds=5).returncode == 0


def test_the_oldest_of_too_many_silent_connections_has_to_go(node: Receiving, file: Path) -> None:
    with silent_connections(node.port, 130) as connections:
        connections[0].settimeout(10)
        assert connections[0].recv(1) == b""
        assert store(node.port, file, called="MUMAP").returncode == 0
        connections[-1].settimeout(0)
        with pytest.raises(BlockingIOError):  # the youngest are still there
            connections[-1].recv(1)


def test_a_silent_connection_is_closed_in_the_end(tmp_path: Path) -> None:
    with (
        receiving(tmp_path, request_seconds=0.3) as node,
        silent_connections(node.port, 1) as (connection,),
    ):
        connection.settimeout(10)
        assert connection.recv(1) == b""


def test_half_a_request_is_closed_in_the_end(tmp_path: Path) -> None:
    with (
        receiving(tmp_path, request_seconds=0.3) as node,
        silent_connections(node.port, 1) as (connection,),
    ):
        connection.sendall(b"\x01\x00\x00\x00\x01\x00half")
        connection.settimeout(10)
        assert connection.recv(1) == b""


def test_a_silent_association_is_aborted_and_its_place_is_free(tmp_path: Path) -> None:
    with (
        receiving(tmp_path, silence_seconds=0.5, max_associations=1) as node,
        association(node.port, called="MUMAP") as opened,
    ):
        wait_until(lambda: opened.is_aborted)
        wait_until(lambda: echo(node.port, called="MUMAP").returncode == 0)


def test_a_peer_that_falls_silent_within_an_object_is_aborted(tmp_path: Path) -> None:
    with (
        receiving(tmp_path, silence_seconds=0.5, max_associations=1) as node,
        association(node.port, called="MUMAP") as opened,
    ):
        raw(opened).sendall(b"\x04\x00\x00\x00\x10\x00half")
        wait_until(lambda: echo(node.port, called="MUMAP").returncode == 0)
        assert node.spool.arrivals() == []


@pytest.mark.parametrize("end", ["abort", "hang up", "reset"])
def test_an_object_that_breaks_off_leaves_nothing(node: Receiving, end: str) -> None:
    with association(node.port, called="MUMAP") as opened:
        send_beginning_of_an_object(opened)
        if end == "abort":
            opened.abort()
        elif end == "reset":
            raw(opened).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw(opened).close()
        else:
            raw(opened).shutdown(socket.SHUT_RDWR)
    assert echo(node.port, called="MUMAP").returncode == 0
    assert list(node.spool.inbox.iterdir()) == []


def test_low_disk_is_out_of_resources_and_the_association_goes_on(tmp_path: Path) -> None:
    with (
        capture_logs() as log,
        receiving(tmp_path, min_free_gb=1e9) as node,
        association(node.port, called="MUMAP") as opened,
    ):
        assert send_encoded(opened, ExplicitVRLittleEndian, b"data") == 0xA700
        assert opened.send_c_echo().Status == 0x0000
        assert list(node.spool.inbox.iterdir()) == []
    assert [line["reason"] for line in log if line["event"] == "instance.refused"] == ["disk-low"]


def test_full_disk_is_out_of_resources_and_the_association_goes_on(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk, receiving(disk) as node:
        with association(node.port, called="MUMAP") as opened:
            assert send_encoded(opened, ExplicitVRLittleEndian, bytes(600_000)) == 0x0000
            assert send_encoded(opened, ExplicitVRLittleEndian, bytes(600_000)) == 0xA700
            assert node.leftovers() == []
            (stored,) = node.spool.arrivals()
            stored.unlink()
            assert send_encoded(opened, ExplicitVRLittleEndian, bytes(600_000)) == 0x0000
        assert len(node.spool.arrivals()) == 1


@pytest.mark.parametrize(
    "uid", ["../../../tmp/evil", "1.2.evil", "1" * 64 + ".1", "/", "1..2", " "]
)
def test_an_instance_uid_that_is_none_is_never_stored(
    tmp_path: Path, node: Receiving, uid: str
) -> None:
    with association(node.port, called="MUMAP") as opened:
        status = send_raw(opened, c_store(uid), b"data")
    assert status in (0x0117, None)  # None: aborted, since pynetdicom finds no request in it
    assert list(node.spool.inbox.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"spool"}
    assert echo(node.port, called="MUMAP").returncode == 0


def test_an_object_of_another_class_than_negotiated_is_refused(node: Receiving) -> None:
    with association(node.port, called="MUMAP") as opened:
        status = send_encoded(opened, ExplicitVRLittleEndian, b"data", sop_class=CTImageStorage)
    assert status == 0x0122
    assert list(node.spool.inbox.iterdir()) == []


def test_an_object_without_a_dataset_is_refused(node: Receiving) -> None:
    with association(node.port, called="MUMAP") as opened:
        assert send_raw(opened, c_store("1.2.3", has_dataset=False)) == 0xC000
    assert list(node.spool.inbox.iterdir()) == []


class BuggySpool(Spool):
    def store_arrival(self, *_: object) -> Path:
        raise KeyError("a bug")


def test_a_bug_is_a_processing_failure_and_is_logged(tmp_path: Path) -> None:
    with (
        capture_logs() as log,
        receiving(tmp_path, BuggySpool(tmp_path)) as node,
        association(node.port, called="MUMAP") as opened,
    ):
        assert send_encoded(opened, ExplicitVRLittleEndian, b"data") == 0x0110
        assert opened.send_c_echo().Status == 0x0000
    assert "receiver.failed" in [line["event"] for line in log]


NONSENSE = {
    "nothing": b"",
    "http": b"GET / HTTP/1.1\r\nHost: mumap\r\n\r\n",
    "tls": bytes.fromhex("16030100f5010000f10303") + bytes(240),
    "zeros": bytes(4096),
    "an unknown PDU": b"\x09\x00\x00\x00\x00\x04abcd",
    "an endless request": b"\x01\x00\xff\xff\xff\xff" + bytes(100),
    "an empty request": b"\x01\x00\x00\x00\x00\x00",
    "a request of zeros": b"\x01\x00\x00\x00\x00\x44" + bytes(68),
    "a request without items": b"\x01\x00\x00\x00\x00\x44\x00\x01\x00\x00"
    + b"MUMAP".ljust(16)
    + b"CAMERA".ljust(16)
    + bytes(32),
    "data first": b"\x04\x00\x00\x00\x00\x0a\x00\x00\x00\x06\x01\x03abcd",
    "a release first": b"\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00",
    "an abort first": b"\x07\x00\x00\x00\x00\x04\x00\x00\x00\x00",
}


@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_instead_of_a_request_harms_nobody(tmp_path: Path, nonsense: bytes) -> None:
    with receiving(tmp_path, request_seconds=0.5) as node:
        with silent_connections(node.port, 1) as (connection,):
            connection.sendall(nonsense)
            with contextlib.suppress(OSError):  # the receiver may be done with it before we are
                connection.shutdown(socket.SHUT_WR)
            connection.settimeout(10)
            with contextlib.suppress(ConnectionResetError):
                while connection.recv(4096):
                    pass
        assert echo(node.port, called="MUMAP").returncode == 0


NONSENSE_INSIDE = {
    "an unknown PDU": b"\x09\x00\x00\x00\x00\x04abcd",
    "a second request": b"\x01\x00\x00\x00\x00\x44" + bytes(68),
    "an endless PDU": b"\x04\x00\xff\xff\xff\xff" + bytes(100),
    "an empty PDU": b"\x04\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00",
    "a value longer than its PDU": b"\x04\x00\x00\x00\x00\x06\x00\x00\xff\xff\x01\x03",
    "a value of no length": b"\x04\x00\x00\x00\x00\x06\x00\x00\x00\x00\x01\x03",
    "half a value": b"\x04\x00\x00\x00\x00\x02\x00\x00",
    "an unknown context": b"\x04\x00\x00\x00\x00\x0a\x00\x00\x00\x06\xff\x03abcd",
    "a dataset without a command": b"\x04\x00\x00\x00\x00\x0a\x00\x00\x00\x06\x01\x02abcd",
    "a command of nonsense": b"\x04\x00\x00\x00\x00\x0a\x00\x00\x00\x06\x01\x03abcd",
    "an empty command": b"\x04\x00\x00\x00\x00\x06\x00\x00\x00\x02\x01\x03",
}


@pytest.mark.parametrize("nonsense", NONSENSE_INSIDE.values(), ids=NONSENSE_INSIDE.keys())
def test_nonsense_within_an_association_ends_that_one_only(
    node: Receiving, nonsense: bytes
) -> None:
    with association(node.port, called="MUMAP") as opened:
        raw(opened).sendall(nonsense)
        wait_until(lambda: opened.is_aborted or not opened.is_established)
    assert echo(node.port, called="MUMAP").returncode == 0
    assert list(node.spool.inbox.iterdir()) == []


def test_no_thread_and_no_descriptor_stays_behind(node: Receiving, file: Path) -> None:
    def use() -> tuple[int, int]:
        return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    store(node.port, file, called="MUMAP")
    wait_until(lambda: threading.active_count() <= 3)  # ours, the listener's, pytest-timeout's
    before = use()
    for nonsense in NONSENSE.values():
        with silent_connections(node.port, 1) as (connection,):
            connection.sendall(nonsense)
    for called in ("MUMAP", "ELSE") * 5:
        store(node.port, file, called=called)
    wait_until(lambda: all(now <= then for now, then in zip(use(), before, strict=True)))


def raw(opened: Association) -> socket.socket:
    """The socket below an association."""
    transport = opened.dul.socket
    assert transport is not None
    assert transport.socket is not None
    return transport.socket


def pdu(context: int, control: int, value: bytes) -> bytes:
    """A P-DATA-TF with one value; control is 3 for a whole command, 0 and 2 for a dataset."""
    item = struct.pack(">IBB", len(value) + 2, context, control) + value
    return struct.pack(">BxI", 4, len(item)) + item


def c_store(sop_instance_uid: str, *, has_dataset: bool = True) -> bytes:
    """The command set of a C-STORE, as no library would write it."""
    elements = {
        0x0002: b"1.2.840.10008.5.1.4.1.1.20",
        0x0100: b"\1\0",
        0x0110: b"\1\0",
        0x0700: b"\2\0",
        0x0800: b"\0\0" if has_dataset else b"\1\1",
        0x1000: sop_instance_uid.encode() + b"\0" * (len(sop_instance_uid) % 2),
    }
    body = b"".join(struct.pack("<HHI", 0, n, len(v)) + v for n, v in elements.items())
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def send_raw(opened: Association, command: bytes, dataset: bytes = b"") -> int | None:
    """Send a command and its dataset; the status, None where we were cut off."""
    context = context_id(opened, ExplicitVRLittleEndian)
    opened._reactor_checkpoint.clear()  # or it would take the answer
    wait_until(lambda: opened._is_paused)
    raw(opened).sendall(pdu(context, 3, command) + (pdu(context, 2, dataset) if dataset else b""))
    _, answer = opened.dimse.get_msg(block=True)
    opened._reactor_checkpoint.set()
    return None if answer is None else cast(C_STORE, answer).Status


def send_beginning_of_an_object(opened: Association) -> None:
    context = context_id(opened, ExplicitVRLittleEndian)
    raw(opened).sendall(pdu(context, 3, c_store("1.2.3")) + pdu(context, 0, bytes(100_000)))


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    subprocess.run(mount, capture_output=True, check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
