"""An executor: the process that runs what is enqueued, and takes over from those that died."""

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import sqlalchemy as sa
import structlog
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer

from mumap_node.errors import NodeError, place_of
from mumap_node.node.engine.attempts import Attempt, Kind
from mumap_node.node.engine.client import (
    APPLICATION,
    QUEUES,
    WORKFLOWS,
    WORKFLOWS_VERSION,
    enqueue_options,
    workflow_input,
)
from mumap_node.node.engine.database import (
    POOL_SIZE,
    EngineOptions,
    check_durability,
    open_database,
)
from mumap_node.node.engine.lease import open_lease, take_executor_id
from mumap_node.node.engine.sweep import Active, sweep

POLL_SECONDS = 0.1
"""Between two looks into a queue. A map waits for two of them, and should take less than 0.5 s
beside reading and inference. Costs 3 % of a core per executor (SQLite, idle for 30 s, measured)."""

SWEEP_SECONDS = 10.0
"""Between two looks for the work of dead executors."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Served:
    """How one kind of attempt is run.

    Attributes:
        run: Makes one attempt and says what is to be enqueued then. May be repeated after a
            crash, and must not mind.
        stopped: Keeps for people that an attempt ended by a bug or by repeated crashes: attempt,
            reason, sentence.
        crashes: Times an attempt may take its process down before it is given up.
        at_once: Attempts run at the same time in one process.
        per_destination: Of these, to the same destination; None where there are none.
    """

    run: Callable[[Attempt], Sequence[Attempt]]
    stopped: Callable[[Attempt, str, str], None]
    crashes: int
    at_once: int
    per_destination: int | None = None


class StoppedError(NodeError):
    """An attempt ended by a bug; all that the engine's database learns of it."""


class Executor:
    """Serves queues until it is stopped; one per process, since DBOS is.

    Attributes:
        executor_id: Its id, which no other living process has.
    """

    def __init__(
        self,
        options: EngineOptions,
        name: str,
        served: Mapping[Kind, Served],
        *,
        sweep_seconds: float = SWEEP_SECONDS,
    ) -> None:
        """Take an executor id, open the database, bring its schema up to date and serve.

        Args:
            options: Where the database is.
            name: What begins the executor id, such as "worker".
            served: How each kind of attempt is run; other kinds are left to other processes.
            sweep_seconds: Between two looks for the work of dead executors.

        Raises:
            ConfigurationError: The database would not survive a power cut.
            sqlalchemy.exc.SQLAlchemyError: It cannot be reached.
        """
        self._lease = open_lease(options)
        self.executor_id = take_executor_id(self._lease, name)
        self._swept = options.lock_folder / f"{name}.swept"  # its age tells that sweeping works
        self._active = Active()
        self._database = open_database(options, pool_size=POOL_SIZE)
        check_durability(self._database)
        _quieten_dbos()
        DBOS(config=_config(self._database, self.executor_id))
        for kind, how in served.items():
            DBOS.workflow(name=WORKFLOWS[kind], max_recovery_attempts=how.crashes - 1)(
                _workflow(how, self._active)
            )
        self._launch(served)
        self._stop_sweeping = threading.Event()
        self._sweeper = threading.Thread(
            target=self._sweep, args=(sweep_seconds,), name="sweep", daemon=True
        )
        self._sweeper.start()
        log.info("executor.started", process=self.executor_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop(0)

    def stop(self, seconds: float) -> bool:
        """Take nothing new, and wait for what is running.

        Args:
            seconds: How long to wait. Work still running then is begun again by the next
                process; the caller must end this one with `os._exit`, since its threads live on.

        Returns:
            Whether nothing was left running.
        """
        self._stop_sweeping.set()
        self._sweeper.join()
        busy = len(self._active) > 0
        DBOS.destroy(
            destroy_registry=True,
            workflow_completion_timeout_sec=max(1, int(seconds)) if busy and seconds > 0 else 0,
        )
        self._database.dispose()
        left = len(self._active)
        if left == 0:
            self._lease.close()  # else it ends with the process: nobody may take over before
        log.info("executor.stopped", process=self.executor_id, count=left)
        return left == 0

    def _launch(self, served: Mapping[Kind, Served]) -> None:
        DBOS.listen_queues([QUEUES[kind] for kind in served])
        DBOS.launch()
        for kind, how in served.items():
            DBOS.register_queue(
                QUEUES[kind],
                worker_concurrency=how.at_once,
                partition_worker_concurrency=how.per_destination,
                polling_interval_sec=POLL_SECONDS,
                on_conflict="always_update",
            )

    def _sweep(self, seconds: float) -> None:
        while not self._stop_sweeping.wait(seconds):
            try:
                sweep(self._lease, self.executor_id, self._active)
                self._swept.touch()
            except Exception as error:  # a sweep that died would strand work
                log.warning("executor.sweep_failed", exc_info=error)


def _workflow(how: Served, active: Active) -> Callable[[dict[str, Any]], None]:
    """Every kind of workflow: try once, then enqueue what follows."""

    def workflow(fields: dict[str, Any]) -> None:
        attempt = Attempt.from_json(fields)
        active.add(attempt.workflow_id)
        try:
            for following in DBOS.run_step({"name": "try"}, _try, how, attempt):
                _enqueue(Attempt.from_json(following))
        finally:
            active.remove(attempt.workflow_id)

    return workflow


def _try(how: Served, attempt: Attempt) -> list[dict[str, Any]]:
    try:
        return [following.to_json() for following in how.run(attempt)]
    except Exception as error:  # the outermost body: one bad input must not end the rest
        reason, sentence = "internal-error", f"expected no exception, found {place_of(error)}"
        log.error("attempt.stopped", workflow_id=attempt.workflow_id, reason=reason, exc_info=error)
        with contextlib.suppress(OSError):  # else the reconciler keeps it, from the engine's ERROR
            how.stopped(attempt, reason, sentence)
        # Nothing of the foreign exception may reach the engine's database: its text may quote
        # a patient's data.
        raise StoppedError(reason, sentence) from None


def _enqueue(attempt: Attempt) -> None:
    DBOS.enqueue_workflow_with_options(enqueue_options(attempt), workflow_input(attempt))


def _config(database: sa.Engine, executor_id: str) -> DBOSConfig:
    return DBOSConfig(
        name=APPLICATION,
        system_database_engine=database,
        application_version=WORKFLOWS_VERSION,
        executor_id=executor_id,
        serializer=DBOSPortableJSONSerializer(),  # the default, pickle, runs code out of the rows
        run_migrations=True,  # DBOS takes a lock of the database for it
        log_level="WARNING",
    )


def _quieten_dbos() -> None:
    """Let the node's own logging handle what DBOS says, and only what is wrong."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())  # DBOS adds a console handler where there is none
    logger.propagate = True
    logger.setLevel(logging.WARNING)
