"""Reconstruction by ordered subsets of maximum-likelihood expectation maximisation."""

import numpy as np
from numpy.typing import NDArray

from mumap_node.imaging.reconstruction.orbit import Orbit
from mumap_node.imaging.reconstruction.projector import Projector
from mumap_node.imaging.volume import Voxels

GOLDEN_SECTION = (np.sqrt(5) - 1) / 2

LEAST_VIEWS = 4
"""In a subset; with fewer its noise is taken for the patient."""

NEGLIGIBLE = 1e-6
"""Of the mean counts of a bin: fewer expected counts are rounding, no divisor."""

VANISHED = 1e-12
"""Of the level of the start: a voxel below is set to 0, for subnormal numbers are slow."""


def osem(
    projections: Voxels,
    projector: Projector,
    *,
    iterations: int,
    subsets: int,
    scatter: Voxels | None = None,
    start: Voxels | None = None,
) -> Voxels:
    """Reconstruct counts, with the physics that the projector has.

    Source: Hudson and Larkin, IEEE Trans Med Imaging 1994;13:601 (doi 10.1109/42.363108).

    Args:
        projections: Counts [view, slice, bin], 0 or more.
        projector: The camera that took them.
        iterations: Passes through all views, 1 or more.
        subsets: Updates per pass; need not divide the number of views.
        scatter: Expected counts that came another way (scatter, background), 0 or more; they
            are added to what the projector expects, so projections stay as measured.
        start: Voxels to start from, 0 or more, where 0 stays 0; a uniform volume by default.

    Returns:
        float32, counts per voxel and view, of the projector's shape. Voxels in front of no bin
        keep their start.

    Raises:
        ValueError: Arrays of another shape, not finite or negative; or no iterations, or
            subsets below 1 or above the number of views.
    """
    measured = (projector.orbit.views, projector.shape[0], projector.bins)
    _check("projections", projections, measured)
    _check("scatter", scatter, measured)
    _check("a start", start, projector.shape)
    if iterations < 1:
        raise ValueError(f"expected 1 iteration or more, found {iterations}")
    order = ordered_subsets(projector.orbit, subsets)
    ones = np.ones(measured, dtype=np.float32)
    sensitivities = [projector.back(ones[views], views) for views in order]
    if start is None:
        seen = sum(float(sensitivity.sum()) for sensitivity in sensitivities)
        start = np.full_like(sensitivities[0], projections.sum() / seen)
    voxels = start.astype(np.float32)
    least_expected = NEGLIGIBLE * (float(projections.mean()) or 1.0)
    least_voxel = VANISHED * float(voxels.max())
    for _ in range(iterations):
        for views, sensitivity in zip(order, sensitivities, strict=True):
            expected = projector.forward(voxels, views)
            if scatter is not None:
                expected += scatter[views]
            np.divide(projections[views], np.maximum(expected, least_expected), out=expected)
            update = projector.back(expected, views)
            voxels *= np.divide(
                update, sensitivity, out=np.ones_like(voxels), where=sensitivity > 0
            )
            voxels[voxels < least_voxel] = 0
    return np.ascontiguousarray(voxels)


def passes_for(views: int, iterations: int, subsets: int) -> tuple[int, int]:
    """Iterations and subsets that make as many updates of few views, or a few more.

    A subset has ``LEAST_VIEWS``, so that of few views there are fewer subsets, and more iterations
    for them.

    Args:
        views: Of the orbit.
        iterations: Of many views.
        subsets: Of many views.
    """
    fewer = max(min(subsets, views // LEAST_VIEWS), 1)
    return -(-iterations * subsets // fewer), fewer


def ordered_subsets(orbit: Orbit, subsets: int) -> list[NDArray[np.intp]]:
    """The views of each subset, in the order of use.

    A subset takes every n-th view by angle, so it looks from all sides; each next one starts far
    from those before it, in steps of the golden section.

    Raises:
        ValueError: Subsets below 1 or above the number of views.
    """
    if not 1 <= subsets <= orbit.views:
        raise ValueError(f"expected 1 to {orbit.views} subsets, found {subsets}")
    by_angle = np.argsort(orbit.angles_deg % 360, kind="stable")
    firsts = np.argsort(np.arange(subsets) * GOLDEN_SECTION % 1)
    return [by_angle[first::subsets] for first in firsts]


def _check(name: str, counts: Voxels | None, shape: tuple[int, ...]) -> None:
    if counts is None:
        return
    if counts.shape != shape:
        raise ValueError(f"expected {name} of shape {shape}, found {counts.shape}")
    if not (np.isfinite(counts) & (counts >= 0)).all():
        raise ValueError(f"expected {name} of finite values of 0 or more")
