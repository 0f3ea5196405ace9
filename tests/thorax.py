"""A thorax by formula, seen by a cardiac orbit: what reconstructions are tested and timed on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mumap_node.imaging.reconstruction import Orbit, Resolution
from mumap_node.imaging.volume import Voxels

LEHR = Resolution(intrinsic_fwhm_mm=3.8, hole_diameter_mm=1.11, hole_length_mm=21.7, gap_mm=6.0)
"""A usual low-energy high-resolution collimator: 7.4 mm at 10 cm."""

WATER_PER_CM = 0.154
"""LAC of water at 140.5 keV, narrow beam. Source: NIST XCOM."""


@dataclass(frozen=True, eq=False)
class Thorax:
    """Truth, on an upright grid around the centre of rotation.

    Attributes:
        activity: Normal myocardium is 1.
        lac_per_cm: At 140.5 keV.
        myocardium: Of the left ventricle, a shell.
    """

    activity: Voxels
    lac_per_cm: Voxels
    myocardium: NDArray[np.bool_]


def thorax(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> Thorax:
    """Body, lungs, spine, liver and left ventricle, as ellipsoids with sharp edges."""
    z, y, x = positions_mm(shape, spacing_mm)
    body = (x / 165) ** 2 + (y / 115) ** 2 < 1
    lungs = ((np.abs(x) - 80) / 55) ** 2 + ((y + 5) / 80) ** 2 + (z / 260) ** 2 < 1
    spine = (x / 20) ** 2 + ((y - 75) / 20) ** 2 < 1
    liver = ((x + 70) / 75) ** 2 + ((y + 5) / 85) ** 2 + ((z + 120) / 75) ** 2 < 1
    from_heart_mm = np.sqrt((x - 45) ** 2 + (y + 40) ** 2 + (z / 1.3) ** 2)
    heart = from_heart_mm < 40
    myocardium = heart & (from_heart_mm > 26)
    activity = np.select([myocardium, heart, liver, lungs, body], [1, 0.1, 0.7, 0.04, 0.1], 0)
    lac = np.select([heart, liver, lungs, spine, body], [0.154, 0.157, 0.045, 0.21, 0.151], 0)
    return Thorax(activity.astype(np.float32), lac.astype(np.float32), myocardium)


def water_cylinder(
    shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], radius_mm: float
) -> Voxels:
    """LACs in 1/cm of water around the axis of rotation; voxels at its surface hold their part."""
    slices, rows, columns = shape
    _, row_mm, column_mm = spacing_mm
    _, y, x = positions_mm((1, 8 * rows, 8 * columns), (1, row_mm / 8, column_mm / 8))
    water = (np.hypot(x, y) < radius_mm).reshape(1, rows, 8, columns, 8).mean(axis=(2, 4))
    return np.repeat(WATER_PER_CM * water, slices, axis=0).astype(np.float32)


def positions_mm(
    shape: tuple[int, ...], spacing_mm: tuple[float, ...]
) -> tuple[NDArray[np.float64], ...]:
    """z, y and x of every voxel of a grid around the origin, or as many axes as there are."""
    axes = [(np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(shape, spacing_mm, strict=True)]
    return np.meshgrid(*axes, indexing="ij")


def cardiac_orbit(views: int = 64) -> Orbit:
    """From right anterior oblique 45° to left posterior oblique 45°, close to the body."""
    angles_deg = 225 - 180 * (np.arange(views) + 0.5) / views
    radii_mm = 205 + 50 * np.abs(np.sin(np.deg2rad(angles_deg)))
    return Orbit(angles_deg, radii_mm)
