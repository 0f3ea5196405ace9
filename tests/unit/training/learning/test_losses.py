"""Losses count what lies in the field of view, and nothing beyond."""

import pytest
import torch

from mumap_node.training.learning.losses import gradient_l1, masked_l1

SHAPE = (1, 1, 4, 5, 6)
EVERYWHERE = torch.ones(SHAPE)


@pytest.mark.parametrize("loss", [masked_l1, gradient_l1])
def test_a_perfect_map_costs_nothing(loss):
    truth = torch.rand(SHAPE)

    assert float(loss(truth, truth, EVERYWHERE)) == 0


def test_a_constant_error_costs_its_size_but_no_gradient():
    truth = torch.rand(SHAPE)

    assert float(masked_l1(truth + 0.1, truth, EVERYWHERE)) == pytest.approx(0.1)
    assert float(gradient_l1(truth + 0.1, truth, EVERYWHERE)) == pytest.approx(0, abs=1e-6)


def test_a_step_costs_by_the_axes_it_is_seen_along():
    truth, predicted = torch.zeros(SHAPE), torch.zeros(SHAPE)
    predicted[:, :, 2:] = 1.0

    # one of three steps between slices
    assert float(gradient_l1(predicted, truth, EVERYWHERE)) == pytest.approx(1 / 3 / 3)


@pytest.mark.parametrize("loss", [masked_l1, gradient_l1])
def test_what_lies_beyond_the_field_of_view_does_not_count(loss):
    truth, mask = torch.zeros(SHAPE), torch.ones(SHAPE)
    mask[:, :, 3:] = 0
    predicted = torch.zeros(SHAPE)
    predicted[:, :, 3:] = 7.0

    assert float(loss(predicted, truth, mask)) == 0


@pytest.mark.parametrize("loss", [masked_l1, gradient_l1])
def test_without_a_field_of_view_nothing_is_lost(loss):
    assert float(loss(torch.ones(SHAPE), torch.zeros(SHAPE), torch.zeros(SHAPE))) == 0
