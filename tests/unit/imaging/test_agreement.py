import numpy as np
import pytest
from scipy import ndimage

from mumap_node.imaging.agreement import NOISE, SCALE, spread
from mumap_node.training.torso import analytic_torso

VOXELS = analytic_torso(shape=(12, 16, 16), spacing_mm=26.4).emission.voxels / np.float32(500)


def test_a_network_that_follows_its_input_agrees_but_for_scale_and_noise():
    def smooth(voxels):
        return ndimage.gaussian_filter(voxels, 1.0)

    deviation = spread(smooth, VOXELS, smooth(VOXELS))[3:-3, 3:-3, 3:-3]

    highest = (SCALE - 1 + 3 * NOISE) * smooth(VOXELS)[3:-3, 3:-3, 3:-3]
    assert (deviation <= highest).all()
    assert deviation.any()


@pytest.mark.parametrize("axis", range(3))
def test_a_network_that_prints_its_grid_into_the_map_does_not_agree(axis):
    stripes = 0.01 * (np.indices(VOXELS.shape)[axis] % 2).astype(np.float32)

    deviation = spread(lambda _: stripes, VOXELS, stripes)

    assert deviation.mean() > 0.003


def test_the_network_runs_four_more_times_on_inputs_of_the_same_shape():
    shapes = []

    def recording(voxels):
        shapes.append((voxels.shape, voxels.dtype))
        return voxels

    spread(recording, VOXELS, VOXELS)

    assert shapes == [(VOXELS.shape, np.float32)] * 4


def test_the_same_input_gives_the_same_answer():
    one, other = (spread(np.sqrt, VOXELS, np.sqrt(VOXELS)) for _ in range(2))

    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_answer_that_is_not_finite_never_agrees(value):
    def breaking(voxels):
        return np.where(voxels > voxels.mean(), np.float32(value), voxels)

    deviation = spread(breaking, VOXELS, VOXELS)

    assert np.isinf(deviation).any()
    assert not np.isnan(deviation).any()
