"""How an input looks, in numbers: a coarse view of it, and measures a physicist would name.

Neither depends on the scale of the counts. What numbers are usual is for ``typicality`` to say.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mumap_node.imaging import regions, resampling
from mumap_node.imaging.regions import Mask, Spacing
from mumap_node.imaging.volume import Geometry, Volume, Voxels

Values = NDArray[np.float64]

COARSE_MM = 10.0
"""Edge of the voxels the outline is drawn on; nothing the gate looks for is smaller."""

VIEW_SHAPE = (10, 20, 26)
VIEW_MM = 20.0
"""Voxels of the coarse view along (slice, row, column), and their edge: 20 x 40 x 52 cm."""

LOG_FLOOR = 0.1
"""Added to relative counts before their logarithm, about the level of a lung; attenuation
multiplies, and so adds to a logarithm wherever there is activity."""

HOT = 2.0
"""Relative counts above it are those of a hot spot, which says nothing about depth."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.995)
"""Of the counts within the outline."""

DEPTHS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Shells from the outline (0) to the deepest place inside (1), slice by slice."""

IN_PLANE_PER_CM = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
AXIAL_PER_CM = (0.0, 0.2, 0.4, 0.6)
"""Bands of spatial frequency; a voxel of 6.8 mm ends at 0.73 periods per cm."""

LEAST = 1e-6
"""Below it no share is told from none."""


MEASURES = (
    "log width", "log depth", "log area", "share at the edge of the field",
    *(f"log count at {share:.1%} of the body" for share in QUANTILES), "log count outside",
    *(f"log count to {depth:.0%} of the depth" for depth in DEPTHS[1:]),
    "hot spot to the head", "hot spot to the back", "hot spot to the left",
    *(f"log power to {end}/cm in the plane" for end in IN_PLANE_PER_CM[2:]),
    *(f"log power to {end}/cm along the body" for end in AXIAL_PER_CM[2:]),
)  # fmt: skip
"""What is measured: lengths in mm, counts and powers relative."""


@dataclass(frozen=True, eq=False, slots=True)
class Appearance:
    """What the gate knows of an input.

    Attributes:
        view: Logarithm of relative counts round the middle of the outline, VIEW_SHAPE, flat.
        measures: The numbers of ``MEASURES``, in that order.
    """

    view: Values
    measures: Values


def describe(nac: Volume) -> Appearance:
    """Look at a nAC reconstruction.

    Args:
        nac: Counts on any grid, finite.
    """
    fine = resampling.onto(nac, resampling.upright(nac.geometry))
    counts = np.maximum(resampling.onto(fine, _coarse_grid(fine.geometry)).voxels, 0)
    outline = regions.emission_outline(counts, (COARSE_MM,) * 3)
    if not outline.any():  # nothing was counted
        outline = np.ones_like(outline)
    relative = counts / max(counts.mean(where=outline, dtype=np.float64), LEAST)
    measures = (
        *_size(outline, counts),
        *_intensities(relative, outline),
        *_depth_profile(relative, outline),
        *_hot_spot_place(relative, outline),
        *_spectrum(np.maximum(fine.voxels, 0), fine.geometry.spacing_mm),
    )
    return Appearance(_view(relative, outline), np.array(measures))


def _coarse_grid(source: Geometry) -> Geometry:
    """Cubes of COARSE_MM within an upright grid, about its middle."""
    steps = COARSE_MM / np.array(source.spacing_mm)
    slices, rows, columns = np.maximum(source.shape // steps, 1).astype(int).tolist()
    shape = (slices, rows, columns)
    affine = np.eye(4)
    affine[:3, :3] = source.affine[:3, :3] * steps
    affine[:3, 3] = source.centre_mm - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Geometry(shape, affine)


def _view(relative: Voxels, outline: Mask) -> Values:
    """Coarser still, round the outline's middle and the middle slice; end slices are repeated."""
    step = VIEW_MM / COARSE_MM
    padded = np.pad(relative, ((VIEW_SHAPE[0],) * 2, (0, 0), (0, 0)), mode="edge")
    middle = [(len(padded) - 1) / 2, *(float(np.mean(axis)) for axis in np.nonzero(outline)[1:])]
    first = np.array(middle) - step * (np.array(VIEW_SHAPE) - 1) / 2
    smooth = ndimage.gaussian_filter(padded, np.sqrt(step**2 - 1) / resampling.FWHM_PER_SIGMA)
    coarse = ndimage.affine_transform(smooth, [step] * 3, first, VIEW_SHAPE, order=1)
    view: Values = np.log(coarse + LOG_FLOOR).ravel().astype(np.float64)
    return view


def _size(outline: Mask, counts: Voxels) -> Iterator[float]:
    """Width, depth and area of the outline, and how much of it the field of view cuts off."""
    filled = outline[outline.any(axis=(1, 2))]
    yield np.log(np.median(filled.any(axis=1).sum(axis=1)) * COARSE_MM)
    yield np.log(np.median(filled.any(axis=2).sum(axis=1)) * COARSE_MM)
    yield np.log(np.median(filled.sum(axis=(1, 2))) * COARSE_MM**2)
    rim = regions.outline(outline)
    yield regions.share(rim & regions.edge_of_field(counts), of=rim)


def _intensities(relative: Voxels, outline: Mask) -> Iterator[float]:
    inside = relative[outline]
    yield from np.log(np.quantile(inside, QUANTILES) + LEAST)
    yield np.log(_mean(relative, ~outline) + LOG_FLOOR**2)


def _depth_profile(relative: Voxels, outline: Mask) -> Iterator[float]:
    """Counts by depth below the outline: attenuation that was not corrected hollows it out."""
    padded = np.pad(outline, ((0, 0), (1, 1), (1, 1)))
    depth = np.stack([ndimage.distance_transform_edt(part)[1:-1, 1:-1] for part in padded])
    depth /= np.maximum(depth.max(axis=(1, 2), keepdims=True), 1)
    dimmed = np.minimum(relative, HOT)
    for shallow, deep in pairwise(DEPTHS):
        yield np.log(_mean(dimmed, outline & (depth > shallow) & (depth <= deep)) + LOG_FLOOR)


def _hot_spot_place(relative: Voxels, outline: Mask) -> Iterator[float]:
    """Middle of the hottest voxels from that of the outline, in parts of its extent."""
    hot = np.nonzero(regions.hot_spot(relative))
    body = np.nonzero(outline)
    for spot, axis in zip(hot, body, strict=True):
        extent = np.ptp(axis) + 1
        yield (spot.mean() - axis.mean()) / extent if spot.size else 0.0


def _spectrum(counts: Voxels, spacing_mm: Spacing) -> Iterator[float]:
    """Logarithm of the power by spatial frequency: resolution, filter and noise."""
    slice_mm, row_mm, column_mm = spacing_mm
    power = (np.abs(np.fft.rfft2(counts)) ** 2).mean(axis=0)
    rows = np.fft.fftfreq(counts.shape[1], row_mm / 10)[:, None]
    columns = np.fft.rfftfreq(counts.shape[2], column_mm / 10)
    yield from _bands(power, np.hypot(rows, columns), IN_PLANE_PER_CM)
    window = np.hanning(len(counts) + 2)[1:-1, None, None]
    power = (np.abs(np.fft.rfft((counts - counts.mean(axis=0)) * window, axis=0)) ** 2).mean((1, 2))
    yield from _bands(power, np.fft.rfftfreq(len(counts), slice_mm / 10), AXIAL_PER_CM)


def _bands(power: Values, frequency_per_cm: Any, edges: tuple[float, ...]) -> Iterator[float]:
    """Power density of each band relative to the lowest one's."""
    densities = [
        _mean(power, (frequency_per_cm > low) & (frequency_per_cm <= high))
        for low, high in pairwise(edges)
    ]
    shares = np.array(densities) / max(sum(densities), np.finfo(float).tiny)
    lowest, *others = np.log(shares + LEAST)
    yield from others - lowest


def _mean(values: NDArray[np.floating[Any]], where: Mask) -> float:
    """Mean of some values; 0 of none."""
    return float(values.sum(where=where, dtype=np.float64)) / max(int(np.count_nonzero(where)), 1)
