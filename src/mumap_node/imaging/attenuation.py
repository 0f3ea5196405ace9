"""Reference linear attenuation coefficients (LAC) with energy and source, and their conversion."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from mumap_node.imaging.volume import Voxels

EMISSION_ENERGY_KEV: Mapping[str, float] = MappingProxyType(
    {
        "Tc-99m": 140.5,
        "I-123": 159.0,
        "Tl-201": 72.0,  # Hg K x-rays of 69, 71 and 80 keV, mean by intensity
        "I-131": 364.5,
    }
)
"""Photopeak energy in keV by radionuclide. Source: ENSDF, National Nuclear Data Center.

Radionuclides imaged at two peaks at once (In-111, Ga-67) have no single energy a map could hold
for and are left out on purpose."""

ENERGY_TOLERANCE_KEV = 0.5
"""Two emission energies closer than this are the same; no two of the table are."""

WATER_LAC_140KEV_PER_CM = 0.1537
"""Water, 1.00 g/cm³, 140.5 keV, narrow beam (coherent scatter included). Source: NIST XCOM."""

SOFT_TISSUE_LAC_140KEV_PER_CM = 0.1524
"""Soft tissue (ICRP), 1.00 g/cm³, 140.5 keV, narrow beam. Source: NIST XCOM."""

LUNG_LAC_140KEV_PER_CM = 0.0457
"""Inflated lung, 0.30 g/cm³, 140.5 keV, narrow beam. Source: NIST XCOM."""

SPONGY_BONE_LAC_140KEV_PER_CM = 0.179
"""Spongy bone, 1.18 g/cm³ at 0.152 cm²/g, 140.5 keV, narrow beam. Source: NIST XCOM."""

BLOOD_LAC_140KEV_PER_CM = 0.1614
"""Blood (ICRP), 1.06 g/cm³, 140.5 keV, narrow beam. Source: NIST XCOM."""

BREAST_LAC_140KEV_PER_CM = 0.155
"""Breast (ICRU-44), 1.02 g/cm³, 140.5 keV, narrow beam. Source: NIST table 4."""

TITANIUM_LAC_140KEV_PER_CM = 0.791
"""Titanium, 140.5 keV, narrow beam. Source: NIST XCOM."""

AIR_LAC_140KEV_PER_CM = 0.0002
"""Air at sea level, 140.5 keV. Source: NIST XCOM."""

LAC_PER_DENSITY_140KEV = 0.1525
"""cm²/g at 140.5 keV, within 1 % for all soft tissues (0.1517-0.154). Source: NIST XCOM."""

TISSUE_LAC_PER_CM: Mapping[float, tuple[float, float, float, float]] = MappingProxyType(
    {
        72.0: (0.0569, 0.1714, 0.1970, 0.4569),
        140.5: (0.0457, 0.1413, 0.1582, 0.2847),
        159.0: (0.0439, 0.1361, 0.1521, 0.2692),
        364.5: (0.0327, 0.1018, 0.1133, 0.1927),
        511.0: (0.0285, 0.0888, 0.0988, 0.1674),
    }
)
"""Inflated lung (0.30 g/cm³), adipose tissue (0.92), skeletal muscle (1.04), cortical bone (1.85).

All ICRP, in g/cm³, narrow beam, by energy in keV. Source: NIST compositions and densities, total
cross sections of xraylib 4."""

CONVERTIBLE_KEV = frozenset(TISSUE_LAC_PER_CM)
"""Energies between which LACs can be converted."""


def at_energy(lac_per_cm: Voxels, from_kev: float, to_kev: float) -> Voxels:
    """Convert narrow-beam LACs from one photon energy to another, tissue by tissue.

    Between air, lung, fat, muscle and cortical bone the values are interpolated: one factor would
    not do, since bone absorbs more at low energies than its density says. Metal is taken as more
    bone.

    Args:
        lac_per_cm: LAC in 1/cm at ``from_kev``, any shape.
        from_kev: One of CONVERTIBLE_KEV.
        to_kev: One of CONVERTIBLE_KEV.

    Raises:
        ValueError: An energy without a table.
    """
    unknown = {from_kev, to_kev} - CONVERTIBLE_KEV
    if unknown:
        raise ValueError(f"expected energies of {sorted(CONVERTIBLE_KEV)} keV, found {unknown}")
    found, wanted = _anchors(from_kev), _anchors(to_kev)
    return np.interp(lac_per_cm, found, wanted).astype(np.float32)


def _anchors(energy_kev: float) -> tuple[float, ...]:
    """Air, the tissues, and a point far out on the line from muscle through cortical bone."""
    *_, muscle, bone = tissues = TISSUE_LAC_PER_CM[energy_kev]
    return (0.0, *tissues, bone + 100 * (bone - muscle))


HU_TABLE_KEV = 140.5
"""Photon energy the tables of CT numbers hold for."""


@dataclass(frozen=True, slots=True)
class HuTable:
    """LACs of CT numbers at 140.5 keV, narrow beam: two lines that meet at water, 0 HU.

    Attributes:
        below_per_hu: Slope below 0 HU, in 1/cm per HU: mixtures of air and water.
        above_per_hu: Slope above, in 1/cm per HU: mixtures of water and bone.
        water_per_cm: LAC of 0 HU.
    """

    below_per_hu: float
    above_per_hu: float
    water_per_cm: float


HU_TABLES: Mapping[str, HuTable] = MappingProxyType(
    {
        "symbia-130kvp": HuTable(1.6364e-4, 1.0895e-4, 0.1538),
        "symbia-110kvp": HuTable(1.6335e-4, 0.9775e-4, 0.1538),
        "symbia-80kvp": HuTable(1.6251e-4, 0.7589e-4, 0.1538),
        "optima-ct540-120kvp": HuTable(1.6577e-4, 1.0386e-4, 0.1538),
        "optima-ct540-140kvp": HuTable(1.6550e-4, 1.1298e-4, 0.1538),
        "infinia-140kvp": HuTable(1.6310e-4, 1.1554e-4, 0.1538),
        "mediso-120kvp": HuTable(1.52e-4, 1.14e-4, 0.15),
    }
)
"""By scanner and tube voltage. Sources: ct_table.csv of PyTomography, ct_slopes.json of STIR."""


def hu_from_lac(lac_per_cm: Voxels, table: HuTable) -> Voxels:
    """CT numbers a table gives these LACs for, in 1/cm at 140.5 keV; any shape.

    The inverse of ``lac_from_hu`` wherever that is not 0: air becomes the least CT number whose
    LAC is 0, such as -940, not -1000.
    """
    above_water = lac_per_cm - np.float32(table.water_per_cm)
    slope = np.where(above_water < 0, table.below_per_hu, table.above_per_hu).astype(np.float32)
    hu: Voxels = above_water / slope
    return hu


def lac_from_hu(hu: Voxels, table: HuTable) -> Voxels:
    """LAC in 1/cm at 140.5 keV of CT numbers, never negative; any shape."""
    slope = np.where(hu < 0, np.float32(table.below_per_hu), np.float32(table.above_per_hu))
    lac: Voxels = np.maximum(hu * slope + np.float32(table.water_per_cm), 0)
    return lac.astype(np.float32)
