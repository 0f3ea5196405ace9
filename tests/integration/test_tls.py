"""TLS both ways, with the DICOM software of others and with whoever only pretends to speak it."""

import contextlib
import gc
import select
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian

from authorities import Authority, make_authority, openssl, options
from builders import nac_file
from mumap_node.errors import ConfigurationError
from mumap_node.node.deliverer.scu import Patience, echo, send
from mumap_node.node.routing import Destination
from mumap_node.node.spool.files import Spool
from mumap_node.node.spool.records import DeliveryState
from mumap_node.node.tls.contexts import client_context, page_context, server_context
from mumap_node.node.tls.files import TlsFiles, TlsTarget
from peers import (
    HOST,
    RecordingScp,
    answers,
    association,
    dcmtk_storescp,
    hanging_peer,
    orthanc,
    send_encoded,
    silent_connections,
    store,
    unused_port,
)
from peers import echo as dcmtk_echo
from receivers import CAMERA, Receiving, receiving, start
from waiting import wait_until

pytestmark = [
    pytest.mark.peers,
    # pynetdicom lets go of a socket that could not connect without closing it.
    pytest.mark.filterwarnings("ignore:unclosed <s:ResourceWarning"),
]

NAMED = replace(CAMERA, certificate="camera.example.org")
"""The camera, which has to show its certificate."""


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Such sockets are found here, and not by a test that has nothing to do with them."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Another one."""
    return make_authority(tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture(scope="session")
def camera(hospital: Authority) -> TlsFiles:
    """The camera's certificate."""
    return hospital.issue("camera.example.org")


@pytest.fixture(scope="session")
def archive(hospital: Authority) -> TlsFiles:
    """The archive's certificate."""
    return hospital.issue("archive.example.org", address=HOST)


@pytest.fixture
def node(tmp_path: Path, ours: TlsFiles) -> Iterator[Receiving]:
    """A receiver with both ports, which knows the camera by its certificate."""
    with receiving(tmp_path / "spool", tls=ours, tls_port=0, peers=(NAMED,)) as running:
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "nac.dcm"
    path.write_bytes(nac_file())
    return path


def is_stored(port: int, file: Path, camera: TlsFiles) -> bool:
    sent = store(port, file, called="MUMAP", options=options(camera), seconds=20)
    return answers(sent) == ["Success"]


class TestReceiving:
    """The node as SCP."""

    def test_dcmtk_stores(self, node, file, camera):
        assert is_stored(node.tls_port, file, camera)
        (stored,) = node.stored()
        assert stored.file_meta.SourceApplicationEntityTitle == "CAMERA"
        assert node.rejected() == []

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_long_objects_come_whole_in_both_versions(self, node, camera, version):
        context = client_context(camera)
        context.maximum_version = version
        encoded = bytes(range(256)) * 20_000
        with association(node.tls_port, called="MUMAP", tls=context) as opened:
            assert send_encoded(opened, ExplicitVRLittleEndian, encoded) == 0x0000
        (stored,) = node.spool.arrivals()
        assert stored.read_bytes().endswith(encoded)

    def test_many_at_once(self, node, file, camera):
        with ThreadPoolExecutor(8) as senders:
            sent = [senders.submit(is_stored, node.tls_port, file, camera) for _ in range(16)]
            assert all(each.result() for each in sent)
        assert len(node.spool.arrivals()) == 16

    def test_orthanc_stores(self, tmp_path, node, file, camera):
        modality = {"AET": "MUMAP", "Host": HOST, "Port": node.tls_port, "UseDicomTls": True}
        settings = orthanc_tls(camera) | {"DicomAet": "CAMERA", "DicomModalities": {"m": modality}}
        with orthanc(tmp_path / "pacs", {}, **settings) as pacs:
            assert store(pacs.port, file, called="CAMERA", options=options(camera)).returncode == 0
            pacs.post("/modalities/m/store", pacs.get("/instances"))
        assert len(node.stored()) == 1

    def test_a_peer_without_tls_in_the_settings_may_come_either_way(self, tmp_path, ours, camera):
        with receiving(tmp_path, tls=ours, tls_port=0) as node:
            for port, speaking in ((node.port, ()), (node.tls_port, options(camera))):
                assert dcmtk_echo(port, called="MUMAP", options=speaking).returncode == 0

    def test_a_peer_may_be_known_by_its_fingerprint(self, tmp_path, ours, camera):
        told = openssl("x509", "-in", camera.certificate, "-noout", "-fingerprint", "-sha256")
        peer = replace(CAMERA, certificate=told.strip().partition("=")[2])
        with receiving(tmp_path, tls=ours, tls_port=0, peers=(peer,)) as node:
            said = dcmtk_echo(node.tls_port, called="MUMAP", options=options(camera))
            assert said.returncode == 0

    def test_only_tls_where_the_other_port_is_closed(self, tmp_path, ours, camera):
        with receiving(tmp_path, port=None, tls=ours, tls_port=0) as node:
            assert node.port == 0
            assert dcmtk_echo(node.tls_port, called="MUMAP").returncode != 0
            assert is_open(node.tls_port, camera)
            (refused,) = wait_until(node.rejected)
        assert (refused.reason, refused.settings) == (
            "clear-text-on-tls-port",
            "[node]\ntls_only = false\n",
        )

    def test_files_that_do_not_fit_are_a_settings_error(self, tmp_path, ours, camera):
        mixed = replace(ours, key=camera.key)
        with pytest.raises(ConfigurationError, match=r"tls-files: tls\.key: expected"):
            start(Spool(tmp_path), tls=mixed, tls_port=0)

    def test_a_port_in_use_frees_the_other(self, tmp_path, node, ours):
        free = unused_port()
        with pytest.raises(ConfigurationError, match="port-not-available"):
            start(Spool(tmp_path), port=free, tls=ours, tls_port=node.tls_port)
        with receiving(tmp_path / "again", port=free) as other:
            assert other.port == free

    def test_draining_ends_both_ports(self, tmp_path, ours, camera):
        receiver = start(Spool(tmp_path), tls=ours, tls_port=0)
        context = client_context(camera)
        with (
            association(receiver.tls_port, called="MUMAP", tls=context) as opened,
            ThreadPoolExecutor(1) as drainer,
        ):
            drained = drainer.submit(receiver.drain, 20)
            wait_until(lambda: not receiver.is_listening())
            assert send_encoded(opened, ExplicitVRLittleEndian, b"data") == 0x0000
            opened.release()
            assert drained.result()


class TestWhoIsTurnedAway:
    """Each with a reason people can look up, and the lines that would help."""

    def test_clear_text_on_the_port_for_tls(self, node):
        assert dcmtk_echo(node.tls_port, called="MUMAP").returncode != 0
        (refused,) = wait_until(node.rejected)
        assert refused.reason == "clear-text-on-tls-port"
        assert refused.sentence.startswith("expected TLS on this port, found clear text")

    def test_tls_on_the_port_for_clear_text(self, tmp_path, camera):
        with receiving(tmp_path) as node:
            assert not is_open(node.port, camera)
            (refused,) = wait_until(node.rejected)
        assert refused.reason == "tls-on-clear-port"
        assert refused.settings.startswith("[node]\ntls_port = 2762\n\n[tls]\ncertificate = ")

    def test_a_peer_by_tls_in_clear_text(self, node):
        said = dcmtk_echo(node.port, called="MUMAP")
        assert "Rejected Permanent" in said.stderr
        (refused,) = wait_until(node.rejected)
        assert (refused.reason, refused.calling_ae_title) == ("peer-without-tls", "CAMERA")
        assert refused.settings.endswith("tls = false\n")

    def test_another_peer_with_a_valid_certificate(self, node, archive):
        assert not is_open(node.tls_port, archive)
        (refused,) = wait_until(node.rejected)
        assert refused.reason == "peer-certificate"
        assert "expected peer 'camera' to show the certificate of camera.exa" in refused.sentence
        assert "found that of archive.example.org, 127.0.0.1, sha256 " in refused.sentence
        assert 'tls = true\ncertificate = "archive.example.org"\n' in refused.settings

    def test_a_certificate_of_an_unknown_authority(self, node, elsewhere, ours):
        stranger = replace(elsewhere.issue("camera.example.org"), authorities=ours.authorities)
        assert not is_open(node.tls_port, stranger)
        (refused,) = wait_until(node.rejected)
        assert refused.reason == "certificate-not-trusted"
        assert "found: unable to get local issuer certificate" in refused.sentence

    def test_a_certificate_that_expired(self, node, hospital):
        assert not is_open(node.tls_port, hospital.issue("camera-of-old", days=-1))
        assert [refused.reason for refused in wait_until(node.rejected)] == ["certificate-expired"]

    def test_nobody_without_a_certificate(self, node, ours):
        anonymous = ["+tla", "+cf", str(ours.authorities)]
        assert dcmtk_echo(node.tls_port, called="MUMAP", options=anonymous).returncode != 0
        assert [refused.reason for refused in wait_until(node.rejected)] == ["certificate-missing"]

    def test_a_peer_that_does_not_trust_the_node(self, node, elsewhere, camera):
        assert not is_open(node.tls_port, replace(camera, authorities=elsewhere.certificate))
        assert [refused.reason for refused in wait_until(node.rejected)] == ["certificate-refused"]

    @pytest.mark.parametrize(
        "speaking",
        [("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"), ("-tls1_2", "-cipher", "AES128-SHA256")],
        ids=["TLS 1.1", "no forward secrecy"],
    )
    def test_what_bcp_195_forbids(self, node, camera, speaking):
        client = subprocess.run(
            ["openssl", "s_client", "-connect", f"{HOST}:{node.tls_port}", *speaking,
             "-cert", camera.certificate, "-key", camera.key],
            stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30,
        )  # fmt: skip
        assert client.returncode != 0
        assert [refused.reason for refused in wait_until(node.rejected)] == ["tls-too-old"]

    def test_an_ae_title_nobody_knows(self, node, camera):
        asked = dcmtk_echo(
            node.tls_port, calling="STRANGER", called="MUMAP", options=options(camera)
        )
        assert "Calling AE Title Not Recognized" in asked.stderr
        assert [refused.reason for refused in wait_until(node.rejected)] == ["calling-ae-title"]


class TestNobodyFreezesIt:
    """Silent clients, halves of handshakes, drops of records."""

    @pytest.mark.parametrize("beginning", [b"", b"\x16", "half a handshake"])
    def test_silent_connections_lock_nobody_out(self, tmp_path, ours, camera, file, beginning):
        said = hello()[:100] if isinstance(beginning, str) else beginning
        with (
            receiving(tmp_path / "spool", tls=ours, tls_port=0, max_associations=2) as node,
            silent_connections(node.tls_port, 30) as connections,
        ):
            for connection in connections:
                connection.sendall(said)
            assert is_stored(node.tls_port, file, camera)
            assert dcmtk_echo(node.port, called="MUMAP", seconds=5).returncode == 0

    def test_the_oldest_of_too_many_handshakes_has_to_go(self, node, file, camera):
        with silent_connections(node.tls_port, 130) as connections:
            for connection in connections:
                with contextlib.suppress(ConnectionError):  # the oldest is gone already
                    connection.sendall(hello())
            assert is_closed(connections[0])
            assert is_stored(node.tls_port, file, camera)
        assert [refused.reason for refused in node.rejected()] in ([], ["tls-failed"])

    @pytest.mark.parametrize("whole", [False, True])
    def test_half_a_handshake_is_closed_in_the_end(self, tmp_path, ours, whole):
        with (
            receiving(tmp_path, tls=ours, tls_port=0, request_seconds=0.3) as node,
            silent_connections(node.tls_port, 1) as (connection,),
        ):
            connection.sendall(hello() if whole else hello()[:100])
            assert is_closed(connection)
            (refused,) = wait_until(node.rejected)
        assert refused.reason == "tls-failed"
        assert refused.sentence.endswith("found it unfinished in time")

    def test_a_handshake_in_drops_is_closed_in_the_end(self, tmp_path, ours):
        with (
            receiving(tmp_path, tls=ours, tls_port=0, request_seconds=0.5) as node,
            silent_connections(node.tls_port, 1) as (connection,),
        ):
            with contextlib.suppress(ConnectionError):
                for byte in hello() + bytes(10_000):
                    connection.sendall(bytes([byte]))
                    if select.select([connection], [], [], 0.02)[0]:
                        break
            assert is_closed(connection)

    def test_half_a_record_within_an_association_ends_it(self, tmp_path, ours, camera):
        with (
            receiving(
                tmp_path, tls=ours, tls_port=0, max_associations=1, silence_seconds=0.5
            ) as node,
            association(node.tls_port, called="MUMAP", tls=client_context(camera)) as opened,
        ):
            assert opened.is_established
            transport = opened.dul.socket
            assert transport is not None
            assert transport.socket is not None
            socket.socket.send(transport.socket, b"\x17\x03\x03\x40\x00half")
            wait_until(lambda: is_open(node.tls_port, camera))

    def test_draining_does_not_wait_for_handshakes(self, tmp_path, ours):
        receiver = start(Spool(tmp_path), tls=ours, tls_port=0)
        with silent_connections(receiver.tls_port, 3) as connections:
            for connection in connections:
                connection.sendall(hello()[:50])
            assert receiver.drain(20)
            assert all(map(is_closed, connections))


class TestRenewal:
    """Certificates are exchanged while the node runs."""

    def test_new_connections_get_the_new_certificate(self, tmp_path, hospital, camera):
        files = copy_of(hospital.issue("renewed.example.org"), tmp_path)
        with receiving(tmp_path / "spool", tls=files, tls_port=0) as node:
            before = shown_at(node.tls_port, camera)
            other = hospital.issue("renewed.example.org")
            shutil.copy(other.certificate, files.certificate)
            assert shown_at(node.tls_port, camera) == before  # its key is not there yet
            shutil.copy(other.key, files.key)
            assert shown_at(node.tls_port, camera) != before

    def test_an_authority_that_is_taken_out_is_trusted_no_more(
        self, tmp_path, hospital, elsewhere, camera
    ):
        files = copy_of(hospital.issue("trusting.example.org"), tmp_path)
        with receiving(tmp_path / "spool", tls=files, tls_port=0) as node:
            assert is_open(node.tls_port, camera)
            shutil.copy(elsewhere.certificate, files.authorities)
            assert not is_open(node.tls_port, camera)


class TestSending:
    """The node as SCU."""

    def test_storescp_and_orthanc_take_it(self, tmp_path, ours, archive, file):
        required = [*options(archive), "--require-peer-cert"]
        with dcmtk_storescp(tmp_path / "in", *required, ae_title="ARCHIVE") as port:
            sent = send([file.read_bytes()], destination(port, ours), "MUMAP")
            assert sent.answer.state is DeliveryState.ACCEPTED, sent
        assert len(list((tmp_path / "in").iterdir())) == 1
        with orthanc(tmp_path / "pacs", {}, **orthanc_tls(archive)) as pacs:
            known = replace(destination(pacs.port, ours), ae_title="PACS")
            sent = send([file.read_bytes()], known, "MUMAP")
            assert sent.answer.state is DeliveryState.ACCEPTED, sent

    def test_an_echo_goes_by_tls_too(self, ours, archive):
        with RecordingScp(tls=server_context(archive)) as pacs:
            assert echo(destination(pacs.port, ours), "MUMAP").state is DeliveryState.ACCEPTED

    def test_a_destination_of_another_authority(self, ours, elsewhere):
        stranger = elsewhere.issue("archive.example.org", address=HOST)
        with RecordingScp(tls=page_context(stranger)) as pacs:
            answer = echo(destination(pacs.port, ours), "MUMAP")
        assert (answer.state, answer.reason) == (DeliveryState.WAITING, "certificate-not-trusted")
        assert answer.sentence.startswith("TLS with 'pacs': expected a certificate of a trusted")
        assert pacs.associations == []

    def test_a_destination_with_the_certificate_of_another(self, ours, camera):
        with RecordingScp(tls=server_context(camera)) as pacs:
            answer = echo(destination(pacs.port, ours), "MUMAP")
        assert answer.reason == "certificate-name"

    def test_a_destination_may_have_another_name_than_its_address(self, ours, camera):
        with RecordingScp(tls=server_context(camera)) as pacs:
            named = destination(pacs.port, ours, "camera.example.org")
            assert echo(named, "MUMAP").state is DeliveryState.ACCEPTED

    def test_a_destination_whose_certificate_expired(self, ours, hospital):
        old = hospital.issue("archive-of-old", address=HOST, days=-1)
        with RecordingScp(tls=server_context(old)) as pacs:
            assert echo(destination(pacs.port, ours), "MUMAP").reason == "certificate-expired"

    def test_a_destination_that_does_not_trust_the_node(self, ours, elsewhere, archive):
        trusting = replace(archive, authorities=elsewhere.certificate)
        with RecordingScp(tls=server_context(trusting)) as pacs:
            assert echo(destination(pacs.port, ours), "MUMAP").reason == "certificate-refused"

    def test_a_destination_that_speaks_clear_text(self, tmp_path, ours):
        with dcmtk_storescp(tmp_path) as port:
            answer = echo(destination(port, ours), "MUMAP")
        assert (answer.state, answer.reason) == (DeliveryState.WAITING, "no-tls")

    def test_a_destination_in_clear_text_on_its_port_for_tls(self, archive):
        with RecordingScp(tls=server_context(archive)) as pacs:
            clear = Destination("pacs", "ARCHIVE", HOST, pacs.port)
            answer = echo(clear, "MUMAP", Patience(1, 1, 1))
        assert answer.state is DeliveryState.WAITING

    def test_a_destination_that_says_nothing(self, ours):
        with hanging_peer() as port:
            answer = echo(destination(port, ours), "MUMAP", Patience(0.5, 0.5, 0.5))
        assert (answer.state, answer.reason) == (DeliveryState.WAITING, "tls-failed")

    def test_a_destination_that_is_down(self, ours):
        answer = echo(destination(unused_port(), ours), "MUMAP")
        assert answer.reason == "peer-unreachable"

    def test_files_of_ours_that_do_not_fit_are_mended_by_people(self, ours, camera):
        answer = echo(destination(unused_port(), replace(ours, key=camera.key)), "MUMAP")
        assert (answer.state, answer.reason) == (DeliveryState.WAITING, "tls-files")


def is_open(port: int, files: TlsFiles) -> bool:
    """Whether an association by TLS comes about."""
    return dcmtk_echo(port, called="MUMAP", options=options(files), seconds=5).returncode == 0


def is_closed(connection: socket.socket) -> bool:
    """Whether the peer closed it, after whatever it said."""
    connection.settimeout(10)
    try:
        while connection.recv(4096):
            pass
    except ConnectionError:
        pass
    return True


def hello() -> bytes:
    """What a client of TLS says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client = context.wrap_bio(incoming, outgoing, server_hostname="node")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def shown_at(port: int, files: TlsFiles) -> bytes | None:
    """The certificate that is shown at a port."""
    context = client_context(files)
    context.check_hostname = False
    with socket.create_connection((HOST, port), 10) as plain, context.wrap_socket(plain) as secured:
        return secured.getpeercert(binary_form=True)


def copy_of(files: TlsFiles, folder: Path) -> TlsFiles:
    """The same in a folder of its own."""
    copied = [shutil.copy(getattr(files, name), folder) for name in TlsFiles.__slots__]
    return TlsFiles(*map(Path, copied))


def destination(port: int, files: TlsFiles, server_name: str = HOST) -> Destination:
    """Called by TLS."""
    return Destination("pacs", "ARCHIVE", HOST, port, tls=TlsTarget(files, server_name))


def orthanc_tls(files: TlsFiles) -> dict[str, object]:
    """Settings of an Orthanc that speaks TLS and wants to see certificates."""
    return {
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(files.certificate),
        "DicomTlsPrivateKey": str(files.key),
        "DicomTlsTrustedCertificates": str(files.authorities),
        "DicomTlsRemoteCertificateRequired": True,
    }
