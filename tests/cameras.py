"""A camera with ordinary settings, and things of water to put before it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mumap_node.imaging.attenuation import WATER_LAC_140KEV_PER_CM
from mumap_node.imaging.volume import Geometry
from mumap_node.training.simulation.camera import Camera
from mumap_node.training.simulation.conditions import Conditions

ORDINARY = {
    "collimator": "LEHR",
    "hole_diameter_mm": 1.11,
    "hole_length_mm": 24.05,
    "intrinsic_fwhm_mm": 3.8,
    "energy_resolution": 0.095,
    "follows_contour": True,
    "gap_mm": 10.0,
    "arc_deg": 180.0,
    "views": 32,
    "heads": 2,
    "start_deg": 225.0,
    "clockwise": True,
    "matrix": 64,
    "pixel_mm": 6.6,
    "axial_field_mm": 390.0,
    "photopeak_kev": (126.45, 154.55),
    "lower_kev": (119.45, 126.45),
    "upper_kev": (154.55, 161.55),
    "seconds_per_view": 25.0,
    "counts": 5e6,
}

STILL = Conditions(scatter_amplitude=1.0, nonuniformity=0.0, motion=None)
RING = np.array([[130.0, 0.0], [0.0, 130.0], [-130.0, 0.0], [0.0, -130.0]])
"""Outline of a thing 260 mm across, for the detector's path."""


def camera(**changes: object) -> Camera:
    return Camera(**(ORDINARY | changes))


@dataclass(frozen=True, eq=False)
class Thing:
    """What a camera needs to know of an anatomy."""

    geometry: Geometry
    lac_per_cm: NDArray[np.float32]
    table_per_cm: NDArray[np.float32]


def upright_grid(shape: tuple[int, int, int], edge_mm: float) -> Geometry:
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(np.eye(3)) * edge_mm
    affine[:3, 3] = -(np.array(shape[::-1]) - 1) / 2 * edge_mm
    return Geometry(shape, affine)


def positions(geometry: Geometry) -> list[NDArray[np.float64]]:
    """x, y and z of every voxel, in mm."""
    index = np.moveaxis(np.indices(geometry.shape), 0, -1)
    return list(np.moveaxis(geometry.to_patient(index), -1, 0))


def thing(lac_per_cm: NDArray[np.float64], geometry: Geometry) -> Thing:
    return Thing(geometry, lac_per_cm.astype(np.float32), np.zeros(geometry.shape, np.float32))


def water_cylinder(
    geometry: Geometry, radius_mm: float = 110.0, half_length_mm: float = 150.0
) -> NDArray[np.float64]:
    """LAC of a cylinder along z, its edge shared out to the voxels it crosses."""
    edge_mm = geometry.spacing_mm[0]
    parts = (np.arange(4) - 1.5) / 4 * edge_mm
    x, y, z = positions(geometry)
    inside = np.mean(
        [np.hypot(x + right, y + back) < radius_mm for right in parts for back in parts], axis=0
    )
    return WATER_LAC_140KEV_PER_CM * inside * (np.abs(z) < half_length_mm)


def point(geometry: Geometry, place_mm: tuple[float, float, float]) -> NDArray[np.float32]:
    """One unit of activity at an LPS position, shared out to the voxels around it."""
    activity = np.ones(geometry.shape)
    for axis, index in enumerate(geometry.to_index(place_mm)):
        weights = np.clip(1 - np.abs(np.arange(geometry.shape[axis]) - index), 0, None)
        activity *= weights.reshape([-1 if other == axis else 1 for other in range(3)])
    return activity.astype(np.float32)
