"""How far the detectors stood from the centre of rotation, view by view.

Sources: PS3.3 C.8.4.12 and C.8.4.11 (Radial Position: one value, an average, or one per view). GE
writes an average, and what each view adds to it as (x, y, z) in Tomo View Offset (0013,xx1E) of
its private detector sequence (0055,xx22): seen, and read so by others who reconstruct such files.
"""

from collections.abc import Sequence

import numpy as np
from pydicom import Dataset
from pydicom.dataelem import DataElement

from mumap_node.dicom.corrections import GE
from mumap_node.dicom.elements import (
    find,
    is_sequence,
    items,
    numbers,
    parse_items,
    private_tags,
    texts,
    value,
)
from mumap_node.dicom.nested import are_items
from mumap_node.dicom.projections.frames import Sweep
from mumap_node.dicom.projections.rotations import Rotation
from mumap_node.errors import InputRejected
from mumap_node.imaging.volume import Matrix

USUAL_RADIUS_MM = 250.0
"""Stands in where none is stated: about a chest's half-width and the air beside it."""

PLAUSIBLE_RADIUS_MM = (50.0, 600.0)
"""From the thinnest arm to the widest gantry."""

SAME_RADIUS_MM = 1.0

TOMO_VIEW_OFFSET = "GE's Tomo View Offset (0013,xx1E)"


def read_radii(
    dataset: Dataset, rotations: Sequence[Rotation], sweeps: Sequence[Sweep]
) -> tuple[Matrix, bool]:
    """The distance of every view in mm, sweep after sweep, and whether it is stated.

    Zeros say nothing. A detector's own list outweighs the rotation's, which holds one detector's
    or an average, and must lie among those.

    Raises:
        InputRejected: ``contradictory-radii`` where lists have another length than there are
            views, or rotation and detectors differ; ``implausible-geometry``.
    """
    detectors = items(dataset, "DetectorInformationSequence")
    found, own_mm = [], []
    for sweep in sweeps:
        item = detectors[sweep.detector - 1] if sweep.detector <= len(detectors) else Dataset()
        rotation = rotations[sweep.rotation - 1]
        own, turning = _of_sweep(_stated(item), sweep, sweeps), _stated(rotation.item)
        own_mm.append(own)
        radii = own if len(own) else turning
        if len(radii) == 1:
            found.append(radii[0] + _offsets(dataset, sweep, rotation))
        elif len(radii):
            found.append(_by_view(radii, sweep, rotation, "RadialPosition"))
    for number, rotation in enumerate(rotations, start=1):
        turning = _stated(rotation.item)
        pairs = zip(sweeps, own_mm, strict=True)
        _require_among(turning, [own for sweep, own in pairs if sweep.rotation == number])
    if len(found) < len(sweeps):
        return np.full(sum(len(sweep.views) for sweep in sweeps), USUAL_RADIUS_MM), False
    radii_mm = np.concatenate(found)
    smallest, largest = PLAUSIBLE_RADIUS_MM
    if radii_mm.min() < smallest or radii_mm.max() > largest:
        raise InputRejected(
            "implausible-geometry",
            f"expected RadialPosition of {smallest:g} to {largest:g} mm, "
            f"found {radii_mm.min():g} to {radii_mm.max():g} mm",
        )
    return radii_mm, True


def _stated(item: Dataset) -> Matrix:
    """Radial Position of a detector or rotation item; empty where it is not stated."""
    stated = np.array(numbers(item, "RadialPosition", len(texts(item, "RadialPosition"))))
    return stated if stated.any() else stated[:0]


def _of_sweep(own: Matrix, sweep: Sweep, sweeps: Sequence[Sweep]) -> Matrix:
    """The part of a detector's list that is this sweep's, where it goes through all of them."""
    taken = [other for other in sweeps if other.detector == sweep.detector]
    if len(own) != sum(len(other.views) for other in taken):
        return own
    before = sum(len(other.views) for other in taken if other.rotation < sweep.rotation)
    part: Matrix = own[before : before + len(sweep.views)]
    return part


def _by_view(stated: Matrix, sweep: Sweep, rotation: Rotation, name: str) -> Matrix:
    """One value for each view of the rotation, or for each of the sweep's own."""
    views = np.array(sweep.views)
    if len(stated) == rotation.views:
        of_views: Matrix = stated[views - 1]
        return of_views
    if len(stated) == len(views):
        return stated
    raise InputRejected(
        "contradictory-radii",
        f"expected {name} with one value, or one for each of {len(views)} views, "
        f"found {len(stated)} values",
    )


def _require_among(turning: Matrix, own_mm: Sequence[Matrix]) -> None:
    """The rotation's radii, on average, are not beyond all those of its detectors."""
    every = np.concatenate(own_mm)
    if (
        len(turning)
        and len(every)
        and not (every.min() - SAME_RADIUS_MM <= turning.mean() <= every.max() + SAME_RADIUS_MM)
    ):
        raise InputRejected(
            "contradictory-radii",
            "expected the RadialPosition of a rotation to be that of its detectors, "
            f"{every.min():g} to {every.max():g} mm, found a mean of {turning.mean():g} mm",
        )


def _offsets(dataset: Dataset, sweep: Sweep, rotation: Rotation) -> Matrix:
    """What GE adds to the average in mm, view by view; 0 where it adds nothing."""
    found = [
        value(item, offset)
        for tag in private_tags(dataset, 0x0055, GE, 0x22)
        for item in _private_items(dataset, tag)[sweep.detector - 1 : sweep.detector]
        for offset in private_tags(item, 0x0013, GE, 0x1E)
    ]
    encoded = next(filter(None, found), b"")
    parts = np.frombuffer(encoded[: len(encoded) // 8 * 8], "<f8").astype(np.float64)
    if len(encoded) % 24 or not np.isfinite(parts).all():
        raise InputRejected(
            "contradictory-radii",
            f"expected {TOMO_VIEW_OFFSET} of three finite numbers for each view, "
            f"found {len(encoded)} bytes",
        )
    if not encoded:
        return np.zeros(len(sweep.views))
    return _by_view(parts.reshape(-1, 3)[:, 2], sweep, rotation, TOMO_VIEW_OFFSET)


def _private_items(dataset: Dataset, tag: int) -> tuple[Dataset, ...]:
    """Items of a private sequence, also where nothing but its bytes tells that it is one."""
    element = find(dataset, tag)
    if element is None or isinstance(element, DataElement) or is_sequence(element):
        return items(dataset, tag)
    return parse_items(element, dataset) if are_items(element.value or b"") else ()
