"""What was imaged and through what: radionuclide, energy window and collimator."""

from collections.abc import Collection

from pydicom import Dataset

from mumap_node.dicom.codes import RADIONUCLIDE_OF_SNOMED, SNOMED_SCHEMES, code_of
from mumap_node.dicom.elements import items, numbers, text, unsigned
from mumap_node.errors import InputRejected
from mumap_node.imaging.acquisition import Acquisition
from mumap_node.imaging.attenuation import EMISSION_ENERGY_KEV

Window = tuple[float, float]
"""Lower and upper limit in keV."""


def read_acquisition(dataset: Dataset) -> Acquisition:
    """Read the conditions a model may limit.

    Raises:
        InputRejected: They are ambiguous, or the emission energy cannot be known.
    """
    _require_one(dataset, "NumberOfEnergyWindows", "several-energy-windows")
    _require_one(dataset, "NumberOfDetectors", "several-detectors")
    window = _energy_window(dataset)
    coded = coded_radionuclide(dataset)
    radionuclide = coded or infer_radionuclide(() if window is None else (window,))
    energy = emission_energy_of(radionuclide)
    if window is not None and not window[0] <= energy <= window[1]:
        raise InputRejected(
            "radionuclide-contradicts-window",
            f"expected an energy window around the {energy:g} keV of {radionuclide}, "
            f"found {window[0]:g} to {window[1]:g} keV",
        )
    collimator_type, collimator_name = _collimator(dataset)
    return Acquisition(
        radionuclide=radionuclide,
        radionuclide_is_coded=bool(coded),
        emission_energy_kev=energy,
        energy_window_kev=window,
        collimator_type=collimator_type,
        collimator_name=collimator_name,
    )


def _collimator(dataset: Dataset) -> tuple[str, str]:
    """Type and name; several items for one detector must agree, as only one is carried over."""
    found = {
        (text(item, "CollimatorType"), text(item, "CollimatorGridName"))
        for item in items(dataset, "DetectorInformationSequence")
    }
    if len(found) > 1:
        raise InputRejected(
            "several-detectors", f"expected one collimator, found {len(found)} different"
        )
    return next(iter(found), ("", ""))


def _require_one(dataset: Dataset, keyword: str, reason: str) -> None:
    """Both counts shall be 1 for RECON TOMO (PS3.3 C.8.4.8); absent says nothing."""
    found = unsigned(dataset, keyword)
    if found and found != (1,):
        raise InputRejected(reason, f"expected {keyword} of 1, found {found[0]}")


def _energy_window(dataset: Dataset) -> Window | None:
    """The one window that was reconstructed, by its limits: names repeat and lie."""
    ranges = [
        limits
        for window in items(dataset, "EnergyWindowInformationSequence")
        for limits in items(window, "EnergyWindowRangeSequence")
    ]
    windows = {window for window in map(limits_of, ranges) if window is not None}
    if len(windows) > 1:
        raise InputRejected(
            "several-energy-windows", f"expected one energy window, found {len(windows)}"
        )
    return next(iter(windows), None)


def limits_of(item: Dataset) -> Window | None:
    """Limits of an item of the Energy Window Range Sequence; None where one is not stated.

    Raises:
        InputRejected: ``invalid-value`` where they are no window.
    """
    lower = numbers(item, "EnergyWindowLowerLimit", 1)
    upper = numbers(item, "EnergyWindowUpperLimit", 1)
    if not lower or not upper:
        return None
    if not 0 < lower[0] < upper[0]:
        raise InputRejected(
            "invalid-value",
            f"expected an energy window from low to high, found {lower[0]:g} to {upper[0]:g} keV",
        )
    return lower[0], upper[0]


def emission_energy_of(radionuclide: str) -> float:
    """Photopeak energy in keV.

    Raises:
        InputRejected: ``unknown-emission-energy``.
    """
    energy = EMISSION_ENERGY_KEV.get(radionuclide)
    if energy is None:
        raise InputRejected(
            "unknown-emission-energy",
            f"expected one of {', '.join(EMISSION_ENERGY_KEV)}, found {radionuclide}",
        )
    return energy


def infer_radionuclide(windows: Collection[Window]) -> str:
    """The only radionuclide we know whose photopeak any of the windows holds.

    Raises:
        InputRejected: ``unknown-emission-energy``.
    """
    found = [
        name
        for name, kev in EMISSION_ENERGY_KEV.items()
        if any(lower <= kev <= upper for lower, upper in windows)
    ]
    if len(found) != 1:
        raise InputRejected(
            "unknown-emission-energy",
            "expected a radionuclide code, or energy windows around one photopeak of "
            f"{', '.join(EMISSION_ENERGY_KEV)}, found {len(found)} in {len(windows)} windows",
        )
    return found[0]


def coded_radionuclide(dataset: Dataset) -> str:
    """Such as "Tc-99m"; empty where no SNOMED code states one.

    Raises:
        InputRejected: ``ambiguous-radionuclide`` where several are stated.
    """
    codes = {
        code_of(code).value
        for item in items(dataset, "RadiopharmaceuticalInformationSequence")
        for code in items(item, "RadionuclideCodeSequence")
        if code_of(code).scheme in SNOMED_SCHEMES
    }
    found = {RADIONUCLIDE_OF_SNOMED.get(code, "another radionuclide") for code in codes}
    if len(found) > 1:
        raise InputRejected(
            "ambiguous-radionuclide", f"expected one radionuclide, found {len(found)}"
        )
    return next(iter(found), "")
