"""What the header says about how a reconstruction was acquired, as far as a model cares."""

from dataclasses import dataclass

from mumap_node.imaging.volume import Volume


@dataclass(frozen=True, slots=True)
class Acquisition:
    """Conditions of the acquisition a model card may limit.

    Attributes:
        radionuclide: Element and mass number as in "Tc-99m".
        radionuclide_is_coded: False where it was inferred from the energy window's limits.
        emission_energy_kev: Photopeak energy of the radionuclide.
        energy_window_kev: Lower and upper limit of the window that was reconstructed; None
            where the header has none.
        collimator_type: Defined term of PS3.3 C.8.4.11 such as "PARA"; empty where not stated.
        collimator_name: Collimator/Grid Name; empty where not stated.
    """

    radionuclide: str
    radionuclide_is_coded: bool
    emission_energy_kev: float
    energy_window_kev: tuple[float, float] | None
    collimator_type: str
    collimator_name: str


@dataclass(frozen=True, eq=False, slots=True)
class Reconstruction:
    """A reconstructed emission volume and how it was acquired."""

    volume: Volume
    acquisition: Acquisition
