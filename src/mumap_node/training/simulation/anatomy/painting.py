"""Layers of tissue, painted one over the other, and how breathing smears what moves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mumap_node.imaging.volume import Voxels
from mumap_node.training.simulation.anatomy.shapes import Ellipsoid, Tube
from mumap_node.training.simulation.anatomy.space import Box, Field, Space
from mumap_node.training.simulation.anatomy.tissues import Tissue

LEAST_COVERAGE = 0.5
"""A voxel belongs to the last tissue that covers half of it."""

BREATHS = 12
"""Moments of a breath that its average is made of."""


@dataclass(frozen=True, eq=False, slots=True)
class Layer:
    """One tissue in one place.

    Attributes:
        tissue: What it is.
        box: The voxels it may touch.
        coverage: Share of each voxel it covers, 0-1, float32 of the box's shape.
        texture: What its LAC is multiplied by: a number or one per voxel.
        uptake: Concentration of tracer, where its tissue does not tell it.
    """

    tissue: Tissue
    box: Box
    coverage: Field
    texture: Field | float = 1.0
    uptake: float | None = None


Value = Callable[[Layer], Field | float]
"""What a layer is painted with."""


@dataclass(frozen=True, eq=False, slots=True)
class Painting:
    """A torso as three stacks of layers.

    Attributes:
        space: Where its voxels lie.
        wall: From the skin to the rib cage; does not move.
        inner: What lies in the rib cage and the abdomen; moves with the diaphragm.
        cavity: Coverage of the space in which ``inner`` shows.
        bones: Spine, ribs and what else lies over both; does not move.
        breathing: float32 (slice, slice): mean over a breath of the slices shown in each slice.
    """

    space: Space
    cavity: Field
    breathing: NDArray[np.float32]
    wall: list[Layer] = field(default_factory=list)
    inner: list[Layer] = field(default_factory=list)
    bones: list[Layer] = field(default_factory=list)

    def filled(
        self, value: Value, *, inner: Sequence[Layer] = (), outer: Sequence[Layer] = ()
    ) -> Voxels:
        """The torso with every layer in its value, averaged over a breath.

        ``inner`` and ``outer`` are laid over the inner layers and over everything.
        """
        hollow = np.zeros(self.space.shape, np.float32)
        _lay(hollow, [*self.inner, *inner], value)
        moved = self.breathing @ hollow.reshape(len(hollow), -1)
        result = np.zeros(self.space.shape, np.float32)
        _lay(result, self.wall, value)
        result += self.cavity * (moved.reshape(hollow.shape) - result)
        _lay(result, [*self.bones, *outer], value)
        return result

    def labels(self) -> NDArray[np.uint8]:
        """The tissue of each voxel, at mid breath."""
        labels = np.zeros(self.space.shape, np.uint8)
        inner = np.zeros(self.space.shape, np.uint8)
        _label(labels, self.wall)
        _label(inner, self.inner)
        np.copyto(labels, inner, where=self.cavity > LEAST_COVERAGE)
        _label(labels, self.bones)
        return labels


def _lay(canvas: Voxels, layers: list[Layer], value: Value) -> None:
    for layer in layers:
        part = canvas[layer.box]
        part += layer.coverage * (value(layer) - part)


def _label(labels: NDArray[np.uint8], layers: list[Layer]) -> None:
    for layer in layers:
        np.copyto(labels[layer.box], np.uint8(layer.tissue), where=layer.coverage > LEAST_COVERAGE)


def solid(space: Space, tissue: Tissue, shape: Ellipsoid | Tube, texture: float = 1.0,
          uptake: float | None = None) -> Layer:  # fmt: skip
    """A shape filled with one tissue."""
    box = space.box(*shape.bounds())
    thickness_mm = 2 * float(min(shape.radii_mm))
    coverage = space.coverage(shape.distance_mm(*space.at(box)), thickness_mm)
    return Layer(tissue, box, coverage, texture, uptake)


def breathing_matrix(space: Space, dome_mm: float, way_mm: float) -> NDArray[np.float32]:
    """What each slice shows on average over a breath.

    The diaphragm goes down by ``way_mm`` and rests at expiration (cos⁴, Lujan 1999,
    doi 10.1118/1.598577); the motion fades towards the top of the lungs and the pelvis. Positions
    are relative to their mean over the breath.

    Args:
        space: Gives the slices.
        dome_mm: Height of the diaphragm in the torso's frame.
        way_mm: From expiration to inspiration.
    """
    height = space.level_mm[0].astype(np.float64)
    down = np.sin((np.arange(BREATHS) + 0.5) / BREATHS * np.pi) ** 4
    down -= down.mean()
    fading = np.clip(1 - (height - dome_mm - 10) / 150, 0, 1) * np.clip(
        (height + 330) / 250, 0.2, 1
    )
    slices = np.arange(height.size)
    shown = np.interp(height[:, None] + way_mm * fading[:, None] * down, height, slices)
    below = shown.astype(int)
    above = np.minimum(below + 1, slices[-1])
    matrix = np.zeros((height.size, height.size), np.float32)
    np.add.at(matrix, (slices[:, None], below), (1 - shown + below) / BREATHS)
    np.add.at(matrix, (slices[:, None], above), (shown - below) / BREATHS)
    return matrix
