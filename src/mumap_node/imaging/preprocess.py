"""From the counts of a nAC reconstruction to the input of a network, as its card asks."""

import numpy as np

from mumap_node.errors import InputRejected
from mumap_node.imaging import resampling
from mumap_node.imaging.model_card import Input, ModelCard, Normalisation
from mumap_node.imaging.volume import Geometry, Quantity, Volume, Voxels


def prepare(nac: Volume, card: ModelCard) -> Volume:
    """Bring counts onto the model's grid and scale.

    Args:
        nac: Counts, on any grid.
        card: Grid and normalisation the network expects; nothing else decides.

    Returns:
        Network units on the model grid, index directions as ``resampling.UPRIGHT``.

    Raises:
        InputRejected: There is nothing to see in the model's grid.
    """
    grid = model_grid(nac.geometry, card.input)
    counts = resampling.onto(nac, grid).voxels
    return _padded(_normalised(counts, card.input.normalisation), grid, card.input.multiple_of)


def model_grid(source: Geometry, wanted: Input) -> Geometry:
    """The grid a network sees a source on, before padding to ``multiple_of``.

    Without a spacing in the card it is the source's own grid, flipped and permuted, cropped or
    extended by whole voxels. With one it runs along LPS, centred on the source.
    """
    if wanted.spacing_mm is None:
        turned = resampling.upright(source)
        shape = wanted.shape or turned.shape
        first = (np.array(turned.shape) - shape) // 2
        return _grid(shape, turned.affine[:3, :3], turned.to_patient(first), source)
    axes = resampling.UPRIGHT * wanted.spacing_mm
    shape = wanted.shape or _shape_to_cover(source, wanted.spacing_mm)
    first_mm = source.centre_mm - axes @ ((np.array(shape) - 1) / 2)
    return _grid(shape, axes, first_mm, source)


def _grid(
    shape: tuple[int, int, int], axes: np.ndarray, first_mm: np.ndarray, source: Geometry
) -> Geometry:
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes, first_mm
    return Geometry(shape, affine, source.frame_of_reference_uid)


def _shape_to_cover(
    source: Geometry, spacing_mm: tuple[float, float, float]
) -> tuple[int, int, int]:
    """Voxels along (slice, row, column) that hold the whole source box."""
    extent_mm = np.abs(resampling.UPRIGHT.T @ source.affine[:3, :3]) @ source.shape
    slices, rows, columns = np.ceil(extent_mm / spacing_mm - 1e-6).astype(int).tolist()
    return slices, rows, columns


def _normalised(voxels: Voxels, rule: Normalisation) -> Voxels:
    counts = np.maximum(voxels, 0)
    highest = counts.max()
    if not 0 < highest < np.inf:
        raise InputRejected(
            "no-counts", f"expected finite counts above 0, found a maximum of {highest:g}"
        )
    threshold = rule.fraction * np.percentile(counts, rule.percentile)
    values = counts / counts[counts > threshold].mean(dtype=np.float64)
    result: Voxels = (np.sqrt(values) if rule.transform == "sqrt" else values).astype(np.float32)
    return result


def _padded(voxels: Voxels, grid: Geometry, multiple: int) -> Volume:
    padding = [(0, -size % multiple) for size in grid.shape]
    padded = np.pad(voxels, padding)
    slices, rows, columns = padded.shape
    geometry = Geometry((slices, rows, columns), grid.affine, grid.frame_of_reference_uid)
    return Volume(padded, geometry, Quantity.NETWORK)
