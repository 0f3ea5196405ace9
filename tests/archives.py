"""Archives to fetch from, and a node that does, for tests of Query/Retrieve."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from pydicom import Dataset, dcmread
from pydicom.uid import NuclearMedicineImageStorage
from pynetdicom import AE, evt
from pynetdicom.events import Event

from builders import nac_file
from mumap_node.node.calling import Patience
from mumap_node.node.fetcher.archive import Archive, How
from mumap_node.node.fetcher.choosing import Query, Series
from mumap_node.node.fetcher.find import FIND_MODEL
from mumap_node.node.fetcher.memory import Memory
from mumap_node.node.fetcher.retrieve import GET_MODEL, MOVE_MODEL
from mumap_node.node.fetcher.watching import Look, Watch, Watcher
from mumap_node.node.reception import receive_object
from mumap_node.node.routing import Condition, Destination, Peer
from mumap_node.node.spool.files import Spool
from peers import HOST, answers, dcmqrscp, orthanc, store
from receivers import receiving

QUICK = Patience(connect_seconds=2, negotiate_seconds=2, answer_seconds=5)

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
"""The day after the studies of ``nac_file``."""


@dataclass
class Fetching:
    """An archive, and a node that fetches from it.

    Attributes:
        archive: As the fetcher knows it.
        spool: Where objects come.
        port: Of the archive.
        folder: For files that are sent to it.
    """

    archive: Archive
    spool: Spool
    port: int
    folder: Path
    sent: int = 0

    def put(self, *options: str, **attributes: Any) -> None:
        """Store an object in the archive, as its camera does, with options of storescu."""
        self.sent += 1
        path = self.folder / f"{self.sent}.dcm"
        path.write_bytes(nac_file(**attributes))
        stored = store(self.port, path, called=self.archive.destination.ae_title, options=options)
        assert [answer.partition(":")[0] for answer in answers(stored)] == ["Success"], stored

    def find(self, query: Query) -> list[Series]:
        """What the archive has of it."""
        return list(self.archive.search(query))

    def watcher(self, **watch: Any) -> Watcher:
        """A watch that begins anew, as after a restart."""
        return watcher_of(self.spool, self.archive, **watch)

    def look(self, **watch: Any) -> Look:
        """What one look of such a watch brings."""
        return self.watcher(**watch).look(lambda: False)

    def instances(self) -> list[str]:
        """SOP Instance UIDs in the inbox, in the order they came."""
        return [str(dataset.SOPInstanceUID) for dataset in self.datasets()]

    def datasets(self) -> list[Dataset]:
        """What is in the inbox, in the order it came."""
        return [dcmread(path) for path in self.spool.arrivals()]


@contextlib.contextmanager
def fetching(
    kind: str, folder: Path, how: How, *, known: bool = True, admitted: bool = True, **options: Any
) -> Iterator[Fetching]:
    """A node with a running receiver, and an archive.

    Args:
        kind: "orthanc" or "dcmqrscp".
        folder: For everything.
        how: How objects come.
        known: Whether the archive knows this node.
        admitted: Whether this node knows the archive.
        options: Of the archive.
    """
    ae_title = {"orthanc": "PACS", "dcmqrscp": "QRSCP"}[kind]
    pacs = Peer("pacs", ae_title if admitted else "SOMEBODY", (ip_network("127.0.0.0/8"),))
    spool = Spool(folder / "spool")
    with receiving(folder / "spool", spool, peers=(pacs,)) as node:
        hosts = {"node": ("MUMAP", node.port)} if known else {}
        if kind == "orthanc":
            with orthanc(folder / "pacs", hosts, **options) as running:
                yield _fetching(spool, running.port, ae_title, how, [pacs], folder)
        else:
            with dcmqrscp(folder / "pacs", hosts, **options) as port:
                yield _fetching(spool, port, ae_title, how, [pacs], folder)


def _fetching(
    spool: Spool, port: int, ae_title: str, how: How, peers: Sequence[Peer], folder: Path
) -> Fetching:
    return Fetching(archive_at(spool, port, ae_title, how, peers), spool, port, folder)


def watcher_of(
    spool: Spool,
    archive: Archive,
    match: Mapping[str, Condition] | None = None,
    now: datetime = NOW,
    every_seconds: float = 300,
) -> Watcher:
    """A watch of the days around the studies of ``nac_file``."""
    watch = Watch("night", archive, dict(match or {}), ("NM",), every_seconds, days=3)
    return Watcher(watch, Memory(spool, lambda: now), ZoneInfo("Europe/Vienna"), lambda: now)


def archive_at(
    spool: Spool,
    port: int,
    ae_title: str = "ARCHIVE",
    how: How = How.GET,
    peers: Sequence[Peer] = (),
    min_free_gb: float = 0.0,
) -> Archive:
    """An archive on this machine, as the fetcher knows it."""
    return Archive(
        destination=Destination("pacs", ae_title, HOST, port),
        ae_title="MUMAP",
        how=how,
        peers=tuple(peers),
        storage_classes=(NuclearMedicineImageStorage,),
        keep=partial(receive_object, spool, min_free_gb),
        patience=QUICK,
    )


class ScriptedArchive:
    """A Query/Retrieve SCP that answers what it is told to, however wrong.

    Attributes:
        port: Where it listens.
        asked: Identifier of every request, in order.
    """

    def __init__(
        self,
        *,
        answers: Mapping[str, Sequence[Dataset]] | None = None,
        find_status: int = 0x0000,
        retrieve_status: int = 0xA702,
        sends: Dataset | None = None,
        models: Sequence[str] = (FIND_MODEL, MOVE_MODEL, GET_MODEL),
    ) -> None:
        """Describe it; entering the ``with`` block starts it.

        Args:
            answers: To C-FIND, by level.
            find_status: Ends every C-FIND.
            retrieve_status: Ends every C-MOVE and C-GET, with which nothing is sent.
            sends: Is sent instead by a C-GET, which is then broken off.
            models: What it offers.
        """
        self.asked: list[Dataset] = []
        self._answers = answers or {}
        self._find_status, self._retrieve_status = find_status, retrieve_status
        self._sends = sends
        self._ae = AE("ARCHIVE")
        for model in models:
            self._ae.add_supported_context(model)
        self._ae.add_supported_context(NuclearMedicineImageStorage, scu_role=True, scp_role=True)
        self._ae.add_requested_context(NuclearMedicineImageStorage)

    def __enter__(self) -> Self:
        handlers: list[Any] = [
            (evt.EVT_C_FIND, self._on_find),
            (evt.EVT_C_MOVE, self._on_move),
            (evt.EVT_C_GET, self._on_get),
        ]
        server = self._ae.start_server((HOST, 0), block=False, evt_handlers=handlers)
        assert server is not None
        assert server.socket is not None
        self.port: int = server.socket.getsockname()[1]
        return self

    def __exit__(self, *_error: object) -> None:
        self._ae.shutdown()

    def _on_find(self, event: Event) -> Iterator[tuple[int, Dataset | None]]:
        self.asked.append(event.identifier)
        for answer in self._answers.get(event.identifier.QueryRetrieveLevel, ()):
            yield 0xFF00, answer
        if self._find_status:
            yield self._find_status, None

    def _on_move(self, event: Event) -> Iterator[Any]:
        yield HOST, self.port  # where nothing is sent
        yield from self._on_get(event)

    def _on_get(self, event: Event) -> Iterator[Any]:
        self.asked.append(event.identifier)
        yield 2
        if self._sends is not None:
            yield 0xFF00, self._sends
            event.assoc.abort()
        yield self._retrieve_status, None
