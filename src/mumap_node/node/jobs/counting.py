"""What is added up of results and deliveries, for the metrics."""

from mumap_node.imaging.findings import Verdict
from mumap_node.node.engine.attempts import Attempt, Kind
from mumap_node.node.jobs.dossier import read_dossier
from mumap_node.node.spool.files import Spool
from mumap_node.node.spool.records import Delivery, DeliveryState, Result
from mumap_node.node.totals import Total, count, count_all, count_seconds


def count_result(spool: Spool, result: Result) -> None:
    """Count how an attempt at a map ended, what its checks found, and how long its steps took."""
    count(spool.run, Total.ENDED, result.outcome, result.reason)
    told = [found for found in result.findings if found.verdict is not Verdict.PASS]
    count_all(spool.run, Total.FINDINGS, [(found.check, found.verdict) for found in told])
    count_seconds(spool.run, Total.STEPS, result.seconds)


def count_answer(spool: Spool, attempt: Attempt, before: Delivery, after: Delivery) -> None:
    """Count what came of an attempt to deliver, and how long people waited for the map.

    That is not known where a person asked for another delivery of it. Rejection notes are not
    counted: nobody waits for them.

    Args:
        spool: Where the job is.
        attempt: The attempt that ended.
        before: What was written down until then.
        after: What is written down now.
    """
    if attempt.kind is not Kind.DELIVER:
        return
    count(spool.run, Total.DELIVERIES, after.destination, after.state, after.reason)
    is_asked_for = before.attempts > 0 and before.first_attempt_at is None
    if after.state is not DeliveryState.ACCEPTED or is_asked_for or after.last_attempt_at is None:
        return
    dossier = read_dossier(spool, attempt.job_id)
    if dossier is None:
        return
    job, decision = dossier.job, dossier.decision
    begin = decision.received_at if decision and job.run == 1 else job.created_at
    seconds = (after.last_attempt_at - begin).total_seconds()
    count_seconds(spool.run, Total.ANSWERS, {after.destination: seconds})
