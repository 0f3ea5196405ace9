"""The wall of one left ventricle in reconstructions that differ in their attenuation map alone."""

from collections.abc import Iterable

from mumap_node.imaging.collimators import resolution_of
from mumap_node.imaging.correction import Measurement, around_heart, reconstruct, scatter_of
from mumap_node.imaging.polar import LeftVentricle, PolarMap, polar_map
from mumap_node.imaging.projections import Projections
from mumap_node.imaging.volume import Geometry, Volume


def polar_maps(
    measurement: Measurement,
    heart: LeftVentricle,
    mapped: Geometry,
    lacs: Iterable[Volume | None],
) -> list[PolarMap]:
    """Reconstruct the heart with each of several maps, and sample its wall at one place.

    Args:
        measurement: What a camera counted.
        heart: Where the ventricle lies, as ``heart.for_polar_map`` gives it.
        mapped: Grid of the maps; beyond its slices nobody knows what attenuates.
        lacs: LAC in 1/cm, finite; None corrects no attenuation.

    Returns:
        In the order of the maps; empty where camera or maps do not hold the whole ventricle.
    """
    seen = around_heart(measurement, heart)
    if seen is None or not _is_within(mapped, heart):
        return []
    return [polar_map(reconstruct(*seen, lac), heart) for lac in lacs]


def measurement_of(projections: Projections) -> Measurement:
    """Projections as a reconstruction of the heart takes them.

    Resolution is modelled where the header states the radii and a collimator we know, scatter is
    corrected where there is a window below the photopeak.
    """
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


def _is_within(grid: Geometry, heart: LeftVentricle) -> bool:
    """Whether the slices of a grid hold all of a ventricle."""
    lowest, highest = heart.axial_range_mm
    ends = ((0, 0, 0), (grid.shape[0] - 1, 0, 0))
    bottom_mm, top_mm = sorted(grid.to_patient(end)[2] for end in ends)
    return bool(bottom_mm <= lowest and highest <= top_mm)
