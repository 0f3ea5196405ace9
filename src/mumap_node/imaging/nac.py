"""Projections to the nAC reconstruction that a model expects."""

import numpy as np

from mumap_node.imaging.model_card import NacReconstruction
from mumap_node.imaging.projections import Projections
from mumap_node.imaging.reconstruction import Projector, butterworth, osem, passes_for
from mumap_node.imaging.volume import Quantity, Volume


def reconstruct(projections: Projections, settings: NacReconstruction) -> Volume:
    """Reconstruct the photopeak without attenuation, scatter and resolution.

    Decay during the acquisition is left in: 4 % of Tc-99m in 20 minutes, which moves no segment of
    the left ventricle by more than 0.6 percent of the maximum (thorax by formula).

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
    views = projections.orbit.views
    iterations, subsets = passes_for(views, settings.iterations, settings.subsets)
    voxels = osem(
        np.ascontiguousarray(projections.photopeak[:, seen]),
        projector,
        iterations=iterations,
        subsets=subsets,
    )
    smooth = butterworth(voxels, geometry.spacing_mm, settings.cutoff_per_cm, settings.order)
    return Volume(np.maximum(smooth, 0, dtype=np.float32), geometry, Quantity.COUNTS)
