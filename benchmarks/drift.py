"""How often the alarm of drift rings, falsely and rightly, of simulated sites of 100 studies each.

Run it with::

    python benchmarks/drift.py [--sites 1000]
"""

import argparse

import numpy as np
from numpy.typing import NDArray

from mumap_node.imaging.drift import find_alarms

STUDIES, CHANGED_FROM = 100, 60
SHIFTS_SD = (1.0, 1.5, 2.0)
LOG_NMAE_SD, BIAS_SD_PER_CM = 0.3, 0.002
OUTLIER_SD = 8.0

Scores = NDArray[np.float64]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--sites", type=int, default=1000)
    sites: int = arguments.parse_args().sites
    rng = np.random.default_rng(1)
    print("| figures | rings | studies later, median and 95th |\n|---|---|---|")
    rang = [bool(find_alarms(figures(*rng.standard_normal((2, STUDIES))))) for _ in range(sites)]
    print(f"| normal, no change | {np.mean(rang):.1%} | |")
    skewed = [rng.gumbel(size=(2, STUDIES)) for _ in range(sites)]
    print(
        f"| skewed, no change | {np.mean([bool(find_alarms(figures(*s))) for s in skewed]):.1%} | |"
    )
    for outliers in (0, 1):
        for shift in SHIFTS_SD:
            waits = np.array([wait(rng, shift, outliers) for _ in range(sites)])
            median, late = np.nanpercentile(waits, (50, 95))
            found = np.isfinite(waits).mean()
            print(f"| {shift:g} sd, {outliers} outliers | {found:.1%} | {median:g}, {late:g} |")


def wait(rng: np.random.Generator, shift: float, outliers: int) -> float:
    """Studies from a change of NMAE to its alarm; NaN where none came."""
    nmae, bias = rng.standard_normal((2, STUDIES))
    nmae[CHANGED_FROM:] += shift
    nmae[rng.choice(CHANGED_FROM, outliers, replace=False)] += OUTLIER_SD
    alarms = find_alarms(figures(nmae, bias))
    after = [a.rang for a in alarms if a.figure == "nmae_body" and a.rang >= CHANGED_FROM]
    return after[0] - CHANGED_FROM if after else np.nan


def figures(nmae: Scores, bias: Scores) -> list[dict[str, float]]:
    """Comparisons with these standard scores."""
    return [
        {"nmae_body": 0.04 * np.exp(LOG_NMAE_SD * one), "bias_body_per_cm": BIAS_SD_PER_CM * other}
        for one, other in zip(nmae, bias, strict=True)
    ]


if __name__ == "__main__":
    main()
