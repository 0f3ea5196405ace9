import numpy as np
import pytest

import phantoms
import populations
from mumap_node.imaging.volume import Volume
from mumap_node.training.gate import bad_inputs

TORSO = populations.torso(0)


def made(change, volume=TORSO, seed=0):
    return change(volume, np.random.default_rng(seed))


@pytest.mark.parametrize("kind", bad_inputs.FROM_A_CASE)
def test_every_bad_input_is_a_volume_of_its_own_and_the_same_for_the_same_seed(kind):
    change = bad_inputs.FROM_A_CASE[kind]

    one, other = made(change), made(change)

    assert isinstance(one, Volume)
    assert np.isfinite(one.voxels).all()
    np.testing.assert_array_equal(one.voxels, other.voxels)
    assert not (
        np.array_equal(one.voxels, TORSO.voxels)
        and np.array_equal(one.geometry.affine, TORSO.geometry.affine)
    )


@pytest.mark.parametrize(
    ("change", "axis"),
    [
        (bad_inputs.mirrored, 0),
        (bad_inputs.back_to_front, 1),
        (bad_inputs.upside_down, 2),
    ],
)
def test_a_flip_changes_one_direction_only(change, axis):
    about = TORSO.geometry.centre_mm
    before = phantoms.centroid_mm(TORSO) - about

    after = phantoms.centroid_mm(made(change)) - about

    signs = np.where(np.arange(3) == axis, -1, 1)
    np.testing.assert_allclose(after, signs * before, atol=0.01)


@pytest.mark.parametrize("change", [bad_inputs.turned_aside, bad_inputs.swapped_axes])
def test_turned_voxels_keep_their_counts_and_the_middle(change):
    turned = made(change)

    assert turned.voxels.sum() == pytest.approx(TORSO.voxels.sum(), rel=1e-5)
    np.testing.assert_allclose(turned.geometry.centre_mm, TORSO.geometry.centre_mm, atol=1e-9)


def test_a_wrong_voxel_size_is_wrong_by_the_zoom():
    for change, factor in ((bad_inputs.enlarged, 1.5), (bad_inputs.shrunk, 1 / 1.5)):
        found = np.array(made(change).geometry.spacing_mm)

        np.testing.assert_allclose(found, factor * np.array(TORSO.geometry.spacing_mm))


def test_another_part_of_the_body_is_fifteen_centimetres_away():
    blob = phantoms.blob(TORSO.geometry, TORSO.geometry.centre_mm)

    shifts_mm = [
        phantoms.centroid_mm(made(bad_inputs.shifted, blob, seed))[2] - TORSO.geometry.centre_mm[2]
        for seed in range(8)
    ]

    np.testing.assert_allclose(np.abs(shifts_mm), bad_inputs.SHIFT_MM, atol=30)
    assert min(shifts_mm) < 0 < max(shifts_mm)


def test_short_axis_slices_show_the_long_axis_along_the_slices():
    """A rod along the usual axis becomes one across the slices, with the apex first or last."""
    middle = TORSO.geometry.centre_mm
    axis = np.array(bad_inputs.SHORT_AXIS[0]) / np.linalg.norm(bad_inputs.SHORT_AXIS[0])
    rod = sum(
        phantoms.blob(TORSO.geometry, middle + step * axis).voxels for step in range(-60, 61, 20)
    )

    spreads = []
    for seed in range(4):
        oblique = made(bad_inputs.short_axis, TORSO.with_voxels(rod), seed).voxels
        weights = [oblique.sum(axis=tuple({0, 1, 2} - {axis})) for axis in range(3)]
        places = [np.arange(len(weight)) for weight in weights]
        spreads.append([
            np.sqrt(np.average((p - np.average(p, weights=w)) ** 2, weights=w))
            for p, w in zip(places, weights, strict=True)
        ])  # fmt: skip

    along, *across = np.mean(spreads, axis=0)
    assert along > 1.5 * max(across)
