"""The left ventricle: its wall through the beat, and its 17 segments."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mumap_node.imaging import polar
from mumap_node.imaging.volume import Matrix
from mumap_node.training.simulation.anatomy.painting import Layer
from mumap_node.training.simulation.anatomy.space import Box, Field, Space
from mumap_node.training.simulation.anatomy.tissues import Tissue

WIDEST = 0.30
"""Where along its length, from the base, the left ventricle is widest."""

BASE_NARROWING = 0.12
"""How much narrower it is at the base."""

APEX_WALL = 0.65
"""Thickness of the wall at the apex relative to the rest."""

SEPTAL_STEP_MM = 7.0
"""How much further towards the apex the septum begins than the lateral wall."""

LONG_AXIS_SHORTENING = 0.25
"""Share of the length that the base moves, per ejected share of the cavity."""

PHASES = 4
"""Of the heart beat that the time average is made of."""


@dataclass(frozen=True, eq=False, slots=True)
class LeftVentricle(polar.LeftVentricle):
    """Where the left ventricle lies, by its outer surface at the end of diastole.

    Attributes:
        wall_mm: Thickness of the wall.
        ejection: Share of the cavity that leaves in systole.
    """

    wall_mm: float
    ejection: float

    @property
    def directions(self) -> Matrix:
        """Unit vectors to the lateral wall, to the anterior wall and to the apex, as rows."""
        return np.stack((self.lateral, self.anterior, np.array(self.axis)))

    @property
    def base_mm(self) -> Matrix:
        """The middle of the base."""
        base: Matrix = np.array(self.centre_mm) - 0.5 * self.length_mm * np.array(self.axis)
        return base


@dataclass(frozen=True, eq=False, slots=True)
class ShortAxis:
    """Voxels in the left ventricle's own coordinates.

    Attributes:
        box: Which voxels.
        along_mm: From the base to the apex.
        lateral_mm, anterior_mm: Across it.
        radius_mm: Distance from the axis.
    """

    box: Box
    along_mm: Field
    lateral_mm: Field
    anterior_mm: Field
    radius_mm: Field

    @property
    def angle_deg(self) -> Field:
        """0 anterior, 90 lateral, 180 inferior, -90 septal."""
        angle: Field = np.degrees(np.arctan2(self.lateral_mm, self.anterior_mm))
        return angle


def short_axis(space: Space, heart: LeftVentricle) -> ShortAxis:
    """The voxels near the left ventricle in its own coordinates; ``heart`` in the torso's frame."""
    reach = 0.5 * heart.length_mm + heart.radius_mm
    box = space.box(np.array(heart.centre_mm) - reach, np.array(heart.centre_mm) + reach)
    x, y, z = (
        part - np.float32(middle) for part, middle in zip(space.at(box), heart.base_mm, strict=True)
    )
    lateral, anterior, along = (
        row[0] * x + row[1] * y + row[2] * z for row in heart.directions.astype(np.float32)
    )
    return ShortAxis(box, along, lateral, anterior, np.hypot(lateral, anterior))


def ventricle(place: ShortAxis, length_mm: float, radius_mm: float) -> Field:
    """Distance outside a half ellipsoid that narrows a little towards its open base."""
    widest = WIDEST * length_mm
    behind = widest / np.sqrt(1 - (1 - BASE_NARROWING) ** 2)
    along = place.along_mm - np.float32(widest)
    reach = np.where(along > 0, np.float32(length_mm - widest), np.float32(behind))
    u, v = along / reach, place.radius_mm / np.float32(radius_mm)
    size = np.hypot(u, v)
    steep = np.hypot(u / reach, v / np.float32(radius_mm)) + np.float32(1e-5)
    distance: Field = size * (size - 1) / steep
    return distance


def beating(heart: LeftVentricle, systole: float) -> tuple[float, float, float]:
    """Outer and inner radius and shortening of the long axis in mm.

    The cavity loses its stroke volume and the wall keeps its own.

    Args:
        heart: At the end of diastole.
        systole: 0 there, 1 at the end of systole.
    """
    shortening = systole * LONG_AXIS_SHORTENING * heart.ejection * heart.length_mm
    stretch = heart.length_mm / (heart.length_mm - shortening)
    relaxed = heart.radius_mm - heart.wall_mm
    inner = relaxed * np.sqrt((1 - systole * heart.ejection) * stretch)
    outer = np.sqrt(inner**2 + (heart.radius_mm**2 - relaxed**2) * stretch)
    return float(outer), float(inner), shortening


def wall_and_cavity(space: Space, place: ShortAxis, heart: LeftVentricle) -> tuple[Field, Field]:
    """Coverage of the wall and of the cavity, averaged over the heart beat."""
    septal = np.clip(-place.lateral_mm / np.float32(heart.radius_mm), 0, 1)
    base = np.float32(SEPTAL_STEP_MM) * septal - place.along_mm
    walls, cavities = np.zeros_like(base), np.zeros_like(base)
    for systole in (1 - np.cos(2 * np.pi * (np.arange(PHASES) + 0.5) / PHASES)) / 2:
        outer, inner, shortening = beating(heart, float(systole))
        open_base = space.coverage(base + np.float32(shortening))
        full = np.minimum(space.coverage(ventricle(place, heart.length_mm, outer)), open_base)
        inner_length = heart.length_mm - APEX_WALL * (outer - inner)
        hollow = np.minimum(space.coverage(ventricle(place, inner_length, inner)), full)
        walls += (full - hollow) / np.float32(PHASES)
        cavities += hollow / np.float32(PHASES)
    return walls, cavities


def ventricle_layers(space: Space, place: ShortAxis, heart: LeftVentricle) -> list[Layer]:
    """Wall and cavity; painted in this order they cover what ``wall_and_cavity`` says."""
    wall, cavity = wall_and_cavity(space, place, heart)
    share = np.minimum(wall / np.maximum(1 - cavity, np.float32(1e-3)), 1)
    return [Layer(Tissue.MYOCARDIUM, place.box, share), Layer(Tissue.BLOOD, place.box, cavity)]


def wall_depth(place: ShortAxis, heart: LeftVentricle) -> Field:
    """0 at the inner and 1 at the outer surface of the wall, in the middle of the beat."""
    outer, inner, _ = beating(heart, 0.5)
    from_inside = ventricle(place, heart.length_mm - APEX_WALL * (outer - inner), inner)
    to_outside = -ventricle(place, heart.length_mm, outer)
    depth: Field = np.clip(from_inside / np.maximum(from_inside + to_outside, 0.1), 0, 1)
    return depth


def segment_of(place: ShortAxis, heart: LeftVentricle) -> NDArray[np.uint8]:
    """AHA segment 1-17 at each voxel, wherever it lies."""
    thirds = place.along_mm * np.float32(3 / heart.cavity_mm)
    return polar.segment_of(thirds, place.angle_deg)
