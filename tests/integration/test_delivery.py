"""One attempt at a delivery, against real peers."""

import gc
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    NuclearMedicineImageStorage,
    SecondaryCaptureImageStorage,
)

from answers import answers
from builders import nac_file
from mumap_node.node.calling import Patience
from mumap_node.node.deliverer.scu import echo, send
from mumap_node.node.jobs.deliveries import Answer
from mumap_node.node.routing import Destination
from mumap_node.node.spool.records import DeliveryState
from peers import (
    HOST,
    PERMANENT,
    TRANSIENT,
    OrthancRelease,
    Received,
    RecordingScp,
    breaking_peer,
    dcmtk_storescp,
    hanging_peer,
    orthanc,
    refusing_scp,
    unused_port,
)

# pynetdicom lets go of a socket that could not connect without closing it.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

QUICK = Patience(connect_seconds=1, negotiate_seconds=1, answer_seconds=1)


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Such sockets are found here, and not by a test that has nothing to do with them."""
    yield
    gc.collect()


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A file to be sent."""
    path = tmp_path / "map.dcm"
    path.write_bytes(nac_file())
    return path


def _to(port: int, ae_title: str = "ARCHIVE") -> Destination:
    return Destination("pacs", ae_title, HOST, port)


def _send(path: Path, port: int, ae_title: str = "ARCHIVE", **options: bool) -> Answer:
    sent = send([path.read_bytes()], _to(port, ae_title), "MUMAP", patience=QUICK, **options)
    return sent.answer


def test_the_bytes_that_are_sent_are_the_bytes_that_are_stored(stored: Path) -> None:
    with RecordingScp() as archive:
        answer = _send(stored, archive.port)
    assert answer == Answer(DeliveryState.ACCEPTED, "", "", 0x0000, str(ExplicitVRLittleEndian))
    (received,) = archive.received
    assert stored.read_bytes().endswith(received.encoded)
    assert received.calling_ae_title == "MUMAP"


def test_the_files_own_transfer_syntax_is_preferred_whatever_the_peer_prefers(
    stored: Path,
) -> None:
    with RecordingScp(
        transfer_syntaxes=(ImplicitVRLittleEndian, ExplicitVRLittleEndian)
    ) as archive:
        assert _send(stored, archive.port).transfer_syntax_uid == str(ExplicitVRLittleEndian)


def test_a_peer_that_only_knows_implicit_vr_gets_the_same_object_the_same_every_time(
    stored: Path,
) -> None:
    with RecordingScp(transfer_syntaxes=(ImplicitVRLittleEndian,)) as archive:
        answers = [_send(stored, archive.port) for _ in range(2)]
    assert {answer.transfer_syntax_uid for answer in answers} == {str(ImplicitVRLittleEndian)}
    first, second = archive.received
    assert first.encoded == second.encoded
    assert first.dataset() == dcmread(stored)


@pytest.mark.parametrize(
    ("sop_classes", "transfer_syntaxes"),
    [
        ((CTImageStorage,), (ExplicitVRLittleEndian,)),
        (("1.2.840.10008.5.1.4.1.1.20",), (ExplicitVRBigEndian,)),
    ],
)
def test_a_peer_that_takes_no_such_object_refuses_for_good(
    stored: Path, sop_classes: tuple[str, ...], transfer_syntaxes: tuple[str, ...]
) -> None:
    with RecordingScp(sop_classes=sop_classes, transfer_syntaxes=transfer_syntaxes) as archive:
        answer = _send(stored, archive.port)
    assert (answer.state, answer.reason) == (DeliveryState.REFUSED, "no-accepted-context")


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        (0x0000, DeliveryState.ACCEPTED, ""),
        (0x0111, DeliveryState.ACCEPTED, ""),
        (0x0110, DeliveryState.WAITING, "peer-failed"),
        (0x0122, DeliveryState.REFUSED, "sop-class-refused"),
        (0xA700, DeliveryState.WAITING, "peer-out-of-resources"),
        (0xA900, DeliveryState.REFUSED, "dataset-refused"),
        (0xB000, DeliveryState.REFUSED, "stored-with-warning"),
        (0xC123, DeliveryState.REFUSED, "dataset-not-understood"),
    ],
)
def test_every_answer_is_taken_for_what_it_means(
    stored: Path, status: int, state: DeliveryState, reason: str
) -> None:
    with RecordingScp(answer=status) as archive:
        answer = _send(stored, archive.port)
    assert (answer.state, answer.reason, answer.status) == (state, reason, status)


def test_a_warning_is_success_where_the_site_says_so(stored: Path) -> None:
    with RecordingScp(answer=0xB007) as archive:
        answer = _send(stored, archive.port, accept_warnings=True)
    assert (answer.state, answer.reason, answer.status) == (DeliveryState.ACCEPTED, "", 0xB007)


def test_an_unknown_ae_title_is_refused_for_good(stored: Path) -> None:
    with RecordingScp() as archive:
        answer = _send(stored, archive.port, ae_title="NOBODY")
    assert (answer.state, answer.reason) == (DeliveryState.REFUSED, "association-rejected")
    assert "called ae title not recognised" in answer.sentence


@pytest.mark.parametrize(
    ("rejection", "state", "reason"),
    [
        (PERMANENT, DeliveryState.REFUSED, "association-rejected"),
        (TRANSIENT, DeliveryState.WAITING, "association-rejected-for-now"),
    ],
)
def test_a_rejection_counts_for_what_it_says(
    stored: Path, rejection: tuple[int, int, int], state: DeliveryState, reason: str
) -> None:
    with refusing_scp(rejection) as archive:
        answer = _send(stored, archive.port)
    assert (answer.state, answer.reason) == (state, reason)


def test_a_peer_that_is_down_is_tried_again(stored: Path) -> None:
    answer = _send(stored, unused_port())
    assert (answer.state, answer.reason) == (DeliveryState.WAITING, "peer-unreachable")


def test_a_host_nobody_knows_is_tried_again(stored: Path) -> None:
    nowhere = Destination("pacs", "ARCHIVE", "no-such-host.invalid", 104)
    answer = send([stored.read_bytes()], nowhere, "MUMAP", patience=QUICK).answer
    assert (answer.state, answer.reason) == (DeliveryState.WAITING, "peer-unreachable")


def test_a_peer_that_says_nothing_is_tried_again(stored: Path) -> None:
    with hanging_peer() as port:
        answer = _send(stored, port)
    assert (answer.state, answer.reason) == (DeliveryState.WAITING, "peer-silent")


def test_a_peer_that_hangs_up_is_tried_again(stored: Path) -> None:
    with breaking_peer() as port:
        answer = _send(stored, port)
    assert (answer.state, answer.reason) == (DeliveryState.WAITING, "association-aborted")


def test_an_object_without_an_answer_is_sent_once_more_at_once(stored: Path) -> None:
    hold = threading.Event()
    with RecordingScp(hold=hold) as archive:
        answer = _send(stored, archive.port)
        assert (answer.state, answer.reason) == (DeliveryState.WAITING, "peer-silent")
        assert len(archive.received) == 2
        assert archive.received[0].encoded == archive.received[1].encoded


def test_an_answer_that_got_lost_does_not_count_as_a_failure(stored: Path) -> None:
    first = threading.Event()

    with RecordingScp(answer=lambda _received: _once_silent(first)) as archive:
        answer = _send(stored, archive.port)
        assert answer.state is DeliveryState.ACCEPTED
        assert len(archive.received) == 2
        first.set()


def _objects(*sop_classes: str) -> list[bytes]:
    return [
        nac_file(SOPInstanceUID=f"2.25.{number}", SOPClassUID=sop_class)
        for number, sop_class in enumerate(sop_classes)
    ]


def test_objects_of_one_map_come_in_their_order_over_one_association() -> None:
    kinds = (CTImageStorage, CTImageStorage, SecondaryCaptureImageStorage)
    objects = _objects(*kinds)
    with RecordingScp(sop_classes=kinds) as archive:
        sent = send(objects, _to(archive.port), "MUMAP", patience=QUICK)
        assert (sent.accepted, sent.answer.state) == (3, DeliveryState.ACCEPTED)
        assert [received.sop_instance_uid[5:] for received in archive.received] == ["0", "1", "2"]
        assert len(archive.associations) == 1


def test_nothing_is_sent_after_an_object_that_was_refused() -> None:
    statuses = iter([0x0000, 0xA700, 0x0000])
    with RecordingScp(answer=lambda _received: next(statuses)) as archive:
        sent = send(
            _objects(*[NuclearMedicineImageStorage] * 3), _to(archive.port), "MUMAP", patience=QUICK
        )
        assert (sent.accepted, sent.answer.reason) == (1, "peer-out-of-resources")
        assert len(archive.received) == 2


def test_an_object_of_a_class_that_is_not_taken_is_refused_after_those_that_are() -> None:
    objects = _objects(NuclearMedicineImageStorage, SecondaryCaptureImageStorage)
    with RecordingScp() as archive:
        sent = send(objects, _to(archive.port), "MUMAP", patience=QUICK)
        assert (sent.accepted, sent.answer.reason) == (1, "no-accepted-context")
        assert len(archive.received) == 1


def test_after_a_lost_answer_the_rest_is_sent_and_nothing_before_it() -> None:
    statuses = iter(["answered", "silent", "answered", "answered"])
    lost = threading.Event()

    def answer(_received: Received) -> int:
        return _once_silent(lost) if next(statuses) == "silent" else 0x0000

    with RecordingScp(answer=answer) as archive:
        sent = send(
            _objects(*[NuclearMedicineImageStorage] * 3), _to(archive.port), "MUMAP", patience=QUICK
        )
        assert (sent.accepted, sent.answer.state) == (3, DeliveryState.ACCEPTED)
        received = [received.sop_instance_uid[5:] for received in archive.received]
        assert received == ["0", "1", "1", "2"]


@pytest.mark.peers
@pytest.mark.parametrize("option", ["--abort-after", "--abort-during", "--refuse"])
def test_dcmtk_faults(stored: Path, tmp_path: Path, option: str) -> None:
    with dcmtk_storescp(tmp_path / "in", option) as port:
        answer = _send(stored, port)
    expected = {
        "--abort-after": DeliveryState.WAITING,
        "--abort-during": DeliveryState.WAITING,
        "--refuse": DeliveryState.REFUSED,
    }
    assert answer.state is expected[option], answer


@pytest.mark.peers
def test_dcmtk_takes_it(stored: Path, tmp_path: Path) -> None:
    with dcmtk_storescp(tmp_path / "in") as port:
        assert _send(stored, port).state is DeliveryState.ACCEPTED
    (file,) = (tmp_path / "in").iterdir()
    assert dcmread(file) == dcmread(stored)


@pytest.mark.peers
def test_orthanc_takes_every_profile_and_the_report(
    tmp_path: Path, orthanc_release: OrthancRelease
) -> None:
    made = answers(nac_file())
    with orthanc(tmp_path / "orthanc", {}, orthanc_release) as pacs:
        for file in made.values():
            sent = send([file], _to(pacs.port, "PACS"), "MUMAP", patience=QUICK)
            assert sent.answer.state is DeliveryState.ACCEPTED, sent
        kept = [dcmread(BytesIO(pacs.file(instance))) for instance in pacs.get("/instances")]
    by_instance = {dataset.SOPInstanceUID: dataset for dataset in kept}
    for file in made.values():
        assert by_instance.pop(dcmread(BytesIO(file)).SOPInstanceUID) == dcmread(BytesIO(file))
    assert not by_instance


def test_an_echo_tells_whether_a_destination_is_there() -> None:
    with RecordingScp() as archive:
        assert echo(_to(archive.port), "MUMAP", QUICK).state is DeliveryState.ACCEPTED
        assert echo(_to(archive.port, "NOBODY"), "MUMAP", QUICK).reason == "association-rejected"
    assert echo(_to(unused_port()), "MUMAP", QUICK).reason == "peer-unreachable"


def _once_silent(first: threading.Event) -> int:
    """The answer to the first object comes when nobody waits for it any more."""
    if not first.is_set():
        first.set()
        threading.Event().wait(QUICK.answer_seconds + 1)
    return 0x0000
