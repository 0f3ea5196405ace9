"""Where the left ventricle lies in a reconstruction, or that it was not found.

Patterns of ventricles of three sizes and nine directions are laid over the volume; where one is
most alike, a model is fitted (``ventricle``), and what does not look like a left ventricle then
is none. The pattern's likeness does not depend on how bright a place is, so a hot liver, gall
bladder or gut is no better than the heart. What automatic contours get wrong in practice and how
it is noticed: Xu 2009 (doi 10.2967/jnumed.108.061333).
"""

from collections.abc import Iterator
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from mumap_node.imaging import resampling
from mumap_node.imaging.polar import LeftVentricle
from mumap_node.imaging.ventricle import Fit, Shell, axis_of, fit, wall_at
from mumap_node.imaging.volume import Geometry, Volume, Voxels

SPACING_MM = 7.0
"""Of the grid it is looked for on: half of what SPECT resolves."""

BLUR_FWHM_MM = 8.0
"""Smoothing of the counts, so that noise and resolution differ less between reconstructions."""

SIZES_MM = ((24.0, 66.0), (29.0, 76.0), (35.0, 86.0))
FRONTWARD_DEG = (27.0, 45.0, 62.0)
DOWNWARD_DEG = (15.0, 33.0, 50.0)
"""Of the patterns: radius and length, and the direction as a ``Shell`` has it."""

WINDOW_MM, WINDOW_EDGE_MM = 44.0, 3.0
"""Radius of the ball in which a pattern is compared, and the scale of its logistic edge."""

FLATTEST = 0.02
"""Variance relative to the largest; places that are more even are no likelier for it."""

CANDIDATES, APART_MM = 3, 24.0
"""How many places are looked at closely, and how far they are apart at least."""

LEAST_LIKENESS = 0.48
LEAST_EXPLAINED = 0.83
FULLEST_CAVITY = 0.9
BRIGHTEST_AROUND = 0.8
LEAST_PERFUSED = 0.55
LEAST_INSIDE = 0.6
LARGEST_AXIS_SD_DEG = 6.5
LEAST_SHELL = np.array((5.0, 3.0, 17.0, 42.0))
LARGEST_SHELL = np.array((80.0, 67.0, 42.0, 115.0))
LEAST_LENGTH_PER_RADIUS = 2.1
"""What a left ventricle looks like, as ``Fit`` and the end of a ``Shell`` have it. Chosen on 150
simulated patients, whose worst values are a likeness of 0.58, 0.87 explained, 0.86 in the cavity,
0.74 around, 0.60 perfused, 6.0 degrees and 2.2 radii; with hot gut laid at the wall a likeness of
0.50 and 0.84 explained. Livers, kidneys and stomachs of the same patients fail one or more."""

RADIUS_BEYOND_MM, LENGTH_BEYOND_MM = 8.4, 21.9
"""How much larger the surface at the end of diastole is than the mean shell: half a wall and
what the beat takes, at the base most. Means over 150 simulated patients, with standard
deviations of 1.5 and 4 mm."""

VALVE_PLANE_MM = 10.0
"""How far the base lies from where it is at the end of diastole, on average over the beat."""


def find_left_ventricle(volume: Volume) -> LeftVentricle | None:
    """Find the left ventricle of a patient in a reconstruction.

    Args:
        volume: Counts, with or without attenuation correction, on any grid of the torso, of any
            scale. What is NaN is not known.

    Returns:
        Its outer surface at the end of diastole; None where no place looks like a left ventricle:
        it is not in the volume, cut off, or seen too badly to tell its axis.
    """
    counts = _coarse(volume)
    if counts is None:
        return None
    for start in _starts(counts):
        found = fit(counts, start)
        if found is not None and _is_ventricle(found):
            return _outer_surface(found.shell)
    return None


def for_polar_map(heart: LeftVentricle) -> LeftVentricle:
    """The same ventricle, but its base where it is on average over the beat.

    Between that and the base at the end of diastole a polar map would show the atrium.

    Raises:
        ValueError: A ventricle too short to lose that much.
    """
    centre_mm = np.array(heart.centre_mm) + VALVE_PLANE_MM / 2 * np.array(heart.axis)
    x, y, z = centre_mm.tolist()
    length_mm = heart.length_mm - VALVE_PLANE_MM
    return LeftVentricle((x, y, z), heart.axis, length_mm, heart.radius_mm)


def _is_ventricle(found: Fit) -> bool:
    shape = found.shell[3:]
    return (
        found.explained > LEAST_EXPLAINED
        and found.cavity < FULLEST_CAVITY
        and found.around < BRIGHTEST_AROUND
        and found.perfused > LEAST_PERFUSED
        and found.inside > LEAST_INSIDE
        and found.axis_sd_deg < LARGEST_AXIS_SD_DEG
        and shape[3] > LEAST_LENGTH_PER_RADIUS * shape[2]
        and bool(((shape > LEAST_SHELL) & (shape < LARGEST_SHELL)).all())
    )


def _outer_surface(shell: Shell) -> LeftVentricle:
    x, y, z, _, _, radius, length = shell.tolist()
    u, v, w = axis_of(shell).tolist()
    return LeftVentricle((x, y, z), (u, v, w), length + LENGTH_BEYOND_MM, radius + RADIUS_BEYOND_MM)


def _coarse(volume: Volume) -> Volume | None:
    """Smoothed counts from 0 to 1 on an upright grid; NaN beyond the volume, None without any."""
    ends = [(-0.5, size - 0.5) for size in volume.geometry.shape]
    corners = volume.geometry.to_patient(list(product(*ends)))
    lowest, highest = corners.min(axis=0), corners.max(axis=0)
    size = np.maximum(np.floor((highest - lowest) / SPACING_MM), 1)
    affine = np.eye(4)
    affine[:3, :3] = resampling.UPRIGHT * SPACING_MM
    affine[:3, 3] = (lowest + highest - (size - 1) * SPACING_MM) / 2
    columns, rows, slices = size.astype(int).tolist()
    coarse = resampling.onto(volume, Geometry((slices, rows, columns), affine), outside=np.nan)
    is_known = ~np.isnan(coarse.voxels)
    sigma = BLUR_FWHM_MM / resampling.FWHM_PER_SIGMA / SPACING_MM
    smooth = ndimage.gaussian_filter(np.where(is_known, coarse.voxels, 0), sigma)
    largest = smooth.max()
    if largest <= 0:
        return None
    return coarse.with_voxels(
        np.where(is_known, np.maximum(smooth / largest, 0), np.float32(np.nan))
    )


def _starts(counts: Volume) -> Iterator[Shell]:
    """What to begin with: the likest patterns, put where they are like the counts."""
    likeness, which = _likeness(np.sqrt(np.nan_to_num(counts.voxels)))
    apart = 2 * round(APART_MM / SPACING_MM) + 1
    is_peak = likeness == ndimage.maximum_filter(likeness, apart)
    peaks = np.argwhere(is_peak & (likeness > LEAST_LIKENESS))
    order = np.argsort(-likeness[tuple(peaks.T)], kind="stable")
    _, patterns = _patterns()
    for peak in peaks[order[:CANDIDATES]]:
        start = patterns[which[tuple(peak)]][0].copy()
        start[:3] = counts.geometry.to_patient(peak)
        yield start


def _likeness(values: Voxels) -> tuple[Voxels, NDArray[np.intp]]:
    """Correlation with the likest pattern around each voxel, and which pattern it is."""
    window, patterns = _patterns()
    half = window.shape[0] // 2
    padded = [fft.next_fast_len(size + 2 * half, real=True) for size in values.shape]
    volume = tuple(slice(half, half + size) for size in values.shape)

    def correlated(spectrum: NDArray[np.complex64], kernel: Voxels) -> Voxels:
        # A kernel counted backwards makes a convolution of it.
        result = fft.irfftn(spectrum * fft.rfftn(kernel[::-1, ::-1, ::-1], padded), padded)
        inner: Voxels = result[volume]
        return inner

    spectrum = fft.rfftn(values, padded)
    mean = correlated(spectrum, window) / window.sum()
    variance = correlated(fft.rfftn(values**2, padded), window) - mean**2 * window.sum()
    deviation = np.sqrt(np.maximum(variance, 0) + FLATTEST * variance.max())
    best = np.full(values.shape, -np.inf, np.float32)
    which = np.zeros(values.shape, np.intp)
    for number, (_, pattern) in enumerate(patterns):
        likeness = correlated(spectrum, pattern) / deviation
        is_better = likeness > best
        best[is_better], which[is_better] = likeness[is_better], number
    return best, which


@cache
def _patterns() -> tuple[Voxels, tuple[tuple[Shell, Voxels], ...]]:
    """The window, and ventricles in its middle: of mean 0 and length 1 within it, times it."""
    half = round((WINDOW_MM + 3 * WINDOW_EDGE_MM) / SPACING_MM)
    steps_mm = np.arange(-half, half + 1) * SPACING_MM
    z, y, x = np.meshgrid(steps_mm, steps_mm, steps_mm, indexing="ij")
    points_mm = np.stack((x, y, z), axis=-1)
    from_middle_mm = np.linalg.norm(points_mm, axis=-1)
    window = 1 / (1 + np.exp((from_middle_mm - WINDOW_MM) / WINDOW_EDGE_MM))
    patterns = []
    for size, front, down in product(SIZES_MM, FRONTWARD_DEG, DOWNWARD_DEG):
        shell = np.array((0.0, 0.0, 0.0, front, down, *size))
        wall, _, _ = wall_at(points_mm, shell)
        wall -= np.average(wall, weights=window)
        wall /= np.sqrt((window * wall**2).sum())
        patterns.append((shell, (window * wall).astype(np.float32)))
    return window.astype(np.float32), tuple(patterns)
