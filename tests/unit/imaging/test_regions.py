import numpy as np
import pytest

from mumap_node.imaging import regions
from mumap_node.training.torso import analytic_torso

SPACING_MM = (6.6, 6.6, 6.6)


@pytest.fixture(scope="module")
def torso():
    return analytic_torso()


def box(shape=(5, 20, 20), rows=slice(5, 15), columns=slice(5, 15)):
    mask = np.zeros(shape, bool)
    mask[:, rows, columns] = True
    return mask


def test_the_soft_tissue_mode_is_that_of_soft_tissue(torso):
    assert regions.soft_tissue_mode_per_cm(torso.lac.voxels) == pytest.approx(0.153, abs=0.001)
    assert regions.soft_tissue_mode_per_cm(np.zeros((2, 2, 2), np.float32)) == 0


def test_lungs_are_found_below_the_skin(torso):
    lungs = regions.lungs(torso.lac.voxels, SPACING_MM)

    assert torso.lac.voxels[lungs].max() < regions.LUNG_PER_CM[1]
    assert regions.share(lungs, of=torso.lac.voxels == np.float32(0.0457)) > 0.6


def test_the_blurred_rim_of_a_body_is_no_lung():
    lac = np.where(box((30, 40, 40), slice(8, 32), slice(8, 32)), 0.15, 0.0)
    lac[:, 7, 7:33] = lac[:, 32, 7:33] = lac[:, 7:33, 7] = lac[:, 7:33, 32] = 0.05

    assert not regions.lungs(lac.astype(np.float32), SPACING_MM).any()


def test_the_emission_outlines_the_body(torso):
    found = regions.emission_outline(torso.emission.voxels, SPACING_MM)

    assert regions.dice(found, torso.body) > 0.95


def test_what_a_slice_encloses_is_filled():
    ring = box() & ~box(rows=slice(8, 12), columns=slice(8, 12))

    assert np.array_equal(regions.filled(ring), box())


def test_the_largest_part_is_kept():
    mask = box()
    mask[0, 0, 0] = True

    assert np.array_equal(regions.largest_part(mask), box())
    assert not regions.largest_part(np.zeros((3, 3, 3), bool)).any()


def test_the_outline_is_one_voxel_wide_and_goes_along_the_border():
    assert regions.outline(box())[0].sum() == 36
    assert regions.outline(np.ones((1, 4, 4), bool)).sum() == 12


def test_the_field_ends_at_the_border_of_the_slice():
    edge = regions.edge_of_field(np.ones((2, 6, 6), np.float32))

    assert edge[0].sum() == 20
    assert not edge[:, 1:-1, 1:-1].any()


def test_the_field_ends_where_a_reconstruction_was_cut_out():
    rows, columns = np.indices((40, 40)) - 19.5
    inside = np.hypot(rows, columns) < 15
    counts = np.where(inside, 7.0, 0.0)[None].astype(np.float32)

    edge = regions.edge_of_field(counts)

    assert regions.share(edge, of=regions.outline(inside[None])) > 0.9
    assert not edge[0, np.hypot(rows, columns) < 13].any()


def test_zeros_of_noise_are_no_edge_of_the_field():
    counts = np.random.default_rng(0).poisson(0.6, (4, 40, 40)).astype(np.float32)

    assert (counts == 0).mean() > 0.5
    assert regions.edge_of_field(counts)[:, 4:-4, 4:-4].mean() < 0.05


def test_areas_run_from_the_first_slice_with_body_to_the_last():
    mask = box()
    mask[(0, 4), ...] = False

    assert regions.areas_cm2(mask, (5.0, 2.0, 4.0)).tolist() == [8.0, 8.0, 8.0]


@pytest.mark.parametrize(
    ("areas", "expected"),
    [
        ([1, 10, 8, 10, 1], 0.2),
        ([1, 10, 0, 10, 1], 1.0),
        ([1, 10, 0, 0, 10, 1], 1.0),
        ([5, 10, 5], 0.0),
        ([5], 0.0),
    ],
)
def test_the_change_of_area_leaves_the_end_slices_out(areas, expected):
    assert regions.largest_change(np.array(areas, float)) == pytest.approx(expected)


def test_left_is_where_columns_grow():
    body = box()

    assert not regions.left_half(body)[:, :, :10].any()
    assert regions.left_half(body)[:, :, 10:].all()
    lateral = regions.left_lateral(body, (1.0, 1.0, 1.0))
    assert lateral[0, 10, 19]
    assert not lateral[0, 19, 12]
    assert not lateral[0, 10, 0]


def test_the_hot_spot_is_heart_and_liver(torso):
    hot = regions.hot_spot(torso.emission.voxels)

    assert 0.001 < hot.mean() < 0.03
    assert torso.body[hot].all()


def test_shares_of_nothing_are_none():
    nothing = np.zeros((2, 2, 2), bool)

    assert regions.share(~nothing, of=nothing) == 0
    assert regions.dice(nothing, ~nothing) == 0
