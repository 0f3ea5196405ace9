"""Where frames lie is read as PS3.3 says, and refused where it cannot be trusted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from builders import file_of, nac, nac_object
from mumap_node.dicom.files import read_dataset
from mumap_node.dicom.geometry import read_geometry, read_place, read_slice_numbers
from mumap_node.errors import InputRejected
from mumap_node.imaging.volume import Geometry


def geometry(dataset: Dataset) -> Geometry:
    return read_geometry(dataset, read_slice_numbers(dataset), 48, 48)


def reason(dataset: Dataset) -> str:
    with pytest.raises(InputRejected) as caught:
        geometry(dataset)
    return caught.value.reason


def test_positive_spacing_stacks_along_row_times_column():
    found = geometry(nac(spacing_mm=(4, 3, 2), position_mm=(-1, -2, -3)))

    np.testing.assert_allclose(found.to_patient((0, 0, 0)), (-1, -2, -3))
    np.testing.assert_allclose(found.to_patient((5, 0, 0)), (-1, -2, 17))
    np.testing.assert_allclose(found.to_patient((0, 1, 0)), (-1, 1, -3))
    np.testing.assert_allclose(found.to_patient((0, 0, 1)), (1, -2, -3))


def test_negative_spacing_stacks_against_it():
    found = geometry(nac(spacing_mm=(-4, 3, 2), position_mm=(-1, -2, -3)))

    np.testing.assert_allclose(found.to_patient((5, 0, 0)), (-1, -2, -23))


def test_rows_towards_the_right_turn_the_normal():
    found = geometry(nac(spacing_mm=(4, 3, 2), orientation=(-1, 0, 0, 0, 1, 0)))

    np.testing.assert_allclose(found.directions[:, 0], (0, 0, -1), atol=1e-12)


@given(st.permutations(range(1, 7)))
def test_any_slice_order_gives_the_same_place_to_every_frame(order):
    """Frame 1 lies at its position; a frame's slice number says how far the others are."""
    shape, spacing = (6, 4, 4), 4.0
    found = read_geometry(nac(shape=shape, spacing_mm=(spacing, 3, 2), slice_vector=order,
                              position_mm=(0, 0, 10)), tuple(order), 4, 4)  # fmt: skip

    for slice_number in order:
        expected = 10 + (slice_number - order[0]) * spacing
        assert found.to_patient((slice_number - 1, 0, 0))[2] == pytest.approx(expected)


def test_the_frame_of_reference_belongs_to_the_place():
    assert geometry(nac()).frame_of_reference_uid == "2.25.103"
    assert geometry(nac(FrameOfReferenceUID=None)).frame_of_reference_uid == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"SliceVector": list(range(1, 16))},
        {"SliceVector": [1, *range(1, 16)]},
        {"SliceVector": list(range(2, 18))},
        {"SliceVector": None},
        {"NumberOfSlices": 15},
        {"NumberOfSlices": None},
        {"NumberOfFrames": 15},
        {"NumberOfFrames": None},
        {"FrameIncrementPointer": [0x00540010, 0x00540080]},
        {"FrameIncrementPointer": None},
    ],
    ids=str,
)
def test_frames_that_do_not_add_up_are_incomplete(wrong):
    assert reason(nac(**wrong)) == "incomplete-frames"


@pytest.mark.parametrize("degrees", [0.5, 9.9])
def test_slightly_oblique_slices_are_read_as_they_lie(degrees):
    angle = np.radians(degrees)
    found = geometry(nac(orientation=(1, 0, 0, 0, np.cos(angle), round(np.sin(angle), 6))))

    np.testing.assert_allclose(
        found.directions[:, 0], (0, -np.sin(angle), np.cos(angle)), atol=1e-5
    )


@pytest.mark.parametrize(
    "orientation",
    [
        (1, 0, 0, 0, 0.98, 0.1989975),  # 11.5 degrees
        (1, 0, 0, 0, 0, -1),  # coronal
        (0, 1, 0, 0, 0, -1),  # sagittal
        (0.6, 0.8, 0, -0.48, 0.36, -0.8),  # short axis of a heart
    ],
)
def test_other_than_transaxial_slices_are_refused(orientation):
    assert reason(nac(orientation=orientation)) == "not-transaxial"


@pytest.mark.parametrize(
    "orientation",
    [(0, 0, 0, 0, 0, 0), (1, 0, 0, 1, 0, 0), (1, 0, 0, 0, 0.9, 0), (2, 0, 0, 0, 1, 0)],
)
def test_what_are_no_two_directions_is_refused(orientation):
    assert reason(nac(orientation=orientation)) == "implausible-geometry"


def test_positions_beyond_any_room_are_refused():
    assert reason(nac(position_mm=(0, 0, 1e9))) == "implausible-geometry"


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"SpacingBetweenSlices": None}, "missing-geometry"),
        ({"SpacingBetweenSlices": b"0 "}, "missing-geometry"),
        ({"SpacingBetweenSlices": b"1000", "SliceThickness": b"1000"}, "implausible-geometry"),
        ({"SpacingBetweenSlices": b"x "}, "invalid-value"),
        ({"SliceThickness": b"18"}, "slice-spacing-mismatch"),
        ({"SliceThickness": b"-9"}, "slice-spacing-mismatch"),
        ({"PixelSpacing": None}, "missing-geometry"),
        ({"PixelSpacing": b"9\\-9"}, "implausible-geometry"),
        ({"PixelSpacing": b"9\\0 "}, "missing-geometry"),
        ({"PixelSpacing": b"9 "}, "invalid-value"),
    ],
    ids=str,
)
def test_spacing_that_cannot_be_trusted_is_refused(wrong, expected):
    assert reason(nac(**wrong)) == expected


def test_slice_thickness_may_be_absent():
    assert geometry(nac(SliceThickness=None)).spacing_mm == (9, 9, 9)


def moved_to_top(*, keep: bool = False, shift: float = 0.0) -> Dataset:
    dataset = nac_object()
    detector = dataset.DetectorInformationSequence[0]
    position = [*detector.ImagePositionPatient]
    dataset.ImagePositionPatient = [position[0] + shift, *position[1:]]
    dataset.ImageOrientationPatient = detector.ImageOrientationPatient
    if not keep:
        del detector.ImagePositionPatient, detector.ImageOrientationPatient
    return read_dataset(file_of(dataset))


def test_a_place_at_the_top_level_is_read_where_the_detector_has_none():
    dataset = moved_to_top()

    assert read_place(dataset).holder is dataset
    np.testing.assert_allclose(geometry(dataset).affine, geometry(nac()).affine)


def test_a_place_stated_twice_must_agree():
    assert read_place(moved_to_top(keep=True)).position_mm == (-211.5, -211.5, -67.5)
    assert reason(moved_to_top(keep=True, shift=1.0)) == "ambiguous-geometry"


@pytest.mark.parametrize("lost", ["ImagePositionPatient", "ImageOrientationPatient"])
def test_a_missing_place_is_refused(lost):
    dataset = nac_object()
    delattr(dataset.DetectorInformationSequence[0], lost)

    assert reason(read_dataset(file_of(dataset))) == "missing-geometry"


def test_a_missing_detector_is_refused():
    assert reason(nac(DetectorInformationSequence=[])) == "missing-geometry"
