"""A selected instance gives counts in their place, or a reason."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from builders import nac, torso_counts
from mumap_node.dicom.reading import read_reconstruction
from mumap_node.errors import InputRejected
from mumap_node.imaging.volume import Quantity


def reason(**arguments) -> str:
    with pytest.raises(InputRejected) as caught:
        read_reconstruction(nac(**arguments))
    return caught.value.reason


def test_counts_come_with_their_place_and_their_acquisition():
    found = read_reconstruction(nac())

    np.testing.assert_array_equal(found.volume.voxels, torso_counts())
    assert found.volume.quantity is Quantity.COUNTS
    assert found.volume.geometry.shape == (16, 48, 48)
    assert found.acquisition.radionuclide == "Tc-99m"


@pytest.mark.parametrize("transfer_syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_every_byte_order_gives_the_same_volume(transfer_syntax):
    same, other = read_reconstruction(nac()), read_reconstruction(nac(transfer_syntax))

    np.testing.assert_array_equal(other.volume.voxels, same.volume.voxels)
    np.testing.assert_array_equal(other.volume.geometry.affine, same.volume.geometry.affine)


@given(st.permutations(range(1, 7)))
@settings(max_examples=25)
def test_any_slice_order_gives_the_same_volume(order):
    """Frames stored in any order, with frame 1's position to match, are one volume."""
    straight = np.arange(6 * 4 * 5, dtype=np.int16).reshape(6, 4, 5)
    one = read_reconstruction(nac(voxels=straight, position_mm=(0, 0, 0))).volume

    stored = straight[np.array(order) - 1]
    first_mm = (0, 0, (order[0] - 1) * 9)
    other = read_reconstruction(nac(voxels=stored, slice_vector=order, position_mm=first_mm)).volume

    np.testing.assert_array_equal(other.voxels, one.voxels)
    np.testing.assert_allclose(other.geometry.affine, one.geometry.affine)


def test_signed_and_unsigned_pixels_are_read_alike():
    signed, unsigned = (read_reconstruction(nac(signed=signed)).volume for signed in (True, False))

    np.testing.assert_array_equal(signed.voxels, unsigned.voxels)


def test_unsigned_pixels_beyond_the_signed_range_stay_positive():
    found = read_reconstruction(nac(voxels=np.full((2, 4, 4), 60000), signed=False))

    assert (found.volume.voxels == 60000).all()


def test_negative_counts_are_kept():
    found = read_reconstruction(nac(voxels=np.full((2, 4, 4), -3)))

    assert (found.volume.voxels == -3).all()


def test_a_scale_factor_does_not_matter_but_an_offset_does():
    assert read_reconstruction(nac(RescaleSlope=b"2 ", RescaleIntercept=b"0 ")).volume
    assert reason(RescaleSlope=b"1 ", RescaleIntercept=b"-1024") == "rescaled-counts"
    assert reason(RescaleSlope=b"-1", RescaleIntercept=b"0 ") == "rescaled-counts"


@pytest.mark.parametrize(
    "wrong",
    [
        {"StudyInstanceUID": None},
        {"SeriesInstanceUID": None},
        {"SeriesInstanceUID": b"1.02.3"},
        {"SOPInstanceUID": b"2.25.102.\0"},
        {"FrameOfReferenceUID": b"1..2"},
        *(
            {keyword: uid}
            for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
            for uid in (b"2." + b"1" * 63, b" 2.25.9", b"2.25.9\n", b"2.2\\2.3", b"2.2\0003")
        ),
    ],
    ids=str,
)
def test_what_could_not_be_referred_to_is_refused(wrong):
    assert reason(**wrong) == "invalid-uid"


def test_contradictions_and_missing_frames_are_refused():
    assert reason(PatientPosition="FFS") == "contradictory-orientation"
    assert reason(NumberOfSlices=3) == "incomplete-frames"
    assert reason(PixelData=bytes(4)) == "incomplete-frames"
    assert reason(BitsAllocated=32) == "pixel-format"


@pytest.mark.parametrize(("intercept", "accepted"), [(0.0, True), (-0.0, True), (2.5, False)])
def test_a_real_world_value_with_an_intercept_is_refused(intercept, accepted):
    mapping = Dataset()
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = 2.0, intercept
    mapped = {"RealWorldValueMappingSequence": [mapping]}

    if accepted:
        assert read_reconstruction(nac(**mapped)).volume.quantity is Quantity.COUNTS
    else:
        assert reason(**mapped) == "rescaled-counts"
