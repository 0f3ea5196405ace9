"""An attenuation map to LACs; its scale is believed only where the header states it.

Sources: PS3.3 A.5 (NM Image), C.7.6.16.2.11 (Real World Value Mapping).
"""

import struct
from collections.abc import Iterator

import numpy as np
from pydicom import Dataset
from pydicom.uid import CTImageStorage, NuclearMedicineImageStorage

from mumap_node.dicom import siemens
from mumap_node.dicom.codes import code_of
from mumap_node.dicom.elements import items, numbers, text, texts, value
from mumap_node.dicom.geometry import read_geometry, read_slice_numbers
from mumap_node.dicom.orientation import require_agreement
from mumap_node.dicom.pixels import read_pixel_format, stored_values
from mumap_node.dicom.selection import is_own_map
from mumap_node.errors import InputRejected
from mumap_node.imaging import regions
from mumap_node.imaging.volume import Quantity, Volume

UNITS_PER_CM = ("/cm", "1/cm", "cm-1")
"""UCUM code of 1/cm, and what others write for it."""

LARGEST_SCALE_PER_CM = 1.0
"""Of a stored value of 1; soft tissue would be less than that."""

SAME_SCALE = 1e-3
"""Relative; Real World Value Slope is a double, Rescale Slope text, Siemens's factor a float."""

SOFT_TISSUE_PER_CM = (0.130, 0.175)
"""Where the peak of soft tissue lies at 140.5 keV, narrow beam, however a map was calibrated. At
another energy, with broad-beam coefficients, or in another unit it lies elsewhere."""


def read_map(dataset: Dataset) -> Volume:
    """Read a measured NM RECON TOMO TRANSMISSION instance.

    Args:
        dataset: One instance; slices and frames may come in any order.

    Returns:
        LAC in 1/cm at 140.5 keV, (slice number, row, column).

    Raises:
        InputRejected: ``not-a-map``, ``own-map``, ``map-scale``, ``implausible-truth``, or why
            its pixels or its place cannot be read.
    """
    if is_own_map(dataset):
        raise InputRejected("own-map", "expected a measured map, found one of this software")
    mumap = read_any_map(dataset)
    require_plausible(mumap)
    return mumap


def read_any_map(dataset: Dataset) -> Volume:
    """Read an NM RECON TOMO TRANSMISSION instance, measured or ours, at whatever energy it holds.

    Returns:
        LAC in 1/cm, (slice number, row, column).

    Raises:
        InputRejected: ``not-a-map``, ``map-scale``, or why its pixels or its place cannot be read.
    """
    if not is_map(dataset):
        raise InputRejected("not-a-map", "expected an NM RECON TOMO of the transmission")
    slice_numbers = read_slice_numbers(dataset)
    layout = read_pixel_format(dataset)
    geometry = read_geometry(dataset, slice_numbers, layout.rows, layout.columns)
    require_agreement(dataset)
    voxels = np.empty(geometry.shape, np.float32)
    voxels[np.array(slice_numbers) - 1] = stored_values(dataset) * np.float32(read_scale(dataset))
    return Volume(voxels, geometry, Quantity.LAC_PER_CM)


def read_scale(dataset: Dataset) -> float:
    """LAC in 1/cm of a stored value of 1, from every place that may state it.

    Raises:
        InputRejected: ``map-scale`` where none does, or two differ.
    """
    stated = [scale for _, scale in stated_scales(dataset)]
    if not stated:
        raise InputRejected(
            "map-scale",
            "expected the scale in a Real World Value Mapping in 1/cm, in Rescale Slope or in "
            "Siemens's pixel scale factor, found none",
        )
    if max(stated) > min(stated) * (1 + SAME_SCALE):
        found = " and ".join(f"{scale:g}" for scale in stated)
        raise InputRejected("map-scale", f"expected one scale, found {found}")
    return stated[0]


def stated_scales(dataset: Dataset) -> list[tuple[str, float]]:
    """What carries a scale, and the LAC in 1/cm of a stored value of 1 it states.

    Raises:
        InputRejected: ``map-scale`` where one states no possible scale.
    """
    carriers = {"real-world-values": _mapped, "rescale-slope": _rescaled, "siemens": _siemens}
    return [(name, scale) for name, read in carriers.items() for scale in read(dataset)]


def require_plausible(mumap: Volume) -> None:
    """Refuse a map whose soft tissue does not attenuate as soft tissue at 140.5 keV does.

    Raises:
        InputRejected: ``implausible-truth``.
    """
    mode = regions.soft_tissue_mode_per_cm(mumap.voxels)
    lowest, highest = SOFT_TISSUE_PER_CM
    if not lowest <= mode <= highest:
        raise InputRejected(
            "implausible-truth",
            f"expected soft tissue of {lowest:g} to {highest:g} /cm in the map, found {mode:g}",
        )


def is_map(dataset: Dataset) -> bool:
    """Whether an instance says that it is an attenuation map (PS3.3 C.8.4.9.1.1)."""
    image_type = (*texts(dataset, "ImageType"), "", "", "", "")
    return (
        text(dataset, "SOPClassUID") == NuclearMedicineImageStorage
        and image_type[2] == "RECON TOMO"
        and image_type[3] == "TRANSMISSION"
    )


def is_ct(dataset: Dataset) -> bool:
    """Whether an instance is a slice of a measured CT: no localizer (PS3.3 C.8.2.1.1.1), no map.

    Maps that were sent as CT images come back from archives as CTs do.
    """
    is_localizer = "LOCALIZER" in texts(dataset, "ImageType")
    is_image = text(dataset, "SOPClassUID") == CTImageStorage and not is_localizer
    return is_image and not is_own_map(dataset)


def is_measured(dataset: Dataset) -> bool:
    """Whether this is a measured attenuation map, or a slice of the CT one can be made of."""
    return is_ct(dataset) or (is_map(dataset) and not is_own_map(dataset))


def _mapped(dataset: Dataset) -> Iterator[float]:
    for mapping in items(dataset, "RealWorldValueMappingSequence"):
        units = [code_of(item).value for item in items(mapping, "MeasurementUnitsCodeSequence")]
        slope = value(mapping, "RealWorldValueSlope")
        if units and units[0] in UNITS_PER_CM and len(slope) == 8:
            yield _scale(struct.unpack("<d", slope)[0], value(mapping, "RealWorldValueIntercept"))


def _rescaled(dataset: Dataset) -> Iterator[float]:
    slope = numbers(dataset, "RescaleSlope", 1)
    intercept = numbers(dataset, "RescaleIntercept", 1) or (0.0,)
    if slope and slope[0] != 1:  # 1 says nothing; some stations always write it
        yield _scale(slope[0], struct.pack("<d", intercept[0]))


def _siemens(dataset: Dataset) -> Iterator[float]:
    for block in range(0x10, 0x100):
        factor = value(dataset, (siemens.GROUP << 16) | (block << 8) | siemens.SCALE)
        if text(dataset, (siemens.GROUP << 16) | block) == siemens.CREATOR and len(factor) == 4:
            stored_per_lac = struct.unpack("<f", factor)[0]
            yield _scale(1 / stored_per_lac if stored_per_lac else 0.0, b"")


def _scale(slope: float, intercept: bytes) -> float:
    if not 0 < slope <= LARGEST_SCALE_PER_CM or intercept.strip(b"\0\x80"):  # VR FD, also -0
        raise InputRejected(
            "map-scale",
            f"expected a slope above 0 and of at most {LARGEST_SCALE_PER_CM:g} /cm, no intercept",
        )
    return slope
