"""However a camera writes an acquisition, it is read as the same projections."""

import contextlib
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from builders import file_of
from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.dicom.projections.reading import read_projections
from mumap_node.errors import InputRejected
from mutations import cut_out, flip_bytes, flip_header_bytes, truncate
from tomos import (
    SIX_WINDOWS,
    VECTORS,
    acquired,
    gated,
    ge_like,
    in_two_rotations,
    orbit_of,
    read,
    reordered,
    same,
    siemens_like,
    tomo,
    vectors_of,
)

ORBITS = {
    "one head 180 CW": orbit_of(),
    "one head 180 CC": orbit_of(start_deg=45, clockwise=False),
    "one head 360 CW": orbit_of(arc_deg=360, start_deg=180),
    "one head 360 CC": orbit_of(arc_deg=360, start_deg=0, clockwise=False),
}
PAIRS = {
    "heads at 90, CW": orbit_of(heads=2, apart_deg=-90),
    "heads at 90, CC": orbit_of(heads=2, apart_deg=90, start_deg=45, clockwise=False),
    "heads at 180, 360, CW": orbit_of(heads=2, apart_deg=180, arc_deg=360, start_deg=180),
    "heads at 180, 360, CC": orbit_of(
        heads=2, apart_deg=180, arc_deg=360, start_deg=0, clockwise=False
    ),
}
ACQUISITIONS = {
    **{name: acquired(orbit) for name, orbit in ORBITS.items()},
    **{name: acquired(orbit, heads=2) for name, orbit in PAIRS.items()},
    "six windows": acquired(windows_kev=SIX_WINDOWS),
    "two heads, six windows": acquired(PAIRS["heads at 90, CC"], heads=2, windows_kev=SIX_WINDOWS),
}
EACH = pytest.mark.parametrize("ideal", ACQUISITIONS.values(), ids=ACQUISITIONS)


def reason(dataset: Dataset) -> str:
    with pytest.raises(InputRejected) as caught:
        read(dataset)
    return caught.value.reason


@EACH
def test_generic_files_give_the_ideal_projections(ideal):
    same(read(tomo(ideal)), ideal)


@EACH
def test_files_like_siemens_give_the_ideal_projections(ideal):
    found = read(siemens_like(ideal))

    same(found, ideal)
    assert found.acquisition.collimator_name == ("@16790840" if ideal.scan.heads == 1 else "")


@EACH
def test_files_like_ge_give_the_ideal_projections(ideal):
    same(read(ge_like(ideal)), ideal)


@EACH
def test_gates_give_the_ideal_projections_when_summed(ideal):
    found = read(gated(tomo(ideal)))

    same(found, ideal)
    assert found.accepted_beats == pytest.approx(911 / 916)


def test_a_gated_file_like_ge_gives_the_ideal_projections():
    ideal = acquired(PAIRS["heads at 90, CW"], heads=2)

    same(read(gated(ge_like(ideal))), ideal)


@EACH
def test_every_rotation_item_gives_its_views(ideal):
    same(read(in_two_rotations(tomo(ideal))), ideal)


@pytest.mark.parametrize("transfer_syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_every_byte_order_is_read_alike(transfer_syntax):
    ideal = acquired()

    same(read_projections(read_dataset(file_of(ge_like(ideal), transfer_syntax))), ideal)


@given(st.permutations(range(32)), st.sampled_from([tomo, siemens_like, ge_like]))
@settings(max_examples=30, deadline=None)
def test_frames_in_any_order_are_read_alike(order, layout):
    ideal = acquired()

    same(read(reordered(layout(ideal), order)), ideal)


@given(st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_frames_of_gates_and_heads_in_any_order_are_read_alike(random):
    ideal = acquired(PAIRS["heads at 90, CC"], heads=2)
    dataset = gated(tomo(ideal), gates=3)
    order = list(range(int(dataset.NumberOfFrames)))
    random.shuffle(order)

    same(read(reordered(dataset, order)), ideal)


@pytest.mark.parametrize("layout", [tomo, siemens_like, ge_like])
@pytest.mark.parametrize("mutate", [flip_header_bytes, cut_out, truncate, flip_bytes])
def test_any_bytes_are_read_or_refused(layout, mutate):
    """And never any other error."""
    rng = random.Random(7)  # noqa: S311  (reproducible on purpose)
    file = to_bytes(gated(layout(acquired(PAIRS["heads at 90, CW"], heads=2)), gates=2))
    for _ in range(100):
        with contextlib.suppress(InputRejected):
            read_projections(read_dataset(mutate(file, rng)))


def test_views_stored_interleaved_between_heads_are_not_scrambled():
    ideal = acquired(PAIRS["heads at 180, 360, CC"], heads=2)
    dataset = tomo(ideal)
    vectors = vectors_of(dataset)
    order = np.lexsort((vectors["DetectorVector"], vectors["AngularViewVector"]))

    same(read(reordered(dataset, order)), ideal)


def test_views_counted_on_through_both_heads_are_read_by_their_numbers():
    """Detector 2 begins with view 9 of 16, and its Start Angle says where that is."""
    ideal = acquired(PAIRS["heads at 90, CW"], heads=2)
    whole, shared = ge_like(ideal, scalar=True), tomo(ideal)
    shared.AngularViewVector = whole.AngularViewVector
    (rotation,) = shared.RotationInformationSequence
    rotation.NumberOfFramesInRotation, rotation.ScanArc = 16, 180

    same(read(shared), ideal)

    shared.DetectorInformationSequence[1].StartAngle = "10"
    assert reason(shared) == "contradictory-angles"


def test_heads_that_have_a_view_in_common_but_not_all_are_refused():
    dataset = tomo(acquired(PAIRS["heads at 90, CW"], heads=2))
    dataset.AngularViewVector = [*range(1, 9), *range(8, 16)] * 2
    dataset.RotationInformationSequence[0].NumberOfFramesInRotation = 15

    assert reason(dataset) == "incomplete-frames"


def test_the_frame_increment_pointer_is_not_believed():
    dataset = tomo(FrameIncrementPointer=0x00540080)

    same(read(dataset), acquired())


def test_a_vector_of_which_there_is_one_may_be_absent():
    dataset = tomo(DetectorVector=None, RotationVector=None, NumberOfDetectors=None)

    same(read(dataset), acquired())


def test_beats_of_every_interval_are_counted_once():
    """What one R-R interval rejects another accepts: all of it was measured."""
    ideal = acquired()
    dataset = gated(tomo(ideal), gates=4)
    dataset.RRIntervalVector = [1 + (slot > 2) for slot in dataset.TimeSlotVector]
    dataset.TimeSlotVector = [1 + (slot - 1) % 2 for slot in dataset.TimeSlotVector]
    dataset.NumberOfRRIntervals, dataset.NumberOfTimeSlots = 2, 2
    normal, ectopic = Dataset(), Dataset()
    for interval, beats in ((normal, (80, 20)), (ectopic, (15, 85))):
        data = Dataset()
        data.IntervalsAcquired, data.IntervalsRejected = map(str, beats)
        interval.DataInformationSequence = [data]
    dataset.GatedInformationSequence = [normal, ectopic]

    found = read(dataset)

    same(found, ideal)
    assert found.accepted_beats == pytest.approx(0.95)


@pytest.mark.parametrize("removed", ["IntervalsAcquired", "all"])
def test_gates_may_come_without_numbers_of_beats(removed):
    dataset = gated(tomo())
    beats = dataset.GatedInformationSequence[0].DataInformationSequence[0]
    del beats.IntervalsAcquired
    if removed == "all":
        del beats.IntervalsRejected

    assert read(dataset).accepted_beats == (0.0 if removed == "IntervalsAcquired" else None)


def test_a_missing_view_is_found():
    dataset = tomo()

    assert reason(reordered(dataset, [f for f in range(32) if f % 16 != 5])) == "incomplete-frames"


def test_a_missing_last_view_is_found():
    dataset = reordered(tomo(), [*range(15), *range(16, 31)])

    assert reason(dataset) == "incomplete-frames"


def test_a_missing_frame_of_one_window_is_found():
    assert reason(reordered(tomo(), range(31))) == "incomplete-frames"


def test_a_missing_gate_of_one_view_is_found():
    dataset = gated(tomo())

    assert reason(reordered(dataset, range(1, int(dataset.NumberOfFrames)))) == "incomplete-frames"


def test_a_doubled_view_is_found():
    assert reason(reordered(tomo(), [*range(31), 30])) == "repeated-frames"


def test_a_view_stored_twice_is_found_beside_all_others():
    assert reason(reordered(tomo(), [*range(32), 3])) == "repeated-frames"


def test_a_blank_view_is_found():
    ideal = acquired()
    ideal.counts[0, 4] = 0

    assert reason(tomo(ideal)) == "incomplete-frames"


def test_an_acquisition_without_any_count_is_left_to_others():
    ideal = acquired(counts=np.zeros((2, 16, 5, 6), np.float32))

    assert not read(tomo(ideal)).photopeak.any()


@pytest.mark.parametrize("vector", VECTORS[:3])
def test_a_vector_of_another_length_is_refused(vector):
    dataset = tomo()
    setattr(dataset, vector, [1] * 31)

    assert reason(dataset) == "incomplete-frames"


@pytest.mark.parametrize(
    "wrong",
    [
        {"AngularViewVector": None},
        {"EnergyWindowVector": None},
        {"NumberOfDetectors": 2},
        {"NumberOfEnergyWindows": 3},
        {"NumberOfEnergyWindows": 1},
        {"RotationVector": [2] * 32},
        {"RotationVector": [1, 2] * 16, "NumberOfRotations": 2},
        {"NumberOfRotations": None, "RotationVector": [0] * 32},
    ],
    ids=str,
)
def test_vectors_that_contradict_their_counts_are_refused(wrong):
    assert reason(tomo(**wrong)) == "incomplete-frames"


def test_a_rotation_without_frames_is_refused():
    dataset = tomo()
    dataset.RotationInformationSequence = [*dataset.RotationInformationSequence] * 2

    assert reason(dataset) == "incomplete-frames"


def test_the_number_of_frames_in_rotation_may_be_absent():
    dataset = tomo()
    del dataset.RotationInformationSequence[0].NumberOfFramesInRotation

    same(read(dataset), acquired())
