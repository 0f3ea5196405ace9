"""Workers and deliverers of the node as real processes that tests may kill at any point.

They are forked from a server that has everything imported already, so that starting one takes a
tenth of a second::

    with Site(tmp_path, destinations={"pacs": archive.port}) as site:
        site.receive(nac_file())
        site.start("work", "deliver")
        wait_until(lambda: archive.received)
"""

import contextlib
import multiprocessing
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from archives import archive_at, watcher_of
from builders import card, water_where_counts
from mumap_node import logs
from mumap_node.imaging.model_card import ModelCard
from mumap_node.imaging.volume import Voxels
from mumap_node.node.audit.trail import Trail
from mumap_node.node.bell import ring
from mumap_node.node.calling import Patience
from mumap_node.node.deliverer.process import Deliverer, DelivererOptions
from mumap_node.node.deliverer.reporting import Reporting
from mumap_node.node.deliverer.sending import Sending, SendingOptions
from mumap_node.node.engine.attempts import Attempt, Kind
from mumap_node.node.engine.client import EngineClient
from mumap_node.node.engine.database import EngineOptions, embedded_database
from mumap_node.node.engine.executor import Executor, Served
from mumap_node.node.fetcher.memory import Memory
from mumap_node.node.fetcher.process import keep_watching
from mumap_node.node.jobs.dossier import Dossier, read_dossier
from mumap_node.node.jobs.verbs import Jobs
from mumap_node.node.jobs.views import JobView
from mumap_node.node.model import LoadedModel
from mumap_node.node.routing import Condition, Destination, Route
from mumap_node.node.spool.files import Spool
from mumap_node.node.watchdog import watchdog
from mumap_node.node.worker.comparing import Comparing
from mumap_node.node.worker.decisions import Rules
from mumap_node.node.worker.making import Making, MakingOptions
from mumap_node.node.worker.process import Clerk, Worker, WorkerOptions
from mumap_node.pipeline import Model, Predict
from peers import HOST
from waiting import wait_until

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["nodes", "psycopg", "dbos._sys_db_postgres"])

COMPARING = (
    Route("ct", {"Modality": Condition(("CT",))}, action="compare"),
    Route("maps", {"ImageType": Condition(("TRANSMISSION",))}, action="compare"),
)

QUICK = Patience(connect_seconds=2, negotiate_seconds=2, answer_seconds=2)


@dataclass(frozen=True)
class Trap:
    """Where a process kills itself with SIGKILL.

    Attributes:
        step: Kind of step: "file" before the n-th file gets its name, loses it or is linked;
            "line" before the n-th message is added to the audit trail;
            "row" before the n-th write to the engine's database; "call" before the n-th
            connection to a destination.
        count: Which of them; counted from 1.
    """

    step: str
    count: int


@dataclass(frozen=True)
class Orders:
    """What a process of a site is to do; everything in it can be pickled.

    Attributes:
        role: "work", "deliver" or "both" in one process; or "watch", which fetches by C-GET.
        folder: Data directory.
        database_url: Of the engine.
        destinations: Port on this machine by name; the AE title is below.
        predict: What the network does: "map", be "slow", "wait" for as long as the folder's file
            "hold" is there, "crash" its process, raise a "bug" that quotes a patient, or "hang".
        trap: Where to die; None to live.
        patience: With destinations.
        software_version: Of the node.
        deliver: Whether maps are sent; else the route is in shadow mode.
        compare: What a comparison does: "compare", or "crash" its process.
        head_start_seconds: For maps, before the first comparison.
        profile: How maps are encoded.
        archive: Port of the archive that is watched.
        commitment: Whether destinations have to commit themselves.
        ae_title: Of all destinations.
    """

    role: str
    folder: Path
    database_url: str
    destinations: dict[str, int]
    predict: str = "map"
    trap: Trap | None = None
    patience: Patience = QUICK
    software_version: str = "0.1.0"
    deliver: bool = True
    compare: str = "compare"
    head_start_seconds: float = 0.0
    profile: str = "standard"
    archive: int = 0
    commitment: bool = False
    ae_title: str = "ARCHIVE"

    @property
    def engine(self) -> EngineOptions:
        return EngineOptions(self.database_url, self.folder / "run")


@dataclass
class Site:
    """A data directory and the processes that work on it.

    Attributes:
        folder: Data directory.
        destinations: Port on this machine by name.
        database_url: Of the engine; SQLite below the folder where empty.
    """

    folder: Path
    destinations: dict[str, int] = field(default_factory=dict)
    database_url: str = ""
    processes: list[ForkServerProcess] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.spool = Spool(self.folder)
        self._events: list[Event] = []
        self.database_url = self.database_url or embedded_database(self.folder)
        self.engine = EngineClient(EngineOptions(self.database_url, self.spool.run))
        self.jobs = Jobs(self.spool, self.engine)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for process in self.processes:
            process.kill()
            process.join()
        self.engine.close()

    def receive(self, file: bytes) -> Path:
        """Put an acknowledged file into the inbox, as the receiver does."""
        arrival = self.spool.store_arrival(file, b"")
        ring(self.spool.bell)
        return arrival

    def start(self, role: str, *, ready: bool = True, **orders: Any) -> ForkServerProcess:
        """Start a process of the site and, unless it may die before, wait until it is ready."""
        _start_server()
        is_ready = SERVER.Event()
        self._events.append(is_ready)  # a child that is slow to start must still find it
        given = Orders(role, self.folder, self.database_url, self.destinations, **orders)
        process = SERVER.Process(target=serve, args=(given, is_ready))
        process.start()
        self.processes.append(process)
        if ready:
            assert wait_until(lambda: is_ready.is_set() or process.exitcode is not None)
            assert process.exitcode is None, self.log()
        return process

    def view(self) -> JobView:
        """The only job, instance or arrival there is."""
        (view,) = self.jobs.list_jobs()
        return view

    def state(self) -> str:
        """Where the only job stands."""
        return str(self.view().state)

    def wait_for(self, state: str, seconds: float = 30.0) -> JobView:
        """Wait until every job, and there is one, stands in a state; the newest."""

        def all_there() -> JobView | None:
            views = self.jobs.list_jobs()
            return views[0] if views and all(view.state == state for view in views) else None

        try:
            view = wait_until(all_there, seconds)
        except AssertionError as error:
            raise AssertionError(f"{self.jobs.list_jobs()}\n{self.log()}") from error
        assert view is not None
        return view

    def dossiers(self) -> list[Dossier]:
        """Of all jobs."""
        dossiers = [read_dossier(self.spool, job_id) for job_id in self.spool.job_ids()]
        return [dossier for dossier in dossiers if dossier is not None]

    def dossier(self) -> Dossier:
        """Of the only job there is."""
        (dossier,) = self.dossiers()
        return dossier

    def is_at_rest(self) -> bool:
        """Whether the only job is done and the engine knows it too."""
        if [view.state for view in self.jobs.list_jobs()] != ["done"]:
            return False  # for a moment, an arrival may be seen beside what became of it
        job = self.dossier().job
        series = [Attempt(Kind.MAP, job.job_id).series]
        series += [Attempt(Kind.DELIVER, job.job_id, 1, name).series for name in job.profiles]
        known = self.engine.latest(series)
        return len(known) == len(series) and all(k.status == "SUCCESS" for k in known.values())

    def map_file(self, profile: str = "standard") -> bytes:
        """The stored map of the only job."""
        dossier = self.dossier()
        assert dossier.result is not None
        name = dossier.result.files[profile][0].name
        return (self.spool.job_folder(dossier.job.job_id) / name).read_bytes()

    def log(self) -> str:
        """Everything the processes logged."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))


MakeSite = Callable[..., Site]
"""Makes a site from the ports of its destinations by name; its processes end with the test."""


def stop(process: ForkServerProcess) -> int | None:
    """Ask a process to stop and wait until it has; its exit code."""
    assert process.pid is not None
    os.kill(process.pid, signal.SIGTERM)
    process.join(30)
    return process.exitcode


def kill(process: ForkServerProcess) -> None:
    """End a process with SIGKILL."""
    process.kill()
    process.join()


def _start_server() -> None:
    """Start the server that processes are forked from, unless it runs.

    It only finds what it is to import on the PYTHONPATH: Python 3.11 forgets to hand it sys.path.
    """
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = f"{Path(__file__).parent}{os.pathsep}{before}"
    try:
        forkserver.ensure_running()
    finally:
        os.environ["PYTHONPATH"] = before


def serve(orders: Orders, ready: Event) -> None:
    """What a process does until it is told to stop."""
    log = (orders.folder / f"{time.time_ns()}-{orders.role}.log").open("w")
    logs.configure(orders.role, log)
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: asked.set())
    if orders.trap is not None:
        set_trap(orders.trap)
    with _running(orders) as running:
        ready.set()
        asked.wait()
        drained = running.stop(5)
    os._exit(0 if drained else 1)


@contextlib.contextmanager
def _running(orders: Orders) -> Iterator[Any]:
    spool = Spool(orders.folder)
    if orders.role == "work":
        with Worker(_worker_options(orders), spool, orders.engine, _opener(orders)) as worker:
            yield worker
    elif orders.role == "deliver":
        options = DelivererOptions(_sending(orders), sweep_seconds=0.3)
        with Deliverer(options, spool, orders.engine) as deliverer:
            yield deliverer
    elif orders.role == "watch":
        yield _Fetcher(spool, orders.archive)
    else:
        with _both(orders, spool) as executor:
            yield executor


@contextlib.contextmanager
def _both(orders: Orders, spool: Spool) -> Iterator[Executor]:
    """Worker and deliverer in one process, so that one trap reaches every step of a job."""
    options = _worker_options(orders)
    making = Making(spool, options.making, _opener(orders), _now)
    sending = Sending(spool, _sending(orders), _now)
    reporting = Reporting(spool, _sending(orders), _now)
    comparing = Comparing(spool, options.rules.load_card, _now, options.making.timezone)
    served = {
        Kind.MAP: Served(making.attempt, making.stopped, 3, 1),
        Kind.DELIVER: Served(sending.attempt, sending.stopped, 5, 16, 2),
        Kind.NOTE: Served(sending.attempt, sending.stopped, 5, 16, 2),
        Kind.COMPARE: Served(comparing.attempt, comparing.stopped, 3, 1),
        Kind.COMMIT: Served(reporting.attempt, reporting.stopped, 5, 16, 2),
    }
    with Executor(orders.engine, "both", served, sweep_seconds=0.3) as executor:
        clerk = Clerk(options, spool, orders.engine, making, comparing)
        try:
            yield executor
        finally:
            clerk.stop()


class _Fetcher:
    """A thread that watches an archive."""

    def __init__(self, spool: Spool, port: int) -> None:
        self._stop = threading.Event()
        watcher = watcher_of(spool, archive_at(spool, port, "QRSCP"), every_seconds=0.1)
        arguments = ([watcher], Memory(spool, _now), self._stop.wait)
        self._thread = threading.Thread(target=keep_watching, args=arguments)
        self._thread.start()

    def stop(self, seconds: float) -> bool:
        self._stop.set()
        self._thread.join(seconds)
        return not self._thread.is_alive()


def _worker_options(orders: Orders) -> WorkerOptions:
    return WorkerOptions(
        _rules(orders),
        MakingOptions("MUMAP", orders.software_version, ZoneInfo("Europe/Berlin")),
        look_seconds=0.5,
        reconcile_seconds=0.5,
        sweep_seconds=0.3,
        settle_seconds=0.3,
        head_start_seconds=orders.head_start_seconds,
        audit=_trail(orders).add,
    )


def _rules(orders: Orders) -> Rules:
    """With a card that ends the process of whoever compares, where the orders say so."""
    usual = rules(orders.destinations, orders.profile, deliver=orders.deliver)
    if orders.compare == "crash":
        # A comparison asks for the model of its job, admission for the default one.
        return replace(usual, load_card=lambda name: _crash_with_card() if name else card())
    return usual


def rules(destinations: Mapping[str, int], profile: str = "standard", **route: Any) -> Rules:
    """Routes that keep measured maps, and one that answers all else unless ``route`` changes it."""
    names = tuple(destinations)
    answering = replace(Route("all", assume_nac=True, destinations=names), **route)
    return Rules(
        routes=[*COMPARING, answering],
        peers=[],
        destinations=_destinations(destinations, profile),
        load_card=lambda _name: card(),
    )


def _sending(orders: Orders) -> SendingOptions:
    destinations = {
        name: replace(destination, ae_title=orders.ae_title, commitment=orders.commitment)
        for name, destination in _destinations(orders.destinations, orders.profile).items()
    }
    audit = _trail(orders).add
    return SendingOptions("MUMAP", destinations, patience=orders.patience, audit=audit)


def _trail(orders: Orders) -> Trail:
    return Trail(orders.folder / "audit", "MUMAP", _now)


def _destinations(ports: Mapping[str, int], profile: str) -> dict[str, Destination]:
    return {name: Destination(name, "ARCHIVE", HOST, port, profile) for name, port in ports.items()}


def _opener(orders: Orders) -> Callable[[str], LoadedModel]:
    predict: dict[str, Predict] = {
        "map": water_where_counts,
        "wait": partial(_wait, orders.folder),
        "slow": _slow,
        "crash": _crash,
        "bug": _bug,
        "hang": _hang,
    }
    return lambda _identity: LoadedModel(Model(card(), predict[orders.predict]), "numpy")


def _wait(folder: Path, counts: Voxels) -> Voxels:
    (folder / "predicting").touch()
    while (folder / "hold").exists():
        time.sleep(0.01)
    return water_where_counts(counts)


def _slow(counts: Voxels) -> Voxels:
    time.sleep(0.3)
    return water_where_counts(counts)


def _crash(_counts: Voxels) -> Voxels:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _crash_with_card() -> ModelCard:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _bug(_counts: Voxels) -> Voxels:
    raise KeyError("Phantom^One")


def _hang(counts: Voxels) -> Voxels:
    with watchdog(0.5):
        time.sleep(600)
    return counts


def _now() -> datetime:
    return datetime.now(UTC)


WRITES = re.compile(r"(?<!FOR )\b(INSERT|UPDATE|DELETE)\b")
BACKGROUND = ("delay_until_epoch_ms <=", "workflow_deadline_epoch_ms <")
"""In the statements DBOS makes every second whether there is work or not."""

FILE_EVENTS = frozenset({"os.rename", "os.link", "os.remove"})


def set_trap(trap: Trap) -> None:
    """Let this process kill itself before a step of its work."""
    steps = _Steps(trap)
    sys.addaudithook(steps.on_audit)  # what Python itself reports: nothing of ours is replaced
    sa.event.listen(sa.Engine, "before_cursor_execute", steps.on_statement)


class _Steps:
    """Counts the steps of a process."""

    def __init__(self, trap: Trap) -> None:
        self._trap = trap
        self._left = trap.count

    def on_audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in FILE_EVENTS and ".lock" not in str(arguments[0]):
            self._pass("file")
        elif event == "os.truncate":
            self._pass("line")
        elif event == "socket.connect":
            self._pass("call")

    def on_statement(self, *arguments: Any) -> None:
        statement: str = arguments[2]
        if WRITES.search(statement) and not any(word in statement for word in BACKGROUND):
            self._pass("row")

    def _pass(self, step: str) -> None:
        if step != self._trap.step:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
