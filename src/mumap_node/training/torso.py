"""An analytic torso and the nAC reconstruction a camera shows of it, for tests and golden pairs.

Ellipsoids and simplified physics (see ``analytic_torso``): good enough to exercise the node and
to look like a patient at a glance, never to judge or train a model with.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mumap_node.imaging.attenuation import (
    LUNG_LAC_140KEV_PER_CM,
    SOFT_TISSUE_LAC_140KEV_PER_CM,
    SPONGY_BONE_LAC_140KEV_PER_CM,
)
from mumap_node.imaging.resampling import FWHM_PER_SIGMA
from mumap_node.imaging.volume import Geometry, Quantity, Volume

Mask = NDArray[np.bool_]
Grid = NDArray[np.float64]

CAMERA_FWHM_MM = 10.0
FILTER_FWHM_MM = 7.0
"""Resolution of a LEHR collimator, partly recovered, and of the smoothing after reconstruction."""

BACKGROUND_ACTIVITY = 0.002
"""Scatter and streaks outside the body, relative to the myocardium."""

MYOCARDIUM_COUNTS = 200.0
"""Counts of a myocardium voxel of 6.6 mm before attenuation; sets the noise."""

STORED_PER_COUNT = 50.0
"""Scale of the stored whole numbers, which leaves rounding far below the noise."""

VIEWS = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))
"""(row, column) steps towards the camera: RAO 45° over anterior and left lateral to LPO 45°."""


@dataclass(frozen=True, eq=False, slots=True)
class Torso:
    """A torso as the camera shows it, and the truth behind it, all on one grid.

    Attributes:
        emission: Counts of the nAC reconstruction; whole numbers, as a camera stores them.
        body: True inside the skin.
        lac: True LAC in 1/cm at 140.5 keV, narrow beam.
    """

    emission: Volume
    body: Mask
    lac: Volume


def analytic_torso(
    shape: tuple[int, int, int] = (64, 64, 64), spacing_mm: float = 6.6, seed: int = 0
) -> Torso:
    """Make a supine torso with lungs, heart, liver, spleen, gut and spine, as Tc-99m MIBI shows it.

    Attenuation is approximated: each voxel is dimmed by the mean of exp(-path integral) over five
    directions of a 180° orbit (first-order Chang, the wrong way round). Resolution is one
    Gaussian, noise is Poisson before the last smoothing. The same arguments give the same torso.

    Args:
        shape: Voxels along (slice, row, column) = head, back, left.
        spacing_mm: Edge of the cubic voxels; the body is 350 mm wide and 230 mm deep.
        seed: Of the noise.
    """
    geometry = _centred(shape, spacing_mm)
    body, activity, lac = _paint(geometry)
    seen = activity * _mean_transmission(lac, spacing_mm) + BACKGROUND_ACTIVITY
    blurred = _blur(seen, CAMERA_FWHM_MM / spacing_mm)
    counts = MYOCARDIUM_COUNTS * (spacing_mm / 6.6) ** 3 * blurred
    noisy = np.random.default_rng(seed).poisson(counts).astype(np.float64)
    emission = np.rint(STORED_PER_COUNT * _blur(noisy, FILTER_FWHM_MM / spacing_mm))
    return Torso(
        emission=Volume(emission.astype(np.float32), geometry, Quantity.COUNTS),
        body=body,
        lac=Volume(lac.astype(np.float32), geometry, Quantity.LAC_PER_CM),
    )


def _centred(shape: tuple[int, int, int], spacing_mm: float) -> Geometry:
    """Slices to the head, rows to the back, columns to the left; the middle at the origin."""
    affine = np.zeros((4, 4))
    affine[(2, 1, 0), (0, 1, 2)] = spacing_mm
    affine[(2, 1, 0), 3] = -(np.array(shape) - 1) / 2 * spacing_mm
    affine[3, 3] = 1.0
    return Geometry(shape, affine)


def _paint(geometry: Geometry) -> tuple[Mask, Grid, Grid]:
    """Body, activity relative to the myocardium, and LAC; what comes later covers what was."""
    index = np.moveaxis(np.indices(geometry.shape), 0, -1)
    left, back, head = np.moveaxis(geometry.to_patient(index), -1, 0)

    def ellipsoid(centre_mm: tuple[float, ...], radii_mm: tuple[float, ...]) -> Mask:
        scaled = [
            (axis - middle) / radius
            for axis, middle, radius in zip((left, back, head), centre_mm, radii_mm, strict=True)
        ]
        inside: Mask = sum(part**2 for part in scaled) < 1
        return inside

    body = np.abs(left / 175) ** 2.5 + np.abs(back / 115) ** 2.5 < 1
    activity = np.where(body, 0.07, 0.0)
    lac = np.where(body, SOFT_TISSUE_LAC_140KEV_PER_CM, 0.0)

    lungs = ellipsoid((-85, 5, 70), (58, 82, 140)) | ellipsoid((88, 12, 70), (54, 78, 140))
    activity[lungs], lac[lungs] = 0.03, LUNG_LAC_140KEV_PER_CM
    for centre_mm, radii_mm, uptake in (
        ((-70, -5, -110), (88, 88, 75), 0.45),  # liver
        ((95, 50, -110), (35, 40, 45), 0.35),  # spleen
        ((30, -25, -165), (45, 35, 30), 0.5),  # gut
        ((25, -25, 30), (58, 52, 70), 0.12),  # blood in the heart and the great vessels
    ):
        organ = ellipsoid(centre_mm, radii_mm) & body
        activity[organ], lac[organ] = uptake, SOFT_TISSUE_LAC_140KEV_PER_CM

    along, across = _heart_coordinates(left, back, head)
    for radius_mm, length_mm, uptake in ((34.0, 54.0, 1.0), (22.0, 42.0, 0.15)):
        ventricle = (across / radius_mm) ** 2 + (along / length_mm) ** 2 < 1
        activity[ventricle & (along > -25)] = uptake
        lac[ventricle & (along > -25)] = SOFT_TISSUE_LAC_140KEV_PER_CM

    spine = np.hypot(left, back - 72) < 22
    activity[spine], lac[spine] = 0.08, SPONGY_BONE_LAC_140KEV_PER_CM
    return body, activity, lac


def _heart_coordinates(left: Grid, back: Grid, head: Grid) -> tuple[Grid, Grid]:
    """Distances in mm along the left ventricle from its base to the apex, and across it."""
    centre_mm = np.array((45.0, -30.0, 5.0))
    apex = np.array((0.68, -0.6, -0.42))  # left, forward and down
    apex /= np.linalg.norm(apex)
    offset = np.stack((left, back, head), axis=-1) - centre_mm
    along = offset @ apex
    across = np.sqrt(np.maximum((offset**2).sum(axis=-1) - along**2, 0.0))
    return along, across


def _mean_transmission(lac: Grid, spacing_mm: float) -> Grid:
    """Share of photons that leave the body, averaged over the views."""
    transmitted = np.zeros_like(lac)
    for rows, columns in VIEWS:
        step_cm = spacing_mm / 10 * np.hypot(rows, columns)
        path = 0.5 * lac
        ahead = lac
        for _ in range(max(lac.shape[1:])):
            ahead = _step(ahead, rows, columns)
            path = path + ahead
        transmitted += np.exp(-path * step_cm) / len(VIEWS)
    return transmitted


def _step(volume: Grid, rows: int, columns: int) -> Grid:
    """The volume as seen from one voxel further on; 0 beyond the edge."""
    padded = np.pad(volume, ((0, 0), (1, 1), (1, 1)))
    height, width = volume.shape[1:]
    return padded[:, 1 + rows : 1 + rows + height, 1 + columns : 1 + columns + width]


def _blur(volume: Grid, fwhm_voxels: float) -> Grid:
    """Gaussian smoothing along every axis; what lies beyond the edge repeats the edge."""
    sigma = fwhm_voxels / FWHM_PER_SIGMA
    reach = int(np.ceil(4 * sigma))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= weights.sum()
    for axis in range(3):
        padding = [(reach, reach) if this == axis else (0, 0) for this in range(3)]
        padded = np.pad(volume, padding, mode="edge")
        size = volume.shape[axis]
        volume = sum(
            weight * np.take(padded, range(shift, shift + size), axis)
            for shift, weight in enumerate(weights)
        )
    return volume
