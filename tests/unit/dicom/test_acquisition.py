"""Radionuclide, energy window and collimator, or the reason why they cannot be known."""

from dataclasses import replace

import pytest
from pydicom import Dataset
from pydicom.sr.codedict import codes

from builders import SNOMED_CT, SNOMED_RT, code, file_of, nac, nac_object
from mumap_node.dicom.acquisition import read_acquisition
from mumap_node.dicom.codes import RADIONUCLIDE_OF_SNOMED
from mumap_node.dicom.files import read_dataset
from mumap_node.errors import InputRejected

UNCODED = {"RadiopharmaceuticalInformationSequence": []}


def window(*limits: tuple[object, object]) -> Dataset:
    item = Dataset()
    item.EnergyWindowRangeSequence = []
    for lower, upper in limits:
        one = Dataset()
        one.EnergyWindowLowerLimit, one.EnergyWindowUpperLimit = lower, upper
        item.EnergyWindowRangeSequence.append(one)
    return item


def tracer(*codes: Dataset) -> Dataset:
    item = Dataset()
    item.RadionuclideCodeSequence = list(codes)
    return item


def reason(**attributes) -> str:
    with pytest.raises(InputRejected) as caught:
        read_acquisition(nac(**attributes))
    return caught.value.reason


@pytest.mark.parametrize("scheme", ["SCT", "SRT", "SNM3", "99SDM"])
def test_a_coded_radionuclide_is_believed(scheme):
    coding = SNOMED_CT if scheme == "SCT" else replace(SNOMED_RT, scheme=scheme)

    found = read_acquisition(nac(coding=coding))

    assert (found.radionuclide, found.radionuclide_is_coded) == ("Tc-99m", True)
    assert found.emission_energy_kev == 140.5
    assert found.energy_window_kev == (126.0, 154.0)
    assert (found.collimator_type, found.collimator_name) == ("PARA", "LEHR")


@pytest.mark.parametrize(
    "uncoded",
    [
        UNCODED,
        {"RadiopharmaceuticalInformationSequence": None},
        {"RadiopharmaceuticalInformationSequence": [tracer()]},
        {"RadiopharmaceuticalInformationSequence": [tracer(code("Tc", "99GE", "Tc99m"))]},
    ],
    ids=["empty", "absent", "no code", "private code"],
)
def test_without_a_code_the_energy_window_tells(uncoded):
    found = read_acquisition(nac(**uncoded))

    assert (found.radionuclide, found.radionuclide_is_coded) == ("Tc-99m", False)


def test_the_code_meaning_is_never_used():
    found = read_acquisition(
        nac(RadiopharmaceuticalInformationSequence=[tracer(code("72454006", "SCT", "Iodine"))])
    )

    assert found.radionuclide == "Tc-99m"


@pytest.mark.parametrize(
    "windows",
    [[window((90, 110))], [window((130, 170))], [window()], [], [window((b"", 154))]],
    ids=["no photopeak", "two photopeaks", "no range", "no window", "no lower limit"],
)
def test_without_code_and_photopeak_nothing_is_guessed(windows):
    for item in windows:
        for limits in item.EnergyWindowRangeSequence:
            if limits.EnergyWindowLowerLimit == b"":
                del limits.EnergyWindowLowerLimit

    assert reason(EnergyWindowInformationSequence=windows, **UNCODED) == "unknown-emission-energy"


@pytest.mark.parametrize("value", ["56609000", "123456789"])
def test_a_coded_radionuclide_without_one_emission_energy_is_refused(value):
    attributes = {"RadiopharmaceuticalInformationSequence": [tracer(code(value, "SCT", "x"))]}

    assert reason(**attributes) == "unknown-emission-energy"


def test_two_radionuclides_are_refused():
    both = tracer(code("72454006", "SCT", "Tc"), code("60057003", "SCT", "Tl"))

    assert reason(RadiopharmaceuticalInformationSequence=[both]) == "ambiguous-radionuclide"


def test_one_radionuclide_may_be_stated_twice():
    both = tracer(code("72454006", "SCT", "Tc"), code("C-163A8", "SNM3", "Tc"))

    found = read_acquisition(nac(RadiopharmaceuticalInformationSequence=[both, tracer()]))

    assert found.radionuclide == "Tc-99m"


def test_a_window_beside_the_coded_photopeak_is_refused():
    scatter = [window((90, 120))]

    assert reason(EnergyWindowInformationSequence=scatter) == "radionuclide-contradicts-window"


@pytest.mark.parametrize(
    "windows", [[window((126, 154)), window((60, 80))], [window((126, 154), (60, 80))]]
)
def test_several_windows_are_refused(windows):
    assert reason(EnergyWindowInformationSequence=windows) == "several-energy-windows"


def test_one_window_may_be_stated_twice():
    twice = [window((126, 154)), window((126, 154))]

    assert read_acquisition(nac(EnergyWindowInformationSequence=twice)).energy_window_kev == (
        126.0,
        154.0,
    )


@pytest.mark.parametrize("limits", [(154, 126), (0, 154), (126, 126), (-1, 2)])
def test_a_window_that_is_none_is_refused(limits):
    assert reason(EnergyWindowInformationSequence=[window(limits)]) == "invalid-value"


def test_counts_of_windows_and_detectors_must_be_one():
    assert reason(NumberOfEnergyWindows=2) == "several-energy-windows"
    assert reason(NumberOfDetectors=2) == "several-detectors"


def test_counts_may_be_absent():
    dataset = nac(NumberOfEnergyWindows=None, NumberOfDetectors=None)

    assert read_acquisition(dataset).radionuclide == "Tc-99m"


def test_a_header_without_a_detector_states_no_collimator():
    found = read_acquisition(nac(DetectorInformationSequence=[]))

    assert (found.collimator_type, found.collimator_name) == ("", "")


def test_every_radionuclide_is_known_by_both_of_its_snomed_codes():
    old = {name for value, name in RADIONUCLIDE_OF_SNOMED.items() if value.startswith("C-")}
    new = {name for value, name in RADIONUCLIDE_OF_SNOMED.items() if value.isdigit()}

    assert old == new


def test_codes_agree_with_the_tables_of_pydicom():
    meaning_of = {concept.value: concept.meaning for concept in codes.CID18.concepts.values()}
    known = {value: name for value, name in RADIONUCLIDE_OF_SNOMED.items() if value.isdigit()}

    for value, name in known.items():
        element, mass = name.split("-")
        assert meaning_of[value].startswith(f"^{mass}^{element[0]}")


def test_header_of_the_fixture_is_read_back():
    dataset = read_dataset(file_of(nac_object()))

    assert read_acquisition(dataset).collimator_name == "LEHR"


def test_several_items_of_one_detector_must_agree_on_the_collimator():
    def holes(name: str) -> Dataset:
        item = Dataset()
        item.CollimatorType, item.CollimatorGridName = "PARA", name
        return item

    same = read_acquisition(nac(DetectorInformationSequence=[holes("LEHR"), holes("LEHR")]))

    assert (same.collimator_type, same.collimator_name) == ("PARA", "LEHR")
    assert reason(DetectorInformationSequence=[holes("LEHR"), holes("MEGP")]) == "several-detectors"
