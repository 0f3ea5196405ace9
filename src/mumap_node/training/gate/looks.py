"""How good inputs look, and the same inputs after each known mistake."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mumap_node.errors import InputRejected
from mumap_node.imaging import resampling
from mumap_node.imaging.appearance import Appearance, describe
from mumap_node.imaging.model_card import Mistake
from mumap_node.imaging.volume import Volume
from mumap_node.training.gate import bad_inputs
from mumap_node.training.gate.measured import another_isotope, chang_corrected, corrected
from mumap_node.training.pairs.sources import PairSource
from mumap_node.training.simulation.cohort import CohortCase

MADE_BY: Mapping[Mistake, bad_inputs.Change] = {
    Mistake.MIRRORED: bad_inputs.mirrored,
    Mistake.UPSIDE_DOWN: bad_inputs.upside_down,
    Mistake.BACK_TO_FRONT: bad_inputs.back_to_front,
    Mistake.TURNED_OVER: bad_inputs.turned_over,
    Mistake.ENLARGED: bad_inputs.enlarged,
    Mistake.SHRUNK: bad_inputs.shrunk,
    Mistake.ELSEWHERE: bad_inputs.shifted,
}

Way = tuple[Mistake, str]
"""A mistake, and the name of a way to make it; empty where there is one way only."""


@dataclass(frozen=True, eq=False, slots=True)
class Looks:
    """Of one pair.

    Attributes:
        key: Of the pair.
        good: As it is.
        mistaken: After each mistake, by the way it was made; those that need projections only
            where there are some.
    """

    key: str
    good: Appearance
    mistaken: Mapping[Way, Appearance]


def look_at(source: PairSource) -> Looks | None:
    """Look at a pair, with the same mistakes whenever it is asked for; None if it is doubtful."""
    try:
        pair = source.load()
    except InputRejected:
        return None
    upright = resampling.upright(pair.nac.geometry)
    nac, lac = resampling.onto(pair.nac, upright), resampling.onto(pair.lac, upright)
    random = np.random.default_rng(list(pair.key.encode()))
    made: dict[Way, Volume] = {
        (mistake, ""): change(nac, random) for mistake, change in MADE_BY.items()
    }
    known = lac.with_voxels(np.nan_to_num(lac.voxels))
    made[Mistake.CORRECTED, "Chang"] = chang_corrected(nac, known, random)
    case = CohortCase(source.nac.parent)
    if source.is_simulated and case.has_projections():
        made[Mistake.CORRECTED, "OSEM"] = corrected(case)
        made[Mistake.ANOTHER_ISOTOPE, ""] = another_isotope(case, random)
    mistaken = {way: describe(volume) for way, volume in made.items()}
    return Looks(pair.key, describe(nac), mistaken)
