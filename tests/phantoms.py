"""Volumes and grids to test the science with; every argument has a default."""

from itertools import permutations, product
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from mumap_node.imaging.model_card import ModelCard, parse_model_card
from mumap_node.imaging.volume import Geometry, Matrix, Quantity, Volume

MODELS = Path(__file__).parents[1] / "models"
BASELINE = MODELS / "uniform-body-1.0"
SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"

ORIENTATIONS = [
    np.eye(3)[:, order] * signs
    for order in permutations(range(3))
    for signs in product((1, -1), repeat=3)
]
"""Every way to lay (slice, row, column) along LPS: 6 orders times 8 directions."""


def card(**changes: object) -> ModelCard:
    """The card of the baseline model, with other values for some of its tables."""
    return parse_model_card((BASELINE / "model.toml").read_text()).model_copy(update=changes)


def affine(directions: Matrix, spacing_mm: ArrayLike = 4.0, origin_mm: ArrayLike = 0.0) -> Matrix:
    """An affine from unit vectors (columns), voxel size and position of the first voxel."""
    result = np.eye(4)
    result[:3, :3] = directions * np.asarray(spacing_mm, dtype=float)
    result[:3, 3] = origin_mm
    return result


def rotation(angles_deg: tuple[float, float, float]) -> Matrix:
    """Rotation about x, y and z in turn."""
    result = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(angles_deg)):
        one, other = (a for a in range(3) if a != axis)
        turn = np.eye(3)
        turn[one, one] = turn[other, other] = np.cos(angle)
        turn[one, other], turn[other, one] = -np.sin(angle), np.sin(angle)
        result = turn @ result
    return result


def volume(
    voxels: ArrayLike, matrix: Matrix | None = None, quantity: Quantity = Quantity.COUNTS
) -> Volume:
    """A volume of these voxels; upright voxels of 4 mm unless an affine is given."""
    array = np.array(voxels, dtype=np.float32)
    if matrix is None:
        matrix = affine(np.eye(3)[::-1])
    return Volume(array, Geometry(array.shape, matrix, "1.2.3"), quantity)


def blob(geometry: Geometry, at_mm: Matrix, fwhm_mm: float = 30.0) -> Volume:
    """A Gaussian of counts at a place in the patient."""
    index = np.moveaxis(np.indices(geometry.shape), 0, -1)
    squared_mm2 = ((geometry.to_patient(index) - at_mm) ** 2).sum(axis=-1)
    counts = 1000 * np.exp(-4 * np.log(2) * squared_mm2 / fwhm_mm**2)
    return Volume(counts.astype(np.float32), geometry, Quantity.COUNTS)


def centroid_mm(volume: Volume) -> Matrix:
    """Centre of mass of the values, in LPS."""
    weights = volume.voxels.astype(np.float64)
    index = [
        (weights.sum(axis=tuple({0, 1, 2} - {axis})) * np.arange(size)).sum() / weights.sum()
        for axis, size in enumerate(weights.shape)
    ]
    return volume.geometry.to_patient(index)


def geometries(oblique_deg: float = 0.0, shortest: int = 1) -> st.SearchStrategy[Geometry]:
    """Small grids in any orientation, tilted by up to an angle."""
    angle = st.floats(-oblique_deg, oblique_deg)
    spacing = st.floats(3.0, 8.0)
    position = st.floats(-300.0, 300.0)
    return st.builds(
        lambda shape, directions, angles, spacing_mm, origin_mm: Geometry(
            shape, affine(rotation(angles) @ directions, spacing_mm, origin_mm), "1.2.3"
        ),
        st.tuples(*[st.integers(shortest, 9)] * 3),
        st.sampled_from(ORIENTATIONS),
        st.tuples(angle, angle, angle),
        st.tuples(spacing, spacing, spacing),
        st.tuples(position, position, position),
    )
