"""Jobs and instances by the beginning of their id."""

from collections.abc import Iterator

from mumap_node.errors import NodeError
from mumap_node.node.jobs.dossier import Dossier, read_dossier
from mumap_node.node.jobs.views import Item
from mumap_node.node.spool.files import Spool, read_record
from mumap_node.node.spool.records import Decision


class NotPossibleError(NodeError):
    """What a person asked for cannot be done with this job."""


def find(spool: Spool, which: str) -> Item:
    """The job, or the instance that became none, whose id alone begins so.

    Raises:
        NotPossibleError: There is none, or several.
    """
    ids = sorted({found for found in _ids(spool) if found.startswith(which)})
    if which in ids:
        ids = [which]
    if len(ids) != 1:
        reason = "ambiguous-job" if ids else "no-such-job"
        raise NotPossibleError(
            reason, f"expected one id beginning with {which!r}, found {len(ids)}"
        )
    decision = read_record(Decision, spool.decision_file(ids[0]))
    if decision is None:
        return current(spool, ids[0])
    dossier = read_dossier(spool, decision.job_id) if decision.job_id else None
    return dossier or decision


def current(spool: Spool, job_id: str) -> Dossier:
    """What is written down about a job just now.

    Raises:
        NotPossibleError: There is no such job any more.
    """
    dossier = read_dossier(spool, job_id)
    if dossier is None:
        raise NotPossibleError(reason="no-such-job", sentence=f"found no job {job_id}")
    return dossier


def _ids(spool: Spool) -> Iterator[str]:
    yield from spool.job_ids()
    yield from spool.instance_ids()
