"""Limits of the gate: where so many good inputs that the model never saw would be stopped."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from mumap_node.imaging.appearance import Appearance
from mumap_node.imaging.model_card import Mistake, Typicality, WarnFail
from mumap_node.imaging.typicality import Population

FALSE_ALARMS = {"warn": 0.05, "fail": 0.02}
"""Share of good inputs beyond at least one limit."""

LEAST_RESEMBLANCE = 0.5
"""Half-way to a mistake: a limit below would gain nothing for mistakes that are told apart well,
and would stop the first good input that is a little unlike the simulated ones."""

DIGITS = 4
"""Significant digits of a limit in the card."""

SELF_DEVIATION = "self-deviation"

Scores = Mapping[str, float]
"""Of one input, by check."""


def score(population: Population, appearance: Appearance, deviation_per_cm: float | None) -> Scores:
    """What the checks of an input compare with their limits."""
    scores = {"distance": population.distance(appearance)} | population.resemblance(appearance)
    return scores if deviation_per_cm is None else scores | {SELF_DEVIATION: deviation_per_cm}


def calibrate(good: Sequence[Scores], sha256: str) -> Typicality:
    """The card's table for a population, from good inputs that it was not fitted to.

    Every check alone stops the same number of them, as many as give the wanted false alarms of
    all checks together; one whose limit is LEAST_RESEMBLANCE stops fewer.

    Args:
        good: Scores of good inputs.
        sha256: Of the population's file.
    """
    names = list(good[0])
    table = np.array([list(scores.values()) for scores in good])
    least = np.where([name in set(Mistake) for name in names], LEAST_RESEMBLANCE, -np.inf)
    ranks = table.argsort(axis=0).argsort(axis=0)
    highest_ranks = np.where(table > least, ranks, -1).max(axis=1)

    limits: dict[str, dict[str, float]] = {name: {} for name in names}
    for verdict, share in FALSE_ALARMS.items():
        last_passing = int(np.quantile(highest_ranks, 1 - share, method="higher"))
        values = np.maximum(np.sort(table, axis=0)[last_passing], least)
        for name, value in zip(names, values, strict=True):
            limits[name][verdict] = _rounded_up(value)
    return Typicality(
        sha256=sha256,
        distance=WarnFail(**limits["distance"]),
        resemblance={name: WarnFail(**limits[name]) for name in Mistake if name in limits},
        self_deviation_per_cm=(
            WarnFail(**limits[SELF_DEVIATION]) if SELF_DEVIATION in limits else None
        ),
    )


def _rounded_up(value: float) -> float:
    step = 10.0 ** (math.floor(math.log10(value)) + 1 - DIGITS)
    return round(math.ceil(value / step) * step, 12)
