"""Bad inputs that need more than the nAC volume: its projections, or the true map."""

import numpy as np
from scipy import ndimage

from mumap_node.imaging import resampling
from mumap_node.imaging.reconstruction import Orbit, Projector, osem
from mumap_node.imaging.volume import Geometry, Volume, Voxels
from mumap_node.training.simulation.cohort import CohortCase
from mumap_node.training.simulation.protocol import ReconstructionProtocol, apply_post_filter

CHANG_MM = 12.0
"""Voxels of the correction factors, which are smooth."""

CHANG_ARCS_DEG = ((225.0, 180.0), (0.0, 360.0))
"""Start and length of the arcs that sites use: from RAO 45° to LPO 45°, or all round."""

CHANG_STEP_DEG = 10.0

ITERATIONS, SUBSETS = 4, 8
"""Of images that were not made by OSEM, and so have no settings of their own."""


THALLIUM_COUNTS = 0.25
"""Relative to Tc-99m: the activity is a tenth of it, imaged sooner and for longer."""

THALLIUM_SIGMA_MM = 3.0
"""Loss of resolution of the crystal, 4 to 8 mm FWHM."""

THALLIUM_SCATTER, HAZE_SIGMA_MM = 0.5, 35.0
"""Additional scatter over primary counts, and how widely it spreads."""


def chang_corrected(nac: Volume, lac: Volume, random: np.random.Generator) -> Volume:
    """Counts divided by the mean share of photons that leave the body, voxel by voxel.

    Source: Chang, IEEE Trans Nucl Sci 1978;25:638 (doi 10.1109/TNS.1978.4329385), first order.

    Args:
        nac: Counts, upright.
        lac: True map, 1/cm.
        random: Chooses the arc.
    """
    grid = _chang_grid(nac.geometry)
    start_deg, arc_deg = random.choice(CHANG_ARCS_DEG)
    angles_deg = start_deg - np.arange(0, arc_deg, CHANG_STEP_DEG)
    bins = 2 * max(grid.shape)
    orbit = Orbit(angles_deg, np.full(angles_deg.size, bins * CHANG_MM))
    photons = np.ones((orbit.views, grid.shape[0], bins), dtype=np.float32)

    def back(lac_per_cm: Voxels | None) -> Voxels:
        return Projector(
            grid.shape, grid.spacing_mm, orbit, bins=bins, bin_mm=CHANG_MM, lac_per_cm=lac_per_cm
        ).back(photons)

    leaving = Volume(back(resampling.onto(lac, grid).voxels) / back(None), grid, nac.quantity)
    return nac.with_voxels(nac.voxels / resampling.onto(leaving, nac.geometry).voxels)


def _chang_grid(source: Geometry) -> Geometry:
    """Covers the source and half a voxel more, so that every source voxel lies inside."""
    shape = np.ceil(np.array(source.shape) * source.spacing_mm / CHANG_MM).astype(int) + 1
    slices, rows, columns = shape.tolist()
    affine = np.eye(4)
    affine[:3, :3] = source.directions * CHANG_MM
    affine[:3, 3] = source.centre_mm - affine[:3, :3] @ ((shape - 1) / 2)
    return Geometry((slices, rows, columns), affine)


def corrected(case: CohortCase) -> Volume:
    """Attenuation-corrected with the true map, otherwise with the settings of the nAC volume."""
    return _reconstruct(case, _photopeak(case), np.maximum(case.mumap().voxels, 0))


def another_isotope(case: CohortCase, random: np.random.Generator) -> Volume:
    """About what Tl-201 would have shown: fewer counts, more scatter, less resolution."""
    photopeak = _photopeak(case)
    bins = case.projections().bin_mm
    sharp = ndimage.gaussian_filter(photopeak, (0, *(THALLIUM_SIGMA_MM / bins,) * 2))
    haze = ndimage.gaussian_filter(photopeak, (0, *(HAZE_SIGMA_MM / bins,) * 2))
    expected = THALLIUM_COUNTS * (sharp + THALLIUM_SCATTER * haze) / (1 + THALLIUM_SCATTER)
    return _reconstruct(case, random.poisson(expected).astype(np.float32), None)


def _photopeak(case: CohortCase) -> Voxels:
    """Counts of the views, of the slices of the nAC volume."""
    projections, nac = case.projections(), case.nac()
    rows = projections.counts.shape[2]
    first = round(nac.geometry.affine[2, 3] / projections.slice_mm + (rows - 1) / 2)
    photopeak: Voxels = projections.counts[0][:, first : first + nac.voxels.shape[0]]
    return photopeak


def _reconstruct(case: CohortCase, photopeak: Voxels, lac_per_cm: Voxels | None) -> Volume:
    projections, nac = case.projections(), case.nac()
    protocol = ReconstructionProtocol(**case.facts()["protocol"])
    projector = Projector(
        nac.geometry.shape, nac.geometry.spacing_mm, projections.scan.orbit,
        bins=photopeak.shape[2], bin_mm=projections.bin_mm, lac_per_cm=lac_per_cm,
    )  # fmt: skip
    voxels = osem(
        photopeak, projector,
        iterations=protocol.iterations or ITERATIONS, subsets=protocol.subsets or SUBSETS,
    )  # fmt: skip
    filtered = apply_post_filter(voxels, nac.geometry.spacing_mm, protocol)
    return nac.with_voxels(np.maximum(filtered, 0))
