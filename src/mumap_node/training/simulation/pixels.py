"""Counts of a fine grid as counts of a camera's pixels."""

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from mumap_node.imaging.volume import Voxels
from mumap_node.training.simulation.camera import DETECTOR_WIDTH_MM, Camera
from mumap_node.training.simulation.conditions import Motion


def onto_pixels(
    projections: Voxels, step_mm: float, camera: Camera, motion: Motion | None
) -> Voxels:
    """Projections on the camera's pixels, moved as the patient moved meanwhile.

    Args:
        projections: float32 [view, slice, bin], the views of the camera, on square bins round the
            centre of rotation and the middle of the axial field of view.
        step_mm: Width of these bins.
        camera: Whose pixels; beyond its detector they stay 0.
        motion: Of the patient. Seen as a shift of each view: the body takes its attenuation along.

    Returns:
        float32 [view, row, column], 0 or more.
    """
    views, slices, bins = projections.shape
    pixels = (camera.matrix, camera.pixel_mm)
    moved_mm = _moved_mm(camera, motion)
    result = np.empty((views, camera.matrix, camera.matrix), np.float32)
    for axial_mm, lateral_mm in np.unique(moved_mm, axis=0):
        alike = (moved_mm == (axial_mm, lateral_mm)).all(axis=1)
        down = rebinning(slices, step_mm, *pixels, axial_mm)
        across = rebinning(bins, step_mm, *pixels, lateral_mm)
        result[alike] = down @ projections[alike] @ across.T
    return np.maximum(result, 0) * _detector(camera)


def rebinning(
    bins: int, bin_mm: float, pixels: int, pixel_mm: float, shift_mm: float = 0.0
) -> NDArray[np.float32]:
    """Matrix (pixels, bins) that counts anew on other pixels, both grids centred on 0.

    The counts up to each pixel's edge are read off a cubic spline through those up to each bin's
    edge. So counts are kept, positions are exact, and pixels of any width count what lies in them.

    Args:
        bins: How many there are.
        bin_mm: Their width.
        pixels: How many to make.
        pixel_mm: Their width.
        shift_mm: Moves the content towards higher indices.
    """
    edges_mm = (np.arange(bins + 1) - bins / 2) * bin_mm
    up_to_edge = np.tri(bins + 1, bins, -1)
    wanted_mm = (np.arange(pixels + 1) - pixels / 2) * pixel_mm - shift_mm
    inside_mm = np.clip(wanted_mm, edges_mm[0], edges_mm[-1])
    counts = CubicSpline(edges_mm, up_to_edge, bc_type="natural")(inside_mm)
    matrix: NDArray[np.float32] = np.diff(counts, axis=0).astype(np.float32)
    return matrix


def mean_way_mm(camera: Camera, motion: Motion | None) -> tuple[float, float, float]:
    """How far the patient was from where the acquisition began, LPS, on average over the views.

    All views last equally long, and a reconstruction weighs them alike.
    """
    if motion is None:
        return 0.0, 0.0, 0.0
    share = float(_way_done(camera, motion).mean())
    return share * motion.lateral_mm, 0.0, share * motion.axial_mm


def _moved_mm(camera: Camera, motion: Motion | None) -> NDArray[np.float64]:
    """Axial and lateral shift of each view on the detector."""
    if motion is None:
        return np.zeros((camera.views, 2))
    share = _way_done(camera, motion)
    leftward = -np.cos(np.radians(camera.angles_deg))  # bins per way to the patient's left
    return np.stack([share * motion.axial_mm, share * motion.lateral_mm * leftward], axis=1)


def _way_done(camera: Camera, motion: Motion) -> NDArray[np.float64]:
    """Share of its way that the patient has gone at each view, 0-1."""
    return motion.share(camera.minutes / camera.minutes.max())


def _detector(camera: Camera) -> Voxels:
    """1 for pixels on the detector, 0 beyond."""
    columns_mm = (np.arange(camera.matrix) - (camera.matrix - 1) / 2) * camera.pixel_mm
    detector = np.zeros((camera.matrix, camera.matrix), np.float32)
    detector[camera.seen_rows] = np.abs(columns_mm) <= DETECTOR_WIDTH_MM / 2
    return detector
