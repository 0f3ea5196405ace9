"""Reference linear attenuation coefficients (LAC) with energy and source, and emission energies."""

from collections.abc import Mapping
from types import MappingProxyType

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
