"""Projections to the nAC reconstruction that a model expects."""

import numpy as np

from mumap_node.imaging.model_card import NacReconstruction
from mumap_node.imaging.projections import Projections
from mumap_node.imaging.reconstruction import Projector, butterworth, osem
from mumap_node.imaging.volume import Quantity, Volume

LEAST_VIEWS = 4
"""In a subset; with fewer its noise is taken for the patient."""


def reconstruct(projections: Projections, settings: NacReconstruction) -> Volume:
    """Reconstruct the photopeak without attenuation, scatter and resolution.

    Decay during the acquisition is left in: 4 % of Tc-99m in 20 minutes.

    Args:
        projections: As measured.
        settings: Of the model; with few views there are fewer subsets, and more iterations for
            them.

    Returns:
        Counts of 0 or more on those slices of ``projections.grid`` that a detector saw.
    """
    seen = projections.seen_slices
    geometry = projections.grid.of_slices(seen)
    projector = Projector(
        geometry.shape,
        geometry.spacing_mm,
        projections.orbit,
        bins=geometry.shape[2],
        bin_mm=projections.bin_mm,
    )
    subsets = max(min(settings.subsets, projections.orbit.views // LEAST_VIEWS), 1)
    iterations = -(-settings.iterations * settings.subsets // subsets)
    voxels = osem(
        np.ascontiguousarray(projections.photopeak[:, seen]),
        projector,
        iterations=iterations,
        subsets=subsets,
    )
    smooth = butterworth(voxels, geometry.spacing_mm, settings.cutoff_per_cm, settings.order)
    return Volume(np.maximum(smooth, 0, dtype=np.float32), geometry, Quantity.COUNTS)
