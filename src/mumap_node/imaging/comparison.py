"""How far a map is from a measured one of the same patient, in the map and in the heart."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mumap_node.imaging import regions
from mumap_node.imaging.heart import find_left_ventricle, for_polar_map
from mumap_node.imaging.metrics import (
    NO_TISSUES,
    USUAL_ANGLES_DEG,
    Errors,
    heart_errors,
    map_errors,
    path_errors,
)
from mumap_node.imaging.perfusion import measurement_of, polar_maps
from mumap_node.imaging.polar import LeftVentricle
from mumap_node.imaging.projections import Projections
from mumap_node.imaging.registration import Registration, register_maps
from mumap_node.imaging.volume import Volume

LEAST_SHOWN = 0.99
"""Share of the body in the ventricle's slices that a measured map must show. Attenuation acts
within a slice, so an arm that is cut off there falsifies the heart."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A synthetic map beside a measured one.

    Attributes:
        figures: Finite values by the name they have in ``definitions.METRICS``, the measured map
            being the true one; those that could not be measured are left out.
        registration: Of the emission and the measured map: whether they count.
    """

    figures: Mapping[str, float]
    registration: Registration


def compare(
    mumap: Volume,
    measured: Volume,
    nac: Volume,
    projections: Projections | None = None,
    *,
    tissues: Mapping[str, regions.Mask] = NO_TISSUES,
) -> Comparison:
    """Compare two maps voxel by voxel, along the heart's ways to the camera, and by what they do.

    What the measured map does not show counts nowhere. Figures of the heart need a left ventricle
    in the reconstruction, and a measured map that shows ``LEAST_SHOWN`` of the body in its slices;
    the little that may be missing is taken from the synthetic map, and so makes no difference.

    Args:
        mumap: LAC in 1/cm, finite, on the grid of ``nac``.
        measured: LAC in 1/cm at the same energy and on the same grid, NaN where it is not known.
        nac: The reconstruction without attenuation correction.
        projections: What it was made of; with them the heart is reconstructed with either map.
        tissues: As ``metrics.tissues_of`` gives them, needed at other energies than 140.5 keV.

    Raises:
        ValueError: A measured map that shows no body.
    """
    if not regions.body(measured.voxels).any():
        raise ValueError("expected a measured map with a body, found none")
    figures = {
        **map_errors(mumap, measured, tissues),
        **_around_heart(mumap, measured, nac, projections),
    }
    finite = {name: value for name, value in figures.items() if np.isfinite(value)}
    return Comparison(finite, register_maps(nac, mumap, measured))


def _around_heart(
    mumap: Volume, measured: Volume, nac: Volume, projections: Projections | None
) -> Errors:
    found = find_left_ventricle(nac)
    if found is None:
        return {}
    heart = for_polar_map(found)
    if not _is_shown(mumap, measured, heart):
        return {}
    known = np.isfinite(measured.voxels)
    whole = measured.with_voxels(np.where(known, measured.voxels, mumap.voxels))
    if projections is None:
        return path_errors(mumap, whole, heart.centre_mm, USUAL_ANGLES_DEG)
    errors = path_errors(mumap, whole, heart.centre_mm, projections.orbit.angles_deg)
    seen = measurement_of(projections)
    hearts = polar_maps(seen, heart, nac.geometry, (mumap, whole))
    return {**errors, **heart_errors(*hearts)} if hearts else errors


def _is_shown(mumap: Volume, measured: Volume, heart: LeftVentricle) -> bool:
    """Whether a measured map shows the body in the slices of a ventricle."""
    slices, rows, columns = mumap.geometry.shape
    middles = [(number, (rows - 1) / 2, (columns - 1) / 2) for number in range(slices)]
    z_mm = mumap.geometry.to_patient(middles)[:, 2]
    lowest, highest = heart.axial_range_mm
    there = (z_mm >= lowest) & (z_mm <= highest)
    known = np.isfinite(measured.voxels[there])
    return regions.share(known, of=regions.body(mumap.voxels[there])) >= LEAST_SHOWN
