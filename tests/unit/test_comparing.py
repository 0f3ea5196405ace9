"""A stored map beside what a site measured: the same patient, place and energy, or a reason."""

import numpy as np
import pytest

import examinations
from builders import card, imaged_with_thallium, provenance
from examinations import ct, file_of
from mumap_node.comparing import compare_with_measured
from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.errors import InputRejected
from mumap_node.imaging.model_card import NacReconstruction
from mumap_node.imaging.target import to_truth
from mumap_node.pipeline import Model, Request, make_attenuation_map
from mumap_node.training.simulation.cohort import MAP, NAC, PROJECTIONS
from patients import objects, torso

CARD = card().model_copy(
    update={
        "reconstruction": NacReconstruction(iterations=2, subsets=4, cutoff_per_cm=0.4, order=6)
    }
)
THALLIUM = CARD.model_copy(
    update={
        "limits": CARD.limits.model_copy(
            update={"radionuclides": ("Tl-201",), "energy_window_kev": (50.0, 160.0)}
        ),
        "output": CARD.output.model_copy(update={"converts_to_kev": (72.0,)}),
    }
)
REQUEST = Request(assume_nac=True, assume_parallel_holes=True)


def as_read(dataset):
    return read_dataset(file_of(dataset))


def stored(source, lac, used=CARD):
    """The map a network would give that knows the truth."""
    made = make_attenuation_map(source, Model(used, lambda _: lac), REQUEST, provenance())
    return read_dataset(to_bytes(made.objects["standard"][0]))


def compared(source, lac, measured, used=CARD):
    return compare_with_measured(source, stored(source, lac, used), measured, used, REQUEST)


def refused(source, measured, used=CARD, synthetic=None):
    synthetic = synthetic or stored(as_read(objects()[NAC]), torso().lac.voxels)
    with pytest.raises(InputRejected) as caught:
        compare_with_measured(source, synthetic, measured, used, REQUEST)
    return caught.value.reason


@pytest.fixture(scope="module")
def files():
    return {name: as_read(dataset) for name, dataset in objects().items()}


def test_a_map_like_the_vendors_agrees_with_it(files):
    found = compared(files[NAC], torso().lac.voxels, [files[MAP]])

    assert found.registration.is_good
    assert found.registration.shift_mm == (0, 0, 0)
    assert found.figures["nmae_range"] < 1e-3
    assert found.figures["acf_mean_percent"] < 0.1


def test_a_map_that_is_a_tenth_too_high_is_told(files):
    found = compared(files[NAC], np.float32(1.1) * torso().lac.voxels, [files[MAP]])

    assert found.figures["nmae_sum"] == pytest.approx(0.1, rel=0.01)
    assert found.figures["bias_soft_per_cm"] == pytest.approx(0.0152, rel=0.01)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("way", [-1, 1])
def test_a_measured_map_that_lies_elsewhere_is_found_with_its_direction(files, axis, way):
    moved = as_read(objects()[MAP])
    detector = moved.DetectorInformationSequence[0]
    place_mm = np.array(detector.ImagePositionPatient, dtype=float)
    place_mm[axis] += way * 20
    detector.ImagePositionPatient = place_mm.tolist()

    found = compared(files[NAC], torso().lac.voxels, [moved]).registration

    assert not found.is_good
    expected = [0.0, 0.0, 0.0]
    expected[2 - axis] = -20.0 * way  # (head, back, left)
    assert found.shift_mm == pytest.approx(expected)


def test_projections_are_compared_on_the_slices_a_detector_saw():
    unseen = 3
    made = {name: as_read(dataset) for name, dataset in objects(unseen=unseen).items()}
    lac = np.float32(1.1) * torso().lac.voxels[unseen:-unseen]

    found = compared(made[PROJECTIONS], lac, [made[MAP]])

    assert found.registration.is_good
    assert found.figures["nmae_sum"] == pytest.approx(0.1, rel=0.01)
    assert 8 < found.figures["lv_bias_percent"] < 18


def test_a_ct_is_compared_as_blurred_as_maps_are():
    source, grid = as_read(examinations.nac()), examinations.torso().lac.geometry
    lac = np.nan_to_num(to_truth(examinations.torso((60, 104, 104), 4.5).lac, grid).voxels)

    found = compared(source, lac, [as_read(part) for part in ct()])

    assert found.registration.is_good
    assert found.figures["nmae_range"] < 2e-3
    assert abs(found.figures["bias_soft_per_cm"]) < 5e-4


def test_of_another_radionuclide_a_ct_is_converted():
    source = as_read(examinations.nac(**imaged_with_thallium()))
    series = [as_read(part) for part in ct()]

    found = compared(source, examinations.torso().lac.voxels, series, THALLIUM)

    assert abs(found.figures["bias_soft_per_cm"]) < 3e-3
    assert found.figures["lac_soft_per_cm"] == pytest.approx(0.152 * 0.1908 / 0.1537, rel=0.02)


def test_of_another_radionuclide_nobody_knows_for_what_energy_an_nm_map_holds():
    source = as_read(examinations.nac(**imaged_with_thallium()))

    assert refused(source, [as_read(examinations.mumap())], THALLIUM) == "other-coefficients"


def test_broad_beam_coefficients_are_not_held_against_narrow_ones(files):
    broad = CARD.model_copy(update={"output": CARD.output.model_copy(update={"beam": "broad"})})

    assert refused(files[NAC], [files[MAP]], broad) == "other-coefficients"


@pytest.mark.parametrize("stated", ["1.2.3", ""])
def test_a_map_of_another_frame_of_reference_or_of_none_is_refused(files, stated):
    other = as_read(objects()[MAP])
    other.FrameOfReferenceUID = stated

    assert refused(files[NAC], [other]) == "other-frame"


def test_every_slice_of_a_ct_must_lie_in_the_frame_of_the_source():
    series = ct()
    series[30].FrameOfReferenceUID = "1.2.3"

    assert refused(as_read(examinations.nac()), [as_read(part) for part in series]) == "other-frame"


def test_without_any_frame_of_reference_nothing_is_compared(files):
    pair = [as_read(objects()[name]) for name in (NAC, MAP)]
    for dataset in pair:
        del dataset.FrameOfReferenceUID

    assert refused(pair[0], pair[1:]) == "other-frame"


def test_projections_that_do_not_say_at_which_height_they_lie_are_refused(files):
    source = as_read(objects()[PROJECTIONS])
    for detector in source.DetectorInformationSequence:
        del detector.ImagePositionPatient

    assert refused(source, [files[MAP]]) == "missing-geometry"


def test_of_two_maps_nobody_knows_which_was_meant(files):
    assert refused(files[NAC], [files[MAP], files[MAP]]) == "ambiguous-truth"


def test_a_map_is_never_compared_with_one_of_ours(files):
    own = stored(files[NAC], torso().lac.voxels)

    assert refused(files[NAC], [own], synthetic=own) == "own-map"


def test_a_measured_map_beside_the_patient_is_refused(files):
    away = as_read(objects()[MAP])
    away.DetectorInformationSequence[0].ImagePositionPatient = ["3000", "0", "0"]

    assert refused(files[NAC], [away]) == "misregistered"


def test_a_ct_of_the_legs_is_refused():
    series = [as_read(part) for part in ct(shift_mm=(0, 0, -900))]

    assert refused(as_read(examinations.nac()), series) == "misregistered"


def test_a_ct_without_its_middle_is_refused():
    """Slices that have not arrived yet, or were never sent."""
    series = [as_read(part) for part in ct()]

    assert refused(as_read(examinations.nac()), series[:20] + series[25:]) == "ct-series"
