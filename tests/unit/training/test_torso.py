import numpy as np
import pytest

from mumap_node.imaging import regions
from mumap_node.imaging.volume import Quantity
from mumap_node.training.torso import analytic_torso


@pytest.fixture(scope="module")
def torso():
    return analytic_torso()


def test_the_same_seed_gives_the_same_torso(torso):
    assert np.array_equal(analytic_torso().emission.voxels, torso.emission.voxels)
    assert not np.array_equal(analytic_torso(seed=1).emission.voxels, torso.emission.voxels)


def test_everything_lies_on_one_grid_centred_at_the_origin(torso):
    assert torso.lac.geometry is torso.emission.geometry
    assert torso.body.shape == torso.lac.geometry.shape == (64, 64, 64)
    assert np.allclose(torso.lac.geometry.centre_mm, 0)
    assert torso.emission.quantity is Quantity.COUNTS
    assert torso.lac.quantity is Quantity.LAC_PER_CM


def test_counts_are_what_a_camera_can_store(torso):
    counts = torso.emission.voxels

    assert np.array_equal(counts, np.rint(counts))
    assert 1000 < counts.max() < 32768
    assert counts.min() >= 0


def test_the_heart_lies_left_and_the_liver_right(torso):
    """Columns grow to the patient's left, slices to the head."""
    hot = regions.hot_spot(torso.emission.voxels)
    lungs = torso.lac.voxels == np.float32(0.0457)

    assert regions.share(regions.left_half(torso.body)[32:], of=hot[32:]) > 0.9
    assert regions.share(regions.left_half(torso.body)[:26], of=hot[:26]) < 0.2
    assert regions.share(regions.left_half(torso.body), of=lungs) < 0.48


def test_counts_from_deep_inside_are_dimmed(torso):
    """Soft tissue of one activity looks darker in the middle than below the skin."""
    slab = torso.emission.voxels[54:60].mean(axis=0)

    assert slab[30:34, 30:34].mean() < 0.6 * slab[18:21, 20:44].mean()


@pytest.mark.parametrize("spacing_mm", [3.3, 4.8, 6.6, 13.2])
def test_the_body_keeps_its_size_on_any_grid(spacing_mm):
    size = round(400 / spacing_mm)
    torso = analytic_torso((8, size, size), spacing_mm)
    areas = regions.areas_cm2(torso.body, (spacing_mm,) * 3)

    assert areas == pytest.approx(675, rel=0.02)
