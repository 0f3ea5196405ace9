"""Maps as CT images (PS3.3 A.3), for stations that make a mu-map of a CT and take no other.

Such a station turns CT numbers into attenuation by a table of its own. It is given the CT numbers
that this table turns into our map, so the site has to say which table that is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from pydicom import Dataset
from pydicom.uid import CTImageStorage

from mumap_node.dicom import describing
from mumap_node.dicom.modules import computed_tomography, image, plane, series
from mumap_node.dicom.modules.computed_tomography import SMALLEST_HU
from mumap_node.dicom.naming import derived_uids, file_meta
from mumap_node.dicom.patient import patient_and_study
from mumap_node.dicom.profiles.order import Encode, Order
from mumap_node.dicom.uids import derive_uid
from mumap_node.imaging.attenuation import (
    ENERGY_TOLERANCE_KEV,
    HU_TABLE_KEV,
    HU_TABLES,
    HuTable,
    at_energy,
    hu_from_lac,
)
from mumap_node.imaging.volume import Volume, Voxels

NAME = "pseudo-ct"
"""First word of the profile; its table follows, and a smoothing where one is wanted."""

_FORM = re.compile(rf"{NAME} (?P<table>\S+)(?: (?P<fwhm>\d{{1,2}}(?:\.\d+)?)mm)?")
_NUMBER = r"(\d*\.?\d+(?:e-?\d+)?)"
_NUMBERS = re.compile("/".join([_NUMBER] * 3))

PLAUSIBLE_SLOPE_PER_CM_PER_HU = (0.5e-4, 3e-4)
PLAUSIBLE_WATER_PER_CM = (0.1, 0.2)
"""At 140.5 keV, narrow or broad beam. A slope without its exponent would make air water."""

ALMOST = 0.99
"""Share of the LAC of water that CT numbers below 0 must cover, so that air is almost none."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a map becomes CT numbers.

    Attributes:
        table: What the station turns CT numbers into attenuation by.
        fwhm_mm: Of the Gaussian the map is smoothed with before; 0 for none.
    """

    table: HuTable
    fwhm_mm: float


def pseudo_ct(profile: str) -> Encode:
    """The encoding a profile names, such as "pseudo-ct symbia-130kvp" or "... 10mm".

    Args:
        profile: The name, a table and, where the map is to be smoothed, a FWHM in mm. The table is
            one of HU_TABLES, or its slopes below and above water, in 1/cm per HU, and the LAC of
            water, in 1/cm, all at 140.5 keV, such as "1.64e-4/1.09e-4/0.1538"; plausible ones.

    Raises:
        ValueError: It is none; the message says what was expected and found.
    """
    form = _FORM.fullmatch(profile)
    table = form and (HU_TABLES.get(form["table"]) or _stated(form["table"]))
    if form is None or table is None:
        tables = ", ".join(HU_TABLES)
        raise ValueError(
            f'expected "{NAME} TABLE" or "{NAME} TABLE 10mm", TABLE being {tables} or '
            f'"below/above/water" as in 1.64e-4/1.09e-4/0.1538, found "{profile}"'
        )
    return partial(_encode, profile, Conversion(table, float(form["fwhm"] or 0)))


def _stated(table: str) -> HuTable | None:
    numbers = _NUMBERS.fullmatch(table)
    if numbers is None:
        return None
    stated = HuTable(*map(float, numbers.groups()))
    lowest, highest = PLAUSIBLE_SLOPE_PER_CM_PER_HU
    least, most = PLAUSIBLE_WATER_PER_CM
    is_plausible = (
        lowest <= stated.above_per_hu <= highest
        and stated.below_per_hu <= highest
        and least <= stated.water_per_cm <= most
        and stated.below_per_hu * -SMALLEST_HU >= stated.water_per_cm * ALMOST  # air is 0
    )
    return stated if is_plausible else None


def _encode(profile: str, conversion: Conversion, order: Order) -> Sequence[Dataset]:
    """One object a slice, in the order of the map's slices."""
    source, card, provenance = order.source, order.card, order.provenance
    grid = order.mumap.geometry
    made_at = series.local_time(source, provenance.made_at)
    instance_uid, series_uid = derived_uids(source, card, provenance, profile)
    derivation = describing.derivation(
        source, card, order.emission_energy_kev, f"stored as the CT numbers of {profile}"
    )
    common = Dataset()
    for module in (
        patient_and_study(source),
        series.general_series(source, series_uid, made_at, "CT", describing.PSEUDO_CT),
        computed_tomography.patient_place(source),
        plane.frame_of_reference(source),
        series.equipment(source, card, provenance, profile, made_at),
        image.general_image(source, derivation, order.findings, made_at, keeps_place=False),
        plane.pixel_measures(grid),
        plane.orientation(grid),
        image.common_instance_reference(source),
    ):
        common.update(module)

    def encode(number: int, hu: Voxels) -> Dataset:
        uid = derive_uid("slice", instance_uid, str(number))
        dataset = Dataset()
        for module in (
            common,
            plane.position(grid, number),
            computed_tomography.ct_image(hu, number),
            series.sop_common(source, CTImageStorage, uid, made_at),
        ):
            dataset.update(module)
        dataset.file_meta = file_meta(CTImageStorage, uid, provenance)
        return dataset

    hu = _ct_numbers(order.mumap, order.emission_energy_kev, conversion)
    return [encode(number, plane_hu) for number, plane_hu in enumerate(hu)]


def _ct_numbers(mumap: Volume, energy_kev: float, conversion: Conversion) -> Voxels:
    # Here: the receiver reads the names of profiles too, and has to stay small.
    from mumap_node.imaging.reconstruction import gaussian

    lac = image.within_range(mumap.voxels)
    if conversion.fwhm_mm:
        lac = gaussian(lac, mumap.geometry.spacing_mm, conversion.fwhm_mm)
    if abs(energy_kev - HU_TABLE_KEV) > ENERGY_TOLERANCE_KEV:
        lac = at_energy(lac, energy_kev, HU_TABLE_KEV)
    return hu_from_lac(lac, conversion.table)
