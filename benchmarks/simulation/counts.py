"""What a camera and a reconstruction made of a case."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mumap_node.imaging.correction import estimate_scatter
from mumap_node.imaging.projections import ScatterWindow
from mumap_node.training.simulation.acquisition import Acquired
from mumap_node.training.simulation.anatomy import Tissue
from mumap_node.training.simulation.case import Case

Values = NDArray[np.float64]

ACROSS_MM = np.arange(-180.0, 141.0, 5.0)
"""To the left of the middle of the left ventricle."""

ANTERIOR_DEG = 180.0
THICK_MM = 60.0
LEAST_MM2 = 1000.0
"""Of an organ in the view from the front, for its counts to mean something."""


@dataclass(frozen=True, eq=False)
class Counted:
    """Measures of one case.

    Attributes:
        tracer: Which.
        state: At rest, or the kind of stress.
        million: Counts of the photopeak.
        peak: Mean counts of the hottest percent of the pixels of all views.
        window: Width of the photopeak window relative to its energy.
        scatter: Share of scattered counts in it.
        estimate: Scatter estimated from the windows beside it, over what there is.
        windows: How many of those there are.
        lung, liver, muscle: Mean counts of the nAC volume there, over those of the left
            ventricle's wall.
        planar_lung, planar_liver: Counts there over those of the left ventricle, in the view
            from the front.
        profile: nAC from right to left through the middle of the left ventricle, at
            `ACROSS_MM`, over the mean of its wall.
    """

    tracer: str
    state: str
    million: float
    peak: float
    window: float
    scatter: float
    estimate: float
    windows: int
    lung: float
    liver: float
    muscle: float
    planar_lung: float
    planar_liver: float
    profile: Values


def counted(case: Case) -> Counted:
    """Measure a case that has its scatter windows."""
    acquired, camera = case.acquired, case.acquired.camera
    total = float(acquired.photopeak.sum(dtype=np.float64))
    share = acquired.scatter_to_primary / (1 + acquired.scatter_to_primary)
    low_kev, high_kev = camera.photopeak_kev
    hottest = np.percentile(acquired.photopeak, 99)
    planar_lung, planar_liver = _planar(case)
    wall = float(case.nac.voxels[case.segments > 0].mean()) if case.segments.any() else np.nan
    return Counted(
        tracer=case.uptake.tracer,
        state=case.uptake.state,
        million=total / 1e6,
        peak=float(acquired.photopeak[acquired.photopeak >= hottest].mean()),
        window=(high_kev - low_kev) / 140.5,
        scatter=share,
        estimate=_estimated_scatter(acquired) / (share * total),
        windows=1 if camera.upper_kev is None else 2,
        lung=_mean(case, Tissue.LUNG) / wall,
        liver=_mean(case, Tissue.LIVER) / wall,
        muscle=_mean(case, Tissue.MUSCLE) / wall,
        planar_lung=planar_lung,
        planar_liver=planar_liver,
        profile=_profile(case) / wall,
    )


def _estimated_scatter(acquired: Acquired) -> float:
    """All counts that the windows beside the photopeak say are scattered."""
    camera = acquired.camera
    beside = ((acquired.lower, camera.lower_kev), (acquired.upper, camera.upper_kev))
    windows = [ScatterWindow(counts, kev) for counts, kev in beside if counts is not None]
    spacing_mm = (acquired.slice_mm, acquired.bin_mm)
    estimate = estimate_scatter(windows, camera.photopeak_kev, spacing_mm)
    return float(estimate.sum(dtype=np.float64))


def _mean(case: Case, tissue: Tissue) -> float:
    """Of the nAC, off the tissue's surface."""
    inside = ndimage.binary_erosion(case.labels == tissue)
    return float(case.nac.voxels[inside].mean()) if inside.any() else np.nan


def _planar(case: Case) -> tuple[float, float]:
    """Left lung above the heart, and liver, over left ventricle in the view from the front.

    Of the view nearest to it; there bins are columns of the volume. The heart is the hotter half
    of the silhouette of the left ventricle; organs are where they are at least `THICK_MM` deep.
    """
    orbit, geometry = case.acquired.orbit, case.nac.geometry
    view = int(np.abs((orbit.angles_deg - ANTERIOR_DEG + 180) % 360 - 180).argmin())
    first = geometry.to_patient((0, 0, 0))[2] / case.acquired.slice_mm
    row = round(first + (case.acquired.photopeak.shape[1] - 1) / 2)
    image = case.acquired.photopeak[view, row : row + geometry.shape[0]]
    heart = (case.segments > 0).any(axis=1)
    if not heart.any():
        return np.nan, np.nan
    edge_mm = geometry.spacing_mm[0]
    ventricle = image[heart & (image >= np.median(image[heart]))].mean()

    def ratio(tissue: Tissue, first_slice: int, first_column: int) -> float:
        deep = (case.labels == tissue).sum(axis=1) * edge_mm > THICK_MM
        deep &= ~ndimage.binary_dilation(heart, iterations=round(20 / edge_mm))
        deep[:first_slice] = deep[:, :first_column] = False
        if np.count_nonzero(deep) * edge_mm**2 < LEAST_MM2:
            return np.nan
        return float(image[deep].mean() / ventricle)

    above = int(np.flatnonzero(heart.any(axis=1))[-1]) + round(30 / edge_mm)
    left = geometry.shape[2] // 2
    return ratio(Tissue.LUNG, above, left), ratio(Tissue.LIVER, 0, 0)


def _profile(case: Case) -> Values:
    x, y, z = case.heart.centre_mm
    points = np.stack(np.broadcast_arrays(x + ACROSS_MM, y, z), axis=-1)
    index = np.moveaxis(case.nac.geometry.to_index(points), -1, 0)
    return ndimage.map_coordinates(case.nac.voxels, index, order=1, cval=np.nan)
