"""An acquisition: what a camera counts of a patient, with all that chance adds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mumap_node.imaging.reconstruction import Orbit
from mumap_node.imaging.volume import Voxels
from mumap_node.training.simulation.camera import Camera
from mumap_node.training.simulation.conditions import Conditions, draw_conditions
from mumap_node.training.simulation.expectation import Attenuator, expect

BODY_LAC_PER_CM = 0.03
"""What attenuates more is body for the path of the detector."""

TABLE_SHARE = 0.1
"""Of the table's largest LAC: what attenuates more is table; its hollow pallet attenuates less
than the thinnest lung, but a detector stops at it all the same."""

PATCHES = 8
"""Along each edge of a detector, between which its sensitivity varies smoothly."""


@dataclass(frozen=True, eq=False, slots=True)
class Acquired:
    """Projections as a camera stores them: whole numbers, float32 [view, slice, bin].

    Row k lies at z = (k - (rows - 1) / 2) * ``slice_mm``; bins are centred on the centre of
    rotation. Rows the detector does not reach are 0.

    Attributes:
        photopeak: Counts of the photopeak window.
        lower: Of the window below; None where it was not asked for.
        upper: Of the window above; None where the camera has none or it was not asked for.
        orbit: Angles and radii.
        bin_mm: Width of a bin.
        slice_mm: Distance of the slices.
        camera: What counted.
        conditions: What happened meanwhile.
        scatter_to_primary: Of the expected photopeak counts.
    """

    photopeak: Voxels
    lower: Voxels | None
    upper: Voxels | None
    orbit: Orbit
    bin_mm: float
    slice_mm: float
    camera: Camera
    conditions: Conditions
    scatter_to_primary: float


def acquire(
    anatomy: Attenuator,
    activity: Voxels,
    camera: Camera,
    rng: np.random.Generator,
    *,
    scatter_windows: bool = True,
) -> Acquired:
    """Let a camera look at a patient.

    Args:
        anatomy: Of the patient, with the table.
        activity: Activity per voxel of the anatomy, in any scale.
        camera: What looks, and how long.
        rng: Source of the conditions and the noise; the photopeak's is the same with and without
            the scatter windows.
        scatter_windows: Whether to simulate the windows beside the photopeak.
    """
    chance, detector, peak, below, above = rng.spawn(5)
    conditions = draw_conditions(chance)
    orbit = camera.orbit(outline_mm(anatomy))
    expected = expect(anatomy, activity, camera, orbit, conditions, scatter_windows=scatter_windows)
    photopeak = expected.primary + expected.scatter
    gain = sensitivity(camera, conditions.nonuniformity, detector)
    gain *= camera.counts / (photopeak * gain).sum(dtype=np.float64)

    def count(window: Voxels, noise: np.random.Generator) -> Voxels:
        return noise.poisson(window * gain).astype(np.float32)

    return Acquired(
        photopeak=count(photopeak, peak),
        lower=None if expected.lower is None else count(expected.lower, below),
        upper=None if expected.upper is None else count(expected.upper, above),
        orbit=orbit,
        bin_mm=camera.pixel_mm,
        slice_mm=camera.pixel_mm,
        camera=camera,
        conditions=conditions,
        scatter_to_primary=float(expected.scatter.sum() / expected.primary.sum()),
    )


def outline_mm(anatomy: Attenuator) -> NDArray[np.float64]:
    """(x, y) of everything the detector must keep clear of, the table included."""
    table = anatomy.table_per_cm
    solid = (anatomy.lac_per_cm > BODY_LAC_PER_CM) | (table > TABLE_SHARE * table.max())
    row, column = np.nonzero(solid.any(axis=0))
    index = np.stack([np.zeros_like(row), row, column], axis=1)
    return anatomy.geometry.to_patient(index)[:, :2]


def sensitivity(camera: Camera, spread: float, rng: np.random.Generator) -> Voxels:
    """Of each head's detector [view, slice, bin]: smooth, 1 on average.

    Args:
        camera: Whose views and pixels.
        spread: Standard deviation between patches.
        rng: Source of the patches.
    """
    patches = rng.normal(1.0, spread, (camera.heads, PATCHES, PATCHES))
    zoom = camera.matrix / PATCHES
    heads = ndimage.zoom(patches, (1, zoom, zoom), order=3, mode="nearest")
    fields: Voxels = np.repeat(heads, camera.views // camera.heads, axis=0).astype(np.float32)
    return fields
