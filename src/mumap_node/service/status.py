"""What an administrator sees of a node in ten seconds, and whether anything is to be done."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

from mumap_node import __version__
from mumap_node.node.engine.client import EngineClient
from mumap_node.node.jobs.overview import DeliveriesTo, Overview, overview_of
from mumap_node.node.jobs.states import FOR_A_PERSON, JobState
from mumap_node.node.jobs.survey import Survey
from mumap_node.node.spool.files import Spool
from mumap_node.node.spool.opened import read_opened
from mumap_node.node.tls.certificates import ends_of
from mumap_node.node.web.health import Watch, look
from mumap_node.service import building
from mumap_node.service.watching import watch_of
from mumap_node.settings.tables import Settings

LONGEST_DELIVERY = timedelta(minutes=30)
"""Age from which a map that a destination has not accepted is something to look at."""

PAGE = "web"
"""The process that says what health says."""

SHORT_SHA256 = 12
"""Digits that tell two networks apart."""


class Level(StrEnum):
    """Whether anything is to be done; in rising order."""

    OK = "ok"
    WARNING = "warning"  #: somebody should look, and the node does its work
    CRITICAL = "critical"  #: the node cannot do its work

    @property
    def exit_code(self) -> int:
        """Of `status`, as Nagios and its like read it: 0, 1 or 2."""
        return list(Level).index(self)


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to know.

    Attributes:
        level: Whether anything is to be done about it.
        area: What it is about: "node", "jobs", "peers", "destinations", "models".
        name: Of the thing within its area.
        sentence: How it stands.
        reason: Stable code of docs/operations.md; empty where there is nothing to explain.
        at: The time the sentence is about, UTC; None where it is about none.
    """

    level: Level
    area: str
    name: str
    sentence: str
    reason: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """How a node stands.

    Attributes:
        level: The worst of the lines.
        ae_title: Of the node.
        version: Of the software.
        at: When it was looked at, UTC.
        lines: In the order people need them.
        states: Jobs, and objects that became none, by state; empty where that is not known.
    """

    level: Level
    ae_title: str
    version: str
    at: datetime
    lines: tuple[Line, ...]
    states: dict[str, int]


class StatusReader:
    """Looks at a node, whether or not its processes run; again and again where it is asked to."""

    def __init__(self, settings: Settings) -> None:
        """Prepare.

        Raises:
            ConfigurationError: The data directory cannot be written.
        """
        self._settings = settings
        spool = building.open_spool(settings)
        self._engine = EngineClient(building.engine_options(settings, spool.run))
        self._watch = watch_of(settings, spool, self._engine)
        self._survey = Survey(spool, self._engine)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._engine.close()

    def read(self) -> Status:
        """Look now."""
        now = datetime.now(UTC)
        lines = [*_node(self._watch, now), *_certificates(self._watch)]
        states: dict[str, int] = {}
        try:
            overview = self._overview()
        except OSError as error:
            sentence = f"cannot be read: {error.strerror}"
            lines.append(Line(Level.CRITICAL, "jobs", "spool", sentence, reason="spool-failed"))
        else:
            lines += [*_jobs(overview), *_peers(overview), *_destinations(overview, now)]
            states = {str(state): count for state, count in overview.states.items()}
        lines += _models(self._watch.spool)
        return Status(
            max((line.level for line in lines), key=lambda level: level.exit_code),
            self._settings.node.ae_title,
            __version__,
            now,
            tuple(lines),
            states,
        )

    def _overview(self) -> Overview:
        peers = (peer.name for peer in self._settings.peers)
        destinations = (table.name for table in self._settings.destinations)
        return overview_of(self._survey.views(), peers, destinations)


def _node(watch: Watch, now: datetime) -> Iterator[Line]:
    """What health says; without its own process, the page's, maps come all the same."""
    for check in look(replace(watch, processes=(*watch.processes, PAGE)), now):
        hinders = check.hinders and check.name != PAGE
        trouble = Level.CRITICAL if hinders else Level.WARNING
        level = Level.OK if check.ok else trouble
        yield Line(level, "node", check.name, check.sentence, check.reason)


def _certificates(watch: Watch) -> Iterator[Line]:
    """When the first of each file ends; whether that is soon, health says."""
    try:
        ends = list(ends_of(watch.certificates)) if watch.certificates else []
    except OSError:  # told by health
        return
    for key in dict.fromkeys(name for name, _, _ in ends):
        first = min(end for name, _, end in ends if name == key)
        yield Line(Level.OK, "node", f"tls.{key}", "expires", at=first)


def _jobs(overview: Overview) -> Iterator[Line]:
    for state in sorted(FOR_A_PERSON):
        mine = [stopped for stopped in overview.stopped if stopped.state is state]
        reasons = ", ".join(f"{stopped.count} {stopped.reason}" for stopped in mine)
        count = sum(stopped.count for stopped in mine)
        first = min((stopped.since for stopped in mine), default=None)
        sentence = f"{count} wait for a person: {reasons}; the first" if count else "none"
        yield Line(Level.WARNING if count else Level.OK, "jobs", state, sentence, at=first)
    others = [
        f"{overview.states[state]} {state}"
        for state in JobState
        if state not in FOR_A_PERSON and overview.states[state]
    ]
    yield Line(Level.OK, "jobs", "others", ", ".join(others) or "none")


def _peers(overview: Overview) -> Iterator[Line]:
    for name, at in overview.last_received.items():
        yield Line(Level.OK, "peers", name, "last received" if at else "nothing received", at=at)


def _destinations(overview: Overview, now: datetime) -> Iterator[Line]:
    for deliveries in overview.deliveries:
        yield _destination(deliveries, now)


def _destination(deliveries: DeliveriesTo, now: datetime) -> Line:
    name, at = deliveries.destination, deliveries.last_success
    accepted = "last map accepted" if at else "no map accepted yet"
    sentence = f"{deliveries.waiting} waiting, {deliveries.failed} failed; {accepted}"
    since = deliveries.waiting_since
    if since is not None and now - since > LONGEST_DELIVERY:
        minutes = (now - since).total_seconds() / 60
        sentence = f"a map has waited for {minutes:.0f} minutes; {sentence}"
        return Line(Level.WARNING, "destinations", name, sentence, reason="delivery-late", at=at)
    return Line(Level.OK, "destinations", name, sentence, at=at)


def _models(spool: Spool) -> Iterator[Line]:
    opened = read_opened(spool.run)
    for found in opened:
        sentence = f"sha256 {found.sha256[:SHORT_SHA256]}, {found.runtime}; verified"
        yield Line(Level.OK, "models", found.model, sentence, at=found.opened_at)
    if not opened:
        yield Line(Level.OK, "models", "none", "the worker has not verified one yet")
