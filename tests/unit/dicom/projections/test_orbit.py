"""Angles and radii are what the header states, or it is said which attributes conflict."""

import numpy as np
import pytest
from pydicom import Dataset

from mumap_node.dicom.projections.radii import USUAL_RADIUS_MM
from mumap_node.errors import InputRejected
from tomos import (
    acquired,
    ge_like,
    in_two_rotations,
    orbit_of,
    put_ge_offsets,
    read,
    same,
    siemens_like,
    tomo,
)

TWO_HEADS = acquired(orbit_of(heads=2, apart_deg=-90), heads=2)


def refusal(dataset: Dataset) -> InputRejected:
    with pytest.raises(InputRejected) as caught:
        read(dataset)
    return caught.value


def reason(dataset: Dataset) -> str:
    return refusal(dataset).reason


def changed(dataset: Dataset, number: int = 0, **attributes: object) -> Dataset:
    """The dataset with other values in one of its rotation items; None removes one."""
    rotation = dataset.RotationInformationSequence[number]
    for keyword, value in attributes.items():
        if value is None:
            delattr(rotation, keyword)
        else:
            setattr(rotation, keyword, value)
    return dataset


def detectors(dataset: Dataset, **attributes: object) -> Dataset:
    """The dataset with other values in its detector items, one value for each."""
    for keyword, values in attributes.items():
        for item, value in zip(dataset.DetectorInformationSequence, values, strict=True):
            if value is None:
                delattr(item, keyword)
            else:
                setattr(item, keyword, value)
    return dataset


def test_a_single_head_may_state_its_start_in_the_rotation_the_detector_or_both():
    ideal = acquired()

    same(read(tomo(ideal)), ideal)
    same(read(siemens_like(ideal)), ideal)
    same(read(detectors(tomo(ideal), StartAngle=["225.4"])), ideal)


def test_start_angles_of_rotation_and_detector_must_agree():
    found = refusal(detectors(tomo(), StartAngle=["45"]))

    assert found.reason == "contradictory-angles"
    assert "StartAngle" in found.sentence
    assert "45 and 225" in found.sentence


def test_two_heads_without_angles_of_their_own_are_never_given_the_same():
    assert reason(detectors(tomo(TWO_HEADS), StartAngle=[None, None])) == "missing-angles"
    assert reason(detectors(tomo(TWO_HEADS), StartAngle=["225", None])) == "missing-angles"


def test_two_heads_at_one_angle_are_refused():
    assert reason(detectors(tomo(TWO_HEADS), StartAngle=["225", "585.5"])) == "contradictory-angles"


def test_one_of_two_heads_begins_where_the_rotation_does():
    second = changed(tomo(TWO_HEADS), StartAngle="135")

    same(read(second), TWO_HEADS)
    assert reason(changed(tomo(TWO_HEADS), StartAngle="0")) == "contradictory-angles"


def test_no_start_angle_at_all_is_refused():
    assert reason(changed(tomo(), StartAngle=None)) == "missing-angles"


def test_two_heads_in_a_second_rotation_need_its_start():
    without = changed(in_two_rotations(tomo(TWO_HEADS)), 1, StartAngle=None)
    without_first = changed(in_two_rotations(tomo(TWO_HEADS)), 0, StartAngle=None)

    assert reason(without) == "missing-angles"
    assert reason(without_first) == "missing-angles"


def test_a_second_rotation_may_turn_back():
    """There and back again: the same angles twice, each of them a view."""
    dataset = in_two_rotations(tomo(acquired(orbit_of(arc_deg=360))))
    changed(dataset, 1, StartAngle="67.5", RotationDirection="CC")

    found = read(dataset)

    np.testing.assert_allclose(found.orbit.angles_deg[:8], 225 - 22.5 * np.arange(8))
    np.testing.assert_allclose(found.orbit.angles_deg[8:], 67.5 + 22.5 * np.arange(8))


def test_one_rotation_item_for_each_head_gives_each_its_angles():
    """Detector 2 turns in rotation 2 alone, so that item says where it began."""
    dataset = tomo(TWO_HEADS)
    dataset.RotationVector = dataset.DetectorVector
    (rotation,) = dataset.RotationInformationSequence
    second = Dataset()
    second.update(rotation)
    del second["StartAngle"], second["RadialPosition"]
    second.StartAngle = "135"
    dataset.RotationInformationSequence = [rotation, second]
    dataset.NumberOfRotations = 2

    same(read(dataset), TWO_HEADS)
    second.StartAngle = "100"
    assert reason(dataset) == "contradictory-angles"
    second.StartAngle = "135"
    same(read(detectors(dataset, StartAngle=[None, None])), TWO_HEADS)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"AngularStep": None}, "missing-angles"),
        ({"RotationDirection": None}, "missing-angles"),
        ({"RotationDirection": "UP"}, "missing-angles"),
        ({"AngularStep": "0"}, "invalid-value"),
        ({"AngularStep": "-11.25"}, "invalid-value"),
        ({"AngularStep": "1e308"}, "invalid-value"),
        ({"StartAngle": "1e308"}, "invalid-value"),
    ],
    ids=str,
)
def test_no_step_or_direction_is_guessed(attributes, expected):
    assert reason(changed(tomo(), **attributes)) == expected


def test_no_rotation_item_is_refused():
    assert reason(tomo(RotationInformationSequence=[])) == "missing-angles"


def test_ccw_says_the_same_as_cc():
    ideal = acquired(orbit_of(clockwise=False, start_deg=45))

    same(read(changed(tomo(ideal), RotationDirection="CCW")), ideal)


@pytest.mark.parametrize("arc", ["180", "168.75", "184", None])
def test_a_scan_arc_of_the_views_is_accepted(arc):
    same(read(changed(tomo(), ScanArc=arc)), acquired())


@pytest.mark.parametrize("arc", ["90", "360", "200", "155"])
def test_a_scan_arc_that_contradicts_step_and_views_is_refused(arc):
    found = refusal(changed(tomo(), ScanArc=arc))

    assert found.reason == "contradictory-angles"
    assert "ScanArc" in found.sentence
    assert "AngularStep" in found.sentence


@pytest.mark.parametrize("arc", ["90", "180"])
def test_the_scan_arc_is_that_of_one_head_or_of_both(arc):
    same(read(changed(tomo(TWO_HEADS), ScanArc=arc)), TWO_HEADS)


@pytest.mark.parametrize("arc_deg", [162, 180, 360])
def test_an_arc_that_leaves_few_directions_out_is_read(arc_deg):
    ideal = acquired(orbit_of(arc_deg=arc_deg))

    same(read(tomo(ideal)), ideal)


def test_an_arc_that_leaves_many_directions_out_is_refused():
    found = refusal(tomo(acquired(orbit_of(arc_deg=135, views=15))))

    assert found.reason == "incomplete-arc"
    assert "54 degrees" in found.sentence


def test_opposite_views_are_one_direction():
    """Two heads at 180 degrees that turned by 90 each saw half of what one sees over 180."""
    orbit = orbit_of(heads=2, apart_deg=180)

    assert reason(tomo(acquired(orbit, heads=2))) == "incomplete-arc"


@pytest.mark.parametrize("duration", [None, "-1"])
def test_the_time_at_each_angle_need_not_be_stated(duration):
    same(read(changed(tomo(), ActualFrameDuration=duration)), acquired())


@pytest.mark.parametrize("duration", ["20000", None])
def test_rotations_of_another_time_per_view_are_refused(duration):
    dataset = changed(in_two_rotations(tomo()), 1, ActualFrameDuration=duration)

    assert reason(dataset) == "uneven-duration"


def test_the_table_may_not_move_between_rotations():
    dataset = in_two_rotations(tomo())
    changed(dataset, 0, TableTraverse="100")
    assert read(dataset)
    changed(dataset, 1, TableTraverse="100.5")
    assert read(dataset)
    changed(dataset, 1, TableTraverse="400")
    assert reason(dataset) == "several-bed-positions"


def test_one_radius_holds_for_every_view():
    found = read(ge_like(acquired(), scalar=True))

    assert found.radii_are_stated
    np.testing.assert_allclose(found.orbit.radii_mm, 211.25)


def test_offsets_of_ge_are_added_to_a_single_radius_only():
    dataset = ge_like(acquired())
    changed(dataset, RadialPosition=["220"] * 16)

    np.testing.assert_allclose(read(dataset).orbit.radii_mm, 220)


@pytest.mark.parametrize(
    "offsets", [[1.0] * 47, [1.0] * 45, [1.0, 1.0, np.nan] * 16, b"12345678" * 3 + b"1234"]
)
def test_offsets_of_ge_that_fit_no_views_are_refused(offsets):
    dataset = ge_like(acquired())
    put_ge_offsets(dataset, offsets)

    assert reason(dataset) == "contradictory-radii"


def test_a_detector_ge_states_no_offsets_of_has_the_single_radius():
    dataset = ge_like(acquired())
    del dataset[0x00551022].value[0][0x0013101E]
    np.testing.assert_allclose(read(dataset).orbit.radii_mm, 211.25)

    dataset[0x00551022].value[0].add_new(0x0013101E, "FD", None)
    np.testing.assert_allclose(read(dataset).orbit.radii_mm, 211.25)


def test_private_attributes_of_others_are_no_offsets():
    dataset = ge_like(acquired())
    dataset[0x00550010].value = "SOMEBODY ELSE"

    np.testing.assert_allclose(read(dataset).orbit.radii_mm, 211.25)


def test_a_private_element_that_is_no_sequence_is_left_alone():
    dataset = ge_like(acquired())
    del dataset[0x00551022]
    dataset.add_new(0x00551022, "UN", b"1234")
    assert read(dataset).radii_are_stated
    del dataset[0x00551022]
    assert read(dataset).radii_are_stated


def test_offsets_of_ge_are_found_where_only_bytes_tell_that_they_are_a_sequence():
    """As an archive writes them that does not know the attribute: implicit items in VR UN."""
    ideal = acquired()
    dataset = ge_like(ideal)
    offsets = dataset[0x00551022].value[0][0x0013101E].value
    encoded = np.array(offsets, "<f8").tobytes()
    item = b"\x13\x00\x10\x00\x0c\x00\x00\x00GEMS_GENIE_1"
    item += b"\x13\x00\x1e\x10" + len(encoded).to_bytes(4, "little") + encoded
    del dataset[0x00551022]
    dataset.add_new(0x00551022, "UN", b"\xfe\xff\x00\xe0" + len(item).to_bytes(4, "little") + item)

    same(read(dataset), ideal)


@pytest.mark.parametrize("radius", [None, "0", ["0"] * 16])
def test_without_a_stated_radius_the_usual_one_stands_in_and_it_is_said(radius):
    found = read(changed(tomo(), RadialPosition=radius))

    assert not found.radii_are_stated
    assert (found.orbit.radii_mm == USUAL_RADIUS_MM).all()
    np.testing.assert_array_equal(found.photopeak, read(tomo()).photopeak)


def test_one_head_without_a_radius_leaves_none_stated():
    dataset = siemens_like(TWO_HEADS)
    detectors(dataset, RadialPosition=["210", None])

    assert not read(dataset).radii_are_stated


def test_a_list_of_another_length_is_refused():
    found = refusal(changed(tomo(), RadialPosition=["210"] * 15))

    assert found.reason == "contradictory-radii"
    assert "RadialPosition" in found.sentence


def test_the_radius_of_the_rotation_is_that_of_its_detectors():
    average = changed(tomo(TWO_HEADS), RadialPosition="212")
    same(read(average), TWO_HEADS)
    assert reason(changed(tomo(TWO_HEADS), RadialPosition="300")) == "contradictory-radii"


@pytest.mark.parametrize("radius", ["21", "2100", "-210"])
def test_a_radius_in_another_unit_is_refused(radius):
    assert reason(changed(tomo(), RadialPosition=radius)) == "implausible-geometry"


def test_a_detector_without_an_item_takes_the_radius_of_the_rotation():
    dataset = changed(tomo(), RadialPosition="210")
    dataset.DetectorInformationSequence = []

    found = read(dataset)

    assert (found.orbit.radii_mm == 210).all()
    assert found.acquisition.collimator_type == ""
