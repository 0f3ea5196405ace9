from itertools import pairwise

import numpy as np
import pytest

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


@pytest.mark.parametrize(
    ("tissue", "at_140_5", "at_72", "at_159"),
    [
        ("air", 0.0, 0.0, 0.0),
        ("soft tissue", 0.1524, 0.1886, 0.1466),
        ("cortical bone", 0.2847, 0.4569, 0.2692),
        ("lung of 0.30 g/cm3", 0.0457, 0.0569, 0.0439),
        ("adipose tissue", 0.1413, 0.1714, 0.1361),
        ("skeletal muscle", 0.1582, 0.1970, 0.1521),
        ("water", 0.1537, 0.1908, 0.1478),
    ],
)
def test_coefficients_of_tissues_are_converted_to_their_published_values(
    tissue, at_140_5, at_72, at_159
):
    lac = np.array([at_140_5], dtype=np.float32)

    assert attenuation.at_energy(lac, 140.5, 72.0) == pytest.approx([at_72], rel=0.01), tissue
    assert attenuation.at_energy(lac, 140.5, 159.0) == pytest.approx([at_159], rel=0.01), tissue


def test_a_conversion_there_and_back_changes_nothing():
    lac = np.linspace(0, 0.4, 50, dtype=np.float32)

    there = attenuation.at_energy(lac, 140.5, 364.5)

    np.testing.assert_allclose(attenuation.at_energy(there, 364.5, 140.5), lac, atol=1e-6)


def test_an_energy_without_a_table_is_refused():
    with pytest.raises(ValueError, match=r"72.*found \{1000"):
        attenuation.at_energy(np.zeros(1, dtype=np.float32), 140.5, 1000.0)


@pytest.mark.parametrize("table", attenuation.HU_TABLES.values(), ids=attenuation.HU_TABLES)
def test_ct_numbers_of_tissues_give_their_published_coefficients(table):
    hu = np.array([-1000, -700, -100, 0, 40], dtype=np.float32)

    air, lung, fat, water, muscle = attenuation.lac_from_hu(hu, table)

    assert air == 0
    assert 0.03 < lung < 0.05
    assert fat == pytest.approx(0.1413, rel=0.06)
    assert water == pytest.approx(attenuation.WATER_LAC_140KEV_PER_CM, rel=0.03)
    assert muscle == pytest.approx(0.1582, rel=0.03)
