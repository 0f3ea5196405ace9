"""A TOMO or GATED TOMO instance to measured projections, or the reason why not."""

import numpy as np
from pydicom import Dataset

from mumap_node.dicom.elements import text
from mumap_node.dicom.geometry import read_pixel_spacing
from mumap_node.dicom.identity import require_usable_identity
from mumap_node.dicom.orientation import Entry, read_entry, require_agreement
from mumap_node.dicom.pixels import read_pixel_format, stored_values
from mumap_node.dicom.projections.collimators import require_parallel_holes
from mumap_node.dicom.projections.counts import (
    read_accepted_beats,
    require_all_counts,
    require_plain_counts,
    summed_gates,
)
from mumap_node.dicom.projections.frames import read_frames
from mumap_node.dicom.projections.placement import read_placement, require_centred
from mumap_node.dicom.projections.radii import read_radii
from mumap_node.dicom.projections.rotations import read_angles, read_rotations
from mumap_node.dicom.projections.windows import read_windows
from mumap_node.errors import InputRejected
from mumap_node.imaging.projections import Projections, ScatterWindow
from mumap_node.imaging.reconstruction.orbit import Orbit
from mumap_node.imaging.volume import Voxels

MOST_COLUMNS = 512
"""Of a frame; no detector has as many. Memory for a reconstruction grows with their square."""


def read_projections(dataset: Dataset) -> Projections:
    """Read the photopeak's projections, the windows beside it, and the orbit.

    Frames are placed by their vectors alone and may be stored in any order. Views come rotation
    after rotation, detector after detector.

    Args:
        dataset: An NM TOMO or GATED TOMO instance of the emission.

    Raises:
        InputRejected: It is incomplete, contradicts itself, or was taken by a camera our projector
            cannot stand for.
    """
    require_usable_identity(dataset)
    layout = read_pixel_format(dataset)
    if layout.columns > MOST_COLUMNS:
        raise InputRejected(
            "oversized", f"expected at most {MOST_COLUMNS} columns, found {layout.columns}"
        )
    collimator = require_parallel_holes(dataset)
    rotations = read_rotations(dataset)
    frames = read_frames(dataset, [rotation.views for rotation in rotations])
    windows = read_windows(dataset, frames.windows)
    radii_mm, radii_are_stated = read_radii(dataset, rotations, frames.sweeps)
    orbit = Orbit(read_angles(dataset, rotations, frames.sweeps), radii_mm)
    slice_mm, bin_mm = read_pixel_spacing(dataset)
    require_agreement(dataset)
    require_centred(dataset, bin_mm)
    placement = read_placement(dataset, frames.sweeps, orbit.bin_directions, layout.rows, slice_mm)
    require_plain_counts(dataset)
    stored = stored_values(dataset)

    def counts(window: int) -> Voxels:
        summed = summed_gates(stored, frames.of_window(window))
        return np.ascontiguousarray(summed[..., ::-1] if placement.is_turned else summed[:, ::-1])

    photopeak = counts(windows.photopeak)
    require_all_counts(dataset, stored, photopeak)
    return Projections(
        photopeak=photopeak,
        scatter=tuple(
            ScatterWindow(counts(window), limits) for window, limits in windows.scatter.items()
        ),
        orbit=orbit,
        slice_mm=slice_mm,
        bin_mm=bin_mm,
        middle_z_mm=placement.middle_z_mm,
        frame_of_reference_uid=text(dataset, "FrameOfReferenceUID"),
        radii_are_stated=radii_are_stated,
        direction_is_stated=placement.is_stated,
        is_head_first=read_entry(dataset) is Entry.HEAD_FIRST,
        accepted_beats=read_accepted_beats(dataset),
        acquisition=windows.acquisition(*collimator),
    )
