import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phantoms
from mumap_node.imaging.volume import Geometry, Quantity, Volume


@given(geometry=phantoms.geometries(oblique_deg=45), index=st.tuples(*[st.floats(-50, 50)] * 3))
@settings(max_examples=100)
def test_index_to_patient_and_back(geometry, index):
    assert np.allclose(geometry.to_index(geometry.to_patient(index)), index, atol=1e-6)


def test_index_names_the_centre_of_a_voxel():
    geometry = Geometry((3, 4, 5), phantoms.affine(np.eye(3)[::-1], (2, 3, 4), (10, 20, 30)))

    assert geometry.to_patient((0, 0, 0)).tolist() == [10, 20, 30]
    assert geometry.to_patient((1, 1, 1)).tolist() == [14, 23, 32]
    assert geometry.centre_mm.tolist() == [18, 24.5, 32]
    assert geometry.spacing_mm == (2, 3, 4)
    assert np.array_equal(geometry.directions, np.eye(3)[::-1])


@pytest.mark.parametrize(
    ("shape", "matrix", "words"),
    [
        ((0, 1, 1), np.eye(4), "positive"),
        ((1, 1), np.eye(4), "positive"),
        ((1, 1, 1), np.eye(3), "4 x 4"),
        ((1, 1, 1), np.full((4, 4), np.nan), "finite"),
        ((1, 1, 1), np.ones((4, 4)), "last affine row"),
        ((1, 1, 1), np.diag([1.0, 1.0, 0.0, 1.0]), "invertible"),
    ],
)
def test_a_geometry_that_means_nothing_is_a_bug(shape, matrix, words):
    with pytest.raises(ValueError, match=words):
        Geometry(shape, matrix)


def test_a_geometry_keeps_its_own_affine():
    matrix = np.eye(4)
    geometry = Geometry((1, 1, 1), matrix)
    matrix[0, 0] = 7

    assert geometry.affine[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        geometry.affine[0, 0] = 7


def test_voxels_cannot_be_changed():
    volume = phantoms.volume(np.ones((2, 2, 2)))

    with pytest.raises(ValueError, match="read-only"):
        volume.voxels[0, 0, 0] = 7


def test_voxels_of_another_type_or_shape_are_a_bug():
    geometry = phantoms.volume(np.ones((2, 2, 2))).geometry

    with pytest.raises(ValueError, match="float32"):
        Volume(np.ones((2, 2, 2)), geometry, Quantity.COUNTS)
    with pytest.raises(ValueError, match="shape"):
        Volume(np.ones((2, 2, 3), np.float32), geometry, Quantity.COUNTS)


def test_other_voxels_take_the_same_place():
    volume = phantoms.volume(np.ones((2, 2, 2)))

    assert volume.with_voxels(volume.voxels * 2).quantity is Quantity.COUNTS
    assert volume.with_voxels(volume.voxels, Quantity.NETWORK).quantity is Quantity.NETWORK
    assert volume.with_voxels(volume.voxels).geometry is volume.geometry
