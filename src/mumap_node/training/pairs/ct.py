"""A CT series to the attenuation map of its study's SPECT.

Sources: PS3.3 A.3 (CT Image), C.7.6.2.1.1 (Image Plane).
"""

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
import SimpleITK as sitk  # noqa: N813  (its name everywhere)
from pydicom import Dataset
from pydicom.uid import CTImageStorage

from mumap_node.dicom.elements import numbers, text, texts, value
from mumap_node.dicom.pixels import Stored, stored_values
from mumap_node.errors import InputRejected
from mumap_node.imaging import regions
from mumap_node.imaging.attenuation import HU_TABLES, lac_from_hu
from mumap_node.imaging.regions import Mask
from mumap_node.imaging.volume import Geometry, Quantity, Volume, Voxels
from mumap_node.training.pairs.target import at_target_resolution

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

SAME_STEP = 0.01
"""Relative; the distances between neighbouring slices, of a series without gaps."""

SAME_ORIENTATION = 1e-3

MOSTLY = 0.5
"""Share of what a voxel of the truth averages that must be known."""

COUCH_MM = 8.0
"""Bridges thinner than this between the body and what it lies on are cut."""


def read_ct(datasets: Sequence[Dataset]) -> Volume:
    """Read an axial CT series.

    Args:
        datasets: All its instances, in any order.

    Returns:
        LAC in 1/cm at 140.5 keV on the grid of the CT, by the bilinear table of its voltage; NaN
        where a slice is padded, or lies outside the circle it was reconstructed from.

    Raises:
        InputRejected: ``ct-series`` where it has gaps, is not axial, or is not in HU;
            ``ct-voltage`` where no table is known; or why its pixels cannot be read.
    """
    table = HU_TABLES[_table(datasets)]
    ordered = sorted(datasets, key=lambda dataset: _position(dataset)[2])
    geometry = _geometry(ordered)
    hu = np.stack([_hu(dataset) for dataset in ordered])
    if hu.shape != geometry.shape:
        raise InputRejected("ct-series", "expected slices of one size")
    return Volume(lac_from_hu(hu, table), geometry, Quantity.LAC_PER_CM)


def to_truth(ct: Volume, onto: Geometry) -> Volume:
    """The map a SPECT reconstruction should be answered with, from the CT of its study.

    The couch goes, as no emission shows it.

    Args:
        ct: LAC in 1/cm.
        onto: Grid of the reconstruction; NaN where most of what would be averaged is unknown.
    """
    body = ct.with_voxels(without_couch(ct))
    truth = at_target_resolution(body, onto, outside=float("nan"))
    known = np.isfinite(ct.voxels)
    if known.all():
        return truth
    of_known = ct.with_voxels(known.astype(np.float32))
    share = at_target_resolution(of_known, onto, outside=float("nan")).voxels
    return truth.with_voxels(
        np.where(share > MOSTLY, truth.voxels / np.maximum(share, MOSTLY), np.float32("nan"))
    )


def without_couch(ct: Volume) -> Voxels:
    """LACs of the largest part of the volume that is no air, with what it encloses; else 0."""
    solid = sitk.GetImageFromArray(regions.body(ct.voxels).astype(np.uint8))
    reach = [0, *(round(COUCH_MM / 2 / spacing) for spacing in ct.geometry.spacing_mm[1:])]
    opened = sitk.GetArrayFromImage(sitk.BinaryMorphologicalOpening(solid, reach[::-1])) == 1
    body = regions.filled(regions.largest_part(opened))
    kept: Voxels = np.where(body, np.nan_to_num(ct.voxels), np.float32(0))
    return kept


def _table(datasets: Sequence[Dataset]) -> str:
    voltages = {kvp for dataset in datasets for kvp in numbers(dataset, "KVP", 1)}
    if len(voltages) != 1 or round(min(voltages)) not in TABLE_OF_KVP:
        known = ", ".join(map(str, TABLE_OF_KVP))
        found = ", ".join(f"{kvp:g}" for kvp in sorted(voltages)) or "none"
        raise InputRejected("ct-voltage", f"expected one KVP of {known}, found {found}")
    return TABLE_OF_KVP[round(min(voltages))]


def _position(dataset: Dataset) -> tuple[float, ...]:
    position = numbers(dataset, "ImagePositionPatient", 3)
    if not position:
        raise InputRejected("ct-series", "expected Image Position (Patient), found none")
    return position


def _geometry(ordered: Sequence[Dataset]) -> Geometry:
    """Of slices sorted from the feet to the head."""
    _require_axial(ordered)
    positions = np.array([_position(dataset) for dataset in ordered])
    steps = np.diff(positions, axis=0)
    step = steps.mean(axis=0)
    deviation = np.abs(steps - step).max()
    if len(ordered) < FEWEST_SLICES or step[2] <= 0 or deviation > SAME_STEP * step[2]:
        raise InputRejected(
            "ct-series",
            f"expected at least {FEWEST_SLICES} slices at equal distances, found {len(ordered)} "
            f"whose distances differ by up to {deviation:.3g} mm",
        )
    spacing = {numbers(dataset, "PixelSpacing", 2) for dataset in ordered}
    if len(spacing) != 1 or () in spacing:
        raise InputRejected("ct-series", "expected one Pixel Spacing, found none or several")
    between_rows, between_columns = spacing.pop()
    affine = np.zeros((4, 4))
    affine[:3, 0], affine[:3, 3], affine[3, 3] = step, positions[0], 1
    affine[1, 1], affine[0, 2] = between_rows, between_columns
    rows, columns = stored_values(ordered[0]).shape[1:]
    shape = (len(ordered), rows, columns)
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
    if not slope or not intercept or text(dataset, "RescaleType") not in ("", "HU"):
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
