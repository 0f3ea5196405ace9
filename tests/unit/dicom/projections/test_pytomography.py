"""What a widely used reader of such files gets wrong (PyTomography 3.4, its DICOM reader)."""

import numpy as np
import pytest

from mumap_node.errors import InputRejected
from tomos import acquired, in_two_rotations, orbit_of, read, reordered, same, tomo

TWO_HEADS = acquired(orbit_of(heads=2, apart_deg=-90), heads=2)


def reason(dataset) -> str:
    with pytest.raises(InputRejected) as caught:
        read(dataset)
    return caught.value.reason


def test_the_angular_view_vector_is_not_ignored():
    same(read(reordered(tomo(), np.arange(32).reshape(2, 16)[:, ::-1].ravel())), acquired())


def test_two_heads_with_one_start_angle_in_the_rotation_are_not_given_the_same_angles():
    dataset = tomo(TWO_HEADS)
    for item in dataset.DetectorInformationSequence:
        del item.StartAngle

    assert reason(dataset) == "missing-angles"


def test_rotation_items_after_the_first_are_not_ignored():
    same(read(in_two_rotations(tomo())), acquired())


def test_the_row_spacing_is_not_taken_as_transaxial():
    found = read(tomo(acquired(spacing_mm=(3.0, 8.0))))

    assert (found.bin_mm, found.slice_mm) == (8.0, 3.0)


def test_the_scan_arc_is_checked():
    dataset = tomo()
    dataset.RotationInformationSequence[0].ScanArc = "360"

    assert reason(dataset) == "contradictory-angles"


def test_a_file_without_radial_position_is_read():
    dataset = tomo()
    del dataset.RotationInformationSequence[0].RadialPosition

    np.testing.assert_array_equal(read(dataset).photopeak, read(tomo()).photopeak)


def test_a_file_without_image_position_is_read():
    dataset = tomo()
    del dataset.DetectorInformationSequence[0].ImagePositionPatient

    same(read(dataset), acquired())


def test_a_file_without_vectors_of_one_is_read_and_one_without_views_refused():
    same(read(tomo(DetectorVector=None, RotationVector=None)), acquired())
    assert reason(tomo(AngularViewVector=None)) == "incomplete-frames"


def test_scalar_radii_of_each_rotation_are_those_of_its_own_views():
    dataset = in_two_rotations(tomo())
    for rotation, radius in zip(dataset.RotationInformationSequence, ("210", "230"), strict=True):
        rotation.RadialPosition = radius

    np.testing.assert_allclose(read(dataset).orbit.radii_mm, [210] * 8 + [230] * 8)
