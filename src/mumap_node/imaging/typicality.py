"""How far an input lies from what a model was trained on, and which known mistake it resembles."""

import io
import math
from collections.abc import Collection
from dataclasses import dataclass, fields
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from mumap_node.imaging.appearance import MEASURES, VIEW_SHAPE, Appearance, Values
from mumap_node.imaging.volume import Voxels


@dataclass(frozen=True, eq=False, slots=True)
class Population:
    """Reference statistics of the inputs a model was trained on.

    An appearance becomes a vector of ``features``: measures, scores of the view on its principal
    components, and the logarithm of what these leave over.

    Attributes:
        view: Mean view, (voxels,).
        components: Principal components of the view, orthonormal rows, (scores, voxels).
        mean: Mean of the features, (features,).
        whitening: Takes features from their mean to unit covariance, (features, features).
        mistakes: Names of the known mistakes, (mistakes,).
        contrasts: Fisher's linear discriminant of each, (mistakes, features), scaled so that the
            population has a mean of 0 and the mistake one of 1.

    Raises:
        ValueError: Arrays that do not fit each other or what ``appearance`` describes.
    """

    view: Voxels
    components: Voxels
    mean: Values
    whitening: Values
    mistakes: NDArray[np.str_]
    contrasts: Values

    def __post_init__(self) -> None:
        voxels, scores, mistakes = math.prod(VIEW_SHAPE), len(self.components), len(self.mistakes)
        count = len(MEASURES) + scores + 1
        expected = {
            "view": (voxels,), "components": (scores, voxels), "mean": (count,),
            "whitening": (count, count), "mistakes": (mistakes,), "contrasts": (mistakes, count),
        }  # fmt: skip
        found = {name: getattr(self, name).shape for name in expected}
        if found != expected:
            raise ValueError(f"expected arrays of {expected}, found {found}")

    def distance(self, appearance: Appearance) -> float:
        """Mahalanobis distance over the square root of the number of features: usually near 1."""
        whitened = self.whitening @ self._from_mean(appearance)
        return float(np.sqrt(np.mean(whitened**2)))

    def resemblance(self, appearance: Appearance) -> dict[str, float]:
        """Score of each known mistake: 0 as the population, 1 as the mistake on average."""
        scores = self.contrasts @ self._from_mean(appearance)
        return dict(zip(self.mistakes.tolist(), scores.tolist(), strict=True))

    def _from_mean(self, appearance: Appearance) -> Values:
        return features(appearance, self.view, self.components) - self.mean


def features(appearance: Appearance, view: Voxels, components: Voxels) -> Values:
    """The vector the statistics are of.

    Args:
        appearance: Of an input.
        view: Mean view of the population.
        components: Its principal components, orthonormal rows.
    """
    deviation = appearance.view - view
    scores = components @ deviation
    rest = np.sqrt(np.mean((deviation - scores @ components) ** 2))
    return np.concatenate((appearance.measures, scores, [np.log(rest + 1e-6)]))


def encode(population: Population) -> bytes:
    """A population as the content of an .npz file: equal ones give equal bytes."""
    arrays = {field.name: getattr(population, field.name) for field in fields(Population)}
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def decode(content: bytes, needed: Collection[str]) -> Population:
    """A population from the content of its file; pickled objects are refused.

    Raises:
        ValueError: It holds no population, or one that does not know a needed mistake.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            population = Population(**arrays)
    except (EOFError, TypeError, AttributeError, BadZipFile) as error:
        raise ValueError(f"expected the arrays of a population: {error}") from error
    known = set(population.mistakes.tolist())
    if not known.issuperset(needed):
        raise ValueError(f"expected mistakes {sorted(needed)}, found {sorted(known)}")
    return population
