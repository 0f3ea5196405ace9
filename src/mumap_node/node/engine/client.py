"""The engine from outside: enqueue attempts, ask what became of them, forget old ones."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Self

import sqlalchemy as sa
from dbos import DBOSClient, DBOSPortableJSONSerializer, EnqueueOptions

from mumap_node.errors import TransientError, place_of
from mumap_node.node.engine.attempts import Attempt, Kind
from mumap_node.node.engine.database import CLIENT_POOL_SIZE, EngineOptions, open_database

APPLICATION = "mumap-node"
"""Owner of everything we keep in the engine's database."""

WORKFLOWS_VERSION = "mumap-wf-1"
"""Version of the workflows' order of steps, not of the node: an executor only runs what was
enqueued for its version, so an upgrade that changed it would leave jobs behind. Change the order
of steps behind DBOS.patch() instead."""

QUEUES: Mapping[Kind, str] = {
    Kind.MAP: "maps",
    Kind.DELIVER: "deliveries",
    Kind.NOTE: "notes",
    Kind.COMPARE: "comparisons",
    Kind.COMMIT: "commitments",
}
"""Queue by kind of attempt."""

WORKFLOWS: Mapping[Kind, str] = {
    Kind.MAP: "make_map",
    Kind.DELIVER: "deliver",
    Kind.NOTE: "note",
    Kind.COMPARE: "compare",
    Kind.COMMIT: "report_commitment",
}
"""Name of the workflow by kind of attempt."""

PRIORITY = 10
"""Of every attempt. Lower goes first and none at all would be the highest, so it is always set."""

FINISHED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
"""Engine states from which a workflow does not move by itself."""

BATCH = 500
"""Workflows asked for, or forgotten, at once; SQLite takes at most 32 766 parameters."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the engine knows of the latest attempt at something.

    Attributes:
        number: Of that attempt.
        status: The engine's own word for where it stands.
    """

    number: int
    status: str


class EngineClient:
    """A connection to the engine's database; needs no worker to be running.

    Raises:
        TransientError: From every method, where the database cannot be reached or does not
            exist yet. What was to be done is then done by the worker's reconciler.
    """

    def __init__(self, options: EngineOptions) -> None:
        """Prepare; the database is looked for when it is first needed."""
        self._options = options
        self._database: sa.Engine | None = None
        self._client: DBOSClient | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def enqueue(self, attempts: Iterable[Attempt]) -> None:
        """Hand over attempts; those the engine knows already stay as they are."""
        with self._connected() as client:
            for attempt in attempts:
                client.enqueue(enqueue_options(attempt), workflow_input(attempt))

    def latest(self, series: Iterable[str]) -> dict[str, Known]:
        """The latest attempt of each series (`Attempt.series`); unknown ones are left out."""
        found: dict[str, Known] = {}
        with self._connected() as client:
            for prefixes in _batches(series):
                for workflow_id, status in _statuses(client, workflow_id_prefix=prefixes):
                    name, _, number = workflow_id.rpartition("/")
                    known = Known(int(number), status)
                    key = f"{name}/"
                    if key not in found or found[key].number < known.number:
                        found[key] = known
        return found

    def statuses(self, attempts: Iterable[Attempt]) -> dict[str, str]:
        """Where attempts stand, by workflow id; unknown ones are left out."""
        found: dict[str, str] = {}
        with self._connected() as client:
            for ids in _batches(attempt.workflow_id for attempt in attempts):
                found.update(_statuses(client, workflow_ids=ids))
        return found

    def hasten(self, attempt: Attempt) -> None:
        """Let a waiting attempt begin now; nothing where it is not waiting."""
        with self._connected() as client:
            client.set_workflow_delay(attempt.workflow_id, delay_seconds=0)

    def forget(self, before: datetime) -> int:
        """Delete finished attempts that ended before a point in time; how many they were."""
        moment = before.astimezone(UTC).isoformat()
        forgotten = 0
        with self._connected() as client:
            while ids := _finished_before(client, moment):
                client.delete_workflows(ids)
                forgotten += len(ids)
        return forgotten

    def check(self) -> None:
        """Raise where the database cannot be used."""
        with self._connected() as client:
            _statuses(client, limit=1)

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.destroy()
        if self._database is not None:
            self._database.dispose()
        self._client = self._database = None

    @contextmanager
    def _connected(self) -> Iterator[DBOSClient]:
        try:
            yield self._connect()
        except sa.exc.SQLAlchemyError as error:
            raise TransientError(
                "engine-unavailable", f"expected the engine's database, found {place_of(error)}"
            ) from None

    def _connect(self) -> DBOSClient:
        if self._client is None:
            self._database = self._database or self._open()
            self._client = DBOSClient(
                system_database_engine=self._database,
                application_name=APPLICATION,
                serializer=DBOSPortableJSONSerializer(),
                retry_connection_errors=False,  # by default it blocks until the database returns
                lazy=True,
            )
        return self._client

    def _open(self) -> sa.Engine:
        file = self._options.sqlite_file
        if file is not None and not file.exists():  # connecting would create an empty one
            raise TransientError(
                "engine-unavailable", "expected the engine's database, found none yet"
            )
        return open_database(self._options, pool_size=CLIENT_POOL_SIZE)


def enqueue_options(attempt: Attempt) -> EnqueueOptions:
    """How the engine is to run an attempt."""
    options = EnqueueOptions(
        workflow_name=WORKFLOWS[attempt.kind],
        queue_name=QUEUES[attempt.kind],
        workflow_id=attempt.workflow_id,
        app_version=WORKFLOWS_VERSION,
        priority=PRIORITY,
    )
    if attempt.wait_seconds > 0:
        options["delay_seconds"] = attempt.wait_seconds
    if attempt.destination:
        options["queue_partition_key"] = attempt.destination
    return options


def workflow_input(attempt: Attempt) -> dict[str, Any]:
    """What the workflow of an attempt is given; the wait is over by then, and no part of it."""
    return replace(attempt, wait_seconds=0.0).to_json()


def _statuses(client: DBOSClient, **selection: Any) -> list[tuple[str, str]]:
    listed: Callable[..., list[Any]] = client.list_workflows
    workflows = listed(load_input=False, load_output=False, **selection)
    return [(workflow.workflow_id, workflow.status) for workflow in workflows]


def _finished_before(client: DBOSClient, moment: str) -> list[str]:
    selection = {"status": list(FINISHED), "completed_before": moment, "limit": BATCH}
    return [workflow_id for workflow_id, _ in _statuses(client, **selection)]


def _batches(items: Iterable[str]) -> Iterator[list[str]]:
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch
