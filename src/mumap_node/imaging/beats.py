"""Projections of a beating heart, some of whose beats the camera rejected."""

from dataclasses import replace

import numpy as np

from mumap_node.imaging.projections import Projections
from mumap_node.imaging.volume import Matrix, Voxels

FEW_REJECTED = 0.02
"""Share of the beats; fewer move no view by more than the curve below misses it."""

HARMONICS = 3
"""Of the curve: with a bed and a whole turn it misses the counts of views by 2 to 3 %, over 180° by
0.3 to 1 % (simulated patients)."""

LEAST_VIEWS = 4 * HARMONICS + 2
"""Two for each number of the curve; of fewer it knows too little."""


def has_uneven_views(projections: Projections) -> bool:
    """Whether more beats were rejected than a few, and enough is known to make up for them."""
    share = projections.accepted_beats
    is_gated_unevenly = share is not None and share <= 1 - FEW_REJECTED
    is_known = projections.orbit.views >= LEAST_VIEWS and bool(_totals(projections).all())
    return is_gated_unevenly and is_known


def with_even_views(projections: Projections) -> Projections:
    """Bring all views to the same share of their beats, where some were rejected.

    A header says how many beats were rejected, not at which views. But all counts of a view
    together are those of the whole body and change slowly with its angle: what is left beside a
    smooth curve are beats.

    Args:
        projections: As measured.

    Returns:
        As many counts in all; the same projections where nothing is to be made up for.
    """
    if not has_uneven_views(projections):
        return projections
    totals = _totals(projections)
    factors = _smooth(totals, projections.orbit.angles_deg) / totals
    factors *= totals.sum() / (factors * totals).sum()

    def even(counts: Voxels) -> Voxels:
        evened: Voxels = counts * factors.astype(np.float32)[:, None, None]
        return evened

    return replace(
        projections,
        photopeak=even(projections.photopeak),
        scatter=tuple(
            replace(window, counts=even(window.counts)) for window in projections.scatter
        ),
    )


def _totals(projections: Projections) -> Matrix:
    """Counts of each view."""
    totals: Matrix = projections.photopeak.sum(axis=(1, 2), dtype=np.float64)
    return totals


def _smooth(totals: Matrix, angles_deg: Matrix) -> Matrix:
    """The curve through the logarithms of counts, in harmonics of a turn."""
    turns = np.deg2rad(angles_deg)[:, None] * np.arange(1, HARMONICS + 1)
    curves = np.hstack([np.ones((len(turns), 1)), np.cos(turns), np.sin(turns)])
    logarithms = np.log(totals)
    weights, *_ = np.linalg.lstsq(curves, logarithms)
    smooth: Matrix = np.exp(curves @ weights)
    return smooth
