"""Peers for tests: archives that remember, refuse, hang or break off, and stranger's senders.

Everything listens on a free port of its own and is gone when its ``with`` block ends::

    with RecordingScp() as archive:
        assert store(archive.port, "object.dcm").returncode == 0
        assert archive.received[0].calling_ae_title == "CAMERA"
"""

import contextlib
import json
import os
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from urllib.request import Request, urlopen

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    NuclearMedicineImageStorage,
    RLELossless,
)
from pynetdicom import AE, build_role, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
    Verification,
)

from debian import unpacked
from waiting import wait_until

HOST = "127.0.0.1"

TRANSFER_SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEG2000Lossless,
    JPEG2000,
    RLELossless,
)

COMMITMENT = (StorageCommitmentPushModel, StorageCommitmentPushModelInstance)
"""SOP class of storage commitment, and its only instance."""

PERMANENT = (1, 1, 7)
"""Result, source and reason of a rejection: permanent, called AE title not recognised."""

TRANSIENT = (2, 3, 2)
"""Result, source and reason of a rejection: transient, local limit exceeded."""


@dataclass(frozen=True)
class Received:
    """One object as it came over the wire.

    Attributes:
        calling_ae_title: Of the sender.
        called_ae_title: Whom the sender asked for.
        transfer_syntax_uid: Of the presentation context.
        sop_instance_uid: Affected SOP Instance UID of the request.
        encoded: The dataset as sent, without file meta information.
        file: The same as a DICOM file, with preamble and file meta information.
    """

    calling_ae_title: str
    called_ae_title: str
    transfer_syntax_uid: str
    sop_instance_uid: str
    encoded: bytes
    file: bytes

    def dataset(self) -> Dataset:
        """The object, decoded."""
        return dcmread(BytesIO(self.file))


def _is_decided(association: Association) -> bool:
    """Whether it stands, was refused or is over."""
    return association.is_established or association.is_rejected or not association.is_alive()


class RecordingScp:
    """A Storage and Verification SCP that remembers what it got.

    Attributes:
        port: Where it listens.
        received: What came, in order, refused objects included.
        associations: Calling AE titles of all associations asked for, rejected ones included.
    """

    def __init__(
        self,
        *,
        ae_title: str = "ARCHIVE",
        port: int = 0,
        sop_classes: Sequence[str] = (NuclearMedicineImageStorage,),
        transfer_syntaxes: Sequence[str] = TRANSFER_SYNTAXES,
        answer: int | Callable[[Received], int] = 0x0000,
        hold: threading.Event | None = None,
        abort: bool = False,
        reject: tuple[int, int, int] | None = None,
        check_called: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Describe the peer; entering the ``with`` block starts it.

        Args:
            ae_title: Its own AE title.
            port: 0 for a free one; another to come back where a peer was before.
            sop_classes: Storage SOP classes it accepts.
            transfer_syntaxes: What it accepts, best first.
            answer: DIMSE status of every C-STORE, or a function of what was received.
            hold: Answers no C-STORE before this is set: a slow or hanging archive.
            abort: Aborts the association instead of answering a C-STORE; the object is kept.
            reject: Rejects every association with this result, source and reason.
            check_called: Rejects associations that ask for another AE title.
            tls: Speaks TLS with it.
        """
        self.received: list[Received] = []
        self.associations: list[str] = []
        self.port = port
        self._answer = answer
        self._hold = hold
        self._abort = abort
        self._reject = reject
        self._tls = tls
        self._ae = AE(ae_title)
        self._ae.require_called_aet = check_called
        self._ae.maximum_pdu_size = 0
        self._ae.add_supported_context(Verification)
        for sop_class in sop_classes:
            self._ae.add_supported_context(sop_class, list(transfer_syntaxes))
        self._handlers: list[Any] = [
            (evt.EVT_CONN_OPEN, _no_delay),
            (evt.EVT_REQUESTED, self._on_request),
            (evt.EVT_C_STORE, self._on_store),
        ]

    def __enter__(self) -> Self:
        server = self._ae.start_server(
            (HOST, self.port),
            block=False,
            ssl_context=self._tls,
            evt_handlers=self._handlers,
        )
        assert server is not None
        assert server.socket is not None
        self._server = server
        self.port = server.socket.getsockname()[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._hold is not None:
            self._hold.set()
        self._server.shutdown()  # nobody comes any more; pynetdicom takes no abort of who just came
        for association in self._ae.active_associations:
            with contextlib.suppress(AssertionError):
                wait_until(partial(_is_decided, association), 5)
            if association.is_established:
                association.abort()
            association.join(10)
        self._ae.shutdown()

    def _on_request(self, event: Event) -> None:
        self.associations.append(_asked(event).calling_ae_title)
        if self._reject is not None:
            event.assoc.acse.send_reject(*self._reject)
            event.assoc.is_rejected = True
            event.assoc.kill()

    def _on_store(self, event: Event) -> int:
        request = cast(C_STORE, event.request)
        assert request.DataSet is not None
        received = Received(
            calling_ae_title=event.assoc.requestor.ae_title,
            called_ae_title=_asked(event).called_ae_title,
            transfer_syntax_uid=str(event.context.transfer_syntax),
            sop_instance_uid=str(request.AffectedSOPInstanceUID),
            encoded=request.DataSet.getvalue(),
            file=event.encoded_dataset(),
        )
        self.received.append(received)
        if self._hold is not None:
            self._hold.wait()
        if self._abort:
            event.assoc.abort()
            return 0x0000
        return self._answer if isinstance(self._answer, int) else self._answer(received)


class CommittingScp(RecordingScp):
    """A Storage Commitment SCP, which also takes reports as a modality does.

    Attributes:
        requests: Action Information of every N-ACTION.
        reports: Event type and Event Information of every N-EVENT-REPORT.
    """

    def __init__(
        self, *, action: int = 0x0000, at_once: bool = False, event: int = 0x0000, **more: Any
    ) -> None:
        """Describe the peer.

        Args:
            action: Status of every N-ACTION.
            at_once: Reports that everything is committed, on the same association.
            event: Status of every N-EVENT-REPORT.
            more: See RecordingScp.
        """
        super().__init__(**more)
        self.requests: list[Dataset] = []
        self.reports: list[tuple[int | None, Dataset]] = []
        self._action, self._at_once, self._event = action, at_once, event
        self._ae.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
        self._handlers += [
            (evt.EVT_N_ACTION, self._on_action),
            (evt.EVT_N_EVENT_REPORT, self._on_report),
        ]

    def transactions(self) -> list[str]:
        """Transaction UIDs of the requests, in order."""
        return [str(request.TransactionUID) for request in self.requests]

    def _on_action(self, event: Event) -> tuple[int, None]:
        self.requests.append(event.action_information)
        if self._at_once:
            threading.Thread(target=self._report_at_once, args=(event.assoc,)).start()
        return self._action, None

    def _report_at_once(self, opened: Association) -> None:
        opened._reactor_checkpoint.clear()  # as in _send: not before the N-ACTION is answered
        wait_until(lambda: opened._reactor_checkpoint._cond._waiters)
        opened.send_n_event_report(self.requests[-1], 1, *COMMITMENT)

    def _on_report(self, event: Event) -> tuple[int, None]:
        self.reports.append((event.event_type, event.event_information))
        return self._event, None


def refusing_scp(reason: tuple[int, int, int] = PERMANENT, **more: Any) -> RecordingScp:
    """A peer that rejects every association, for good or for now."""
    return RecordingScp(reject=reason, **more)


@contextlib.contextmanager
def hanging_peer() -> Iterator[int]:
    """A port that takes TCP connections and never says a word; yields the port."""
    with socket.create_server((HOST, 0), backlog=64) as server:
        yield server.getsockname()[1]


@contextlib.contextmanager
def breaking_peer() -> Iterator[int]:
    """A port that takes TCP connections and closes each at once; yields the port."""
    with socket.create_server((HOST, 0), backlog=64) as server:

        def close_all() -> None:
            with contextlib.suppress(OSError):  # the listening socket was shut down
                while True:
                    server.accept()[0].close()

        thread = threading.Thread(target=close_all)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def unused_port() -> int:
    """A port where nobody listens: a destination that is down."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def is_listening(port: int) -> bool:
    """Whether a process listens on the port; looks without connecting."""
    wanted = f":{port:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, _, state = line.split()[:4]
            if local.endswith(wanted) and state == "0A":
                return True
    return False


@contextlib.contextmanager
def dcmtk_storescp(
    folder: Path, *options: str, ae_title: str = "STORESCP", no_delay: bool = True
) -> Iterator[int]:
    """DCMTK's storescp, storing into a folder; yields its port.

    Args:
        folder: Where received objects go; made where it is missing.
        options: More of storescp's own, such as ``--refuse``, ``--abort-during``, ``--fork``,
            ``--sleep-during 5``, ``--prefer-lossless``.
        ae_title: Its AE title; storescp does not check what it was called.
        no_delay: Without Nagle's algorithm, which DCMTK leaves on by default.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = ["storescp", "-aet", ae_title, "-od", str(folder), *options]
    with _listening(command, environment={"TCP_NODELAY": "1"} if no_delay else {}) as port:
        yield port


@dataclass(frozen=True)
class OrthancRelease:
    """A release of Orthanc, and how to start it.

    Attributes:
        command: Starts it.
        dicomweb: Its DICOMweb plugin.
        environment: Of its process.
    """

    command: tuple[str, ...]
    dicomweb: str
    environment: Mapping[str, str]


DICOMWEB = "usr/share/orthanc/plugins/libOrthancDicomWeb.so"

INSTALLED = OrthancRelease(("Orthanc",), f"/{DICOMWEB}", {})


def newer_orthanc() -> OrthancRelease:
    """Orthanc 1.12 of the next Debian, with its own loader and libraries.

    Raises:
        NotToBeHadError: The mirror does not give it.
    """
    root = unpacked("trixie", "orthanc", "orthanc-dicomweb")
    (loader,) = root.glob("usr/lib/*-linux-gnu/ld-linux-*.so.*")
    command = (str(loader), "--library-path", str(loader.parent), f"{root}/usr/sbin/Orthanc")
    dictionary = {"DCMDICTPATH": f"{root}/usr/share/dcmtk/dicom.dic"}
    return OrthancRelease(command, f"{root}/{DICOMWEB}", dictionary)


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc.

    Attributes:
        port: Its DICOM port; its AE title is PACS.
        url: Of its REST interface.
    """

    port: int
    url: str

    def get(self, path: str) -> Any:
        """Answer of a GET, decoded from JSON."""
        with urlopen(self.url + path, timeout=30) as answer:  # noqa: S310  # our own http address
            return json.load(answer)

    def post(self, path: str, body: Mapping[str, Any] | Sequence[str]) -> Any:
        """Answer of a POST, decoded from JSON."""
        request = Request(self.url + path, json.dumps(body).encode())  # noqa: S310
        with urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)

    def delete(self, path: str) -> None:
        """Remove a resource."""
        with urlopen(Request(self.url + path, method="DELETE"), timeout=30):  # noqa: S310
            pass

    def file(self, instance: str) -> bytes:
        """A stored instance as a DICOM file."""
        with urlopen(f"{self.url}/instances/{instance}/file", timeout=30) as answer:  # noqa: S310
            data: bytes = answer.read()
            return data


@contextlib.contextmanager
def orthanc(
    folder: Path,
    modalities: Mapping[str, tuple[str, int]],
    release: OrthancRelease = INSTALLED,
    *,
    dicomweb: bool = False,
    **settings: Any,
) -> Iterator[Orthanc]:
    """Orthanc as PACS, with an empty storage below a folder.

    Args:
        folder: For its settings and storage.
        modalities: AE title and port of the peers it may send to, by the name it gives them.
        release: Which one.
        dicomweb: With its DICOMweb plugin.
        settings: More of Orthanc's own settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    dicom_port = unused_port()
    base = {
        "Name": "PACS",
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "Plugins": [release.dicomweb] if dicomweb else [],
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAet": "PACS",
        "DicomPort": dicom_port,
        "DicomCheckCalledAet": True,
        "DicomAlwaysAllowStore": True,
        "DicomModalities": {
            name: {"AET": ae_title, "Host": HOST, "Port": port, "Timeout": 10}
            for name, (ae_title, port) in modalities.items()
        },
    }

    def command(port: int) -> list[str]:
        path = folder / "orthanc.json"
        path.write_text(json.dumps(base | {"HttpPort": port} | settings))
        return [*release.command, str(path)]

    with _listening(command, release.environment) as http_port:
        wait_until(lambda: is_listening(dicom_port))
        yield Orthanc(port=dicom_port, url=f"http://{HOST}:{http_port}")


@contextlib.contextmanager
def dcmqrscp(folder: Path, hosts: Mapping[str, tuple[str, int]], *options: str) -> Iterator[int]:
    """DCMTK's archive, empty, with AE title QRSCP; yields its port.

    Args:
        folder: For its settings and storage.
        hosts: AE title and port of those it may move to, by a name of its own.
        options: More of its own, such as ``--no-parallel``.
    """
    (folder / "db").mkdir(parents=True, exist_ok=True)
    table = [f"{name} = ({title}, {HOST}, {port})" for name, (title, port) in hosts.items()]
    lines = [
        "MaxPDUSize = 131072",
        "MaxAssociations = 16",
        "HostTable BEGIN",
        *table,
        "HostTable END",
        "VendorTable BEGIN",
        "VendorTable END",
        "AETable BEGIN",
        f"QRSCP {folder / 'db'} RW (200, 1024mb) ANY",
        "AETable END",
    ]
    settings = folder / "dcmqrscp.cfg"
    settings.write_text("\n".join(lines) + "\n")
    command = ["dcmqrscp", "-c", str(settings), *options]
    with _listening(command, environment={"TCP_NODELAY": "1"}) as port:
        yield port


@contextlib.contextmanager
def _listening(
    command: Sequence[str] | Callable[[int], Sequence[str]],
    environment: Mapping[str, str] | None = None,
) -> Iterator[int]:
    """Run a server that cannot choose a port itself; the port is its last argument."""
    for _ in range(5):  # somebody else may take the port between our look and its start
        port = unused_port()
        arguments = command(port) if callable(command) else [*command, str(port)]
        process = subprocess.Popen(
            arguments,
            env=os.environ | dict(environment or {}),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            if _comes_up(process, port):
                yield port
                return
        finally:
            process.kill()
            process.wait()
    raise AssertionError(f"did not start: {arguments}")


def _comes_up(process: subprocess.Popen[bytes], port: int) -> bool:
    wait_until(lambda: is_listening(port) or process.poll() is not None)
    return process.poll() is None


def store(
    port: int,
    *files: Path | str,
    calling: str = "CAMERA",
    called: str = "ARCHIVE",
    options: Sequence[str] = (),
    no_delay: bool = True,
    seconds: float = 60,
) -> subprocess.CompletedProcess[str]:
    """Send files with DCMTK's storescu over one association; see :func:`answers`.

    Its return code is 0 where all were stored, and where the peer cut it off.

    The transfer syntax of the files is proposed with ``options``, such as ``-xs`` for lossless
    JPEG or ``-R`` to propose only what is needed (see ``storescu --help``).
    """
    return subprocess.run(
        ["storescu", "-v", "-aet", calling, "-aec", called, *options, HOST, str(port), *files],
        env=os.environ | ({"TCP_NODELAY": "1"} if no_delay else {}),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def answers(sent: subprocess.CompletedProcess[str]) -> list[str]:
    """What storescu was answered for each object, such as "Success", as far as it was."""
    return re.findall(r"Received Store Response \((.+)\)", sent.stderr)


def echo(
    port: int,
    *,
    calling: str = "CAMERA",
    called: str = "ARCHIVE",
    seconds: float = 10,
    options: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """C-ECHO with DCMTK's echoscu, which itself gives up after ``seconds``."""
    timeout = str(int(seconds))
    return subprocess.run(
        ["echoscu", "-v", "-aet", calling, "-aec", called, "-to", timeout, "-ta", timeout,
         "-td", timeout, *options, HOST, str(port)],
        capture_output=True,
        text=True,
        timeout=seconds + 20,
        check=False,
    )  # fmt: skip


@contextlib.contextmanager
def association(
    port: int,
    *,
    calling: str = "CAMERA",
    called: str = "ARCHIVE",
    sop_class: str = NuclearMedicineImageStorage,
    transfer_syntaxes: Sequence[str] = (ExplicitVRLittleEndian,),
    source: str = HOST,
    host: str = HOST,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Association]:
    """An association of pynetdicom's, established or not; released when the block ends.

    Args:
        port: Of the peer.
        calling: Our AE title.
        called: AE title of the peer.
        sop_class: Proposed beside Verification, once per transfer syntax.
        transfer_syntaxes: Each in a presentation context of its own.
        source: Address the connection comes from, any of 127.0.0.0/8.
        host: Address the peer listens on.
        tls: Speaks TLS with it.
    """
    ae = AE(calling)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = ae.connection_timeout = 30
    ae.add_requested_context(Verification)
    for transfer_syntax in transfer_syntaxes:
        ae.add_requested_context(sop_class, transfer_syntax)
    opened = ae.associate(
        host,
        port,
        ae_title=called,
        bind_address=(source, 0),
        tls_args=(tls, host) if tls else None,
        evt_handlers=[(evt.EVT_CONN_OPEN, _no_delay)],
    )
    try:
        yield opened
        if opened.is_established:
            opened.release()
    finally:
        if opened.is_established:
            opened.abort()
        transport = opened.dul.socket
        if transport is not None and transport.socket is not None:
            transport.socket.close()  # pynetdicom leaves a rejected one to the garbage collector


def ask_commitment(
    port: int,
    references: Mapping[str, str],
    *,
    transaction: str = "2.25.77",
    action: int = 1,
    calling: str = "CAMERA",
    called: str = "MUMAP",
) -> int:
    """N-ACTION of a modality; the status.

    Args:
        port: Of the node.
        references: SOP class by SOP Instance UID.
        transaction: Transaction UID.
        action: Action type.
        calling: Our AE title.
        called: AE title of the node.
    """
    information = Dataset()
    information.TransactionUID = transaction
    information.ReferencedSOPSequence = _references(references)
    with _committing(port, calling, called) as opened:
        status, _ = opened.send_n_action(information, action, *COMMITMENT)
    return int(status.Status)


def report_commitment(
    port: int,
    transaction: str,
    committed: Sequence[str] = (),
    failed: Sequence[str] = (),
    *,
    calling: str = "ARCHIVE",
    called: str = "MUMAP",
) -> int:
    """N-EVENT-REPORT of an archive on an association of its own, as SCP; the status."""
    information = Dataset()
    information.TransactionUID = transaction
    information.ReferencedSOPSequence = _references(
        dict.fromkeys(committed, NuclearMedicineImageStorage)
    )
    if failed:
        information.FailedSOPSequence = _references(
            dict.fromkeys(failed, NuclearMedicineImageStorage)
        )
        for item in information.FailedSOPSequence:
            item.FailureReason = 0x0112
    role = build_role(StorageCommitmentPushModel, scp_role=True)
    with _committing(port, calling, called, [role]) as opened:
        status, _ = opened.send_n_event_report(information, 2 if failed else 1, *COMMITMENT)
    return int(status.Status)


@contextlib.contextmanager
def _committing(
    port: int, calling: str, called: str, roles: Sequence[Any] = ()
) -> Iterator[Association]:
    ae = AE(calling)
    ae.add_requested_context(StorageCommitmentPushModel)
    opened = ae.associate(
        HOST,
        port,
        ae_title=called,
        ext_neg=list(roles),
        evt_handlers=[(evt.EVT_CONN_OPEN, _no_delay)],
    )
    assert opened.is_established
    yield opened
    opened.release()


def _references(references: Mapping[str, str]) -> list[Dataset]:
    items = []
    for sop_instance_uid, sop_class_uid in references.items():
        item = Dataset()
        item.ReferencedSOPClassUID = sop_class_uid
        item.ReferencedSOPInstanceUID = sop_instance_uid
        items.append(item)
    return items


def send_encoded(
    opened: Association,
    transfer_syntax: str,
    encoded: bytes,
    *,
    sop_instance_uid: str = "2.25.1",
    sop_class: str = NuclearMedicineImageStorage,
) -> int | None:
    """C-STORE bytes as they are, be they a dataset or not; the status, None where none came."""
    request = C_STORE()
    request.MessageID = 1
    request.Priority = 2
    request.AffectedSOPClassUID = UID(sop_class)
    request.AffectedSOPInstanceUID = UID(sop_instance_uid)
    request.DataSet = BytesIO(encoded)
    return _send(opened, request, context_id(opened, transfer_syntax))


def context_id(opened: Association, transfer_syntax: str) -> int:
    """The storage presentation context with this transfer syntax."""
    for context in opened.accepted_contexts:
        if context.abstract_syntax != Verification and transfer_syntax in context.transfer_syntax:
            assert context.context_id is not None
            return context.context_id
    raise AssertionError(f"not accepted: {transfer_syntax}")


def _send(opened: Association, request: C_STORE, context_id: int) -> int | None:
    # As pynetdicom's send_c_store does, whose reactor would take the answer otherwise. It waits for
    # `_is_paused`, which is true for an instant before the reactor goes on, too.
    opened._reactor_checkpoint.clear()
    wait_until(lambda: opened._reactor_checkpoint._cond._waiters)
    opened.dimse.send_msg(request, context_id)
    _, answer = opened.dimse.get_msg(block=True)
    opened._reactor_checkpoint.set()
    return None if answer is None else cast(C_STORE, answer).Status


def dataset_bytes(file: bytes) -> bytes:
    """The dataset of a DICOM file, encoded as it is, without the file meta information."""
    # The group length element, 12 bytes behind preamble and prefix, counts what follows it.
    return file[144 + int.from_bytes(file[140:144], "little") :]


@contextlib.contextmanager
def silent_connections(port: int, count: int, source: str = HOST) -> Iterator[list[socket.socket]]:
    """TCP connections that never say a word, as port scanners and balancers make them."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(
                socket.create_connection((HOST, port), timeout=10, source_address=(source, 0))
            )
            for _ in range(count)
        ]


def _asked(event: Event) -> A_ASSOCIATE:
    """The association request of an event."""
    request = event.assoc.requestor.primitive
    assert request is not None
    return request


def _no_delay(event: Event) -> None:
    """Switch Nagle's algorithm off; pynetdicom leaves it on."""
    transport = event.assoc.dul.socket
    assert transport is not None
    assert transport.socket is not None
    transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
