import contextlib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.filereader import read_file_meta_info
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    NuclearMedicineImageStorage,
    RLELossless,
)
from structlog.testing import capture_logs

from builders import nac_file
from mumap_node.errors import ConfigurationError
from mumap_node.node.bell import Bell
from mumap_node.node.reception import TRANSFER_SYNTAXES
from mumap_node.node.rejections import read_rejections
from mumap_node.node.routing import Peer
from mumap_node.node.spool.files import Spool
from peers import (
    HOST,
    association,
    dataset_bytes,
    echo,
    send_encoded,
    silent_connections,
    store,
)
from receivers import CAMERA, Receiving, receiving, start
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


def test_success_means_stored(node: Receiving, file: Path) -> None:
    assert store(node.port, file, called="MUMAP").returncode == 0
    (stored,) = node.spool.arrivals()
    assert dataset_bytes(stored.read_bytes()) == dataset_bytes(file.read_bytes())


@pytest.mark.parametrize("transfer_syntax", TRANSFER_SYNTAXES, ids=lambda uid: uid.name)
def test_every_transfer_syntax_is_stored_byte_for_byte(
    node: Receiving, transfer_syntax: str
) -> None:
    encoded = bytes(range(256)) * 1001  # nothing looks into it
    with association(node.port, called="MUMAP", transfer_syntaxes=[transfer_syntax]) as opened:
        assert send_encoded(opened, transfer_syntax, encoded) == 0x0000
    (stored,) = node.spool.arrivals()
    assert dataset_bytes(stored.read_bytes()) == encoded
    assert read_file_meta_info(stored).TransferSyntaxUID == transfer_syntax


@pytest.mark.peers
@pytest.mark.parametrize(
    ("transfer_syntax", "option"),
    [
        (ExplicitVRLittleEndian, "-x="),
        (ImplicitVRLittleEndian, "-xi"),
        (ExplicitVRBigEndian, "-xb"),
        (DeflatedExplicitVRLittleEndian, "-xd"),
        (JPEGLosslessSV1, "-xs"),
        (JPEGLSLossless, "-xt"),
        (JPEG2000Lossless, "-xv"),
        (RLELossless, "-xr"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_what_dcmtk_sends_is_stored_as_it_was(
    node: Receiving, tmp_path: Path, transfer_syntax: str, option: str
) -> None:
    sent = tmp_path / "sent.dcm"
    sent.write_bytes(nac_file(transfer_syntax))
    assert store(node.port, sent, called="MUMAP", options=[option]).returncode == 0
    (stored,) = node.spool.arrivals()
    assert dcmread(stored) == dcmread(sent)
    assert dcmread(stored).file_meta.TransferSyntaxUID == transfer_syntax


def test_the_file_says_who_sent_it(node: Receiving, file: Path) -> None:
    store(node.port, file, called="MUMAP")
    (stored,) = node.stored()
    meta, sent = stored.file_meta, dcmread(file)
    assert meta.SourceApplicationEntityTitle == "CAMERA"
    assert meta.ReceivingApplicationEntityTitle == "MUMAP"
    assert meta.SourcePresentationAddress == HOST
    assert meta.MediaStorageSOPInstanceUID == sent.SOPInstanceUID
    assert meta.MediaStorageSOPClassUID == NuclearMedicineImageStorage
    assert meta.ImplementationVersionName == "MUMAP_NODE"
    assert meta.FileMetaInformationVersion == b"\x00\x01"


def test_an_arrival_rings_the_bell(node: Receiving, file: Path) -> None:
    bell = Bell(node.spool.bell)
    assert not bell.wait(0)
    store(node.port, file, called="MUMAP")
    assert bell.wait(10)
    bell.close()


def test_the_same_object_twice_is_success_twice(node: Receiving, file: Path) -> None:
    assert store(node.port, file, file, called="MUMAP").returncode == 0
    assert len(node.spool.arrivals()) == 2  # the worker tells that they are the same


@pytest.mark.peers
def test_echo_is_answered(node: Receiving) -> None:
    assert echo(node.port, called="MUMAP").returncode == 0


def test_other_storage_classes_are_accepted_by_option_only(tmp_path: Path) -> None:
    for classes, is_accepted in [
        ((NuclearMedicineImageStorage,), False),
        ((NuclearMedicineImageStorage, CTImageStorage), True),
    ]:
        with (
            receiving(tmp_path, storage_classes=classes) as node,
            association(node.port, called="MUMAP", sop_class=CTImageStorage) as opened,
        ):
            assert (len(opened.accepted_contexts) == 2) is is_accepted


def test_many_associations_at_once_lose_nothing(node: Receiving, tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.dcm" for number in range(5)]
    for number, path in enumerate(files):
        path.write_bytes(nac_file(SOPInstanceUID=f"2.25.{number + 1}"))

    def send(_: int) -> int:
        return store(node.port, *files, called="MUMAP").returncode

    with ThreadPoolExecutor(8) as senders:
        assert set(senders.map(send, range(8))) == {0}
    uids = [str(dataset.SOPInstanceUID) for dataset in node.stored()]
    assert sorted(uids) == sorted(f"2.25.{n + 1}" for n in range(5) for _ in range(8))
    assert node.leftovers() == []


ELSEWHERE = Peer("elsewhere", "ELSEWHERE", (ip_network("127.0.0.8/29"),))
"""May call, but never calls from there in these tests."""


@pytest.mark.parametrize(
    ("calling", "called", "said", "reason", "settings"),
    [
        (
            "CAMERA",
            "ELSE",
            "Called AE Title Not Recognized",
            "called-ae-title",
            {"node": {"ae_title": "ELSE"}},
        ),
        (
            "STRANGER",
            "MUMAP",
            "Calling AE Title Not Recognized",
            "calling-ae-title",
            {"peers": [{"name": "stranger", "ae_title": "STRANGER", "hosts": [HOST]}]},
        ),
        (
            "ELSEWHERE",
            "MUMAP",
            "Calling AE Title Not Recognized",
            "peer-address",
            {
                "peers": [
                    {
                        "name": "elsewhere",
                        "ae_title": "ELSEWHERE",
                        "hosts": ["127.0.0.8/29", HOST],
                    }
                ]
            },
        ),
    ],
)
def test_a_stranger_is_rejected_and_the_log_says_how_to_let_it_in(
    tmp_path: Path, calling: str, called: str, said: str, reason: str, settings: dict[str, object]
) -> None:
    with capture_logs() as log, receiving(tmp_path, peers=(CAMERA, ELSEWHERE)) as node:
        sent = echo(node.port, calling=calling, called=called)
    assert "Rejected Permanent" in sent.stderr
    assert said in sent.stderr
    (line,) = [line for line in log if line["event"] == "association.rejected"]
    assert (line["reason"], line["address"]) == (reason, HOST)
    assert (line["calling_ae_title"], line["called_ae_title"]) == (calling, called)
    assert tomllib.loads(line["settings"]) == settings


def test_an_address_nobody_may_call_from_gets_no_word(tmp_path: Path) -> None:
    with capture_logs() as log, receiving(tmp_path, peers=(ELSEWHERE,)) as node:
        sent = echo(node.port, called="MUMAP")
    assert "Peer aborted Association (or never connected)" in sent.stderr
    (line,) = [line for line in log if line["event"] == "association.rejected"]
    assert (line["reason"], line["address"]) == ("peer-address", HOST)
    assert tomllib.loads(line["settings"])["peers"][0]["hosts"] == [HOST]


def test_who_was_turned_away_can_be_looked_up(tmp_path: Path) -> None:
    with receiving(tmp_path) as node:
        for _ in range(2):
            echo(node.port, calling="STRANGER", called="MUMAP")
        with association(node.port, called="MUMAP", sop_class=CTImageStorage):
            pass

    useless_caller, stranger = read_rejections(tmp_path / "run")

    assert (stranger.calling_ae_title, stranger.reason) == ("STRANGER", "calling-ae-title")
    assert (stranger.address, stranger.count) == (HOST, 2)
    assert useless_caller.reason == "no-sop-class"
    classes = tomllib.loads(useless_caller.settings)["receiver"]["storage_classes"]
    assert classes == ["NuclearMedicineImageStorage", "CTImageStorage"]


def test_nobody_may_call_where_no_peer_is_listed(tmp_path: Path) -> None:
    with receiving(tmp_path, peers=()) as node:
        assert echo(node.port, called="MUMAP").returncode != 0


def test_one_association_too_many_is_rejected_for_the_moment(tmp_path: Path) -> None:
    with receiving(tmp_path, max_associations=1) as node:
        with association(node.port, called="MUMAP"):
            assert "Rejected Transient" in echo(node.port, called="MUMAP").stderr
        wait_until(lambda: echo(node.port, called="MUMAP").returncode == 0)


@pytest.mark.parametrize(
    ("bind", "called_at", "network"),
    [("::1", "::1", "::1"), ("::", HOST, HOST), ("::", "::1", "::1")],
)
def test_both_versions_of_ip_are_served(
    tmp_path: Path, bind: str, called_at: str, network: str
) -> None:
    camera = Peer("camera", "CAMERA", (ip_network(network),))
    with receiving(tmp_path, bind=bind, peers=(camera,)) as node:
        with association(node.port, called="MUMAP", host=called_at, source=called_at) as opened:
            assert send_encoded(opened, ExplicitVRLittleEndian, b"data") == 0x0000
        (stored,) = node.spool.arrivals()
        assert read_file_meta_info(stored).SourcePresentationAddress == called_at


def test_a_port_in_use_is_a_settings_error(node: Receiving, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="port-not-available"):
        start(Spool(tmp_path / "other"), port=node.port)


def test_draining_lets_an_open_association_finish(tmp_path: Path) -> None:
    receiver = start(Spool(tmp_path))
    with association(receiver.port, called="MUMAP") as opened, ThreadPoolExecutor(1) as drainer:
        drained = drainer.submit(receiver.drain, 20)
        wait_until(lambda: not receiver.is_listening())
        assert echo(receiver.port, called="MUMAP").returncode != 0
        assert send_encoded(opened, ExplicitVRLittleEndian, b"data") == 0x0000
        opened.release()
        assert drained.result()
    assert len(Spool(tmp_path).arrivals()) == 1


def test_draining_aborts_what_does_not_finish_in_time(tmp_path: Path) -> None:
    receiver = start(Spool(tmp_path))
    with association(receiver.port, called="MUMAP") as opened:
        assert not receiver.drain(0.1)
        wait_until(lambda: opened.is_aborted)


def test_draining_does_not_wait_for_silent_connections(tmp_path: Path) -> None:
    receiver = start(Spool(tmp_path))
    with silent_connections(receiver.port, 3) as connections:
        assert receiver.drain(20)
        for connection in connections:
            connection.settimeout(10)
            with contextlib.suppress(ConnectionResetError):  # not even taken yet
                assert connection.recv(1) == b""


def test_the_receiver_stays_small() -> None:
    script = "import sys; import mumap_node.node.receiver.scp; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy = {"dbos", "onnxruntime", "SimpleITK", "fastapi", "sqlalchemy", "mumap_node.settings"}
    assert heavy.isdisjoint(run.stdout.split())
