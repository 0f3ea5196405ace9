"""Which energy window is the photopeak, and which border on it: by their limits.

Names are not looked at: GE writes the radionuclide's name on several windows, and technologists
write anything. Source: PS3.3 C.8.4.10, NM Isotope Module.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from pydicom import Dataset

from mumap_node.dicom.acquisition import (
    Window,
    coded_radionuclide,
    emission_energy_of,
    infer_radionuclide,
    limits_of,
)
from mumap_node.dicom.elements import items
from mumap_node.errors import InputRejected
from mumap_node.imaging.acquisition import Acquisition

BORDER_SHARE = 0.02
"""Of the emission energy, by which windows that border on each other may overlap or part: limits
are stated in whole keV or percent, and a triple energy window's narrow ones may sit astride the
photopeak's limits."""


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows that matter, and what they are of.

    Attributes:
        radionuclide: Such as "Tc-99m".
        is_coded: False where it was inferred from the windows.
        emission_energy_kev: Photopeak energy of the radionuclide.
        photopeak: Number of the photopeak's window in the Energy Window Vector, from 1.
        limits_kev: Lower and upper limit of the photopeak's; None where not stated.
        scatter: Limits of the windows that border on it by their numbers, by rising energy: at
            most one on either side.
    """

    radionuclide: str
    is_coded: bool
    emission_energy_kev: float
    photopeak: int
    limits_kev: Window | None
    scatter: Mapping[int, Window]

    def acquisition(self, collimator_type: str, collimator_name: str) -> Acquisition:
        """The conditions a model may limit."""
        return Acquisition(
            radionuclide=self.radionuclide,
            radionuclide_is_coded=self.is_coded,
            emission_energy_kev=self.emission_energy_kev,
            energy_window_kev=self.limits_kev,
            collimator_type=collimator_type,
            collimator_name=collimator_name,
        )


def read_windows(dataset: Dataset, in_vector: Sequence[int]) -> Windows:
    """Find the one window that holds the radionuclide's photopeak, and its neighbours.

    Args:
        dataset: An NM TOMO or GATED TOMO instance.
        in_vector: Numbers in the Energy Window Vector: item n of the sequence is window n.

    Raises:
        InputRejected: None, or more than one, holds the photopeak; or the radionuclide cannot
            be known.
    """
    ranges = _ranges(dataset, in_vector)
    coded = coded_radionuclide(dataset)
    radionuclide = coded or infer_radionuclide(tuple(chain.from_iterable(ranges.values())))
    energy = emission_energy_of(radionuclide)
    if not any(ranges.values()) and tuple(in_vector) == (1,):
        return Windows(radionuclide, bool(coded), energy, 1, None, {})
    holding = [number for number, limits in ranges.items() if _holds(limits, energy)]
    if len(holding) != 1:
        raise InputRejected(
            "ambiguous-photopeak" if len(holding) > 1 else "radionuclide-contradicts-window",
            f"expected one energy window around the {energy:g} keV of {radionuclide}, "
            f"found {len(holding)} of {len(in_vector)} in EnergyWindowInformationSequence",
        )
    (photopeak,) = holding
    (limits,) = _single(ranges[photopeak])
    scatter = {
        number: beside[0]
        for number, beside in ranges.items()
        if len(beside) == 1 and _borders(beside[0], limits, energy)
    }
    return Windows(
        radionuclide, bool(coded), energy, photopeak, limits, _one_a_side(scatter, limits)
    )


def _ranges(dataset: Dataset, in_vector: Sequence[int]) -> dict[int, tuple[Window, ...]]:
    """The different ranges of each window that has frames; none where they are not stated."""
    return {
        number: tuple(
            dict.fromkeys(
                limits
                for limits in map(limits_of, items(window, "EnergyWindowRangeSequence"))
                if limits is not None
            )
        )
        for number, window in enumerate(items(dataset, "EnergyWindowInformationSequence"), start=1)
        if number in in_vector
    }


def _single(ranges: tuple[Window, ...]) -> tuple[Window, ...]:
    if len(ranges) > 1:
        raise InputRejected(
            "several-energy-windows",
            f"expected a photopeak window of one range of energies, found {len(ranges)}",
        )
    return ranges


def _holds(ranges: tuple[Window, ...], energy_kev: float) -> bool:
    return any(lower <= energy_kev <= upper for lower, upper in ranges)


def _one_a_side(scatter: Mapping[int, Window], photopeak: Window) -> dict[int, Window]:
    """The narrowest below and above, by rising energy: those that overlap count photons twice."""
    below = {number: window for number, window in scatter.items() if sum(window) < sum(photopeak)}
    above = {number: window for number, window in scatter.items() if number not in below}

    def width(number: int) -> float:
        lower, upper = scatter[number]
        return upper - lower

    return {min(side, key=width): side[min(side, key=width)] for side in (below, above) if side}


def _borders(window: Window, photopeak: Window, energy_kev: float) -> bool:
    """Whether a window ends where the photopeak's begins, or begins where that ends."""
    gaps_kev = (photopeak[0] - window[1], window[0] - photopeak[1])
    return min(map(abs, gaps_kev)) <= BORDER_SHARE * energy_kev
