"""The worker: admits what was received, makes and compares maps, keeps spool and engine in step."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Self

import structlog

from mumap_node.errors import ConfigurationError, TransientError
from mumap_node.node.audit.trail import Audit, unaudited
from mumap_node.node.bell import Bell, ring
from mumap_node.node.engine.attempts import Kind
from mumap_node.node.engine.client import EngineClient
from mumap_node.node.engine.database import EngineOptions
from mumap_node.node.engine.executor import SWEEP_SECONDS, Executor, Served
from mumap_node.node.jobs.deliveries import keep_stopped
from mumap_node.node.jobs.dossier import next_map_attempt
from mumap_node.node.model import LoadedModel
from mumap_node.node.presence import try_lock
from mumap_node.node.spool.files import Spool
from mumap_node.node.spool.records import Job
from mumap_node.node.worker.admission import Admitter
from mumap_node.node.worker.committing import Committing
from mumap_node.node.worker.comparing import Comparing
from mumap_node.node.worker.decisions import Rules
from mumap_node.node.worker.making import Making, MakingOptions
from mumap_node.node.worker.reconciler import SETTLE_SECONDS, Reconciler, Stopped
from mumap_node.node.worker.retention import Retention, purge

LOOK_SECONDS = 10.0
"""Between two looks into the inbox where nobody rings the bell."""

RECONCILE_SECONDS = 60.0
"""Between two comparisons of spool and engine."""

PURGE_SECONDS = 6 * 3600.0
"""Between two clean-ups, which read every record; the first comes that long after the start."""

EXIT_CLERK_FAILED = 71
"""Exit code (EX_OSERR) of a worker that cannot look into its inbox any more."""

HEAD_START_SECONDS = 10.0
"""Of maps before the first comparison. One that takes its worker down takes the map with it that is
being made; both are begun again, and without a head start it would until both were given up."""

CRASHES = 3
"""Times a job may take its worker down before it is put aside."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker works.

    Attributes:
        rules: What the settings say about received instances.
        making: Who makes the maps.
        retention: How long finished things are kept.
        look_seconds: Between two looks into the inbox where nobody rings the bell.
        reconcile_seconds: Between two comparisons of spool and engine.
        sweep_seconds: Between two looks for the work of dead workers.
        settle_seconds: Without another measured file before a study is compared.
        head_start_seconds: For maps, before the first comparison.
        audit: Where it is told what came.
    """

    rules: Rules
    making: MakingOptions
    retention: Retention = Retention()  # noqa: RUF009  (frozen)
    look_seconds: float = LOOK_SECONDS
    reconcile_seconds: float = RECONCILE_SECONDS
    sweep_seconds: float = SWEEP_SECONDS
    settle_seconds: float = SETTLE_SECONDS
    head_start_seconds: float = HEAD_START_SECONDS
    audit: Audit = unaudited


class Worker:
    """A running worker; one per process."""

    def __init__(
        self,
        options: WorkerOptions,
        spool: Spool,
        engine: EngineOptions,
        open_model: Callable[[str], LoadedModel],
    ) -> None:
        """Verify the models of all routes, then begin to work.

        Args:
            options: How to work.
            spool: Where everything is.
            engine: Where the engine keeps its records.
            open_model: Opens a model by name or identity.

        Raises:
            ConfigurationError: A model is missing or not what it should be, or the database
                would not survive a power cut.
            sqlalchemy.exc.SQLAlchemyError: The database cannot be reached.
        """
        making = Making(spool, options.making, open_model, _now)
        comparing = Comparing(
            spool,
            options.rules.load_card,
            _now,
            options.making.timezone,
            options.head_start_seconds,
        )
        open_models(making, options.rules)
        self._executor = Executor(
            engine,
            "worker",
            {
                Kind.MAP: Served(making.attempt, making.stopped, CRASHES, at_once=1),
                Kind.COMPARE: Served(comparing.attempt, comparing.stopped, CRASHES, at_once=1),
            },
            sweep_seconds=options.sweep_seconds,
        )
        self._clerk = Clerk(options, spool, engine, making, comparing)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop(0)

    def stop(self, seconds: float) -> bool:
        """Take nothing new, and wait for what is being made or compared.

        Returns:
            Whether it was finished. Where not, the caller must end the process with `os._exit`;
            the next one begins it again.
        """
        self._clerk.stop()
        return self._executor.stop(seconds)


class Clerk:
    """The thread that admits, reconciles and cleans up; in one process at a time."""

    def __init__(
        self,
        options: WorkerOptions,
        spool: Spool,
        engine: EngineOptions,
        making: Making,
        comparing: Comparing,
    ) -> None:
        """Begin, as soon as no other process does it."""
        self._options = options
        self._spool = spool
        self._engine = EngineClient(engine)
        self._admitter = Admitter(spool, options.rules, _now, options.audit)
        stopped: dict[Kind, Stopped] = {
            Kind.MAP: making.stopped,
            Kind.DELIVER: partial(keep_stopped, spool, _now),
            Kind.NOTE: partial(keep_stopped, spool, _now),
            Kind.COMPARE: comparing.stopped,
        }
        self._reconciler = Reconciler(spool, self._engine, stopped, _now, options.settle_seconds)
        self._committing = Committing(spool, self._engine, _now)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clerk", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the instance at hand."""
        self._stop.set()
        ring(self._spool.bell)
        self._thread.join()
        self._engine.close()

    def _run(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            lock = os.open(self._spool.run / "clerk.lock", flags, 0o660)
            while not self._stop.is_set():
                if try_lock(lock):
                    self._serve()
                else:
                    self._stop.wait(self._options.look_seconds)
            os.close(lock)
        except Exception as error:  # a worker that no longer admits is worse than one that restarts
            log.critical("clerk.failed", exc_info=error)
            os._exit(EXIT_CLERK_FAILED)

    def _serve(self) -> None:
        bell = Bell(self._spool.bell)
        purge_at = time.monotonic() + PURGE_SECONDS
        reconcile_at = time.monotonic()
        self._do(self._admitter.recover)
        while not self._stop.is_set():
            self._do(self._admit)
            self._do(self._committing.look)
            if time.monotonic() >= reconcile_at:
                self._do(self._reconciler.reconcile)
                reconcile_at = time.monotonic() + self._options.reconcile_seconds
            if time.monotonic() >= purge_at:
                self._do(self._purge)
                purge_at = time.monotonic() + PURGE_SECONDS
            bell.wait(self._options.look_seconds)
        bell.close()

    def _do(self, chore: Callable[[], object]) -> None:
        try:
            chore()
        except TransientError as error:
            log.warning("chore.failed", reason=error.reason, sentence=error.sentence)
        except OSError as error:
            log.error("chore.failed", reason="spool-failed", exc_info=error)
        except Exception as error:  # a clerk that died would leave the inbox to fill up
            log.error("chore.failed", reason="internal-error", exc_info=error)

    def _admit(self) -> None:
        failed: OSError | None = None
        for path in self._spool.arrivals():
            if self._stop.is_set():
                return
            try:
                job = self._admitter.admit(path)
            except OSError as error:  # one file that cannot be read must not keep the others
                failed = error
                continue
            if job is not None:
                self._enqueue(job)
        if failed is not None:
            self._admitter.recover()  # it may have been moved already, without its job
            raise failed

    def _enqueue(self, job: Job) -> None:
        try:
            self._engine.enqueue([next_map_attempt(self._spool, job.job_id)])
        except TransientError as error:  # the reconciler hands it over later
            log.warning("job.not_enqueued", job_id=job.job_id, reason=error.reason)

    def _purge(self) -> None:
        now = _now()
        purge(self._spool, self._options.retention, now)
        self._engine.forget(self._options.retention.records_before(now))


def open_models(making: Making, rules: Rules) -> None:
    """Verify the models of all routes before the first job needs one.

    Raises:
        ConfigurationError: Names everything that is wrong with any of them.
    """
    problems: list[str] = []
    reason = ""
    for name in dict.fromkeys(route.model for route in rules.routes if route.action == "map"):
        try:
            making.model(rules.load_card(name).identity)
        except ConfigurationError as error:
            reason = reason or error.reason
            problems.extend(error.problems)
    if problems:
        raise ConfigurationError(reason, problems)


def _now() -> datetime:
    return datetime.now(UTC)
