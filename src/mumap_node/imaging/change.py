"""What a map changes in the heart: polar maps of two reconstructions that differ in it alone."""

from dataclasses import dataclass

from mumap_node.imaging.heart import find_left_ventricle, for_polar_map
from mumap_node.imaging.perfusion import measurement_of, polar_maps
from mumap_node.imaging.polar import LeftVentricle, PolarMap
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
    heart, measurement = for_polar_map(found), measurement_of(projections)
    hearts = polar_maps(measurement, heart, nac.geometry, (None, lac))
    if not hearts:
        return None
    uncorrected, corrected = (PolarMap(polar.of_maximum()) for polar in hearts)
    return Change(
        heart,
        uncorrected,
        corrected,
        models_resolution=measurement.resolution is not None,
        corrects_scatter=measurement.scatter is not None,
    )
