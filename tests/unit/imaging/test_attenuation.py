from itertools import pairwise

from mumap_node.imaging import attenuation


def test_energies_of_two_radionuclides_are_never_taken_for_one():
    energies = sorted(attenuation.EMISSION_ENERGY_KEV.values())

    assert all(b - a > 2 * attenuation.ENERGY_TOLERANCE_KEV for a, b in pairwise(energies))


def test_tissues_are_in_the_order_of_their_density():
    assert (
        attenuation.LUNG_LAC_140KEV_PER_CM
        < attenuation.SOFT_TISSUE_LAC_140KEV_PER_CM
        < attenuation.WATER_LAC_140KEV_PER_CM
        < attenuation.SPONGY_BONE_LAC_140KEV_PER_CM
    )
