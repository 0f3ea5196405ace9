"""Reference statistics of a training population, and the limits they are held against."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy.sparse.linalg import svds

from mumap_node.imaging.appearance import Appearance, Values
from mumap_node.imaging.model_card import Mistake
from mumap_node.imaging.typicality import Population, features
from mumap_node.imaging.volume import Voxels
from mumap_node.training.gate.looks import Way

SCORES = 100
"""Principal components of the view; see docs/gate.md for what more or fewer give."""

CASES_PER_SCORE = 2
"""Fewer cases than that would be described rather than their population."""

SHRINKAGE = 0.1
"""Weight of the diagonal in covariances: rare features keep a finite weight."""


LEAST_SPREAD = 0.02
"""Standard deviation of a feature that all training inputs share; most are logarithms: 2 %."""


def fit(good: Sequence[Appearance], mistaken: Mapping[Way, Sequence[Appearance]]) -> Population:
    """Fit the statistics of a population and what tells known mistakes from it.

    All ways to make a mistake count the same, however many inputs each was made of.

    Args:
        good: Appearances of the training inputs.
        mistaken: The same inputs, or some of them, after each mistake.
    """
    view = np.mean([appearance.view for appearance in good], axis=0).astype(np.float32)
    components = _components([good, *mistaken.values()], view, len(good))
    population = _table(good, view, components)
    mean = population.mean(axis=0)
    covariance = _covariance(population)
    ways: dict[Mistake, list[Values]] = defaultdict(list)
    for (mistake, _), appearances in mistaken.items():
        ways[mistake].append(_table(appearances, view, components))
    contrasts = [_contrast(mean, covariance, tables) for tables in ways.values()]
    return Population(
        view=view,
        components=components,
        mean=mean,
        whitening=np.linalg.cholesky(np.linalg.inv(covariance)).T,
        mistakes=np.array(list(ways), dtype=np.str_),
        contrasts=np.array(contrasts).reshape(len(ways), len(mean)),
    )


def _components(groups: Iterable[Sequence[Appearance]], view: Voxels, cases: int) -> Voxels:
    """Of good and mistaken views together, so that what tells them apart is among the first."""
    views = np.array([appearance.view for group in groups for appearance in group], np.float32)
    count = min(SCORES, cases // CASES_PER_SCORE)
    # begun anywhere: at random it would not be the same twice
    begun = np.ones(min(views.shape), np.float32)
    components: Voxels = svds(views - view, count, v0=begun)[2]
    return components[::-1]


def _table(appearances: Sequence[Appearance], view: Voxels, components: Voxels) -> Values:
    return np.array([features(appearance, view, components) for appearance in appearances])


def _covariance(table: Values) -> Values:
    covariance: Values = np.cov(table, rowvar=False)
    variances = np.diag(covariance)
    return (1 - SHRINKAGE) * covariance + np.diag(SHRINKAGE * variances + LEAST_SPREAD**2)


def _contrast(mean: Values, covariance: Values, ways: Sequence[Values]) -> Values:
    """Fisher's discriminant: where the means differ most for the spread of both."""
    middles = np.array([table.mean(axis=0) for table in ways])
    difference = middles.mean(axis=0) - mean
    apart = middles - middles.mean(axis=0)
    spread = np.mean([_covariance(table) for table in ways], axis=0) + apart.T @ apart / len(ways)
    direction: Values = np.linalg.solve(covariance + spread, difference)
    scaled: Values = direction / (direction @ difference)
    return scaled
