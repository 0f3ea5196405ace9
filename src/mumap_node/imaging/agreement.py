"""Whether a network agrees with itself about an input it should take for the same."""

from collections.abc import Callable, Iterator

import numpy as np

from mumap_node.imaging.volume import Voxels

Predict = Callable[[Voxels], Voxels]

SHIFTS = ((1, -2, 3), (-2, 1, 2))
"""Voxels along (slice, row, column): odd and even ones, which strided networks see differently.
Never a flip, which no patient allows: the heart lies on the left."""

SCALE = 1.05
"""As if a little more of a volume had been bright when its counts were normalised."""

NOISE = 0.03
"""Standard deviation of noise, relative to each voxel; small beside that of any acquisition."""


def spread(predict: Predict, voxels: Voxels, output: Voxels) -> Voxels:
    """Standard deviation of each voxel between answers to harmless changes of one input.

    Args:
        predict: The network, which is run four more times.
        voxels: Its input, (slice, row, column).
        output: Its answer to that.

    Returns:
        Network units, (slice, row, column); infinite where an answer is not finite.
    """
    answers = np.stack((output, *_answers(predict, voxels)))
    is_finite = np.isfinite(answers).all(axis=0)
    deviation: Voxels = np.where(is_finite, answers, 0).std(axis=0)
    return np.where(is_finite, deviation, np.float32(np.inf))


def _answers(predict: Predict, voxels: Voxels) -> Iterator[Voxels]:
    for steps in SHIFTS:
        back = tuple(-step for step in steps)
        yield _shifted(predict(_shifted(voxels, steps)), back)
    yield predict(voxels * np.float32(SCALE))
    noise = np.random.default_rng(0).normal(1, NOISE, voxels.shape)
    yield predict(voxels * noise.astype(np.float32))


def _shifted(voxels: Voxels, steps: tuple[int, ...]) -> Voxels:
    """Moved by whole voxels; the border is repeated into what is left empty."""
    reach = [(abs(step), abs(step)) for step in steps]
    window = tuple(
        slice(abs(step) - step, abs(step) - step + size)
        for step, size in zip(steps, voxels.shape, strict=True)
    )
    return np.pad(voxels, reach, mode="edge")[window]
