"""Who is learned from and who is held back: patient by patient, never across."""

from collections.abc import Sequence

from mumap_node.errors import ConfigurationError
from mumap_node.training.pairs.sources import PairSource


def split(
    sources: Sequence[PairSource], share: float
) -> tuple[tuple[PairSource, ...], tuple[PairSource, ...]]:
    """Part pairs into those to learn from and those to validate with, patient by patient.

    A patient's digest alone decides, so that more pairs never move one from here to there; only
    where that leaves one side empty does the patient of the lowest or highest digest change it.

    Raises:
        ConfigurationError: ``no-pairs`` where there are fewer than two patients.
    """
    patients = sorted({source.patient for source in sources})
    if len(patients) < 2:
        problem = f"expected pairs of at least two patients, found {len(patients)}"
        if len(sources) > 1:
            problem += f": all {len(sources)} pairs have one Patient ID, or none, or one torso"
        raise ConfigurationError("no-pairs", [problem])
    held = {patient for patient in patients if int(patient[:8], 16) < share * 2**32}
    held = (held | {patients[0]}) - {patients[-1]}
    learned = tuple(source for source in sources if source.patient not in held)
    return learned, tuple(source for source in sources if source.patient in held)
