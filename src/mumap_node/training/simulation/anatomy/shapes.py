"""Ellipsoids, tubes and body outlines as distances outside their surface, in mm."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

from mumap_node.imaging.volume import Matrix
from mumap_node.training.simulation.anatomy.space import Box, Field, Numbers, Space

Corners = tuple[Matrix, Matrix]

DEEPEST_MM = 150.0
"""Distances inside an outline are not followed further."""


@dataclass(frozen=True, eq=False, slots=True)
class Ellipsoid:
    """An ellipsoid.

    Attributes:
        centre_mm: Its middle in the torso's frame.
        radii_mm: Along its axes.
        axes: Its axes as rows of unit vectors; x, y and z where None.
    """

    centre_mm: Numbers
    radii_mm: Numbers
    axes: Matrix | None = None

    def bounds(self) -> Corners:
        """Corners of a box round it."""
        axes = np.eye(3) if self.axes is None else self.axes
        half = np.linalg.norm(np.asarray(self.radii_mm)[:, None] * axes, axis=0)
        return np.asarray(self.centre_mm) - half, np.asarray(self.centre_mm) + half

    def distance_mm(self, x: Field, y: Field, z: Field) -> Field:
        """Distance outside its surface, to first order."""
        parts: list[Field] = [
            point - np.float32(middle)
            for point, middle in zip((x, y, z), self.centre_mm, strict=True)
        ]
        if self.axes is not None:
            turned = self.axes.astype(np.float32)
            parts = [row[0] * parts[0] + row[1] * parts[1] + row[2] * parts[2] for row in turned]
        radii = [np.float32(radius) for radius in self.radii_mm]
        u, v, w = ((part / radius) ** 2 for part, radius in zip(parts, radii, strict=True))
        size = np.sqrt(u + v + w)
        steep = np.sqrt(u / radii[0] ** 2 + v / radii[1] ** 2 + w / radii[2] ** 2)
        distance: Field = size * (size - 1) / (steep + np.float32(1e-5))
        return distance

    def grown(self, by_mm: float) -> Self:
        """The same with larger radii; smaller ones where ``by_mm`` is negative."""
        return type(self)(self.centre_mm, np.asarray(self.radii_mm) + by_mm, self.axes)


@dataclass(frozen=True, eq=False, slots=True)
class Tube:
    """A chain of round cones.

    Attributes:
        points_mm: Its joints in the torso's frame, two or more.
        radii_mm: At each joint.
    """

    points_mm: Sequence[Numbers]
    radii_mm: Numbers

    def bounds(self) -> Corners:
        """Corners of a box round it."""
        points, radii = np.array(self.points_mm), np.asarray(self.radii_mm)[:, None]
        return (points - radii).min(axis=0), (points + radii).max(axis=0)

    def distance_mm(self, x: Field, y: Field, z: Field) -> Field:
        """Distance outside its surface."""
        joints = zip(np.array(self.points_mm, np.float32), self.radii_mm, strict=True)
        cones = [_cone_mm(x, y, z, start, end) for start, end in pairwise(joints)]
        return np.asarray(np.minimum.reduce(cones))

    def grown(self, by_mm: float) -> Self:
        """The same with larger radii; smaller ones where ``by_mm`` is negative."""
        return type(self)(self.points_mm, np.asarray(self.radii_mm) + by_mm)


def _cone_mm(
    x: Field, y: Field, z: Field, start: tuple[Field, float], end: tuple[Field, float]
) -> Field:
    """Distance outside a cone with round ends, from (point, radius) to (point, radius)."""
    (first, radius), (last, end_radius) = start, end
    along = last - first
    x, y, z = x - first[0], y - first[1], z - first[2]
    share = (x * along[0] + y * along[1] + z * along[2]) / max(along @ along, np.float32(1e-6))
    share = np.clip(share, 0, 1)
    x, y, z = x - share * along[0], y - share * along[1], z - share * along[2]
    here = np.float32(radius) + share * np.float32(end_radius - radius)
    distance: Field = np.sqrt(x * x + y * y + z * z) - here
    return distance


@dataclass(frozen=True, eq=False, slots=True)
class Outline:
    """A body's contour at every height, of different depth in front and behind.

    Attributes:
        middle_x, middle_y: Its middle in the torso's frame, (slice, 1, 1), mm.
        half_width, front, back: Its reach to either side, forward and backward, likewise.
        squareness: Of the back half: 0 an ellipse; towards 1 a box with round corners. The front
            half has a third of it.
    """

    middle_x: Field
    middle_y: Field
    half_width: Field
    front: Field
    back: Field
    squareness: float

    def grown(self, sides: Field, front: Field, back: Field) -> Self:
        """The contour with layers added."""
        return type(self)(self.middle_x, self.middle_y, self.half_width + sides,
                          self.front + front, self.back + back, self.squareness)  # fmt: skip

    def front_at(self, share: float) -> float:
        """How far its front lies ahead of its middle, at a share of the half width; one height."""
        depth = (1 - min(abs(share), 0.97) ** 2.3) ** (1 / 2.3)  # between ellipse and box
        return float(self.front.item() * depth)

    def distance_mm(self, x: Field, y: Field) -> Field:
        """Distance outside the contour within the slice, to first order."""
        v = y - self.middle_y
        is_front = v < 0
        square = np.where(is_front, np.float32(self.squareness / 3), np.float32(self.squareness))
        inverse = np.where(is_front, 1 / self.front, 1 / self.back)
        u = (x - self.middle_x) / self.half_width
        v = v * inverse
        uu, vv = u * u, v * v
        size = np.sqrt((1 - square) * (uu + vv) + square * (uu * uu + vv * vv))
        across = u * (1 - square + 2 * square * uu) / self.half_width
        along = v * (1 - square + 2 * square * vv) * inverse
        steep = np.sqrt(across * across + along * along) + np.float32(1e-5)
        distance: Field = np.maximum((size - 1) * size / steep, np.float32(-DEEPEST_MM))
        return distance


def ellipse_mm(x: Field, y: Field, width: Field | float, depth: Field | float) -> Field:
    """Distance outside an ellipse about (0, 0) with the given half axes, to first order."""
    u, v = x / width, y / depth
    size = np.hypot(u, v)
    distance: Field = size * (size - 1) / (np.hypot(u / width, v / depth) + np.float32(1e-5))
    return distance


def joined(
    space: Space, shapes: Sequence[Ellipsoid | Tube], rounding_mm: float
) -> tuple[Box, Field]:
    """A box round shapes, and the distance outside their smooth union."""
    lows, highs = zip(*(shape.bounds() for shape in shapes), strict=True)
    box = space.box(np.min(lows, axis=0) - rounding_mm / 4, np.max(highs, axis=0) + rounding_mm / 4)
    distance = shapes[0].distance_mm(*space.at(box))
    for shape in shapes[1:]:
        distance = smooth_union(distance, shape.distance_mm(*space.at(box)), rounding_mm)
    return box, distance


def smooth_union(one: Field, two: Field, rounding_mm: float) -> Field:
    """Distance outside either shape, the crease between them filled over ``rounding_mm``."""
    overlap = np.maximum(np.float32(rounding_mm) - np.abs(one - two), 0)
    filled: Field = np.minimum(one, two) - overlap * overlap * np.float32(0.25 / rounding_mm)
    return filled
