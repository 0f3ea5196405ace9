"""How sharply a camera sees that names its collimator."""

import re
from types import MappingProxyType

from mumap_node.imaging.reconstruction import Resolution

INTRINSIC_FWHM_MM = 3.8
"""Of a crystal of NaI(Tl), 9.5 mm thick, at 140 keV."""

HIGH_RESOLUTION = Resolution(INTRINSIC_FWHM_MM, hole_diameter_mm=1.5, hole_length_mm=34.2)
GENERAL_PURPOSE = Resolution(INTRINSIC_FWHM_MM, hole_diameter_mm=1.45, hole_length_mm=23.3)
"""Typical holes, less what lead lets through at 140 keV. What vendors build under one name differs
by up to some 6 % in FWHM between 10 and 25 cm. Source: collimator data base of SIMIND."""

RESOLUTIONS = MappingProxyType(
    {"LEHR": HIGH_RESOLUTION, "LEGP": GENERAL_PURPOSE, "LEAP": GENERAL_PURPOSE}
)
"""By the names that Siemens, GE and Philips write, low energy all of them."""


def resolution_of(collimator_name: str) -> Resolution | None:
    """Resolution behind a parallel-hole collimator; None where its name says nothing.

    Args:
        collimator_name: Collimator/Grid Name, such as "LEHR" or "NM/LEHR-PARA".
    """
    words = re.findall("[A-Z]+", collimator_name.upper())
    known = {RESOLUTIONS[word] for word in words if word in RESOLUTIONS}
    return known.pop() if len(known) == 1 else None
