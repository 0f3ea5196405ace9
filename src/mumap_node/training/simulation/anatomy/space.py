"""Where each voxel lies in the torso, and smooth random fields over it.

The torso's own frame: x to the left from the midline, y to the back from the middle of the rib
cage, z to the head from the usual level of the right dome of the diaphragm; mm. It is the
patient's frame up to placement (shift, roll, shear) and a smooth deformation, so a shape is
written once, for the usual torso, and follows each patient.

Edges are one voxel wide: the coverage of a voxel is a ramp of its signed distance to the surface,
which keeps volumes and line integrals nearly independent of the grid.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline, PchipInterpolator

from mumap_node.imaging.volume import Geometry, Matrix
from mumap_node.training.simulation.patient import Patient, Vector

Box = tuple[slice, slice, slice]
Field = NDArray[np.floating[Any]]  # float32 over voxels, (slice, row, column)
Numbers = Sequence[float] | Field

DEFORMATION_MM = 75.0
"""Between the nodes of the lattice that carries the deformation."""

REACH_MM = 400.0
"""Beyond this distance from the torso's origin random fields go on as they are there."""


class Space:
    """A grid in the torso's own frame.

    Attributes:
        shape: Of the grid.
        x_mm, y_mm: (slice, row, column): left of the midline, behind the middle of the cage.
        z_mm: (slice, 1, 1): above the usual level of the diaphragm.
        level_mm: Along (slice, row, column) the positions before roll, shear and deformation.
        edge_mm: Width of a soft edge: the mean distance between voxels.
    """

    def __init__(self, geometry: Geometry, patient: Patient, origin_mm: Vector) -> None:
        """Lay the torso over the grid.

        Args:
            geometry: An upright grid.
            patient: Gives placement and deformation.
            origin_mm: LPS position of the torso's origin.

        Raises:
            ValueError: The grid is not upright.
        """
        z, y, x = self.level_mm = [
            axis - np.float32(zero)
            for axis, zero in zip(_upright_axes_mm(geometry), origin_mm[::-1], strict=True)
        ]
        self.shape = geometry.shape
        self.edge_mm = float(np.mean(geometry.spacing_mm))
        self.z_mm: Field = z[:, None, None]
        self._origin_mm, self._placement = origin_mm, patient.placement
        roll = np.deg2rad(patient.placement.roll_deg)
        self._turn = np.array(((np.cos(roll), -np.sin(roll)), (np.sin(roll), np.cos(roll))))
        across = x - np.float32(patient.placement.lean) * self.z_mm
        back = y[:, None] - np.float32(patient.placement.nod) * self.z_mm
        rng = np.random.default_rng([patient.seed, 0])
        spread = np.float32(patient.deformation_mm)
        (right_x, right_y), (back_x, back_y) = self._turn.T.astype(np.float32)
        self.x_mm: Field = spread * self.noise(DEFORMATION_MM, rng)
        self.y_mm: Field = spread * self.noise(DEFORMATION_MM, rng)
        self.x_mm += right_x * across + right_y * back
        self.y_mm += back_x * across + back_y * back
        self._margin_mm = 3.5 * patient.deformation_mm + 1.5 * max(geometry.spacing_mm)

    @property
    def whole(self) -> Box:
        """Every voxel."""
        return (slice(None),) * 3

    def box(self, low: Numbers, high: Numbers) -> Box:
        """The voxels that a box of the torso may touch, from its corners (x, y, z) in mm."""
        middle = (np.asarray(low) + np.asarray(high)) / 2
        half = (np.asarray(high) - np.asarray(low)) / 2
        shear = np.array((self._placement.lean, self._placement.nod))
        at = self._turn @ middle[:2] + shear * middle[2]
        reach = np.abs(self._turn) @ half[:2] + np.abs(shear) * half[2] + self._margin_mm
        z, y, x = self.level_mm
        return (
            _within(z, middle[2], half[2] + self.edge_mm),
            _within(y, at[1], reach[1]),
            _within(x, at[0], reach[0]),
        )

    def at(self, box: Box) -> tuple[Field, Field, Field]:
        """The torso's x, y and z of a box of voxels, in mm."""
        return self.x_mm[box], self.y_mm[box], self.z_mm[box[0]]

    def in_patient(self, point_mm: Numbers) -> Matrix:
        """LPS position of a point (x, y, z) of the torso."""
        x, y, z = np.asarray(point_mm, dtype=np.float64)
        shear = np.array((self._placement.lean, self._placement.nod))
        found = self._turn @ (x, y) + shear * z  # but for the deformation
        for _ in range(2):  # from the nearest voxel on, as it varies little between voxels
            slice_, row, column = (
                int(np.clip(np.searchsorted(axis, at), 0, axis.size - 1))
                for axis, at in zip(self.level_mm, (z, found[1], found[0]), strict=True)
            )
            voxel = (slice_, row, column)
            missing = np.array((x - self.x_mm[voxel], y - self.y_mm[voxel]))
            near = np.array((self.level_mm[2][column], self.level_mm[1][row]))
            found = near + self._turn @ missing + shear * (z - self.level_mm[0][slice_])
        return np.array((*found, z)) + self._origin_mm

    def noise(self, spacing_mm: float, rng: np.random.Generator, box: Box | None = None) -> Field:
        """A random field of spread 1 that belongs to the torso, whatever the grid.

        Args:
            spacing_mm: Between the nodes of a cubic spline; the field varies over twice of it.
            rng: Gives the values at the nodes.
            box: Where the field is wanted; everywhere if None.
        """
        knots = np.arange(-REACH_MM - 3 * spacing_mm, REACH_MM + 4 * spacing_mm, spacing_mm)
        field: Field = rng.standard_normal((knots.size - 4,) * 3, dtype=np.float32)
        field *= np.float32(0.48**-1.5)  # a cubic spline keeps 0.48 of the variance per axis
        for axis_mm, part in zip(self.level_mm, box or self.whole, strict=True):
            # Each pass turns the first axis from nodes to positions and puts it last.
            inside = np.clip(axis_mm[part], -REACH_MM, REACH_MM).astype(np.float64)
            weights = BSpline.design_matrix(inside, knots, 3).toarray().astype(np.float32)
            field = np.moveaxis(np.tensordot(weights, field, (1, 0)), 0, -1)
        return np.ascontiguousarray(field)

    def coverage(self, distance_mm: Field, thickness_mm: float = np.inf) -> Field:
        """Share of each voxel inside a surface, from the distance outside it.

        Args:
            distance_mm: Negative inside.
            thickness_mm: Of the shape, whose far side is taken off where it lies within the edge.
        """
        scaled = distance_mm * np.float32(-1 / self.edge_mm) + np.float32(0.5)
        inside: Field = np.clip(scaled, 0, 1)
        if thickness_mm < 2 * self.edge_mm:
            inside -= np.clip(scaled - np.float32(thickness_mm / self.edge_mm), 0, 1)
        return inside


def profile(height_mm: Field, points: Sequence[tuple[float, float]]) -> Field:
    """A smooth curve through (height, value) without overshoot, level beyond the ends."""
    heights, values = np.array(points).T
    clipped = np.clip(height_mm, heights[0], heights[-1])
    return np.asarray(PchipInterpolator(heights, values)(clipped), dtype=np.float32)


def _upright_axes_mm(geometry: Geometry) -> list[Field]:
    """Positions along (slice, row, column) = (z, y, x)."""
    steps = geometry.affine[:3, :3][::-1]
    along = np.diag(steps)
    if not np.allclose(steps, np.diag(along)) or (along <= 0).any():
        raise ValueError(
            f"expected slices to the head, rows to the back and columns to the left, "
            f"found directions {geometry.directions.tolist()}"
        )
    first = geometry.affine[:3, 3][::-1]
    return [
        (start + step * np.arange(size)).astype(np.float32)
        for start, step, size in zip(first, along, geometry.shape, strict=True)
    ]


def _within(axis_mm: Field, middle_mm: float, half_mm: float) -> slice:
    first, last = np.searchsorted(axis_mm, (middle_mm - half_mm, middle_mm + half_mm))
    return slice(int(first), int(last))
