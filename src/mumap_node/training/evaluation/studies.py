"""One patient: every method's map and correction beside the truth, and what they are off by."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mumap_node.imaging import metrics
from mumap_node.imaging.acquisition import Reconstruction
from mumap_node.imaging.correction import Measurement
from mumap_node.imaging.findings import Verdict
from mumap_node.imaging.metrics import Errors
from mumap_node.imaging.perfusion import polar_maps
from mumap_node.imaging.polar import LeftVentricle, PolarMap
from mumap_node.imaging.regions import Mask
from mumap_node.imaging.volume import Volume
from mumap_node.training.evaluation.methods import MODEL, NO_MAP, Answer, Methods


@dataclass(frozen=True, eq=False, slots=True)
class Case:
    """One patient to evaluate on.

    Attributes:
        name: Of the case; unique.
        patient: Whose it is; cases of one patient are not independent.
        source: The nAC reconstruction, as read from its file.
        truth: LAC in 1/cm on the grid of the nAC.
        groups: Value by subgroup, such as "F" by "sex".
        is_core: Whether it is of the core stratum; None where there are no strata.
        tissues: Where lung and bone are, on the upright grid of the truth; empty where only their
            LACs tell.
        heart: Where the left ventricle lies; None where nobody knows.
        measurement: What the camera measured; None where it is not there.
    """

    name: str
    patient: str
    source: Reconstruction
    truth: Volume
    groups: Mapping[str, str]
    is_core: bool | None = None
    tissues: Mapping[str, Mask] = field(default_factory=dict)
    heart: LeftVentricle | None = None
    measurement: Measurement | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Study:
    """A case with everything that was made of it.

    Attributes:
        case: The patient.
        answers: By method.
        true_heart: Polar map of the reconstruction corrected with the truth; None where nothing
            was reconstructed.
        hearts: Polar maps of the other reconstructions by method, ``NO_MAP`` among them.
    """

    case: Case
    answers: Mapping[str, Answer]
    true_heart: PolarMap | None
    hearts: Mapping[str, PolarMap]


@dataclass(frozen=True, eq=False, slots=True)
class CaseResult:
    """The figures of one case; small, so that it can travel between processes.

    Attributes:
        name: Of the case.
        patient: Whose it is.
        groups: Value by subgroup.
        is_core: Whether it is of the core stratum; None where there are no strata.
        errors: By method, then by the name of the metric.
        true_segments: Perfusion of the 17 segments corrected with the truth; empty without.
        segments: The same by method.
        joint_cm3: Joint histogram of true and the model's LAC.
        failed: Checks the node would have kept the map back for.
        warned: Checks it would have sent the map with a warning for.
    """

    name: str
    patient: str
    groups: Mapping[str, str]
    is_core: bool | None
    errors: Mapping[str, Errors]
    true_segments: NDArray[np.float64]
    segments: Mapping[str, NDArray[np.float64]]
    joint_cm3: NDArray[np.float64]
    failed: tuple[str, ...]
    warned: tuple[str, ...]


def study(case: Case, methods: Methods, *, correct: bool) -> Study:
    """Let every method answer, and reconstruct with each map where projections exist.

    Args:
        case: The patient.
        methods: By name; ``MODEL`` is the one under test.
        correct: Whether to reconstruct at all.

    Raises:
        InputRejected: A method cannot answer.
    """
    answers = {name: answer(case.source) for name, answer in methods.items()}
    if not correct or case.heart is None or case.measurement is None:
        return Study(case, answers, None, {})
    lacs = (*(answer.mumap for answer in answers.values()), None, case.truth)
    hearts = polar_maps(case.measurement, case.heart, case.truth.geometry, lacs)
    if not hearts:
        return Study(case, answers, None, {})
    *found, true_heart = hearts
    return Study(case, answers, true_heart, dict(zip((*answers, NO_MAP), found, strict=True)))


def measure(studied: Study) -> CaseResult:
    """The figures of a study."""
    case, findings = studied.case, studied.answers[MODEL].findings
    errors: dict[str, Errors] = {
        name: _map_errors(case, answer.mumap) for name, answer in studied.answers.items()
    }
    if studied.true_heart is not None:
        for name, heart in studied.hearts.items():
            of_heart = metrics.heart_errors(heart, studied.true_heart)
            errors[name] = {**errors.get(name, {}), **of_heart}
    return CaseResult(
        name=case.name,
        patient=case.patient,
        groups=case.groups,
        is_core=case.is_core,
        errors=errors,
        true_segments=studied.true_heart.segments() if studied.true_heart else np.empty(0),
        segments={name: heart.segments() for name, heart in studied.hearts.items()},
        joint_cm3=metrics.joint_histogram_cm3(studied.answers[MODEL].mumap, case.truth),
        failed=tuple(found.check for found in findings if found.verdict is Verdict.FAIL),
        warned=tuple(found.check for found in findings if found.verdict is Verdict.WARN),
    )


def _map_errors(case: Case, mumap: Volume) -> Errors:
    errors = metrics.map_errors(mumap, case.truth, case.tissues)
    if case.heart is None:
        return errors
    angles = case.measurement.orbit.angles_deg if case.measurement else metrics.USUAL_ANGLES_DEG
    return {**errors, **metrics.path_errors(mumap, case.truth, case.heart.centre_mm, angles)}
