"""What a map changes in the heart: polar maps of two reconstructions that differ in it alone."""

from dataclasses import dataclass

from mumap_node.imaging.collimators import resolution_of
from mumap_node.imaging.correction import (
    Measurement,
    around_heart,
    reconstruct,
    scatter_of,
)
from mumap_node.imaging.heart import find_left_ventricle, for_polar_map
from mumap_node.imaging.polar import LeftVentricle, PolarMap, polar_map
from mumap_node.imaging.projections import Projections
from mumap_node.imaging.volume import Volume


@dataclass(frozen=True, eq=False, slots=True)
class Change:
    """A left ventricle with and without attenuation correction.

    Attributes:
        heart: Where it was found, its base where it is on average over the beat.
        uncorrected: Polar map without the map, in percent of its maximum.
        corrected: The same with it.
        models_resolution: Whether both reconstructions knew the blur of the collimator.
        corrects_scatter: Whether both had an estimate of scatter. With attenuation correction
            alone an inferior wall near the liver comes out too bright.
    """

    heart: LeftVentricle
    uncorrected: PolarMap
    corrected: PolarMap
    models_resolution: bool
    corrects_scatter: bool

    @property
    def difference(self) -> PolarMap:
        """Corrected less uncorrected, in percentage points of the maxima."""
        return PolarMap(self.corrected.values - self.uncorrected.values)


def find_change(projections: Projections, nac: Volume, lac: Volume) -> Change | None:
    """Find the left ventricle, reconstruct it with and without a map, and sample its wall.

    Resolution is modelled where the header states the radii and a collimator we know, scatter is
    corrected where there is a window below the photopeak.

    Args:
        projections: As measured.
        nac: Their reconstruction without attenuation correction.
        lac: LAC in 1/cm, finite, on the grid of ``nac``.

    Returns:
        None where no left ventricle was found, or the camera did not see all of it.
    """
    found = find_left_ventricle(nac)
    if found is None:
        return None
    heart, measurement = for_polar_map(found), _measurement(projections)
    seen = around_heart(measurement, heart)
    if seen is None or not _is_within(nac, heart):
        return None
    uncorrected, corrected = (
        PolarMap(polar_map(reconstruct(*seen, used), heart).of_maximum()) for used in (None, lac)
    )
    return Change(
        heart,
        uncorrected,
        corrected,
        models_resolution=measurement.resolution is not None,
        corrects_scatter=measurement.scatter is not None,
    )


def _is_within(nac: Volume, heart: LeftVentricle) -> bool:
    """Whether the slices of a reconstruction hold all of a ventricle."""
    lowest, highest = heart.axial_range_mm
    ends = ((0, 0, 0), (len(nac.voxels) - 1, 0, 0))
    bottom_mm, top_mm = sorted(nac.geometry.to_patient(end)[2] for end in ends)
    return bool(bottom_mm <= lowest and highest <= top_mm)


def _measurement(projections: Projections) -> Measurement:
    x, y, z = projections.grid.centre_mm.tolist()
    return Measurement(
        photopeak=projections.photopeak,
        scatter=scatter_of(projections),
        orbit=projections.orbit,
        resolution=resolution_of(projections.acquisition.collimator_name)
        if projections.radii_are_stated
        else None,
        bin_mm=projections.bin_mm,
        slice_mm=projections.slice_mm,
        middle_mm=(x, y, z),
    )
