"""One slice as a camera sees it: bilinear sampling as a sparse matrix."""

import numpy as np
from scipy.sparse import csr_array

from mumap_node.imaging.volume import Matrix


def rotation(
    shape: tuple[int, int],
    spacing_mm: tuple[float, float],
    offset_mm: tuple[float, float],
    points_mm: Matrix,
) -> csr_array:
    """Bilinear sampling of a slice, as a matrix of points by pixels; its transpose is exact.

    Args:
        shape: Rows and columns of the slice.
        spacing_mm: Between rows and between columns.
        offset_mm: Middle of the slice in LPS (x, y), from the centre of rotation.
        points_mm: Where to sample: LPS x in the first row, y in the second, from the centre of
            rotation. Beyond the slice there is nothing.

    Returns:
        float32, (points, rows * columns).
    """
    points = points_mm.shape[1]
    index = [
        (points_mm[axis] - offset_mm[axis]) / spacing_mm[1 - axis] + (shape[1 - axis] - 1) / 2
        for axis in (1, 0)
    ]  # along rows, along columns
    lower = np.floor(index)
    part = (index - lower).astype(np.float32)
    neighbours = np.stack((lower, lower + 1)).astype(np.int32)  # [which, axis, point]
    weights = np.stack((1 - part, part))
    sizes = np.array(shape)[:, None]
    weights *= (neighbours >= 0) & (neighbours < sizes)
    np.clip(neighbours, 0, sizes - 1, out=neighbours)
    pixels = neighbours[:, None, 0] * np.int32(shape[1]) + neighbours[:, 1]
    values = weights[:, None, 0] * weights[:, 1]
    starts = np.arange(0, 4 * points + 1, 4, dtype=np.int32)
    matrix = csr_array(
        (values.reshape(4, -1).T.ravel(), pixels.reshape(4, -1).T.ravel(), starts),
        shape=(points, shape[0] * shape[1]),
    )
    matrix.eliminate_zeros()
    return matrix
