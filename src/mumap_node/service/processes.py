"""The processes of the node, each built from the settings and drained when it is asked to stop."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

import structlog

from mumap_node import __version__, logs
from mumap_node.errors import ConfigurationError, place_of
from mumap_node.node.dicomweb.destination import AnyDestination, WebDestination
from mumap_node.node.presence import present
from mumap_node.node.spool.files import Spool
from mumap_node.node.tls.files import TlsFiles
from mumap_node.service import auditing, building
from mumap_node.service.stopping import StopRequest
from mumap_node.service.supervisor import supervise
from mumap_node.settings.loading import load_settings
from mumap_node.settings.tables import Settings

DRAIN_SECONDS = 25.0
"""For a process to finish what it does. A map or an object takes seconds; `docker compose` and
systemd give a service longer than this and DRAIN_ALL_SECONDS together."""

DRAIN_ALL_SECONDS = 35.0
"""For the processes of `serve`, which drain at the same time, before they are killed."""

STANDARD_INPUT = 0

Process = Callable[[Settings, Spool, StopRequest], bool]
"""Whether all its work was finished when it was asked to stop."""

_log = structlog.get_logger()


def run(verb: str, config: Path, *, supervised: bool) -> None:
    """Be one process of the node until asked to stop.

    Args:
        verb: "receive", "work", "deliver", "web" or "watch".
        config: The settings file.
        supervised: Whether standard input is the pipe of a supervisor.

    Raises:
        ConfigurationError: It cannot start with these settings.
    """
    component, process = PROCESSES[verb]
    logs.configure(component)
    logs.report_unhandled()
    with StopRequest(STANDARD_INPUT if supervised else None) as stop:
        try:
            settings = load_settings(config)
            spool = building.open_spool(settings)
            _log.info("process.started", software_version=__version__)
            with present(spool.run, component), auditing.activity(settings, component):
                finished = process(settings, spool, stop)
        except ConfigurationError as error:
            for problem in error.problems:
                _log.error("process.refused", reason=error.reason, sentence=problem)
            raise
        if not finished:
            _log.warning("process.stopped", reason="drain-incomplete")
            os._exit(0)  # the threads of what is left running would keep the process alive
        _log.info("process.stopped")


def serve(config: Path) -> int:
    """Run all processes as children, which are restarted when they die.

    Returns:
        Exit code: 0 after SIGTERM or SIGINT.

    Raises:
        ConfigurationError: The settings are wrong.
    """
    logs.configure("supervisor")
    logs.report_unhandled()
    settings = load_settings(config)
    building.open_spool(settings)
    # -P: the working directory must not be where modules come from.
    python = (sys.executable, "-P", "-m", "mumap_node")
    commands = {
        component: (*python, verb, "-c", str(config), "--supervised")
        for verb, (component, _) in PROCESSES.items()
        if verb != "watch" or settings.watch
    }
    with StopRequest() as stop:
        on_death = partial(auditing.tell_death, settings)
        return supervise(commands, stop, drain_seconds=DRAIN_ALL_SECONDS, on_death=on_death)


def receive(settings: Settings, spool: Spool, stop: StopRequest) -> bool:
    """The Storage and Verification SCP."""
    from mumap_node.node.receiver.scp import ReceiverOptions, start_receiver

    has_tls = settings.node.tls_port is not None
    receiver = start_receiver(
        ReceiverOptions(
            ae_title=settings.node.ae_title,
            bind=settings.node.bind,
            port=None if settings.node.tls_only else settings.node.port,
            peers=building.peers(settings),
            max_associations=settings.receiver.max_associations,
            min_free_gb=settings.receiver.min_free_gb,
            storage_classes=building.storage_classes(settings),
            tls_port=settings.node.tls_port,
            tls=building.tls_files(settings) if has_tls else None,
            audit=auditing.audit_of(settings),
        ),
        spool,
    )
    stop.wait()
    receiver.drain(DRAIN_SECONDS)
    return True  # associations that were left have been aborted


def work(settings: Settings, spool: Spool, stop: StopRequest) -> bool:
    """Admission, reconciler and the making of maps."""
    from mumap_node.node.worker.process import Worker
    from mumap_node.service.working import opener, worker_options

    engine = building.engine_options(settings, spool.run)
    with _reaching_database():
        worker = Worker(worker_options(settings), spool, engine, opener(settings))
    stop.wait()
    return worker.stop(DRAIN_SECONDS)


def deliver(settings: Settings, spool: Spool, stop: StopRequest) -> bool:
    """The Storage SCU."""
    from mumap_node.node.deliverer.process import Deliverer, DelivererOptions
    from mumap_node.node.deliverer.sending import SendingOptions

    sending = SendingOptions(
        settings.node.ae_title,
        building.destinations(settings),
        accept_warnings=settings.delivery.accept_warnings,
        audit=auditing.audit_of(settings),
        software_version=__version__,
        timezone=ZoneInfo(settings.node.timezone),
    )
    _check_certificates(sending.destinations.values())
    with _reaching_database():
        engine = building.engine_options(settings, spool.run)
        forwarding = auditing.forwarding(settings, spool.run)
        options = DelivererOptions(sending, forwarding=forwarding)
        deliverer = Deliverer(options, spool, engine)
    stop.wait()
    return deliverer.stop(DRAIN_SECONDS)


def web(settings: Settings, spool: Spool, stop: StopRequest) -> bool:
    """The page and the health addresses."""
    from mumap_node.service.website import start_website

    website = start_website(settings, spool)
    stop.wait()
    website.stop()
    return True


def watch(settings: Settings, spool: Spool, stop: StopRequest) -> bool:
    """The Query/Retrieve SCU."""
    from mumap_node.node.fetcher.memory import Memory
    from mumap_node.node.fetcher.process import keep_watching
    from mumap_node.service.fetching import now, watchers

    memory = Memory(spool, now)
    keep_watching(watchers(settings, spool, memory), memory, stop.wait)
    return True


def _check_certificates(destinations: Iterable[AnyDestination]) -> None:
    """See that destinations can be called by TLS.

    Raises:
        ConfigurationError: The node's certificate cannot be used.
    """
    from mumap_node.node.tls.contexts import client_context, warn_of_dates

    for files in {files for target in destinations if (files := _tls_files(target))}:
        client_context(files)
        warn_of_dates(files, datetime.now(UTC))


def _tls_files(target: AnyDestination) -> TlsFiles | None:
    if isinstance(target, WebDestination):
        return target.client
    return target.tls.files if target.tls else None


@contextmanager
def _reaching_database() -> Iterator[None]:
    """Say in one line that a database does not answer; whoever restarts us tries again."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except SQLAlchemyError as error:
        sentence = f"expected the engine's database, found {place_of(error)}"
        _log.error("process.refused", reason="engine-unavailable", sentence=sentence)
        sys.exit(1)


PROCESSES: Mapping[str, tuple[str, Process]] = MappingProxyType(
    {
        "receive": ("receiver", receive),
        "work": ("worker", work),
        "deliver": ("deliverer", deliver),
        "web": ("web", web),
        "watch": ("fetcher", watch),
    }
)
"""By verb: the name in logs, health and compose file, and what it does."""
