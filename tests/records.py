"""Records and spools for tests, and an engine that lives in memory."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

from mumap_node.node.engine.attempts import Attempt
from mumap_node.node.engine.client import EngineClient, Known
from mumap_node.node.engine.database import EngineOptions, embedded_database
from mumap_node.node.spool.files import Spool, write_durably, write_record
from mumap_node.node.spool.measured import keep, key_of
from mumap_node.node.spool.records import (
    Admission,
    Agreement,
    Decision,
    Delivery,
    DeliveryState,
    Job,
    MapFile,
    OperatorWord,
    Outcome,
    Result,
)

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
STUDY = "1.2.3"
FILE = MapFile("map-standard-0123.dcm", "0" * 64, "2.25.1")


def decision(admission: Admission = Admission.JOB, **changes: Any) -> Decision:
    """A decision on an instance called "instance"."""
    usual: dict[str, Any] = {
        "instance_id": "instance",
        "reason": "",
        "sentence": "",
        "route": "all",
        "seen": {},
        "calling_ae_title": "CAMERA",
        "peer": "camera",
        "received_at": NOW,
        "decided_at": NOW,
        "job_id": "job" if admission is Admission.JOB else "",
    }
    return Decision(admission=admission, **(usual | changes))


def job(*destinations: str, run: int = 1, job_id: str = "job") -> Job:
    """A job for some destinations; for "pacs" where none is named."""
    profiles = dict.fromkeys(destinations or ("pacs",), "standard")
    return Job(
        job_id, "instance", run, "all", "test-1", "0" * 64, True, (), profiles, NOW,
        study=key_of(STUDY),
    )  # fmt: skip


def result(outcome: Outcome = Outcome.MADE, reason: str = "", attempt: int = 1) -> Result:
    """How the making of a map ended."""
    files = {"standard": (FILE,)} if outcome is Outcome.MADE else {}
    return Result(outcome, attempt, reason, "", (), files, "numpy", "0.1.0", {}, NOW)


def write_job(
    spool: Spool,
    asked: Job,
    *,
    decided: Decision | None = None,
    made: Result | None = None,
    sent: Iterable[Delivery] = (),
    word: OperatorWord | None = None,
) -> None:
    """Write a job with everything there is about it, its instance and map included."""
    decided = decided or decision(job_id=asked.job_id)
    write_record(spool.decision_file(decided.instance_id), decided)
    write_durably(spool.instance_file(decided.instance_id), b"images")
    write_record(spool.job_file(asked.job_id), asked)
    if made is not None:
        write_record(spool.result_file(asked.job_id), made)
        for file in chain.from_iterable(made.files.values()):
            write_durably(spool.job_folder(asked.job_id) / file.name, b"map")
    for delivery in sent:
        write_record(spool.delivery_file(asked.job_id, delivery.destination), delivery)
    if word is not None:
        write_record(spool.operator_file(asked.job_id), word)


def delivery(state: DeliveryState, name: str = "pacs", **changes: Any) -> Delivery:
    """A delivery that was tried once."""
    usual: dict[str, Any] = {"attempts": 1, "first_attempt_at": NOW, "last_attempt_at": NOW}
    return Delivery(name, state, **(usual | changes))


def measure(spool: Spool, instance: str = "1.2.3.4.1", *, age_seconds: float = 3600) -> None:
    """Keep a slice of the study's CT that was received so long before NOW."""
    arrival = spool.store_arrival(instance.encode(), b"")
    received = (NOW - timedelta(seconds=age_seconds)).timestamp()
    os.utime(arrival, (received, received))
    keep(spool, arrival, study=STUDY, series="1.2.3.4", instance=instance)


def agreement(measured: str = "0" * 24, **changes: Any) -> Agreement:
    """A comparison with a CT that lies where it should."""
    usual: dict[str, Any] = {
        "attempt": 1,
        "kind": "ct",
        "reason": "",
        "sentence": "",
        "figures": {"nmae_range": 0.0321, "bias_body_per_cm": -0.0012},
        "dice": 0.93,
        "shift_mm": (0.0, 0.0, 0.0),
        "is_registered": True,
        "groups": {"camera": "MAKER CAMERA"},
        "model": "test-1",
        "model_sha256": "0" * 64,
        "received_at": NOW,
        "compared_at": NOW,
    }
    return Agreement(measured=measured, **(usual | changes))


class MemoryEngine(EngineClient):
    """An engine that only remembers.

    Attributes:
        workflows: Status by workflow id.
        waits: Seconds to wait by workflow id.
    """

    def __init__(self) -> None:
        """Know nothing."""
        super().__init__(EngineOptions(embedded_database(Path("nowhere")), Path("nowhere")))
        self.workflows: dict[str, str] = {}
        self.waits: dict[str, float] = {}

    def enqueue(self, attempts: Iterable[Attempt]) -> None:
        for attempt in attempts:
            if attempt.workflow_id not in self.workflows:
                self.waits[attempt.workflow_id] = attempt.wait_seconds
                waits = attempt.wait_seconds > 0
                self.workflows[attempt.workflow_id] = "DELAYED" if waits else "ENQUEUED"

    def latest(self, series: Iterable[str]) -> dict[str, Known]:
        found: dict[str, Known] = {}
        for name in series:
            numbers = [int(i.removeprefix(name)) for i in self.workflows if i.startswith(name)]
            if numbers:
                found[name] = Known(max(numbers), self.workflows[f"{name}{max(numbers)}"])
        return found

    def statuses(self, attempts: Iterable[Attempt]) -> dict[str, str]:
        ids = {attempt.workflow_id for attempt in attempts}
        return {i: status for i, status in self.workflows.items() if i in ids}

    def hasten(self, attempt: Attempt) -> None:
        if self.workflows.get(attempt.workflow_id) == "DELAYED":
            self.waits[attempt.workflow_id] = 0
            self.workflows[attempt.workflow_id] = "ENQUEUED"
