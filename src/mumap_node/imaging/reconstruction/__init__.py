"""Projections into a volume and back: parallel-hole SPECT, in NumPy and SciPy alone.

Arrays are upright, [slice, row, column] and [view, slice, bin]; docs/coordinates.md draws them.
"""

from mumap_node.imaging.reconstruction.fbp import fbp
from mumap_node.imaging.reconstruction.filters import butterworth, gaussian
from mumap_node.imaging.reconstruction.orbit import Orbit
from mumap_node.imaging.reconstruction.osem import osem, passes_for
from mumap_node.imaging.reconstruction.projector import Projector
from mumap_node.imaging.reconstruction.resolution import Resolution

__all__ = [
    "Orbit", "Projector", "Resolution", "butterworth", "fbp", "gaussian", "osem", "passes_for",
]  # fmt: skip
