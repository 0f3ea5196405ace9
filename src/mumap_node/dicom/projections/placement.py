"""How the frames lie on the patient: which way rows and columns run, and around which centre.

A camera angle is the patient's already (C.8.4.12, Start Angle), whichever end entered the gantry
first and whichever side lay down, and so no angle is turned for that here. Frames are shown, and
by custom stored, with the head end in the first row and as the camera sees the patient. No
attribute of the standard says so, but Image Orientation (Patient) of a detector's first frame can
confirm or correct it. Source: PS3.3 C.8.4.11.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from mumap_node.dicom.elements import items, numbers, texts
from mumap_node.dicom.geometry import PLAUSIBLE_POSITION_MM, read_directions
from mumap_node.dicom.projections.frames import Sweep
from mumap_node.errors import InputRejected
from mumap_node.imaging.volume import Matrix

LARGEST_ERROR_DEGREES = 10.0
"""Of a stated direction, as for slices."""

LARGEST_TILT_DEGREES = 1.0
"""Of a detector against the axis; over 400 mm that moves a point by a voxel."""

OFF_CENTRE_BINS = 0.25
"""By which the centre of rotation may miss the middle of the bins without being seen."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Which way frames lie.

    Attributes:
        is_turned: The first row is the feet end, and rows run against the camera's view: frames
            are stored upside down, turned by half a turn.
        is_stated: Whether the header says so; otherwise it is custom.
        middle_z_mm: LPS z of the middle of the rows; None where not stated.
    """

    is_turned: bool
    is_stated: bool
    middle_z_mm: float | None


def read_placement(
    dataset: Dataset, sweeps: Sequence[Sweep], orbit_bins: Matrix, rows: int, slice_mm: float
) -> Placement:
    """Read which way the frames lie.

    Args:
        dataset: An NM TOMO or GATED TOMO instance.
        sweeps: As ``read_frames`` gives them.
        orbit_bins: Where bins grow to by view, LPS (x, y), as ``Orbit.bin_directions``.
        rows: Of a frame.
        slice_mm: Distance between rows.

    Raises:
        InputRejected: ``contradictory-orientation`` where Image Orientation is no view from the
            start angle, ``ambiguous-geometry`` where detectors look at different heights,
            ``implausible-geometry``.
    """
    detectors = items(dataset, "DetectorInformationSequence")
    turned, tops_mm, at = set(), [], 0
    for sweep in sweeps:
        if sweep.detector <= len(detectors):
            item = detectors[sweep.detector - 1]
            turned.add(_is_turned(item, orbit_bins[at]) if sweep.rotation == 1 else None)
            position = numbers(item, "ImagePositionPatient", 3)
            tops_mm += [position[2]] if any(position) else []
        at += len(sweep.views)
    stated = turned - {None}
    if len(stated) > 1:
        raise InputRejected(
            "contradictory-orientation",
            "expected Image Orientation (Patient) of all detectors to have the head at the same "
            "end, found both",
        )
    _require_one_height(tops_mm, slice_mm)
    is_turned = True in stated
    half_mm = (rows - 1) / 2 * slice_mm
    return Placement(
        is_turned=is_turned,
        is_stated=bool(stated),
        middle_z_mm=tops_mm[0] + (half_mm if is_turned else -half_mm) if tops_mm else None,
    )


def require_centred(dataset: Dataset, bin_mm: float) -> None:
    """Refuse detectors that are tilted, or whose bins are not centred on the rotation.

    Center of Rotation Offset is corrected where Corrected Image says COR. Zoom Factor is part of
    Pixel Spacing already; Zoom Center moves the bins.

    Raises:
        InputRejected: ``off-centre-rotation`` or ``tilted-detector``.
    """
    is_corrected = "COR" in texts(dataset, "CorrectedImage")
    for item in items(dataset, "DetectorInformationSequence"):
        missed_mm = numbers(item, "CenterOfRotationOffset", 1) if not is_corrected else ()
        shifted_mm = numbers(item, "ZoomCenter", 2)[1:]  # row value, column value
        for name, offset_mm in (
            *(("CenterOfRotationOffset", offset) for offset in missed_mm),
            *(("ZoomCenter", offset) for offset in shifted_mm),
        ):
            if abs(offset_mm) > OFF_CENTRE_BINS * bin_mm:
                raise InputRejected(
                    "off-centre-rotation",
                    f"expected the centre of rotation in the middle of the bins, found {name} of "
                    f"{offset_mm:g} mm",
                )
        tilt = next(iter(numbers(item, "GantryDetectorTilt", 1)), 0.0)
        if abs(tilt) > LARGEST_TILT_DEGREES:
            raise InputRejected(
                "tilted-detector",
                "expected detectors parallel to the axis of rotation, "
                f"found GantryDetectorTilt of {tilt:g} degrees",
            )


def _require_one_height(tops_mm: Sequence[float], slice_mm: float) -> None:
    if tops_mm and max(map(abs, tops_mm)) > PLAUSIBLE_POSITION_MM:
        raise InputRejected(
            "implausible-geometry", f"expected positions within {PLAUSIBLE_POSITION_MM:g} mm"
        )
    if tops_mm and max(tops_mm) - min(tops_mm) > slice_mm / 2:
        raise InputRejected(
            "ambiguous-geometry",
            "expected Image Position (Patient) of all detectors at one height, "
            f"found {max(tops_mm) - min(tops_mm):g} mm between them",
        )


def _is_turned(item: Dataset, bins: Matrix) -> bool | None:
    """What Image Orientation says of a detector's first frame; None where it says nothing.

    Columns across the patient are no projection: some cameras write a slice's directions.
    """
    orientation = numbers(item, "ImageOrientationPatient", 6)
    if not any(orientation):
        return None
    row, column, _ = read_directions(orientation)
    closest = np.cos(np.deg2rad(LARGEST_ERROR_DEGREES))
    if abs(column[2]) < closest:
        return None
    is_turned = bool(column[2] > 0)
    if (-row[:2] if is_turned else row[:2]) @ bins < closest:
        raise InputRejected(
            "contradictory-orientation",
            "expected Image Orientation (Patient) of a detector's first frame to be the view from "
            "its StartAngle, found another direction",
        )
    return is_turned
