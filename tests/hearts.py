"""A torso whose left ventricle lies where one says, as counts."""

import numpy as np
from scipy.ndimage import gaussian_filter

from mumap_node.imaging.heart import VALVE_PLANE_MM
from mumap_node.imaging.polar import LeftVentricle
from mumap_node.imaging.resampling import UPRIGHT
from mumap_node.imaging.volume import Geometry, Quantity, Volume
from phantoms import affine

CENTRE_MM, FRONT_DEG, DOWN_DEG = (40.0, -35.0, 10.0), 45.0, 33.0
LENGTH_MM, RADIUS_MM, WALL_MM = 90.0, 33.0, 10.0


def heart(centre_mm=CENTRE_MM, front_deg=FRONT_DEG, down_deg=DOWN_DEG, scale=1.0):
    front, down = np.deg2rad((front_deg, down_deg))
    axis = (np.cos(down) * np.cos(front), -np.cos(down) * np.sin(front), -np.sin(down))
    return LeftVentricle(tuple(centre_mm), axis, LENGTH_MM * scale, RADIUS_MM * scale)


def grid(spacing_mm=6.0, directions=UPRIGHT, extent_mm=(240.0, 380.0, 380.0), middle_mm=(0, 0, 0)):
    """A box around the origin; its extents lie along head, back and left."""
    across = np.abs(UPRIGHT.T @ directions).T @ np.array(extent_mm)
    shape = tuple(np.rint(across / spacing_mm).astype(int).tolist())
    turned = affine(directions, spacing_mm)
    turned[:3, 3] = middle_mm - turned[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Geometry(shape, turned)


def ball(points_mm, centre_mm, radii_mm):
    return (((points_mm - centre_mm) / radii_mm) ** 2).sum(axis=-1) < 1


def myocardium(points_mm, of, defect_deg=None, half_width_deg=40.0):
    """Half an ellipsoid, its base where it is on average, its wall missing around an angle."""
    offset = points_mm - of.centre_mm
    along = offset @ np.array(of.axis) + of.length_mm / 2
    anterior, lateral = offset @ of.anterior, offset @ of.lateral
    across = np.hypot(anterior, lateral)
    outer = (along / of.length_mm) ** 2 + (across / of.radius_mm) ** 2 < 1
    length_mm, radius_mm = of.length_mm - WALL_MM, of.radius_mm - WALL_MM
    inner = (along / length_mm) ** 2 + (across / radius_mm) ** 2 < 1
    wall = outer & ~inner & (along > VALVE_PLANE_MM)
    if defect_deg is not None:
        off = (np.rad2deg(np.arctan2(lateral, anterior)) - defect_deg + 180) % 360 - 180
        wall &= np.abs(off) > half_width_deg
    return wall


def torso(
    geometry, of=None, *, liver=0.8, gut=0.0, noise=0.0, defect_deg=None, half_width_deg=40.0
):
    """Counts of body, liver and gut on the patient's right, and of a ventricle of 1."""
    points = geometry.to_patient(np.moveaxis(np.indices(geometry.shape), 0, -1))
    counts = 0.1 * ball(points, (0, 0, 0), (160, 110, 1000))
    counts[ball(points, (-60, 0, -75), (85, 75, 50))] = liver
    counts[ball(points, (60, -40, -75), (40, 14, 14))] = gut
    if of is not None:
        counts[myocardium(points, of, defect_deg, half_width_deg)] = 1
    counts = gaussian_filter(counts, 14 / 2.355 / np.array(geometry.spacing_mm))
    rng = np.random.default_rng(1)
    counts = gaussian_filter(counts + noise * rng.normal(size=counts.shape), 0.5)
    return Volume(counts.astype(np.float32), geometry, Quantity.COUNTS)
