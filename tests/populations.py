"""A small population of analytic torsos, and the gate fitted to it."""

from functools import cache

import numpy as np

from mumap_node.imaging.appearance import MEASURES, VIEW_SHAPE, Appearance, describe
from mumap_node.imaging.model_card import Mistake, Typicality
from mumap_node.imaging.typicality import Population, encode
from mumap_node.imaging.volume import Geometry, Volume
from mumap_node.training.gate.bad_inputs import mirrored, upside_down
from mumap_node.training.gate.calibration import calibrate, score
from mumap_node.training.gate.fitting import fit
from mumap_node.training.gate.writing import digest
from mumap_node.training.torso import analytic_torso

RANDOM = np.random.default_rng(0)
"""Never drawn from: the mistakes used here leave nothing to chance."""

LEARNED, HELD = range(32), range(100, 140)
"""Seeds of torsos that the gate is fitted to, and of those its limits are from."""


@cache
def torso(seed: int) -> Volume:
    """A torso whose size, place and noise follow from a seed."""
    random = np.random.default_rng(seed)
    emission = analytic_torso((22, 30, 30), 13.2, seed=seed).emission
    affine = emission.geometry.affine.copy()
    affine[:3, :3] *= random.uniform(0.92, 1.08, 3)
    moved = np.roll(emission.voxels, random.integers(-1, 2, 3), axis=(0, 1, 2))
    return Volume(moved, Geometry(emission.geometry.shape, affine), emission.quantity)


@cache
def population() -> Population:
    """Statistics of 32 torsos, with two mistakes."""
    good = [torso(seed) for seed in LEARNED]
    mistakes = {Mistake.MIRRORED: mirrored, Mistake.UPSIDE_DOWN: upside_down}
    return fit(
        [describe(volume) for volume in good],
        {
            (name, ""): [describe(change(volume, RANDOM)) for volume in good]
            for name, change in mistakes.items()
        },
    )


@cache
def limits() -> Typicality:
    """Limits from 40 other torsos."""
    scores = [score(population(), look(seed), None) for seed in HELD]
    return calibrate(scores, digest(encode(population())))


def knowing_nothing() -> Population:
    """A population with every mistake, which finds everything as usual."""
    voxels, features = int(np.prod(VIEW_SHAPE)), len(MEASURES) + 1
    return Population(
        view=np.zeros(voxels, np.float32),
        components=np.zeros((0, voxels), np.float32),
        mean=np.zeros(features),
        whitening=np.zeros((features, features)),
        mistakes=np.array(list(Mistake)),
        contrasts=np.zeros((len(Mistake), features)),
    )


def look(seed: int) -> Appearance:
    """How a torso looks."""
    return describe(torso(seed))
