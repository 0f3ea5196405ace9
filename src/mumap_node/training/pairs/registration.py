"""Whether a reconstruction and the map beside it show the patient at the same place."""

from dataclasses import dataclass

import numpy as np

from mumap_node.imaging import regions, resampling
from mumap_node.imaging.regions import Mask
from mumap_node.imaging.volume import Volume

Shift = tuple[int, int, int]
"""Whole voxels along (slice, row, column)."""

LEAST_DICE = 0.80
"""Of the emission's outline and the map's body. The outline of a good pair lies inside the body
where skin and arms take up little, which costs some 0.1."""

LARGEST_SHIFT_MM = 10.0
"""One and a half voxels of 6.6 mm: heart muscle would be corrected as lung, and a defect appear."""

SEARCHED_MM = 30.0

LEAST_GAIN = 0.01
"""Dice a shift must gain to be believed: the outline of the emission is not that exact."""

ROUNDS = 2
"""Times each axis is searched, with the others where they were found best."""


@dataclass(frozen=True, slots=True)
class Registration:
    """How well two outlines agree.

    Attributes:
        dice: Of the emission's outline and the map's body, where both have voxels.
        shift_mm: How far the map would have to move along (slice, row, column) of the upright
            grid, to the head, back and left, to agree best; 0 where that gains next to nothing.
    """

    dice: float
    shift_mm: tuple[float, float, float]

    @property
    def is_good(self) -> bool:
        """Whether the pair may be believed."""
        return self.dice >= LEAST_DICE and max(map(abs, self.shift_mm)) <= LARGEST_SHIFT_MM


def register(nac: Volume, lac: Volume) -> Registration:
    """Compare the outlines of a reconstruction and a map on the same grid.

    Args:
        nac: Counts.
        lac: LAC in 1/cm; NaN where the map has no voxels.
    """
    grid = resampling.upright(nac.geometry)
    counts = resampling.onto(nac, grid).voxels
    mu = resampling.onto(lac, grid).voxels
    known = np.isfinite(mu)
    emission = regions.emission_outline(counts, grid.spacing_mm)
    solid = regions.body(np.nan_to_num(mu))
    body = regions.filled(regions.largest_part(solid)) & known

    def dice(shift: Shift) -> float:
        return _shifted_dice(emission, body, known, shift)

    here: Shift = (0, 0, 0)
    best = here
    for axis in ROUNDS * (1, 2, 0):
        reach = int(SEARCHED_MM // grid.spacing_mm[axis])
        tried = (_with(best, axis, step) for step in range(-reach, reach + 1))
        best = max(tried, key=dice)
    if dice(best) < dice(here) + LEAST_GAIN:
        best = here
    slices, rows, columns = np.multiply(best, grid.spacing_mm).tolist()
    return Registration(dice(here), (slices, rows, columns))


def _with(shift: Shift, axis: int, step: int) -> Shift:
    slices, rows, columns = (step if axis == other else shift[other] for other in range(3))
    return slices, rows, columns


def _shifted_dice(emission: Mask, body: Mask, known: Mask, shift: Shift) -> float:
    """Dice with the map moved by whole voxels, over the voxels both then have."""
    fixed = tuple(slice(max(step, 0), min(step, 0) or None) for step in shift)
    moved = tuple(slice(max(-step, 0), min(-step, 0) or None) for step in shift)
    one, other = emission[fixed] & known[moved], body[moved]
    return regions.dice(one, other) if one.any() or other.any() else 0.0
