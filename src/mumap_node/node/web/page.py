"""The page: jobs, their states and reasons, destinations and health, as HTML without a script."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mumap_node.imaging.definitions import METRICS
from mumap_node.node.dicomweb.destination import AnyDestination, WebDestination
from mumap_node.node.jobs.admitting import settings_for
from mumap_node.node.jobs.agreement_page import page_of, recent
from mumap_node.node.jobs.agreement_record import AgreementRecord
from mumap_node.node.jobs.figures import compared_with, figures_of
from mumap_node.node.jobs.overview import deliveries_to
from mumap_node.node.jobs.states import JobState
from mumap_node.node.jobs.views import JobView
from mumap_node.node.rejections import Rejection
from mumap_node.node.spool.records import DeliveryState
from mumap_node.node.web.health import Check
from mumap_node.report.agreement import render_agreement

ROWS = 100
"""Jobs on one page; reading a thousand at once helps nobody."""

REJECTED_FOR, MOST_REJECTED = timedelta(days=7), 5
"""How long, and how many, that were turned away are shown."""

MEANINGS: Mapping[str, str] = {
    JobState.COLLECTING: "received, and not yet looked at",
    JobState.QUEUED: "waits for a worker",
    JobState.RUNNING: "a worker is making the map",
    JobState.DELIVERING: "the map is stored, and not yet accepted by every destination",
    JobState.DONE: "every destination accepted the map, or the route delivers nothing",
    JobState.HELD: "no route matches, the header cannot decide, or the images are not such as can "
    "be mapped: a person must look",
    JobState.QUARANTINED: "stopped for good: a person must look",
    JobState.IGNORED: "a route or a person says so, or it is a map of ours coming back",
    JobState.CANCELLED: "stopped by a person, or superseded by corrected attributes",
    JobState.RETRACTED: "sent, and taken back by a person",
}
"""What a state means, for people; in the order of a job's life."""

TONES: Mapping[str, str] = {
    JobState.COLLECTING: "busy",
    JobState.QUEUED: "busy",
    JobState.RUNNING: "busy",
    JobState.DELIVERING: "wait",
    JobState.DONE: "good",
    JobState.HELD: "wait",
    JobState.QUARANTINED: "bad",
    JobState.IGNORED: "calm",
    JobState.CANCELLED: "calm",
    JobState.RETRACTED: "calm",
    DeliveryState.WAITING: "wait",
    DeliveryState.COMMITTING: "wait",
    DeliveryState.ACCEPTED: "good",
    DeliveryState.REFUSED: "bad",
    DeliveryState.GAVE_UP: "bad",
}
"""Colour by state; "cancelled" is a state of jobs and of deliveries, and the same in both."""


PUZZLING = frozenset({JobState.HELD, JobState.IGNORED, JobState.QUARANTINED})
"""States for which the page tells what the routes looked at."""


@dataclass(frozen=True, slots=True)
class Site:
    """What the page belongs to.

    Attributes:
        ae_title: Of the node.
        port: Its DICOM port.
        version: Of the software.
        timezone: Times are shown in it.
        destinations: Of the settings.
        list_jobs: Everything the node knows of, newest first.
        read_agreement: How its maps agree with measured ones.
        read_rejections: Who was turned away, the last first.
    """

    ae_title: str
    port: int
    version: str
    timezone: tzinfo
    destinations: tuple[AnyDestination, ...]
    list_jobs: Callable[[], Sequence[JobView]]
    read_agreement: Callable[[], AgreementRecord]
    read_rejections: Callable[[], Sequence[Rejection]]


@dataclass(frozen=True, slots=True)
class _AgreementLine:
    compared: int
    left_out: int
    nmae: str
    alarms: list[str]


@dataclass(frozen=True, slots=True)
class _DestinationRow:
    name: str
    ae_title: str
    address: str
    profile: str
    last_success: datetime | None
    waiting: int
    refused: int


def render_page(site: Site, checks: Sequence[Check], now: datetime, state: str, page: int) -> str:
    """The page of jobs.

    Args:
        site: What the page belongs to.
        checks: What health found.
        now: UTC.
        state: Only jobs in this state; empty for all, and so is a word that is no state.
        page: Counts from 1; beyond the last is the last.
    """
    jobs = site.list_jobs()
    counts = Counter(str(job.state) for job in jobs)
    chosen = state if state in MEANINGS else ""
    wanted = [job for job in jobs if job.state == chosen] if chosen else jobs
    pages = max(-(-len(wanted) // ROWS), 1)
    page = min(page, pages)
    first = (page - 1) * ROWS
    shown = wanted[first : first + ROWS]
    return _render(
        "page.html",
        site,
        agreement=_agreement_line(site, now),
        checks=checks,
        now=now,
        counts=[(name, counts[name]) for name in MEANINGS],
        destinations=[_destination_row(target, jobs) for target in site.destinations],
        rejections=_lately(site.read_rejections(), now),
        jobs=shown,
        chosen=chosen,
        query=Markup(f"state={chosen}&amp;") if chosen else "",  # noqa: S704  (a word of ours)
        total=len(wanted),
        first=first + 1,
        last=first + len(shown),
        page=page,
        pages=pages,
    )


def render_agreement_page(site: Site, now: datetime) -> str:
    """The page of the agreement record: the one `mumap-node agreement --html` writes."""
    page = page_of(
        site.read_agreement(),
        site.timezone,
        now,
        node=site.ae_title,
        software_version=site.version,
        home="./",
    )
    return render_agreement(page)


def render_handbook(site: Site, handbook: Markup) -> str:
    """The page of the handbook."""
    return _render("handbook.html", site, handbook=handbook)


def _render(template: str, site: Site, **values: Any) -> str:
    environment = Environment(
        loader=PackageLoader("mumap_node.node.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        site=site, root="./", tones=TONES, meanings=MEANINGS, puzzling=PUZZLING
    )
    environment.filters["compared_with"] = compared_with
    environment.filters["figures"] = figures_of
    environment.filters["admitting"] = settings_for
    environment.filters["local"] = lambda at: f"{at.astimezone(site.timezone):%Y-%m-%d %H:%M:%S}"
    return environment.get_template(template).render(values)


def _agreement_line(site: Site, now: datetime) -> _AgreementLine | None:
    """What the front page says of the agreement record; None where there is none."""
    record = site.read_agreement()
    if not record.rows:
        return None
    nmae = record.total.figures.get("nmae_range")
    return _AgreementLine(
        record.total.counted,
        record.total.left_out,
        METRICS["nmae_range"].shown(nmae.median) if nmae else "",
        [drift.sentence(site.timezone) for drift in recent(record.drifts, now)],
    )


def _lately(rejections: Sequence[Rejection], now: datetime) -> list[Rejection]:
    """Those worth a place on the front page; `mumap-node rejected` shows all."""
    recent = [found for found in rejections if now - found.last_at <= REJECTED_FOR]
    return recent[:MOST_REJECTED]


def _destination_row(target: AnyDestination, jobs: Sequence[JobView]) -> _DestinationRow:
    deliveries = deliveries_to(target.name, jobs)
    if isinstance(target, WebDestination):
        ae_title, address = "", target.url
    else:
        ae_title, address = target.ae_title, f"{target.host}:{target.port}"
    return _DestinationRow(
        name=target.name,
        ae_title=ae_title,
        address=address,
        profile=target.profile,
        last_success=deliveries.last_success,
        waiting=deliveries.waiting,
        refused=deliveries.failed,
    )
