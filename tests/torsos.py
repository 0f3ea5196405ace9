"""Simulated patients and the grids they are painted on."""

from dataclasses import replace

import numpy as np

from mumap_node.imaging.volume import Geometry
from mumap_node.training.simulation.patient import draw_patient


def grid(spacing_mm=8.0, extent_mm=(500, 420, 600)):
    """An upright grid of cubes, (slice, row, column), about the centre of rotation."""
    shape = tuple(round(length / spacing_mm) for length in extent_mm)
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(np.eye(3)) * spacing_mm
    affine[:3, 3] = -(np.array(shape[::-1]) - 1) / 2 * spacing_mm
    return Geometry(shape, affine)


def patient(seed, **changes):
    return replace(draw_patient(np.random.default_rng(seed)), **changes)
