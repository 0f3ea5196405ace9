"""Toy cases to train on: bright blocks in dim boxes, whose maps follow from them."""

import numpy as np

from mumap_node.training.learning.loop import Cases
from mumap_node.training.learning.plan import Plan

GRID = (16, 16, 24)


def plan(**changes):
    """A plan of a run that takes a second."""
    usual = {
        "widths": (16, 32, 32),
        "blocks": (1, 1, 1),
        "epochs": 2,
        "validation_cases": 2,
    }
    return Plan(**{**usual, **changes})


def arrays(count=6, seed=0):
    """Inputs and outputs: boxes of several sizes; the last slices lie beyond the field of view."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        given, truth = np.zeros((2, *GRID), np.float16)
        rows, columns = random.integers(3, 6), random.integers(4, 9)
        box = np.s_[2:14, 8 - rows : 8 + rows, 12 - columns : 12 + columns]
        given[box] = 0.5 + 0.1 * random.random(given[box].shape)
        truth[box] = 0.6
        given[14:] = truth[14:] = np.nan
        made.append((given, truth))
    return made


def cases(made=None, validated=2):
    """All of them but the last to learn from."""
    made = made or arrays()
    every = range(len(made))
    return Cases(made.__getitem__, every[:-validated], every[-validated:])
