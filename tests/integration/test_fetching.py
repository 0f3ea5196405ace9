"""Query/Retrieve against archives of others: what is found, what comes, and what does not."""

import gc
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from re import compile as regex

import pytest
from pydicom.filereader import read_file_meta_info
from pydicom.uid import CTImageStorage, RLELossless, SecondaryCaptureImageStorage

from archives import NOW, Fetching, ScriptedArchive, archive_at, fetching
from builders import INSTANCE_UID, nac_file
from mumap_node.node.fetcher.archive import How
from mumap_node.node.fetcher.choosing import Query
from mumap_node.node.fetcher.memory import Memory
from mumap_node.node.routing import Condition
from mumap_node.node.spool.files import Spool
from mumap_node.node.worker.decisions import series_of
from peers import dataset_bytes, hanging_peer, refusing_scp, unused_port

pytestmark = [
    pytest.mark.peers,
    # pynetdicom lets go of a socket that could not connect without closing it.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

EVERY_WAY = [(kind, how) for kind in ("orthanc", "orthanc-1.12", "dcmqrscp") for how in How]


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Such sockets are found here, and not by a test that has nothing to do with them."""
    yield
    gc.collect()


@pytest.fixture(params=EVERY_WAY, ids=lambda way: f"{way[0]}-{way[1]}")
def pacs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fetching]:
    """Every archive, in every way it sends."""
    kind, how = request.param
    options = {}
    if kind == "orthanc-1.12":
        kind, options = "orthanc", {"release": request.getfixturevalue("orthanc_1_12")}
    with fetching(kind, tmp_path, how, **options) as running:
        yield running


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Fetching]:
    """An archive that answers whatever is asked."""
    with fetching("dcmqrscp", tmp_path, How.GET) as running:
        yield running


def test_each_instance_is_taken_once_and_late_ones_too(pacs: Fetching) -> None:
    pacs.put()
    assert pacs.look().taken == 1
    assert pacs.look().taken == 0

    pacs.put(SOPInstanceUID="2.25.5")
    assert pacs.look().taken == 1

    assert pacs.look().errors == ()
    assert pacs.instances() == [INSTANCE_UID, "2.25.5"]


def test_of_a_study_with_a_ct_only_the_wanted_series_is_moved(pacs: Fetching) -> None:
    pacs.put()
    for slice_ in range(3):
        ct = {"SOPClassUID": CTImageStorage, "Modality": "CT", "SeriesInstanceUID": "2.25.7"}
        pacs.put(SOPInstanceUID=f"2.25.7.{slice_}", **ct)

    assert pacs.look().taken == 1
    assert pacs.instances() == [INSTANCE_UID]


def test_what_comes_is_what_the_archive_has_and_says_who_sent_it(pacs: Fetching) -> None:
    pacs.put()
    pacs.look()

    (stored,) = pacs.spool.arrivals()
    assert dataset_bytes(stored.read_bytes()) == dataset_bytes(nac_file())
    meta = read_file_meta_info(stored)
    assert meta.SourceApplicationEntityTitle == pacs.archive.destination.ae_title
    assert meta.ReceivingApplicationEntityTitle == "MUMAP"
    assert meta.SourcePresentationAddress == "127.0.0.1"


def test_maps_of_this_node_are_left_where_they_are(tmp_path: Path) -> None:
    with fetching("orthanc", tmp_path, How.GET) as pacs:
        pacs.put(SeriesDescription="SYNTHETIC MU-MAP STRESS nAC")
        look = pacs.look()
        (found,) = pacs.find(Query())

    assert (look.taken, look.errors, pacs.instances()) == (0, (), [])
    assert found.is_own


def test_of_an_archive_that_hides_what_they_are_they_come_once(archive: Fetching) -> None:
    archive.put(SeriesDescription="SYNTHETIC MU-MAP STRESS nAC")
    assert [archive.look().taken for _ in range(2)] == [1, 0]


def test_a_compressed_object_comes_by_get_as_it_is_stored(tmp_path: Path) -> None:
    with fetching("orthanc", tmp_path, How.GET, TranscodeDicomProtocol=False) as pacs:
        pacs.put("-xr", transfer_syntax=RLELossless)
        assert pacs.look().taken == 1
        (stored,) = pacs.spool.arrivals()
    assert read_file_meta_info(stored).TransferSyntaxUID == RLELossless


def test_what_the_archive_cannot_match_is_matched_here(tmp_path: Path) -> None:
    with fetching("orthanc", tmp_path, How.GET) as pacs:
        for number, description in enumerate(("STRESS nAC", "REST nAC", "STRESS AC")):
            pacs.put(
                SOPInstanceUID=f"2.25.5.{number}",
                SeriesInstanceUID=f"2.25.6.{number}",
                SeriesDescription=description,
                StudyDescription="Myocard perfusion",
            )
        study = {"StudyDescription": Condition(pattern=regex("(?i)myocard.*"))}
        wild = {"SeriesDescription": Condition(("*nAC",))}
        either = {"SeriesDescription": Condition(("REST nAC", "STRESS nAC"))}

        assert pacs.look(match=study | wild).taken == 0
        assert pacs.look(match=study | either).taken == 2
        assert pacs.look(match={"SeriesDescription": Condition(("STRESS AC",))}).taken == 1


def test_a_key_the_archive_does_not_return_matches_nothing(archive: Fetching) -> None:
    archive.put()
    look = archive.look(match={"SeriesDescription": Condition(("STRESS nAC",))})
    assert (look.taken, [error.reason for error in look.errors]) == (0, ["key-not-returned"])


def test_studies_are_asked_for_by_their_date(archive: Fetching) -> None:
    archive.put()
    assert archive.look(now=NOW + timedelta(days=3)).taken == 0
    assert archive.look(now=NOW + timedelta(days=2)).taken == 1

    assert archive.find(Query(last=date(2025, 12, 31))) == []
    assert archive.find(Query(first=date(2026, 1, 2))) == []
    assert len(archive.find(Query(first=date(2026, 1, 1), last=date(2026, 1, 1)))) == 1


def test_what_is_out_of_every_range_is_forgotten(archive: Fetching) -> None:
    archive.put()
    archive.look()
    (remembered,) = (archive.spool.root / "fetched").iterdir()
    assert remembered.name.startswith(series_of("2.25.101"))
    assert "2.25" not in remembered.read_text()

    today = datetime.now(UTC)
    Memory(archive.spool, lambda: today + timedelta(days=5)).forget(days=3)
    assert remembered.exists()
    Memory(archive.spool, lambda: today + timedelta(days=7)).forget(days=3)
    assert not remembered.exists()


def test_a_damaged_memory_costs_a_repetition_and_mends_itself(archive: Fetching) -> None:
    archive.put()
    archive.look()
    (remembered,) = (archive.spool.root / "fetched").iterdir()
    remembered.write_text("{")

    assert archive.look().taken == 1
    assert archive.look().taken == 0


@pytest.mark.parametrize("how", How)
def test_an_object_of_another_class_does_not_keep_the_others(tmp_path: Path, how: How) -> None:
    with fetching("dcmqrscp", tmp_path, how) as archive:
        archive.put()
        archive.put(SOPInstanceUID="2.25.5", SOPClassUID=SecondaryCaptureImageStorage)
        watcher = archive.watcher()

        look = watcher.look(lambda: False)
        assert (look.taken, [error.reason for error in look.errors]) == (1, ["retrieve-incomplete"])
        assert watcher.look(lambda: False).taken == 0
        assert watcher.look(lambda: False).errors == ()  # asked for less often
        archive.put(SOPInstanceUID="2.25.6")
        assert watcher.look(lambda: False).taken == 1
        assert archive.instances() == [INSTANCE_UID, "2.25.6"]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("dcmqrscp", "move-destination-unknown"), ("orthanc", "request-refused")],
)
def test_an_archive_that_does_not_know_this_node_is_told_of(
    tmp_path: Path, kind: str, reason: str
) -> None:
    options = {"DicomAlwaysAllowFind": True, "DicomAlwaysAllowMove": True}
    options = options if kind == "orthanc" else {}
    with fetching(kind, tmp_path, How.MOVE, known=False, **options) as pacs:
        pacs.put()
        look = pacs.look()
    assert (look.taken, [error.reason for error in look.errors]) == (0, [reason])


@pytest.mark.parametrize("kind", ["dcmqrscp", "orthanc"])
def test_an_archive_this_node_does_not_know_is_told_of(tmp_path: Path, kind: str) -> None:
    with fetching(kind, tmp_path, How.MOVE, admitted=False) as pacs:
        pacs.put()
        (error,) = pacs.look().errors
        ae_title = pacs.archive.destination.ae_title
    assert error.sentence.endswith(f"no entry of [[peers]] has its AE title {ae_title}")


def test_what_could_not_be_stored_is_fetched_again(archive: Fetching) -> None:
    archive.put()
    full = archive_at(archive.spool, archive.port, "QRSCP", min_free_gb=1e9)
    kept, archive.archive = archive.archive, full
    assert [error.reason for error in archive.look().errors] == ["retrieve-incomplete"]

    archive.archive = kept
    assert archive.look().taken == 1


def test_an_archive_that_is_down_is_asked_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for port, reason in _nobody():
        pacs = Fetching(archive_at(spool, port), spool, port, tmp_path)
        assert [error.reason for error in pacs.look().errors] == [reason]


def _nobody() -> Iterator[tuple[int, str]]:
    yield unused_port(), "peer-unreachable"
    with hanging_peer() as port:
        yield port, "peer-silent"
    with refusing_scp() as scp:
        yield scp.port, "association-rejected"
    with ScriptedArchive(models=()) as scripted:
        yield scripted.port, "no-accepted-context"
