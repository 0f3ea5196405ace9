"""Toy cases to train on: bright blocks in dim boxes, whose maps follow from them."""

import numpy as np

from mumap_node.training.learning.loop import Cases
from mumap_node.training.learning.plan import Plan
from mumap_node.training.pairs.cache import Cache

GRID = (16, 16, 24)


def plan(**changes):
    """A plan of a run that takes a second."""
    usual = {
        "input": Plan().input.model_copy(update={"shape": GRID}),
        "widths": (32, 32, 32),
        "blocks": (1, 1, 1),
        "epochs": 2,
        "validation_cases": 2,
    }
    return Plan(**{**usual, **changes})


def cases(learned=4, validated=2, seed=0):
    """Boxes of different sizes; the last slices lie beyond the field of view."""
    random = np.random.default_rng(seed)
    inputs = np.zeros((learned + validated, *GRID), np.float16)
    truths = np.zeros_like(inputs)
    for given, truth in zip(inputs, truths, strict=True):
        rows, columns = random.integers(3, 6), random.integers(4, 9)
        box = np.s_[2:14, 8 - rows : 8 + rows, 12 - columns : 12 + columns]
        given[box] = 0.5 + 0.1 * random.random(given[box].shape)
        truth[box] = 0.6
        given[14:] = truth[14:] = np.nan
    usable = np.ones(len(inputs), dtype=bool)
    every = range(learned + validated)
    return Cases(Cache((), inputs, truths, usable), every[:learned], every[learned:])
