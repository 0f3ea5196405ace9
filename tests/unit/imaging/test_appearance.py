import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import phantoms
from mumap_node.imaging import resampling
from mumap_node.imaging.appearance import describe
from mumap_node.imaging.volume import Geometry
from mumap_node.training.torso import analytic_torso

TORSO = analytic_torso(shape=(36, 48, 48), spacing_mm=8.8)


def with_spacing(volume, factor):
    affine = volume.geometry.affine.copy()
    affine[:3] *= factor
    return type(volume)(volume.voxels, Geometry(volume.geometry.shape, affine), volume.quantity)


@pytest.mark.parametrize("scale", [0.01, 1e4])
def test_the_scale_of_the_counts_changes_nothing(scale):
    look = describe(TORSO.emission)

    scaled = describe(TORSO.emission.with_voxels(TORSO.emission.voxels * np.float32(scale)))

    np.testing.assert_allclose(scaled.view, look.view, atol=1e-4)
    np.testing.assert_allclose(scaled.measures, look.measures, atol=1e-4)


@pytest.mark.parametrize("directions", phantoms.ORIENTATIONS[::7])
def test_the_order_of_the_voxels_changes_nothing(directions):
    upright = TORSO.emission.geometry
    shape = tuple(int(n) for n in np.abs(directions.T @ resampling.UPRIGHT) @ upright.shape)
    first_mm = upright.centre_mm - directions @ (8.8 * (np.array(shape) - 1) / 2)
    turned = Geometry(shape, phantoms.affine(directions, 8.8, first_mm))

    look = describe(resampling.onto(TORSO.emission, turned))

    np.testing.assert_allclose(look.view, describe(TORSO.emission).view, atol=1e-5)
    np.testing.assert_allclose(look.measures, describe(TORSO.emission).measures, atol=1e-5)


def test_where_in_the_plane_the_patient_lies_hardly_matters():
    moved = TORSO.emission.with_voxels(np.roll(TORSO.emission.voxels, (2, -3), axis=(1, 2)))

    difference = describe(moved).view - describe(TORSO.emission).view

    assert np.sqrt(np.mean(difference**2)) < 0.25


def test_a_larger_body_is_wider_deeper_and_has_more_area():
    usual, larger = describe(TORSO.emission), describe(with_spacing(TORSO.emission, 1.2))

    width, depth, area = (larger.measures - usual.measures)[:3]

    assert np.exp(width) == pytest.approx(1.2, rel=0.05)
    assert np.exp(depth) == pytest.approx(1.2, rel=0.08)
    assert np.exp(area) == pytest.approx(1.44, rel=0.08)


@given(
    counts=st.sampled_from([0.0, 1e-9, 5.0, -3.0, 1e9]),
    shape=st.tuples(*[st.integers(1, 5)] * 3),
    spacing_mm=st.sampled_from([1.0, 4.0, 30.0]),
    seed=st.integers(0, 100),
)
@example(counts=1e9, shape=(1, 1, 2), spacing_mm=30.0, seed=2)  # a mean above its values
@settings(max_examples=60, deadline=None)
def test_any_counts_are_described_in_finite_numbers(counts, shape, spacing_mm, seed):
    random = np.random.default_rng(seed)
    voxels = np.where(random.random(shape) < 0.5, counts, 1.0)
    upright = phantoms.affine(np.eye(3)[::-1], spacing_mm)

    look = describe(phantoms.volume(voxels, upright))

    usual = describe(TORSO.emission)
    assert look.view.shape == usual.view.shape
    assert look.measures.shape == usual.measures.shape
    assert np.isfinite(look.view).all()
    assert np.isfinite(look.measures).all()


@pytest.mark.parametrize("counts", [-1, 0, 1])
def test_counts_that_are_all_alike_fill_the_whole_field(counts):
    look = describe(TORSO.emission.with_voxels(np.full_like(TORSO.emission.voxels, counts)))

    assert np.isfinite(look.measures).all()
    assert np.isfinite(look.view).all()
