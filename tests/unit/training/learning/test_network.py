"""The network keeps shapes, gives no negative attenuation and stays small."""

import itertools

import pytest
import torch

from mumap_node.errors import ConfigurationError
from mumap_node.training.learning.network import (
    MULTIPLE_OF,
    Network,
    _shuffled,
    best_device,
    calculates_in_bfloat16,
    parameters_of,
)


@pytest.mark.parametrize("grid", [(8, 8, 8), (16, 24, 40)])
@pytest.mark.parametrize("batch", [1, 3])
def test_any_batch_and_any_grid_of_multiples_keep_their_shape(batch, grid):
    with torch.inference_mode():
        mumap = Network().eval()(torch.rand(batch, 1, *grid))

    assert mumap.shape == (batch, 1, *grid)
    assert float(mumap.min()) >= 0


def test_it_has_fewer_weights_than_would_fill_twenty_megabytes():
    assert 1_000_000 < parameters_of(Network()) < 3_000_000


def test_eight_channels_become_the_voxels_of_twice_the_grid():
    fine = torch.rand(2, 1, 4, 6, 8)
    offsets = itertools.product((0, 1), repeat=3)
    channels = [fine[:, 0, s::2, r::2, c::2] for s, r, c in offsets]

    assert torch.equal(_shuffled(torch.stack(channels, 1)), fine)


def test_what_lies_below_nothing_is_cut_off_only_after_it_has_learned():
    network = Network()
    torch.nn.init.constant_(network.last.bias, -10.0)
    given = torch.rand(1, 1, 8, 8, 8)

    with torch.inference_mode():
        assert float(network(given).max()) < 0
        assert not network.eval()(given).any()


def test_every_weight_learns():
    network = Network()

    network(torch.rand(1, 1, *[2 * MULTIPLE_OF] * 3)).sum().backward()

    assert all(weight.grad is not None for weight in network.parameters())


def test_every_voxel_of_the_input_can_matter_to_the_middle():
    torch.manual_seed(0)
    given = torch.rand(1, 1, 64, 64, 64, requires_grad=True)

    Network()(given)[0, 0, 32, 32, 32].backward()

    assert given.grad[0, 0].abs().sum((1, 2)).min() > 0


def test_a_device_that_is_not_there_is_refused():
    assert best_device("cpu").type == "cpu"
    assert best_device("auto").type in ("cpu", "cuda")
    if not torch.cuda.is_available():
        with pytest.raises(ConfigurationError) as caught:
            best_device("cuda")
        assert caught.value.reason == "cuda-unavailable"


def test_bfloat16_is_a_matter_of_the_processor():
    assert calculates_in_bfloat16(torch.device("cpu")) in (True, False)
