"""The photopeak is the window around the radionuclide's energy, whatever it is called."""

import numpy as np
import pytest
from pydicom import Dataset

from builders import code
from mumap_node.errors import InputRejected
from tomos import SIX_WINDOWS, acquired, read, same, tomo

UNCODED = {"RadiopharmaceuticalInformationSequence": []}


def reason(dataset: Dataset) -> str:
    with pytest.raises(InputRejected) as caught:
        read(dataset)
    return caught.value.reason


def with_windows(*limits_kev: tuple[float, float]) -> Dataset:
    """A TOMO of these windows, by number, each with the same counts as always."""
    names = {str(number): limits for number, limits in enumerate(limits_kev)}
    return tomo(acquired(windows_kev=names))


def scatter_of(*limits_kev: tuple[float, float]) -> list[tuple[float, float]]:
    """Limits of the scatter windows found beside a photopeak of 126.45 to 154.55."""
    found = read(with_windows((126.45, 154.55), *limits_kev))
    return [window.limits_kev for window in found.scatter]


def test_names_that_repeat_do_not_matter():
    ideal = acquired(windows_kev=SIX_WINDOWS)
    dataset = tomo(ideal)
    for item in dataset.EnergyWindowInformationSequence:
        item.EnergyWindowName = "Tc99m_EM"

    same(read(dataset), ideal)


def test_names_that_lie_do_not_matter():
    dataset = with_windows((114, 126), (126.45, 154.55))
    first, second = dataset.EnergyWindowInformationSequence
    first.EnergyWindowName, second.EnergyWindowName = "Tc99m photopeak", "scatter"

    found = read(dataset)

    np.testing.assert_array_equal(found.photopeak, acquired().counts[1])
    assert found.acquisition.energy_window_kev == (126.45, 154.55)
    assert found.scatter[0].limits_kev == (114, 126)
    np.testing.assert_array_equal(found.scatter[0].counts, acquired().counts[0])


def test_two_windows_around_the_photopeak_are_refused():
    assert reason(with_windows((126.45, 154.55), (130, 150))) == "ambiguous-photopeak"
    assert reason(with_windows((126.45, 154.55), (126.45, 154.55))) == "ambiguous-photopeak"


def test_no_window_around_the_photopeak_is_refused():
    assert reason(with_windows((100, 126), (160, 180))) == "radionuclide-contradicts-window"


def test_of_several_windows_on_one_side_the_narrowest_is_the_scatter_window():
    assert scatter_of((92, 126), (120, 126.45), (114, 126)) == [(120, 126.45)]
    assert scatter_of((154.55, 190), (92, 126), (154.55, 162)) == [(92, 126), (154.55, 162)]


def test_only_neighbours_are_scatter_windows_by_rising_energy():
    assert scatter_of((154.55, 162), (119, 126.45)) == [(119, 126.45), (154.55, 162)]
    assert scatter_of((114, 125.5)) == [(114, 125.5)]
    assert scatter_of((125, 128)) == [(125, 128)]
    assert scatter_of((90, 105), (180, 220)) == []
    assert scatter_of((110, 121), (130, 140)) == []


def test_without_a_code_the_windows_tell_the_radionuclide():
    dataset = with_windows((114, 126), (126.45, 154.55))
    dataset.RadiopharmaceuticalInformationSequence = []

    found = read(dataset)

    assert (found.acquisition.radionuclide, found.acquisition.radionuclide_is_coded) == (
        "Tc-99m",
        False,
    )


def test_without_a_code_two_photopeaks_are_refused():
    dataset = with_windows((126.45, 154.55), (350, 380))
    dataset.RadiopharmaceuticalInformationSequence = []

    assert reason(dataset) == "unknown-emission-energy"


def test_a_radionuclide_without_one_emission_energy_is_refused():
    indium = Dataset()
    indium.RadionuclideCodeSequence = [code("56609000", "SCT", "^111^Indium")]

    assert reason(tomo(RadiopharmaceuticalInformationSequence=[indium])) == (
        "unknown-emission-energy"
    )


def test_a_photopeak_window_of_two_ranges_is_refused():
    dataset = with_windows((126.45, 154.55))
    (window,) = dataset.EnergyWindowInformationSequence
    other = Dataset()
    other.EnergyWindowLowerLimit, other.EnergyWindowUpperLimit = "180", "200"
    window.EnergyWindowRangeSequence = [*window.EnergyWindowRangeSequence, other]

    assert reason(dataset) == "several-energy-windows"


def test_a_neighbour_of_two_ranges_is_no_scatter_window():
    dataset = with_windows((126.45, 154.55), (114, 126))
    other = Dataset()
    other.EnergyWindowLowerLimit, other.EnergyWindowUpperLimit = "180", "200"
    dataset.EnergyWindowInformationSequence[1].EnergyWindowRangeSequence.append(other)

    assert read(dataset).scatter == ()


@pytest.mark.parametrize("windows", [[], [Dataset()]], ids=["no item", "no limits"])
def test_a_single_window_needs_no_limits_where_the_radionuclide_is_coded(windows):
    dataset = with_windows((126.45, 154.55))
    dataset.EnergyWindowInformationSequence = windows

    assert read(dataset).acquisition.energy_window_kev is None

    dataset.RadiopharmaceuticalInformationSequence = []
    assert reason(dataset) == "unknown-emission-energy"


def test_several_windows_without_limits_are_refused():
    assert reason(tomo(EnergyWindowInformationSequence=[])) == "radionuclide-contradicts-window"
