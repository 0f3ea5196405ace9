"""Metrics for Prometheus: what the spool and the totals say whenever somebody asks.

The web process counts nothing itself, so it speaks for all processes, and a restart of any of them
changes nothing. Labels are names of the settings and words of ours; never a patient, a UID, the id
of a job, or what a stranger called itself.
"""

import contextlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from mumap_node.node.jobs.overview import Overview, overview_of
from mumap_node.node.jobs.survey import Survey
from mumap_node.node.spool.opened import read_opened
from mumap_node.node.tls.certificates import ends_of
from mumap_node.node.totals import BOUNDS_SECONDS, COUNT, SUM, Labels, Total, read_total
from mumap_node.node.web.health import Watch, is_ready, look, waiting_since

PREFIX = "mumap_node_"

Samples = Mapping[Labels, float]


@dataclass(frozen=True, slots=True)
class Sources:
    """What the metrics are taken from.

    Attributes:
        watch: What health looks at.
        survey: Everything in the spool.
        peers: Names in the settings.
        destinations: Names in the settings.
        version: Of the software.
        now: The time, UTC.
    """

    watch: Watch
    survey: Survey
    peers: tuple[str, ...]
    destinations: tuple[str, ...]
    version: str
    now: Callable[[], datetime]


class NodeMetrics:
    """Everything there is to measure, found anew with every scrape; a collector."""

    def __init__(self, sources: Sources) -> None:
        """Prepare."""
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """Every metric; one that cannot be found out now has no sample, and health says why."""
        sources, now = self._sources, self._sources.now()
        yield _gauge("build_info", "Version of the software.", {(sources.version,): 1}, "version")
        yield from _health(sources.watch, now)
        yield from _machine(sources.watch)
        yield from _queue(sources.watch, now)
        overview = None
        with contextlib.suppress(OSError):  # told by health
            views = sources.survey.views()
            overview = overview_of(views, sources.peers, sources.destinations)
        yield from _jobs(overview)
        yield from _others(overview, now)
        yield from self._totals()

    def _totals(self) -> Iterator[Metric]:
        run, sources = self._sources.watch.spool.run, self._sources
        for total, (name, sentence, labels) in COUNTERS.items():
            # What never happened is 0 where it is known what may: a first time can then be seen.
            usual: dict[Labels, float] = {}
            if total is Total.RECEIVED:
                usual = {(peer,): 0.0 for peer in sources.peers}
            elif total is Total.DRIFTS:
                usual = {(): 0.0}
            family = CounterMetricFamily(PREFIX + name, sentence, labels=labels)
            for values, value in (usual | read_total(run, total)).items():
                family.add_metric(values, value)
            yield family
        for total, (name, sentence, label) in HISTOGRAMS.items():
            yield _histogram(name, sentence, label, read_total(run, total))


COUNTERS: Mapping[Total, tuple[str, str, Labels]] = {
    Total.RECEIVED: ("objects_received", "Objects stored and acknowledged.", ("peer",)),
    Total.REFUSED: ("objects_refused", "Objects that were not stored.", ("reason",)),
    Total.REJECTED: ("associations_rejected", "Callers turned away.", ("reason",)),
    Total.DECIDED: ("instances_decided", "Decisions on what came.", ("decision", "reason")),
    Total.ENDED: ("maps_ended", "Attempts at a map with a result.", ("outcome", "reason")),
    Total.FINDINGS: ("findings", "Checks that did not pass.", ("check", "verdict")),
    Total.DELIVERIES: (
        "delivery_attempts",
        "Attempts to deliver, by where the delivery stood afterwards.",
        ("destination", "state", "reason"),
    ),
    Total.DRIFTS: ("agreement_drifts", "Drift alarms of the agreement record.", ()),
}
"""Name, sentence and labels of what only rises, over restarts and retention."""

HISTOGRAMS: Mapping[Total, tuple[str, str, str]] = {
    Total.STEPS: ("step_seconds", "Duration of a step of making a map.", "step"),
    Total.ANSWERS: (
        "answer_seconds",
        "From the acknowledged images to the accepted map.",
        "destination",
    ),
}
"""Name, sentence and label of durations."""


def _health(watch: Watch, now: datetime) -> Iterator[Metric]:
    checks = look(watch, now)
    yield _gauge("ready", "1 where the node can do its work.", {(): is_ready(checks)})
    yield _gauge(
        "health",
        "1 where all is well with what the node depends on, as /health/ready has it.",
        {(check.name,): check.ok for check in checks},
        "check",
    )


def _machine(watch: Watch) -> Iterator[Metric]:
    free: Samples = {}
    size: Samples = {}
    ends: Samples = {}
    with contextlib.suppress(OSError):  # told by health
        disk = shutil.disk_usage(watch.spool.root)
        free, size = {(): disk.free}, {(): disk.total}
    with contextlib.suppress(OSError):  # told by health
        found = ends_of(watch.certificates) if watch.certificates else ()
        ends = {(name, str(number)): end.timestamp() for name, number, end in found}
    yield _gauge("disk_free_bytes", "Free on the disk of the data directory.", free)
    yield _gauge("disk_size_bytes", "Of the disk of the data directory.", size)
    yield _gauge(
        "disk_min_free_bytes", "Below this, senders are refused.", {(): watch.min_free_bytes}
    )
    yield _gauge(
        "certificate_expires_timestamp_seconds",
        "When a certificate of [tls] expires: which file, and its place in it.",
        ends,
        "certificate",
        "number",
    )
    yield _gauge(
        "model_info",
        "Models the worker verified when it started, and what runs them.",
        {(m.model, m.sha256, m.runtime): 1 for m in read_opened(watch.spool.run)},
        "model",
        "sha256",
        "runtime",
    )


def _queue(watch: Watch, now: datetime) -> Iterator[Metric]:
    length: Samples = {}
    age: Samples = {}
    with contextlib.suppress(OSError):  # told by health
        waiting = list(waiting_since(watch.spool))
        length = {(): len(waiting)}
        age = {(): (now - min(waiting, default=now)).total_seconds()}
    yield _gauge("queue_jobs", "Objects and jobs without a map yet.", length)
    yield _gauge("queue_oldest_seconds", "Age of the oldest of them; 0 without.", age)


def _jobs(overview: Overview | None) -> Iterator[Metric]:
    states = overview.states if overview else {}
    stopped = overview.stopped if overview else ()
    yield _gauge(
        "jobs",
        "Jobs, and objects that became none, by where they stand.",
        {(state,): count for state, count in states.items()},
        "state",
    )
    yield _gauge(
        "jobs_for_a_person",
        "Those that wait for a person, by reason.",
        {(found.state, found.reason): found.count for found in stopped},
        "state",
        "reason",
    )


def _others(overview: Overview | None, now: datetime) -> Iterator[Metric]:
    received = overview.last_received if overview else {}
    deliveries = overview.deliveries if overview else ()
    yield _gauge(
        "peer_last_received_timestamp_seconds",
        "When the newest object of a peer was received, measured maps left out.",
        {(peer,): at.timestamp() for peer, at in received.items() if at},
        "peer",
    )
    yield _gauge(
        "destination_last_success_timestamp_seconds",
        "When a destination accepted a map last.",
        {(to.destination,): to.last_success.timestamp() for to in deliveries if to.last_success},
        "destination",
    )
    yield _gauge(
        "deliveries",
        "Deliveries by where they stand.",
        {(to.destination, state): n for to in deliveries for state, n in to.states.items()},
        "destination",
        "state",
    )
    yield _gauge(
        "delivery_waiting_seconds",
        "Age of the oldest delivery a destination has not accepted yet; 0 without.",
        {(to.destination,): (now - (to.waiting_since or now)).total_seconds() for to in deliveries},
        "destination",
    )


def _gauge(name: str, sentence: str, samples: Samples, *labels: str) -> Metric:
    family = GaugeMetricFamily(PREFIX + name, sentence, labels=labels)
    for values, value in samples.items():
        family.add_metric(values, float(value))
    return family


def _histogram(name: str, sentence: str, label: str, counted: Samples) -> Metric:
    family = HistogramMetricFamily(PREFIX + name, sentence, labels=(label,))
    for value in _first(counted):
        bounds = [str(bound) for bound in BOUNDS_SECONDS]
        buckets = [(bound, counted.get((value, bound), 0.0)) for bound in bounds]
        family.add_metric(
            (value,),
            [*buckets, ("+Inf", counted.get((value, COUNT), 0.0))],
            counted.get((value, SUM), 0.0),
        )
    return family


def _first(counted: Iterable[Labels]) -> Iterable[str]:
    return dict.fromkeys(value for value, _ in counted)
