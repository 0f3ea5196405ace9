"""From the output of a network to LACs on the grid, and at the energy, of its source."""

import numpy as np

from mumap_node.imaging import attenuation, resampling
from mumap_node.imaging.model_card import ModelCard
from mumap_node.imaging.volume import Geometry, Quantity, Volume


def to_attenuation_map(output: Volume, card: ModelCard, onto: Geometry) -> Volume:
    """Turn what a network gave into an attenuation map.

    Nothing is mended: what a network does wrong is for the checks to find. A map is smooth, and
    linear interpolation onto the source's grid would cost half of the error a good network has.

    Args:
        output: Network units on the model grid.
        card: Says how many 1/cm a network unit is.
        onto: Grid of the source; the map's voxels are exactly its voxels.

    Returns:
        LAC in 1/cm at the card's emission energy; 0 beyond the model grid.
    """
    scale = np.float32(card.output.lac_per_cm_per_unit)
    lac = output.with_voxels(output.voxels * scale, Quantity.LAC_PER_CM)
    return resampling.onto(lac, onto, is_smooth=True)


def on_whole_grid(mumap: Volume, grid: Geometry) -> Volume:
    """The map on all slices of its source: 0 where no detector saw any, and nothing was predicted.

    Args:
        mumap: LAC in 1/cm on consecutive slices of the grid, or on all.
        grid: Of the source.
    """
    first = round(float(grid.to_index(mumap.geometry.to_patient((0, 0, 0)))[0]))
    voxels = np.zeros(grid.shape, np.float32)
    voxels[first : first + len(mumap.voxels)] = mumap.voxels
    return Volume(voxels, grid, mumap.quantity)


def to_energy(mumap: Volume, card: ModelCard, emission_energy_kev: float) -> Volume:
    """The map at the photon energy of its source, where the card allows to convert to it.

    Args:
        mumap: LAC in 1/cm at the card's emission energy.
        card: Names the energies its maps may be converted to.
        emission_energy_kev: Photopeak of the source; ``quality.check_input`` has passed it.
    """
    tolerance = attenuation.ENERGY_TOLERANCE_KEV
    for energy_kev in card.output.converts_to_kev:
        if abs(emission_energy_kev - energy_kev) <= tolerance:
            lac = attenuation.at_energy(mumap.voxels, card.output.emission_energy_kev, energy_kev)
            return mumap.with_voxels(lac)
    return mumap
