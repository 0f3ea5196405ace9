"""All cases, in several processes at once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil

from mumap_node.errors import InputRejected
from mumap_node.training.evaluation.methods import Methods
from mumap_node.training.evaluation.studies import Case, CaseResult, measure, study
from mumap_node.training.parallel import in_processes

SHARE = 4
"""Most cases a process takes at a time; the models are opened anew for each share."""

Load = Callable[[], Case]
OpenMethods = Callable[[], Methods]
"""Both must travel to another process: functions of a module, or ``functools.partial`` of one."""


@dataclass(frozen=True, slots=True)
class CaseSource:
    """Where a case comes from.

    Attributes:
        name: Of the case; unique.
        load: Reads it.
    """

    name: str
    load: Load


@dataclass(frozen=True, slots=True)
class Rejected:
    """A case that cannot be read, or that a method cannot answer.

    Attributes:
        name: Of the case.
        reason: Stable code of docs/operations.md.
        sentence: Expected and found.
    """

    name: str
    reason: str
    sentence: str


def evaluate(
    sources: Sequence[CaseSource], open_methods: OpenMethods, *, correct: bool, jobs: int
) -> Iterator[CaseResult | Rejected]:
    """Evaluate every case; in the order they are done.

    Args:
        sources: The cases.
        open_methods: Opens the models; called in each process.
        correct: Whether to reconstruct where projections exist.
        jobs: Processes.
    """
    work = partial(evaluate_share, open_methods=open_methods, correct=correct)
    for results in in_processes(work, shares(sources, jobs), jobs):
        yield from results


def shares(sources: Sequence[CaseSource], jobs: int) -> list[Sequence[CaseSource]]:
    """The cases in parts of at most ``SHARE``, as many for every process as can be."""
    number = min(len(sources), jobs * ceil(len(sources) / (jobs * SHARE)))
    return [sources[first::number] for first in range(number)]


def evaluate_share(
    sources: Sequence[CaseSource], *, open_methods: OpenMethods, correct: bool
) -> list[CaseResult | Rejected]:
    """Evaluate some cases in this process."""
    methods = open_methods()
    return [_evaluate_case(source, methods, correct=correct) for source in sources]


def _evaluate_case(source: CaseSource, methods: Methods, *, correct: bool) -> CaseResult | Rejected:
    try:
        return measure(study(source.load(), methods, correct=correct))
    except InputRejected as error:
        return Rejected(source.name, error.reason, error.sentence)
