"""What a predicted map is measured by while the network learns.

All arrays are (batch, 1, slice, row, column) in network units. A mask is 1 where the source has
voxels; beyond its field of view nobody knows the truth, and nothing counts.
"""

import torch
from torch import Tensor

SMALLEST_COUNT = 1.0
"""Voxels an empty mask is taken to have, so that it gives 0."""


def masked_l1(predicted: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference inside the mask."""
    return _mean((predicted - truth).abs(), mask)


def gradient_l1(predicted: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference of the steps between neighbours, both inside the mask.

    Sharpens edges without a network that must be convinced of them, as plain L1 blurs them.
    """
    difference = predicted - truth
    terms = []
    for axis in (2, 3, 4):
        size = difference.shape[axis] - 1
        both = mask.narrow(axis, 0, size) * mask.narrow(axis, 1, size)
        terms.append(_mean(difference.diff(dim=axis).abs(), both))
    return torch.stack(terms).mean()


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum() / mask.sum().clamp_min(SMALLEST_COUNT)
