"""The sweep: is this executor still the only one of its id, and did another one die?"""

import contextlib
import os
import threading
import time
from collections.abc import Sequence
from typing import Any, NoReturn

import sqlalchemy as sa
import structlog
from dbos import DBOS

from mumap_node.node.engine.lease import Lease

LEASE_RETRIES = 30
"""Seconds to get a lost lease back before the process gives itself up."""

STRANDED_SECONDS = 60.0
"""Age from which work that is ours by the database, but runs nowhere, ends this process."""

EXIT_LEASE_LOST = 75
"""Exit code (EX_TEMPFAIL) of a process that can no longer be sure that it is the only one."""

EXIT_STRANDED = 76
"""Exit code of a process whose database lost track of its work, such as on a full disk."""

log = structlog.get_logger()


class Active:
    """Ids of the workflows that run in this process."""

    def __init__(self) -> None:
        """None yet."""
        self._ids: set[str] = set()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, workflow_id: str) -> bool:
        return workflow_id in self._ids

    def add(self, workflow_id: str) -> None:
        """One begins."""
        with self._lock:
            self._ids.add(workflow_id)

    def remove(self, workflow_id: str) -> None:
        """One ended."""
        with self._lock:
            self._ids.discard(workflow_id)


def sweep(lease: Lease, executor_id: str, active: Active) -> None:
    """Look once.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database cannot be asked.
    """
    _keep(lease, executor_id)
    pending = DBOS.list_workflows(status="PENDING", load_input=False)
    _take_over(lease, {workflow.executor_id for workflow in pending} - {executor_id})
    _exit_when_stranded(pending, executor_id, active)


def _take_over(lease: Lease, foreign: set[str | None]) -> None:
    """Put the work of executors that no longer live back into its queue."""
    for executor_id in foreign - {None}:
        if executor_id is None or not lease.take(executor_id):
            continue
        try:
            # The one underscore call: 3.x removed the public way. The pin and a test guard it.
            DBOS._recover_pending_workflows([executor_id])  # noqa: SLF001
            log.warning("executor.taken_over", process=executor_id)
        finally:
            lease.free(executor_id)


def _keep(lease: Lease, executor_id: str) -> None:
    """Make sure the lease is ours, or end the process: another one may have taken over."""
    try:
        lease.check()
    except sa.exc.SQLAlchemyError:
        log.warning("executor.lease_lost", process=executor_id)
    else:
        return
    for _ in range(LEASE_RETRIES):
        with contextlib.suppress(sa.exc.SQLAlchemyError):
            lease.reopen()
            if lease.take(executor_id):
                log.info("executor.lease_retaken", process=executor_id)
                return
        time.sleep(1)
    _exit("executor.lease_lost", EXIT_LEASE_LOST, executor_id)


def _exit_when_stranded(pending: Sequence[Any], executor_id: str, active: Active) -> None:
    """End the process where the database holds work for it that it does not do.

    That happens where an outcome could not be written, such as on a full disk. The next process
    begins it again.
    """
    oldest = (time.time() - STRANDED_SECONDS) * 1000
    stranded = [
        workflow
        for workflow in pending
        if workflow.executor_id == executor_id
        and workflow.workflow_id not in active
        and (workflow.dequeued_at or workflow.updated_at or 0) < oldest
    ]
    if stranded:
        _exit("executor.stranded", EXIT_STRANDED, executor_id)


def _exit(event: str, code: int, executor_id: str) -> NoReturn:
    log.error(event, process=executor_id)
    os._exit(code)
