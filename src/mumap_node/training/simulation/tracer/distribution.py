"""The concentration of the tracer in a torso."""

import numpy as np
from numpy.typing import NDArray

from mumap_node.imaging.volume import Voxels
from mumap_node.training.simulation.anatomy import Anatomy, Tissue
from mumap_node.training.simulation.anatomy.heart import LeftVentricle, ShortAxis, wall_depth
from mumap_node.training.simulation.anatomy.painting import Layer, solid
from mumap_node.training.simulation.anatomy.shapes import Tube
from mumap_node.training.simulation.anatomy.space import Field, Space
from mumap_node.training.simulation.patient import Patient
from mumap_node.training.simulation.tracer.uptake import HotSpot, Uptake

UNEVEN_MM = 28.0
"""Over twice of it the concentration within a tissue varies."""

LUNG_UNEVEN_MM = 20.0
"""The same for the perfusion of the lungs."""

BORDER_MM = 6.0
"""Over which a defect fades along the wall; half of it across."""

Mask = NDArray[np.bool_]


def distribute(anatomy: Anatomy, patient: Patient, uptake: Uptake) -> Voxels:
    """Concentration in each voxel, normal myocardium 1, averaged over breath and heart beat."""
    space = anatomy.painting.space
    rng = np.random.default_rng([patient.seed, 4])
    uneven = 1 + np.float32(uptake.unevenness) * space.noise(UNEVEN_MM, rng)
    np.clip(uneven, 0.6, 1.5, out=uneven)
    myocardium = _myocardium(anatomy.short_axis, anatomy.heart, uptake)
    is_lung = anatomy.labels == Tissue.LUNG

    def concentration(layer: Layer) -> Field | float:
        if layer.uptake is not None:
            return layer.uptake
        if layer.tissue is Tissue.MYOCARDIUM:
            return myocardium
        ratio = np.float32(uptake.ratios.get(layer.tissue.name, 0.0))
        if layer.tissue is Tissue.LUNG:
            return ratio * _perfusion(space, layer, is_lung[layer.box], uptake, rng)
        return ratio * uneven[layer.box]

    spots = [
        (spot.moves, solid(space, Tissue.SMALL_BOWEL, _tube(spot), uptake=spot.ratio))
        for spot in uptake.hot_spots
    ]
    return anatomy.painting.filled(
        concentration,
        inner=[layer for moves, layer in spots if moves],
        outer=[layer for moves, layer in spots if not moves],
    )


def _tube(spot: HotSpot) -> Tube:
    return Tube(spot.path_mm, (spot.radius_mm,) * len(spot.path_mm))


def _perfusion(
    space: Space, lung: Layer, inside: Mask, uptake: Uptake, rng: np.random.Generator
) -> Field:
    """Of the lungs, mean about 1: follows gravity as their density does, and noise of its own.

    It knows nothing of the density's texture: tracer comes with blood, whose share of a region
    differs. Counts would else tell the density of each voxel.
    """
    relative = np.float32(1)
    if inside.any():
        y = space.y_mm[lung.box]
        density = np.broadcast_to(lung.texture, inside.shape)[inside]
        slope, start = np.polyfit(y[inside], density / density.mean(), 1).astype(np.float32)
        relative = np.clip(start + slope * y, 0.3, 3.0) ** np.float32(uptake.lung_exponent)
    noise = np.float32(uptake.lung_unevenness) * space.noise(LUNG_UNEVEN_MM, rng, lung.box)
    perfusion: Field = relative * np.clip(1 + noise, 0.3, 1.7)
    return perfusion


def _myocardium(place: ShortAxis, heart: LeftVentricle, uptake: Uptake) -> Field:
    """Uptake of the wall, whose defects fade over some 6 mm."""
    angle = place.angle_deg
    value = 1 + np.float32(0.5 * uptake.lateral_gain) * np.sin(np.deg2rad(angle))
    depth = wall_depth(place, heart)
    for defect in uptake.defects:
        off = np.abs((angle - np.float32(defect.angle_deg) + 180) % 360 - 180)
        # Near the apex every angle is near: the width is one in mm, not in degrees.
        around_mm = np.deg2rad(off) * place.radius_mm
        half_mm = np.deg2rad(defect.half_width_deg) * (heart.radius_mm - 0.5 * heart.wall_mm)
        along_mm = np.abs(place.along_mm - np.float32(defect.along * heart.length_mm))
        inside = np.clip((half_mm - around_mm) / BORDER_MM + 0.5, 0, 1)
        inside *= np.clip((defect.half_length * heart.length_mm - along_mm) / BORDER_MM + 0.5, 0, 1)
        inside *= np.clip(
            (defect.transmurality - depth) * heart.wall_mm / (BORDER_MM / 2) + 0.5, 0, 1
        )
        value *= 1 - np.float32(defect.severity) * inside
    return value.astype(np.float32)
