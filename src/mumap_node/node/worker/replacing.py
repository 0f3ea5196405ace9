"""Replacing: which map a new one stands for, and what of it may still be in use."""

from collections.abc import Iterator, Sequence

from mumap_node.node.jobs.dossier import Dossier, read_dossier
from mumap_node.node.jobs.states import may_be_there
from mumap_node.node.spool.files import Spool
from mumap_node.node.spool.records import Decision, Job


def job_before(decision: Decision, before: Decision | None, siblings: Sequence[Decision]) -> str:
    """The job before that of a decision; the same however often the decision is made again.

    Args:
        decision: The new one.
        before: On the same instance, as it was written down until now.
        siblings: On other instances with the same SOP Instance UID.
    """
    if before is not None and before.job_id:
        # An interrupted decision is made again: it must not replace itself.
        return before.replaces if before.run == decision.run else before.job_id
    earlier = [
        sibling
        for sibling in siblings
        if sibling.job_id
        and sibling.version_of == decision.version_of
        and sibling.received_at < decision.received_at
    ]
    return max(earlier, key=lambda sibling: sibling.received_at).job_id if earlier else ""


def replaced_uids(spool: Spool, job: Job) -> tuple[str, ...]:
    """SOP Instance UIDs of earlier maps that may be in use, the latest first.

    Of each encoding that was sent; of several objects of one encoding, the first.
    """
    return tuple(
        files[0].sop_instance_uid
        for dossier in _earlier(spool, job)
        if dossier.result is not None
        for profile, files in dossier.result.files.items()
        if profile in _profiles_sent(dossier)
    )


def _profiles_sent(dossier: Dossier) -> set[str]:
    profiles = dossier.job.profiles
    return {profiles[sent.destination] for sent in dossier.deliveries if may_be_there(sent)}


def _earlier(spool: Spool, job: Job) -> Iterator[Dossier]:
    """The jobs before a job, the latest first, as far as they are kept."""
    while job.replaces and (dossier := read_dossier(spool, job.replaces)) is not None:
        yield dossier
        job = dossier.job
