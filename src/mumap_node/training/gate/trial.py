"""The gate put to the test: what it says to good inputs, and to bad ones made of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from mumap_node.dicom.files import read_dataset
from mumap_node.dicom.reading import read_reconstruction
from mumap_node.errors import InputRejected
from mumap_node.imaging import preprocess, quality
from mumap_node.imaging.findings import Finding, Verdict
from mumap_node.imaging.volume import Volume
from mumap_node.pipeline import Model
from mumap_node.training.gate import bad_inputs, measured
from mumap_node.training.parallel import in_processes
from mumap_node.training.simulation.cohort import Cohort, CohortCase

GOOD = "good"
"""The kind of input that should not be stopped."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the gate said to one input.

    Attributes:
        kind: Of the input: GOOD, or how it is bad.
        stopped_by: Checks that failed, by name; none where a map would be made.
    """

    kind: str
    stopped_by: tuple[str, ...]


def try_gate(
    open_model: Callable[[], Model],
    cohort: Cohort,
    bad: Sequence[Path],
    jobs: int,
    progress: Progress,
) -> list[Outcome]:
    """Show a model's gate inputs that it never saw.

    Args:
        open_model: Opens the model in whatever process is asked; it travels.
        cohort: Simulated patients; of those with projections more kinds are made.
        bad: Folders of real objects that should be stopped.
        jobs: Processes at once.
        progress: Told how many cases are done.
    """
    model = open_model()
    outcomes = [
        examine_file(model, path) for folder in bad for path in sorted(folder.glob("*.dcm"))
    ]
    cases = list(cohort)
    for done, found in enumerate(in_processes(partial(_examine_case, open_model), cases, jobs), 1):
        outcomes.extend(found)
        progress(done, len(cases))
    return outcomes


def inputs_of(case: CohortCase) -> Iterator[tuple[str, Volume]]:
    """A case as it is, and every bad input that can be made of it, by kind."""
    nac = case.nac()
    random = np.random.default_rng(case.index)
    yield GOOD, nac
    for kind, change in bad_inputs.FROM_A_CASE.items():
        yield kind, change(nac, random)
    if case.has_projections():
        yield "attenuation-corrected", measured.corrected(case)
        yield "another-isotope", measured.another_isotope(case, random)


def examine(model: Model, kind: str, nac: Volume) -> Outcome:
    """What the gate of a model says to an input before the network, and if it passes, after it."""
    stopped_by = _failed(quality.check_typicality(nac, model.population, model.card))
    if not stopped_by:
        prepared = preprocess.prepare(nac, model.card)
        output = prepared.with_voxels(model.predict(prepared.voxels))
        stopped_by = _failed(quality.check_agreement(prepared, output, model.predict, model.card))
    return Outcome(kind, stopped_by)


def examine_file(model: Model, path: Path) -> Outcome:
    """What the gate says to a real object, whose kind is its folder's name.

    An object that cannot be read is stopped by the reason for that.
    """
    try:
        nac = read_reconstruction(read_dataset(path.read_bytes())).volume
        return examine(model, path.parent.name, nac)
    except InputRejected as error:
        return Outcome(path.parent.name, (error.reason,))


def _examine_case(open_model: Callable[[], Model], case: CohortCase) -> list[Outcome]:
    model = open_model()
    return [examine(model, kind, nac) for kind, nac in inputs_of(case)]


def _failed(findings: Sequence[Finding]) -> tuple[str, ...]:
    return tuple(finding.check for finding in findings if finding.verdict is Verdict.FAIL)
