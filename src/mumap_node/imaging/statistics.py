"""Means with their confidence, and agreement of two methods; reproducible."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

BOOTSTRAP_SAMPLES = 2000
BOOTSTRAP_SEED = 20020129
"""Same values, same interval."""

FEWEST_PATIENTS = 5
"""For an interval: drawing again from fewer says nothing of the patients nobody saw."""

LIMITS_OF_AGREEMENT = 1.96
"""Standard deviations; 95 % of normally distributed differences lie within."""


@dataclass(frozen=True, slots=True)
class Summary:
    """How a value is distributed over patients.

    Attributes:
        n: Values, one a case.
        mean: Of all cases.
        sd: Standard deviation of the cases (n - 1); NaN for one.
        median: Of all cases.
        low: Lower end of the 95 % confidence interval of the mean; NaN below 5 patients.
        high: Upper end.
    """

    n: int
    mean: float
    sd: float
    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """Bland and Altman 1986, doi 10.1016/S0140-6736(86)90837-8.

    Attributes:
        bias: Mean difference.
        lower: Bias - 1.96 standard deviations of the differences.
        upper: Bias + 1.96 standard deviations.
    """

    bias: float
    lower: float
    upper: float


def summarise(values: Sequence[float], patients: Sequence[str]) -> Summary | None:
    """Mean, spread, and the percentile bootstrap interval of the mean; None without values.

    Patients are drawn, not cases, since cases of one patient are alike.

    Args:
        values: One a case; those not finite are left out.
        patients: Whose case it is.
    """
    numbers = np.asarray(values, dtype=np.float64)
    kept = np.isfinite(numbers)
    if not kept.any():
        return None
    found = numbers[kept]
    low, high = _interval(found, np.asarray(patients)[kept])
    sd = float(found.std(ddof=1)) if found.size > 1 else np.nan
    return Summary(found.size, float(found.mean()), sd, float(np.median(found)), low, high)


def _interval(values: NDArray[np.float64], patients: NDArray[np.str_]) -> tuple[float, float]:
    _, patient = np.unique(patients, return_inverse=True)
    sums, cases = np.bincount(patient, values), np.bincount(patient)
    if sums.size < FEWEST_PATIENTS:
        return np.nan, np.nan
    drawn = np.random.default_rng(BOOTSTRAP_SEED).integers(
        sums.size, size=(BOOTSTRAP_SAMPLES, sums.size)
    )
    means = sums[drawn].sum(axis=1) / cases[drawn].sum(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def agreement(differences: ArrayLike) -> Agreement:
    """Bias and limits of agreement of at least two differences."""
    values = np.asarray(differences, dtype=np.float64)
    bias = float(values.mean())
    reach = LIMITS_OF_AGREEMENT * float(values.std(ddof=1)) if values.size > 1 else np.nan
    return Agreement(bias, bias - reach, bias + reach)
