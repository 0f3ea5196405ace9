"""Spools as a node would leave them, written without running one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from mumap_node.node.spool.files import Spool, write_record
from mumap_node.node.spool.records import (
    Admission,
    Decision,
    Delivery,
    DeliveryState,
    Job,
    MapFile,
    Outcome,
    Result,
)

NOW = datetime.now(UTC).replace(microsecond=0)
"""When things were written; the tests' own time, so that nothing looks old."""


def put_instance(spool: Spool, number: int, **changes: Any) -> Decision:
    """A held instance, unless the changes say otherwise."""
    decision = Decision(
        instance_id=f"{number:016x}-{number:032x}",
        admission=Admission.HELD,
        reason="no-route",
        sentence="expected a route that matches, found none",
        route="",
        seen={"calling_ae_title": "SPECT1", "SeriesDescription": "<b>NAC</b>"},
        calling_ae_title="SPECT1",
        peer="camera",
        received_at=NOW - timedelta(minutes=number),
        decided_at=NOW - timedelta(minutes=number),
    )
    decision = replace(decision, **changes)
    write_record(spool.decision_file(decision.instance_id), decision)
    spool.instance_file(decision.instance_id).touch()
    return decision


def put_job(
    spool: Spool, number: int, delivery: Delivery | None = None, result: Result | None = None
) -> Job:
    """A job that was made, and delivered unless a delivery says otherwise."""
    job_id = f"{number:032x}"
    instance = put_instance(
        spool, number, admission=Admission.JOB, reason="", sentence="", route="all", job_id=job_id
    )
    job = Job(
        job_id=job_id, instance_id=instance.instance_id, run=1, route="all",
        model="uniform-body-1.0", model_sha256="0" * 64, assume_nac=True, relax=(),
        profiles={"archive": "standard"}, created_at=instance.received_at,
    )  # fmt: skip
    made = Result(
        outcome=Outcome.MADE, attempt=1, reason="", sentence="", findings=(),
        files={"standard": (MapFile("map.dcm", "0" * 64, "2.25.1"),)}, runtime="numpy",
        software_version="1.2.3", seconds={}, finished_at=instance.received_at,
    )  # fmt: skip
    accepted = Delivery("archive", DeliveryState.ACCEPTED, 1, last_attempt_at=instance.received_at)
    spool.job_folder(job_id).mkdir()
    write_record(spool.job_file(job_id), job)
    write_record(spool.result_file(job_id), result or made)
    write_record(spool.delivery_file(job_id, "archive"), delivery or accepted)
    return job
