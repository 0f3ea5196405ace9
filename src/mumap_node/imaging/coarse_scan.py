"""Projections on coarse bins, and how well activity behind a map explains them."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from mumap_node.imaging.projections import Projections
from mumap_node.imaging.reconstruction import Orbit, Projector, osem, passes_for
from mumap_node.imaging.reconstruction.osem import NEGLIGIBLE
from mumap_node.imaging.volume import Voxels

COARSE_MM = 13.0
"""Bins and slices are added up to about this width, which a shift by one voxel is then too.
Attenuation is smooth along a ray: twice as fine tells no more and takes eight times as long."""

MOST_VIEWS = 32
ITERATIONS, SUBSETS = 4, 8
"""Of the OSEM: more of either moves no result by more than its spread between patients."""


@dataclass(frozen=True, eq=False, slots=True)
class CoarseScan:
    """Projections on coarse bins, and where they lie.

    Attributes:
        counts: [view, slice, bin].
        scatter: Of the same shape, or None.
        orbit: Of the views.
        spacing_mm: Of slices, bins and bins.
        factors: How many fine slices, bins and bins make a coarse one.
        seen: Fine slices that lay before a detector.
    """

    counts: Voxels
    scatter: Voxels | None
    orbit: Orbit
    spacing_mm: tuple[float, float, float]
    factors: tuple[int, int, int]
    seen: slice

    @classmethod
    def of(cls, projections: Projections, scatter: Voxels | None) -> "CoarseScan":
        """Add up bins and slices of projections, and leave views out where there are many.

        Args:
            projections: Counts as measured.
            scatter: Expected scattered counts among the photopeak's; None where nobody knows.

        Raises:
            ValueError: No counts, or scatter of another shape.
        """
        counts, orbit = projections.photopeak, projections.orbit
        if not counts.any():
            raise ValueError("expected counts, found none")
        if scatter is not None and scatter.shape != counts.shape:
            raise ValueError(f"expected scatter of shape {counts.shape}, found {scatter.shape}")
        seen = projections.seen_slices
        by_angle = np.argsort(orbit.angles_deg % 360, kind="stable")
        views = by_angle[:: -(-orbit.views // MOST_VIEWS)]
        along = _factor(seen.stop - seen.start, projections.slice_mm)
        across = _factor(counts.shape[2], projections.bin_mm)

        def coarse(fine: Voxels) -> Voxels:
            return _added(_added(fine[views, seen], 1, along), 2, across)

        bin_mm = across * projections.bin_mm
        return cls(
            coarse(counts), None if scatter is None else coarse(scatter), orbit.select(views),
            (along * projections.slice_mm, bin_mm, bin_mm), (along, across, across), seen,
        )  # fmt: skip

    def coarse_map(self, lac: Voxels) -> Voxels:
        """Mean coefficients of coarse voxels, from a map on the projections' own grid."""
        voxels = lac[self.seen]
        for axis, factor in enumerate(self.factors):
            voxels = _added(voxels, axis, factor) / np.float32(factor)
        return voxels

    def deviance(self, lac: Voxels | None) -> float:
        """Poisson deviance per count that the best activity behind a coarse map leaves.

        Args:
            lac: As ``coarse_map`` gives it, 0 or more; None for no attenuation.
        """
        views, slices, bins = self.counts.shape
        projector = Projector(
            (slices, bins, bins), self.spacing_mm, self.orbit,
            bins=bins, bin_mm=self.spacing_mm[2], lac_per_cm=lac,
        )  # fmt: skip
        iterations, subsets = passes_for(views, ITERATIONS, SUBSETS)
        activity = osem(
            self.counts, projector, iterations=iterations, subsets=subsets, scatter=self.scatter
        )
        expected = projector.forward(activity).astype(np.float64)
        if self.scatter is not None:
            expected += self.scatter
        np.maximum(expected, NEGLIGIBLE * self.counts.mean(), out=expected)
        surprise = special.xlogy(self.counts, self.counts / expected) - self.counts + expected
        return float(2 * surprise.sum() / self.counts.sum(dtype=np.float64))


def _factor(size: int, step_mm: float) -> int:
    """How many make a coarse one; odd of an odd size, so that what is cut off is even.

    Of few there are at least two coarse ones, so that something is left.
    """
    factor = max(min(round(COARSE_MM / step_mm), size // 2), 1)
    return factor if factor % 2 or not size % 2 else factor - 1


def _added(voxels: Voxels, axis: int, factor: int) -> Voxels:
    """Sums of neighbours along an axis; what is left over is cut off, the same at both ends."""
    size = voxels.shape[axis]
    over = size % factor
    over += factor * (over % 2)
    moved = np.moveaxis(voxels, axis, 0)[over // 2 : size - over // 2]
    sums = moved.reshape(-1, factor, *moved.shape[1:]).sum(axis=1, dtype=np.float32)
    return np.ascontiguousarray(np.moveaxis(sums, 0, axis))
