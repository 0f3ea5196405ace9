"""Measured projections in memory, as if a file of theirs had been read."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from mumap_node.imaging.acquisition import Acquisition
from mumap_node.imaging.projections import Projections
from mumap_node.imaging.reconstruction import Orbit

TECHNETIUM = Acquisition("Tc-99m", True, 140.5, (126.0, 154.0), "PARA", "LEHR")


def projections(
    counts: ArrayLike, orbit: Orbit, spacing_mm: Sequence[float], **stated: object
) -> Projections:
    """Projections of a head-first patient whose header leaves nothing in doubt.

    Args:
        counts: Of the photopeak, [view, slice, bin].
        orbit: Of the views.
        spacing_mm: Between slices and between bins.
        stated: Other values of any field.
    """
    slice_mm, bin_mm = spacing_mm
    fields = {
        "photopeak": np.asarray(counts),
        "scatter": (),
        "orbit": orbit,
        "slice_mm": slice_mm,
        "bin_mm": bin_mm,
        "middle_z_mm": None,
        "frame_of_reference_uid": "",
        "radii_are_stated": True,
        "direction_is_stated": True,
        "is_head_first": True,
        "accepted_beats": None,
        "acquisition": TECHNETIUM,
    }
    return Projections(**{**fields, **stated})
