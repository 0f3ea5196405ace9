"""Filtered back-projection."""

from typing import Literal, get_args

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.sparse import csr_array

from mumap_node.imaging.reconstruction.orbit import Orbit
from mumap_node.imaging.volume import Matrix, Voxels

Window = Literal["ramp", "hann", "butterworth"]


def fbp(
    projections: Voxels,
    orbit: Orbit,
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    *,
    bin_mm: float,
    window: Window = "ramp",
    cutoff_per_cm: float | None = None,
    order: float = 5.0,
    offset_mm: tuple[float, float] = (0.0, 0.0),
) -> Voxels:
    """Reconstruct counts as if nothing attenuated or blurred them.

    Views may lie over 180° or more, in any order and at uneven steps: each one counts for the
    angle it stands for among all directions. Source: Kak and Slaney, Principles of Computerized
    Tomographic Imaging, chapter 3 (doi 10.1137/1.9780898719277).

    Args:
        projections: float32 [view, slice, bin].
        orbit: Their angles.
        shape: Of the volume, with the slices of the projections.
        spacing_mm: Of the volume.
        bin_mm: Width of a bin; the middle of the bins is the centre of rotation.
        window: What the ramp is multiplied by: nothing; Hann's window, 0 from the cutoff; or
            Butterworth's, as ``filters.butterworth`` has it.
        cutoff_per_cm: Of the window, in cycles per cm; Nyquist's frequency by default.
        order: Of Butterworth's window.
        offset_mm: Middle of the volume in LPS (x, y), from the centre of rotation.

    Returns:
        float32, counts per voxel and view; noise goes below 0.

    Raises:
        ValueError: Shapes that do not belong together, or values out of range.
    """
    if projections.ndim != 3 or projections.shape[:2] != (orbit.views, shape[0]):
        raise ValueError(
            f"expected projections of shape ({orbit.views}, {shape[0]}, bins), "
            f"found {projections.shape}"
        )
    if not 0 < bin_mm < np.inf:
        raise ValueError(f"expected bins of some width, found {bin_mm} mm")
    if window not in get_args(Window):
        raise ValueError(f"expected a window of ramp, hann or butterworth, found {window!r}")
    if cutoff_per_cm is None:
        cutoff_per_cm = 5 / bin_mm
    if not (0 < cutoff_per_cm < np.inf and 0 < order < np.inf):
        raise ValueError(
            f"expected a cutoff and an order above 0, found {cutoff_per_cm} /cm, {order}"
        )
    filtered = _ramp(projections, bin_mm, window, cutoff_per_cm, order)
    filtered *= _shares(orbit)[:, None, None].astype(np.float32)

    slices, rows, columns = shape
    bins = projections.shape[2]
    _, row_mm, column_mm = spacing_mm
    y_mm = (np.arange(rows) - (rows - 1) / 2)[:, None] * row_mm + offset_mm[1]
    x_mm = (np.arange(columns) - (columns - 1) / 2) * column_mm + offset_mm[0]
    total = np.zeros((rows * columns, slices), dtype=np.float32)
    for (x, y), image in zip(orbit.bin_directions, filtered, strict=True):
        index = (x_mm * x + y_mm * y).ravel() / bin_mm + (bins - 1) / 2
        total += _interpolation(index, bins) @ np.ascontiguousarray(image.T)
    total *= row_mm * column_mm
    return np.ascontiguousarray(total.reshape(rows, columns, slices).transpose(2, 0, 1))


def _ramp(
    projections: Voxels, bin_mm: float, window: Window, cutoff_per_cm: float, order: float
) -> Voxels:
    """Counts per bin to filtered counts per mm²; the ramp is cut off at Nyquist's frequency."""
    bins = projections.shape[2]
    size = next_fast_len(2 * bins, real=True)
    offset = np.fft.fftfreq(size, 1 / size)
    kernel = np.zeros(size)
    odd = offset % 2 == 1
    kernel[odd] = -1 / (np.pi * offset[odd]) ** 2
    kernel[0] = 1 / 4
    frequency = rfftfreq(size, bin_mm / 10) / cutoff_per_cm
    response = rfft(kernel).real / bin_mm**2
    if window == "hann":
        response *= np.where(frequency < 1, (1 + np.cos(np.pi * frequency)) / 2, 0)
    elif window == "butterworth":
        response /= 1 + frequency ** (2 * order)
    spectrum = rfft(projections, size) * response.astype(np.float32)
    filtered: Voxels = irfft(spectrum, size)[..., :bins]
    return filtered


def _shares(orbit: Orbit) -> Matrix:
    """Angle in radians that each view stands for; together π.

    Without attenuation a view and the one opposite show the same, so angles count modulo 180°,
    and a view stands for half of the way to its neighbours on either side.
    """
    angles_deg = orbit.angles_deg % 180
    by_angle = np.argsort(angles_deg)
    gaps = np.diff(angles_deg[by_angle], append=angles_deg[by_angle[0]] + 180)
    shares = np.empty(orbit.views)
    shares[by_angle] = np.deg2rad(gaps + np.roll(gaps, 1)) / 2
    return shares


def _interpolation(index: Matrix, bins: int) -> csr_array:
    """Linear interpolation between bins at fractional indices; 0 beyond the bins."""
    lower = np.floor(index)
    part = index - lower
    neighbours = np.stack((lower, lower + 1), axis=1).astype(np.int32)
    weights = np.stack((1 - part, part), axis=1) * ((neighbours >= 0) & (neighbours < bins))
    starts = np.arange(0, neighbours.size + 1, 2, dtype=np.int32)
    columns = np.clip(neighbours, 0, bins - 1).ravel()
    return csr_array((weights.ravel().astype(np.float32), columns, starts), (len(index), bins))
