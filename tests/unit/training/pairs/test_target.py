"""Maps have one resolution, whatever the voxels of their source and of the reconstruction."""

import numpy as np
import pytest

from cameras import upright_grid
from mumap_node.imaging.volume import Quantity, Volume
from mumap_node.training.pairs.target import TARGET_FWHM_MM, at_target_resolution

PAINTED = upright_grid((32, 32, 32), 4.8)
OFFSETS = (np.arange(5) - 2) / 5  # of a point from the middle of the voxel that holds it


@pytest.mark.parametrize("spacing_mm", [3.3, 4.8, 5.3, 6.6])
def test_a_painted_point_is_as_wide_on_every_grid_and_stays_where_it_is(spacing_mm):
    grid = upright_grid((2 * int(70 / spacing_mm),) * 3, spacing_mm)
    points_mm = grid.to_patient(np.moveaxis(np.indices(grid.shape), 0, -1)).reshape(-1, 3)
    variances = []
    for step in range(7):
        voxel = np.array([13 + step % 5, 12 + step, 18 - step])
        lac = np.zeros(PAINTED.shape, np.float32)
        lac[tuple(voxel)] = 1.0
        target = at_target_resolution(Volume(lac, PAINTED, Quantity.LAC_PER_CM), grid)
        weights = target.voxels.ravel()
        centre_mm = np.average(points_mm, axis=0, weights=weights)
        np.testing.assert_allclose(centre_mm, PAINTED.to_patient(voxel), atol=0.3)
        for offset in OFFSETS:
            place_mm = PAINTED.to_patient(voxel + offset)
            variances.append(np.average((points_mm - place_mm) ** 2, axis=0, weights=weights))
    fwhm_mm = 2.3548 * np.sqrt(np.mean(variances, axis=0))
    np.testing.assert_allclose(fwhm_mm, TARGET_FWHM_MM, rtol=0.05)


def test_beyond_the_source_the_map_is_what_the_caller_says():
    lac = Volume(np.full(PAINTED.shape, 0.15, np.float32), PAINTED, Quantity.LAC_PER_CM)
    wide = upright_grid((60, 30, 30), 4.8)
    unknown = at_target_resolution(lac, wide, outside=float("nan")).voxels
    assert np.isnan(unknown[:14]).all()
    np.testing.assert_allclose(unknown[14:46], 0.15, rtol=1e-4)


def test_edges_do_not_swing_below_nothing():
    lac = np.zeros(PAINTED.shape, np.float32)
    lac[:, :, 16:] = 0.27
    target = at_target_resolution(
        Volume(lac, PAINTED, Quantity.LAC_PER_CM), upright_grid((20, 40, 40), 3.3)
    )
    assert target.voxels.min() >= 0
    assert target.voxels.max() <= 0.275
