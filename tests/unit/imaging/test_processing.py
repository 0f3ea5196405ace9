"""Preprocessing and postprocessing, which belong together: what goes in must come out in place."""

import numpy as np
import pytest
from hypothesis import given, settings

import phantoms
from mumap_node.errors import InputRejected
from mumap_node.imaging import postprocess, preprocess, resampling
from mumap_node.imaging.model_card import Input, Normalisation, Output
from mumap_node.imaging.volume import Geometry, Quantity

INPUTS = [
    Input(),
    Input(multiple_of=8),
    Input(shape=(24, 32, 40), multiple_of=8),
    Input(spacing_mm=(6.6, 6.6, 6.6), shape=(32, 32, 32)),
    Input(spacing_mm=(5.0, 4.0, 3.0), multiple_of=4),
]


def identity(nac, card):
    """The line with a network that returns its input."""
    prepared = preprocess.prepare(nac, card)
    return postprocess.to_attenuation_map(prepared, card, onto=nac.geometry)


@given(geometry=phantoms.geometries(oblique_deg=9, shortest=4))
@settings(max_examples=50)
@pytest.mark.parametrize("wanted", INPUTS)
def test_map_has_the_geometry_of_its_source(wanted, geometry):
    nac = phantoms.blob(geometry, geometry.centre_mm)

    mumap = identity(nac, phantoms.card(input=wanted))

    assert mumap.geometry is geometry
    assert mumap.quantity is Quantity.LAC_PER_CM
    assert np.isfinite(mumap.voxels).all()


@given(geometry=phantoms.geometries(oblique_deg=9))
@settings(max_examples=100)
def test_on_its_own_grid_nothing_is_interpolated(geometry):
    nac = phantoms.blob(geometry, geometry.centre_mm)

    mumap = identity(nac, phantoms.card(input=Input(multiple_of=8)))

    ratio = nac.voxels[nac.voxels > 0] / mumap.voxels[nac.voxels > 0]
    assert ratio == pytest.approx(ratio[0], rel=1e-5)


@pytest.mark.parametrize("wanted", INPUTS)
@pytest.mark.parametrize("directions", phantoms.ORIENTATIONS)
def test_flipped_orientation_gives_the_same_patient_positions(directions, wanted):
    """A hot spot to the left, front and head of the middle is there again in the map."""
    grid = phantoms.affine(directions, (4.0, 5.0, 6.0), (100, -50, 900))
    geometry = Geometry((30, 32, 28), grid)
    place_mm = geometry.centre_mm + np.array((11.0, -14.0, 8.0))

    mumap = identity(phantoms.blob(geometry, place_mm), phantoms.card(input=wanted))

    assert np.allclose(phantoms.centroid_mm(mumap), place_mm, atol=0.4)


@pytest.mark.parametrize("wanted", INPUTS)
@pytest.mark.parametrize("directions", phantoms.ORIENTATIONS)
def test_the_network_sees_head_back_and_left_at_the_end_of_its_axes(directions, wanted):
    geometry = Geometry((30, 32, 28), phantoms.affine(directions, (4.0, 5.0, 6.0), 50.0))

    for axis, place_mm in enumerate(((0, 0, 20), (0, 20, 0), (20, 0, 0))):
        nac = phantoms.blob(geometry, geometry.centre_mm + place_mm)
        seen = preprocess.prepare(nac, phantoms.card(input=wanted))
        index = seen.geometry.to_index(phantoms.centroid_mm(seen))
        middle = seen.geometry.to_index(geometry.centre_mm)
        assert index[axis] > middle[axis] + 2
        assert np.delete(index, axis) == pytest.approx(np.delete(middle, axis), abs=0.2)


def test_a_spacing_in_the_card_makes_a_grid_along_lps_centred_on_the_source():
    tilted = phantoms.rotation((0, 0, 7)) @ np.eye(3)
    geometry = Geometry((20, 30, 40), phantoms.affine(tilted, 5.0, (1, 2, 3)))

    grid = preprocess.model_grid(geometry, Input(spacing_mm=(4, 5, 6), shape=(10, 11, 12)))

    assert np.array_equal(grid.directions, resampling.UPRIGHT)
    assert grid.spacing_mm == (4, 5, 6)
    assert np.allclose(grid.centre_mm, geometry.centre_mm)
    assert grid.frame_of_reference_uid == geometry.frame_of_reference_uid


def test_a_grid_without_a_shape_holds_the_whole_source():
    geometry = Geometry((20, 30, 40), phantoms.affine(np.eye(3), 5.0))  # slices along x

    grid = preprocess.model_grid(geometry, Input(spacing_mm=(5, 10, 7)))

    assert grid.shape == (40, 15, 15)


def test_a_shape_in_the_card_crops_and_extends_by_whole_voxels():
    nac = phantoms.volume(np.arange(1, 65).reshape(4, 4, 4))

    seen = preprocess.prepare(nac, phantoms.card(input=Input(shape=(2, 4, 6))))

    rows = nac.voxels[1:3] / seen.voxels[:, :, 1:5]
    assert rows == pytest.approx(rows[0, 0, 0])
    assert not seen.voxels[:, :, (0, 5)].any()


def test_padding_comes_at_the_end_and_changes_no_value():
    nac = phantoms.volume(np.random.default_rng(0).random((5, 6, 7)))

    plain = preprocess.prepare(nac, phantoms.card())
    padded = preprocess.prepare(nac, phantoms.card(input=Input(multiple_of=4)))

    assert padded.voxels.shape == (8, 8, 8)
    assert np.array_equal(padded.voxels[:5, :6, :7], plain.voxels)
    assert padded.voxels.sum() == pytest.approx(plain.voxels.sum())
    assert np.array_equal(padded.geometry.affine, plain.geometry.affine)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30000.0])
def test_the_scale_of_the_counts_does_not_matter(scale):
    counts = np.random.default_rng(0).random((8, 8, 8))

    seen = preprocess.prepare(phantoms.volume(scale * counts), phantoms.card())

    expected = counts / counts[counts > 0.1 * np.percentile(counts, 99)].mean()
    assert np.allclose(seen.voxels, expected, rtol=1e-5)
    assert seen.quantity is Quantity.NETWORK


def test_the_card_may_ask_for_the_square_root():
    nac = phantoms.volume(np.random.default_rng(0).random((8, 8, 8)))
    root = Input(normalisation=Normalisation(transform="sqrt"))

    seen = preprocess.prepare(nac, phantoms.card(input=root))

    assert np.allclose(seen.voxels**2, preprocess.prepare(nac, phantoms.card()).voxels, atol=1e-6)


def test_negative_counts_are_none():
    counts = np.ones((8, 8, 8))
    counts[0, 0, 0] = -5

    assert preprocess.prepare(phantoms.volume(counts), phantoms.card()).voxels.min() == 0


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_a_volume_without_counts_is_rejected(value):
    counts = np.zeros((4, 4, 4))
    counts[1, 1, 1] = value

    with pytest.raises(InputRejected, match="counts above 0") as caught:
        preprocess.prepare(phantoms.volume(counts), phantoms.card())

    assert caught.value.reason == "no-counts"


def test_the_card_says_what_a_network_unit_is():
    output = phantoms.volume(np.full((4, 4, 4), 0.6), quantity=Quantity.NETWORK)
    card = phantoms.card(
        output=Output(lac_per_cm_per_unit=0.25, emission_energy_kev=140.5, beam="narrow")
    )

    mumap = postprocess.to_attenuation_map(output, card, onto=output.geometry)

    assert mumap.voxels == pytest.approx(0.15)


@pytest.mark.parametrize(("energy_kev", "expected"), [(140.5, 0.1582), (72.0, 0.1970)])
def test_a_map_is_converted_to_the_energy_of_its_source(energy_kev, expected):
    mumap = phantoms.volume(np.full((4, 4, 4), 0.1582), quantity=Quantity.LAC_PER_CM)
    output = Output(emission_energy_kev=140.5, beam="narrow", converts_to_kev=(159.0, 72.0))

    converted = postprocess.to_energy(mumap, phantoms.card(output=output), energy_kev)

    assert converted.voxels == pytest.approx(expected, rel=1e-4)


def test_beyond_the_model_grid_nothing_attenuates():
    nac = phantoms.volume(np.ones((8, 8, 8)))

    mumap = identity(nac, phantoms.card(input=Input(shape=(4, 4, 4))))

    assert mumap.voxels[2:6, 2:6, 2:6].min() > 0
    assert np.count_nonzero(mumap.voxels) == 64
