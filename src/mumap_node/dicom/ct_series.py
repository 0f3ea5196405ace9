"""A CT series to LACs; its scale is believed where a table is known for its tube voltage.

Sources: PS3.3 A.3 (CT Image), C.7.6.2.1.1 (Image Plane).
"""

import math
from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
from pydicom import Dataset
from pydicom.uid import CTImageStorage

from mumap_node.dicom.elements import numbers, text, texts, value
from mumap_node.dicom.geometry import (
    PLAUSIBLE_POSITION_MM,
    PLAUSIBLE_SPACING_MM,
    read_pixel_spacing,
)
from mumap_node.dicom.pixels import Stored, read_pixel_format, stored_values
from mumap_node.errors import InputRejected
from mumap_node.imaging.attenuation import HU_TABLES, lac_from_hu
from mumap_node.imaging.regions import Mask
from mumap_node.imaging.volume import Geometry, Quantity, Volume, Voxels

TABLE_OF_KVP = MappingProxyType(
    {
        80: "symbia-80kvp",
        110: "symbia-110kvp",
        120: "optima-ct540-120kvp",
        130: "symbia-130kvp",
        140: "optima-ct540-140kvp",
    }
)
"""Bilinear table by tube voltage: above water it depends on the voltage far more than on the
maker."""

FEWEST_SLICES = 8
"""A series with fewer shows no torso: a localiser, or parts of one."""

FEWEST_PIXELS = 8
"""Rows, or columns; with fewer there is nothing to interpolate."""

MOST_VOXELS = 1 << 28
"""Of the slices at the height of a reconstruction, however well compressed they came: 1 GiB."""

LARGEST_HU = 1e5
"""No slope or intercept is larger; metal has some 30 000 HU where a scanner shows so much."""

SAME_STEP = 0.01
"""Relative; the distances between neighbouring slices, of a series without gaps."""

SAME_ORIENTATION = 1e-3


def read_ct(
    datasets: Sequence[Dataset], between_mm: tuple[float, float] = (-np.inf, np.inf)
) -> Volume:
    """Read an axial CT series.

    Args:
        datasets: All its instances, in any order.
        between_mm: Lowest and highest z of the slices to read.

    Returns:
        LAC in 1/cm at 140.5 keV on the grid of the CT, by the bilinear table of its voltage; NaN
        where a slice is padded, or lies outside the circle it was reconstructed from.

    Raises:
        InputRejected: ``ct-series`` where it has gaps, is not axial, or is not in HU;
            ``ct-voltage`` where no table is known; ``misregistered`` where too few slices lie
            at that height; ``oversized``; or why its pixels cannot be read.
    """
    table = HU_TABLES[_table(datasets)]
    ordered = sorted(datasets, key=lambda dataset: _position(dataset)[2])
    geometry = _geometry(ordered)
    z_mm = [_position(dataset)[2] for dataset in ordered]
    part = slice(*np.searchsorted(z_mm, between_mm).tolist())
    if part.stop - part.start < FEWEST_SLICES:
        raise InputRejected(
            "misregistered",
            f"expected at least {FEWEST_SLICES} CT slices at the height of the reconstruction, "
            f"found {part.stop - part.start}",
        )
    near = geometry.of_slices(part)
    if math.prod(near.shape) > MOST_VOXELS:
        raise InputRejected(
            "oversized",
            f"expected at most {MOST_VOXELS} voxels of CT, found {math.prod(near.shape)}",
        )
    lac = np.empty(near.shape, np.float32)
    for number, dataset in enumerate(ordered[part]):
        hu = _hu(dataset)
        if hu.shape != near.shape[1:]:
            raise InputRejected("ct-series", "expected slices of one size")
        lac[number] = lac_from_hu(hu, table)
    return Volume(lac, near, Quantity.LAC_PER_CM)


def _table(datasets: Sequence[Dataset]) -> str:
    voltages = {kvp for dataset in datasets for kvp in numbers(dataset, "KVP", 1)}
    if len(voltages) != 1 or round(min(voltages)) not in TABLE_OF_KVP:
        known = ", ".join(map(str, TABLE_OF_KVP))
        found = ", ".join(f"{kvp:g}" for kvp in sorted(voltages)) or "none"
        raise InputRejected("ct-voltage", f"expected one KVP of {known}, found {found}")
    return TABLE_OF_KVP[round(min(voltages))]


def _position(dataset: Dataset) -> tuple[float, ...]:
    position = numbers(dataset, "ImagePositionPatient", 3)
    if not position or max(map(abs, position)) > PLAUSIBLE_POSITION_MM:
        raise InputRejected(
            "ct-series",
            f"expected Image Position (Patient) within {PLAUSIBLE_POSITION_MM:g} mm, "
            f"found {'another' if position else 'none'}",
        )
    return position


def _geometry(ordered: Sequence[Dataset]) -> Geometry:
    """Of slices sorted from the feet to the head."""
    _require_axial(ordered)
    if len(ordered) < FEWEST_SLICES:
        raise InputRejected(
            "ct-series", f"expected at least {FEWEST_SLICES} slices, found {len(ordered)}"
        )
    positions = np.array([_position(dataset) for dataset in ordered])
    steps = np.diff(positions, axis=0)
    step = steps.mean(axis=0)
    deviation = np.abs(steps - step).max()
    if step[2] < PLAUSIBLE_SPACING_MM[0] or deviation > SAME_STEP * step[2]:
        raise InputRejected(
            "ct-series",
            f"expected slices at equal distances, found {step[2]:.3g} mm on average, and up to "
            f"{deviation:.3g} mm more or less",
        )
    if len({numbers(dataset, "PixelSpacing", 2) for dataset in ordered}) != 1:
        raise InputRejected("ct-series", "expected one Pixel Spacing, found several")
    between_rows, between_columns = read_pixel_spacing(ordered[0])
    affine = np.zeros((4, 4))
    affine[:3, 0], affine[:3, 3], affine[3, 3] = step, positions[0], 1
    affine[1, 1], affine[0, 2] = between_rows, between_columns
    layout = read_pixel_format(ordered[0])
    if min(layout.rows, layout.columns) < FEWEST_PIXELS:
        raise InputRejected(
            "ct-series",
            f"expected at least {FEWEST_PIXELS} rows and columns, found {layout.rows} and "
            f"{layout.columns}",
        )
    shape = (len(ordered), layout.rows, layout.columns)
    return Geometry(shape, affine, text(ordered[0], "FrameOfReferenceUID"))


def _require_axial(datasets: Sequence[Dataset]) -> None:
    """CT scanners turn the image, never the patient: rows run left, columns to the back."""
    for dataset in datasets:
        cosines = numbers(dataset, "ImageOrientationPatient", 6)
        kind = (*texts(dataset, "ImageType"), "", "", "")[2]
        if text(dataset, "SOPClassUID") != CTImageStorage or kind == "LOCALIZER":
            raise InputRejected("ct-series", "expected CT images, found another kind")
        if not cosines or np.abs(np.subtract(cosines, (1, 0, 0, 0, 1, 0))).max() > SAME_ORIENTATION:
            raise InputRejected("ct-series", "expected axial slices, found another orientation")


def _hu(dataset: Dataset) -> Voxels:
    slope, intercept = (numbers(dataset, f"Rescale{name}", 1) for name in ("Slope", "Intercept"))
    is_hu = text(dataset, "RescaleType") in ("", "HU")
    if not is_hu or not slope or not intercept or max(*map(abs, slope + intercept)) > LARGEST_HU:
        raise InputRejected("ct-series", "expected Rescale Slope and Intercept to HU")
    stored = stored_values(dataset)[0]
    hu: Voxels = stored * np.float32(slope[0]) + np.float32(intercept[0])
    return np.where(_padding(dataset, stored) | _beyond_circle(dataset, hu.shape), np.nan, hu)


def _padding(dataset: Dataset, stored: Stored) -> Mask:
    """Where no value was reconstructed (Pixel Padding Value and Range Limit, C.7.5.1.1.2)."""
    named = ("PixelPaddingValue", "PixelPaddingRangeLimit")
    encoded = [value(dataset, keyword)[:2] for keyword in named]
    limits = [np.frombuffer(part, stored.dtype)[0] for part in encoded if len(part) == 2]
    if not encoded[0] or not limits:
        return np.zeros(stored.shape, dtype=bool)
    padding: Mask = (stored >= min(limits)) & (stored <= max(limits))
    return padding


def _beyond_circle(dataset: Dataset, shape: tuple[int, ...]) -> Mask:
    """Pixels that lie wholly outside the Reconstruction Diameter, where it is stated."""
    diameter_mm = numbers(dataset, "ReconstructionDiameter", 1)
    if not diameter_mm:
        return np.zeros(shape, dtype=bool)
    spacing_mm = numbers(dataset, "PixelSpacing", 2)
    rows, columns = (
        (np.arange(size) - (size - 1) / 2) * step
        for size, step in zip(shape, spacing_mm, strict=True)
    )
    beyond: Mask = np.hypot(rows[:, None], columns) > diameter_mm[0] / 2 + max(spacing_mm)
    return beyond
