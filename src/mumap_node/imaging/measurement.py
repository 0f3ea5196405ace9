"""The measurement check: a map held against the projections that its source was made from.

Attenuation leaves its mark in projections (Natterer, SIAM J Appl Math 1983;43:1201): activity can
be found for any map, but it explains the counts worse where the map is wrong. Every map is
compared with changes of itself only, so that nothing but the change differs: counts, camera,
patient and all that the model of the camera leaves out are the same.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from mumap_node.imaging import regions, resampling
from mumap_node.imaging.coarse_scan import CoarseScan
from mumap_node.imaging.findings import Finding, Verdict, at_least, at_most, within
from mumap_node.imaging.model_card import FitLimits
from mumap_node.imaging.projections import Projections
from mumap_node.imaging.volume import Matrix, Volume, Voxels

SCALE_STEP = 0.2
"""By which coefficients are scaled down and up, relative."""

REACH_STEPS = 2.0
"""A best place farther away than this is stated as this: a parabola is only known nearby."""

LEAST_BEND = 1e-4
"""Of deviance per count and step squared: a flatter parabola says little, and a hollow one less."""

LEAST_EIGENVALUE = 0.15
"""Of the bends scaled to 1 each: changes that nearly undo each other are not told apart."""

PER_COUNTS = "per 1000 counts"

Steps = tuple[int, int, int, int]
"""To the head, the back and the patient's left in coarse voxels, and in scale."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a map explains projections, beside changes of itself.

    Attributes:
        shift_mm: By how much the map would have to move to the head, the back and the patient's
            left to explain the counts best, each by itself; at most 2 coarse voxels, some 26 mm.
        scale: By what its coefficients would have to be multiplied, 0.6 to 1.4; None without
            scatter windows: scattered counts then ask for coefficients that are too low.
        distance_mm: How far it would have to move were all three and the scale free together.
        spared: Poisson deviance per 1000 counts that this would spare.
        over_air: Poisson deviance per 1000 counts that the map spares against none at all.
        over_mirrored: The same against its own mirror image, left and right exchanged about the
            centre of the body.
        over_filled: The same against its outline filled with its own soft tissue.
    """

    shift_mm: tuple[float, float, float]
    scale: float | None
    distance_mm: float
    spared: float
    over_air: float
    over_mirrored: float
    over_filled: float


def measure(projections: Projections, mumap: Volume, scatter: Voxels | None) -> Fit:
    """Explain projections by activity behind a map, and behind changes of it.

    Args:
        projections: Counts as measured. Decay between views, the camera's blur and beds that are
            in no map are left out: they cost all maps alike.
        mumap: LAC in 1/cm on the projections' own grid: upright, as many slices, rows and columns
            as they have slices, bins and bins, the centre of rotation in the middle.
        scatter: Expected scattered counts among the photopeak's; None where it has no scatter
            windows.

    Raises:
        ValueError: A map on another grid or without a body, no counts, or scatter of another
            shape.
    """
    _check_grid(projections, mumap)
    scan = CoarseScan.of(projections, scatter)
    lac = np.maximum(mumap.voxels, 0)
    coarse = scan.coarse_map(lac)
    itself = scan.deviance(coarse)
    slopes, bends = _parabola(lambda steps: scan.deviance(_changed(coarse, steps)) - itself)
    alone = _within_reach(-slopes / bends.diagonal())
    together, spared = _best(slopes, bends)
    to_head, to_back, to_left = (alone[:3] * scan.spacing_mm + 0.0).tolist()  # no -0 for people
    return Fit(
        shift_mm=(to_head, to_back, to_left),
        scale=None if scatter is None else float(1 + SCALE_STEP * alone[3]),
        distance_mm=float(np.linalg.norm(together[:3] * scan.spacing_mm)),
        spared=1000 * spared,
        over_air=1000 * (scan.deviance(None) - itself),
        over_mirrored=1000 * (scan.deviance(scan.coarse_map(_mirrored(lac))) - itself),
        over_filled=1000 * (scan.deviance(scan.coarse_map(_filled(lac))) - itself),
    )


def check_measurement(fit: Fit, limits: FitLimits) -> Iterator[Finding]:
    """Hold what the projections say of a map against the limits of its model."""
    ranges = (limits.to_head_mm, limits.to_back_mm, limits.to_left_mm)
    for way, shift_mm, limit in zip(("head", "back", "left"), fit.shift_mm, ranges, strict=True):
        yield within(f"fit-{way}", shift_mm, limit, "mm", outside=Verdict.WARN)
    if fit.scale is not None:
        yield within("fit-scale", fit.scale, limits.scale, "%", outside=Verdict.WARN)
    farthest = limits.distance_mm
    yield at_most("fit-distance", fit.distance_mm, farthest.warn, farthest.fail, "mm")
    yield at_most("fit-spared", fit.spared, limits.spared.warn, limits.spared.fail, PER_COUNTS)
    for change, over, least in (
        ("air", fit.over_air, limits.over_air),
        ("mirrored", fit.over_mirrored, limits.over_mirrored),
        ("filled", fit.over_filled, limits.over_filled),
    ):
        yield at_least(f"fit-{change}", over, least.warn, least.fail, PER_COUNTS)


def _check_grid(projections: Projections, mumap: Volume) -> None:
    _, slices, bins = projections.photopeak.shape
    if mumap.geometry.shape != (slices, bins, bins):
        raise ValueError(f"expected a map of {(slices, bins, bins)}, found {mumap.geometry.shape}")
    spacing_mm = (projections.slice_mm, projections.bin_mm, projections.bin_mm)
    if not np.allclose(mumap.geometry.affine[:3, :3], resampling.UPRIGHT * spacing_mm, atol=1e-3):
        raise ValueError(f"expected an upright map with a spacing of {spacing_mm} mm")
    if not regions.body(mumap.voxels).any():
        raise ValueError("expected a map with a body, found none")


def _parabola(excess: Callable[[Steps], float]) -> tuple[Matrix, Matrix]:
    """Slopes and bends of the deviance per count around a map.

    Args:
        excess: Deviance per count of the map after some steps, over that of the map.

    Returns:
        First derivatives (4,) and second derivatives (4, 4) by the four kinds of steps.
    """
    units = np.eye(4, dtype=int)

    def after(steps: NDArray[np.int_]) -> float:
        head, back, left, scale = steps.tolist()
        return excess((head, back, left, scale))

    upper, lower = (np.array([after(sign * unit) for unit in units]) for sign in (1, -1))
    bends = np.diag(np.maximum(upper + lower, LEAST_BEND))
    for one, other in combinations(range(4), 2):
        both = after(units[one] + units[other])
        bends[one, other] = bends[other, one] = both - upper[one] - upper[other]
    return (upper - lower) / 2, bends


def _best(slopes: Matrix, bends: Matrix) -> tuple[Matrix, float]:
    """Steps to the lowest point of a parabola, all at once, and how far down that is."""
    unit = 1 / np.sqrt(bends.diagonal())
    values, vectors = np.linalg.eigh(bends * np.outer(unit, unit))
    along = vectors.T @ (slopes * unit) / np.maximum(values, LEAST_EIGENVALUE)
    steps = -unit * (vectors @ along)
    return _within_reach(steps), float(-slopes @ steps / 2)


def _within_reach(steps: Matrix) -> Matrix:
    return np.clip(steps, -REACH_STEPS, REACH_STEPS)


def _changed(lac: Voxels, steps: Steps) -> Voxels:
    """A map moved by whole voxels and scaled; what was at an end stays there too."""
    for axis, by in enumerate(steps[:3]):
        places = np.clip(np.arange(lac.shape[axis]) - by, 0, lac.shape[axis] - 1)
        lac = lac.take(places, axis)
    return lac * np.float32(1 + SCALE_STEP * steps[3])


def _mirrored(lac: Voxels) -> Voxels:
    """Left and right exchanged about the centre of the body, to half a voxel."""
    twice_centre = round(2 * np.nonzero(regions.body(lac))[2].mean())
    places = np.clip(twice_centre - np.arange(lac.shape[2]), 0, lac.shape[2] - 1)
    return lac[:, :, places]


def _filled(lac: Voxels) -> Voxels:
    """The outline, filled with the most frequent coefficient of soft tissue."""
    level = np.float32(regions.soft_tissue_mode_per_cm(lac))
    filled: Voxels = level * regions.filled(regions.body(lac))
    return filled
