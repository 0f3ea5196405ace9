import numpy as np
import pytest

from mumap_node.imaging.volume import Geometry, Quantity, Volume
from mumap_node.training.gate.measured import chang_corrected

SHAPE, SPACING_MM, RADIUS_MM, LAC_PER_CM = (5, 48, 48), 6.0, 100.0, 0.15


def cylinder(value, quantity):
    """A uniform one, 20 cm wide, along the body."""
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(np.eye(3)) * SPACING_MM
    back, left = (np.indices(SHAPE[1:]) - 23.5) * SPACING_MM
    inside = np.broadcast_to(np.hypot(back, left) < RADIUS_MM, SHAPE)
    return Volume(np.where(inside, np.float32(value), 0), Geometry(SHAPE, affine), quantity)


@pytest.mark.parametrize("seed", range(3))
def test_chang_multiplies_by_what_was_lost_on_the_way(seed):
    nac = cylinder(10.0, Quantity.COUNTS)
    lac = cylinder(LAC_PER_CM, Quantity.LAC_PER_CM)

    corrected = chang_corrected(nac, lac, np.random.default_rng(seed)).voxels

    middle = corrected[2, 23:25, 23:25].mean() / 10.0
    assert middle == pytest.approx(np.exp(LAC_PER_CM * RADIUS_MM / 10), rel=0.05)
    assert not corrected[nac.voxels == 0].any()


def test_without_a_body_nothing_is_corrected():
    nac = cylinder(10.0, Quantity.COUNTS)
    air = nac.with_voxels(np.zeros(SHAPE, np.float32), Quantity.LAC_PER_CM)

    corrected = chang_corrected(nac, air, np.random.default_rng(0))

    np.testing.assert_allclose(corrected.voxels, nac.voxels, rtol=1e-4)
