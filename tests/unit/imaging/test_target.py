"""True maps have one resolution whatever the voxels they come from, and show the patient alone."""

import numpy as np
import pytest

from cameras import upright_grid
from examinations import torso
from mumap_node.imaging.resampling import onto
from mumap_node.imaging.target import TARGET_FWHM_MM, at_target_resolution, to_truth, without_couch
from mumap_node.imaging.volume import Geometry, Quantity, Volume

CT = torso((60, 104, 104), 4.5).lac

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


def test_the_truth_lies_on_the_grid_of_the_reconstruction():
    grid = torso().emission.geometry

    truth = to_truth(CT, grid).voxels

    known = np.isfinite(truth)
    inside = torso().lac.voxels > 0.15
    assert known[2:-2].all()
    assert not known[0].any()  # the CT is shorter
    assert np.median(truth[known & inside]) == pytest.approx(0.152, abs=0.003)


@pytest.mark.parametrize("grid_mm", [2.0, 4.5, 6.6])
def test_an_edge_of_a_ct_is_as_wide_as_in_spect_whatever_the_voxels(grid_mm):
    block = np.zeros(CT.voxels.shape, dtype=np.float32)
    block[10:50, 30:74, 30:74] = 0.15

    truth = to_truth(CT.with_voxels(block), torso((24, 141, 141), grid_mm).lac.geometry).voxels

    profile = truth[12, 70, 70:]
    steps = -np.diff(profile[np.isfinite(profile)])
    at_mm = np.arange(steps.size) * grid_mm
    middle_mm = (steps * at_mm).sum() / steps.sum()
    fwhm_mm = 2.3548 * np.sqrt((steps * (at_mm - middle_mm) ** 2).sum() / steps.sum())
    # Between two voxels of the CT, an edge is a little sharper than anywhere else (the test above).
    assert fwhm_mm == pytest.approx(np.hypot(TARGET_FWHM_MM, 2.3548 * grid_mm / 12**0.5), rel=0.11)


def test_the_couch_goes_and_the_lungs_stay():
    with_couch = CT.voxels.copy()
    with_couch[:, 92:94, 20:84] = 0.1
    with_couch[:, 80:92, 50:51] = np.maximum(with_couch[:, 80:92, 50:51], 0.1)  # it touches

    kept = without_couch(CT.with_voxels(with_couch))

    assert not kept[:, 92:94].any()
    body = CT.voxels > 0.02
    assert np.abs(kept - CT.voxels)[body].mean() < 1e-3


def test_the_truth_is_unknown_where_the_ct_is_and_undimmed_beside_it():
    cut = CT.voxels.copy()
    cut[..., 70:] = np.nan  # within the body
    grid = torso().emission.geometry

    whole, part = (to_truth(CT.with_voxels(voxels), grid).voxels for voxels in (CT.voxels, cut))

    known = np.isfinite(part)
    assert not known[16, 24, 36:].any()
    assert known[16, 24, :32].all()
    edge = known[16, 24].nonzero()[0][-1]
    assert part[16, 18:30, edge].mean() > 0.9 * whole[16, 18:30, edge].mean()


@pytest.mark.parametrize("slices", [80, 8])
def test_voxels_of_a_fine_ct_are_averaged_without_being_moved_or_blurred(slices):
    """That saves most of the time; of a few slices enough are kept to interpolate between."""
    fine = onto(CT, upright_grid((slices, 180, 260), 1.4), is_smooth=True)
    grid = upright_grid((20, 40, 48), 6.6)

    found = to_truth(fine, grid).voxels

    body = fine.with_voxels(without_couch(fine))
    expected = at_target_resolution(body, grid, outside=float("nan")).voxels
    known = np.isfinite(found)
    assert known.sum() > 0.8 * np.isfinite(expected).sum()
    np.testing.assert_allclose(found[known], expected[known], atol=0.008)
    assert np.abs(found - expected)[known].mean() < 3e-4


def test_a_block_is_known_where_most_of_it_is():
    fine = np.repeat(CT.voxels, 4, axis=2)
    affine = CT.geometry.affine @ np.diag((1, 1, 1 / 4, 1))
    affine[:3, 3] = CT.geometry.to_patient((0, 0, -3 / 8))
    fine[:, :, 201:] = np.nan  # 50 pairs of voxels are known, and half of another
    cut = Volume(fine, Geometry(fine.shape, affine), CT.quantity)

    found = np.isfinite(to_truth(cut, CT.geometry).voxels[30, 52])

    assert found[:50].all()
    assert not found[51:].any()
