"""The camera before things whose answer is known: a slab, a cylinder, a point."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from test_scatter import LOWER, NARROW_PEAK, PEAK, at_depth, traced_at_depth

from cameras import RING, STILL, camera, point, positions, thing, upright_grid
from mumap_node.imaging.attenuation import WATER_LAC_140KEV_PER_CM
from mumap_node.imaging.resampling import FWHM_PER_SIGMA
from mumap_node.training.simulation.camera import COLLIMATORS
from mumap_node.training.simulation.expectation import expect

Values = NDArray[np.float64]

EDGE_MM = 4.8
GRID = upright_grid((48, 60, 60), EDGE_MM)
AIR = thing(np.zeros(GRID.shape), GRID)
POINT_GRID = upright_grid((20, 60, 60), EDGE_MM)
POINT_AIR = thing(np.zeros(POINT_GRID.shape), POINT_GRID)
THICKNESSES_MM = np.arange(0.0, 193.0, 24.0)
DEPTHS_CM = np.array((3.0, 7.0, 11.0, 15.0, 19.0))
WINDOWS_KEV = {"20 %": PEAK, "15 %": NARROW_PEAK, "7 keV below": LOWER}
RADII_MM = np.array((60.0, 100.0, 140.0, 180.0, 220.0, 260.0))
PHOTONS = 30_000


@dataclass(frozen=True, eq=False)
class Checks:
    """Results.

    Attributes:
        transmission: Of slabs of water of `THICKNESSES_MM`, narrow beam, as projected.
        modelled, traced: Scatter to primary of a point in a water cylinder of 22 cm, [window,
            depth]: the model's, and that of photons traced one by one.
        fwhm_mm: Of a point as projected, `RADII_MM` from the collimator.
        stated_mm: As collimator and crystal have it.
        collimators_mm: The latter at 100 mm, by collimator.
    """

    transmission: Values
    modelled: Values
    traced: Values
    fwhm_mm: Values
    stated_mm: Values
    collimators_mm: dict[str, float]


def checks() -> Checks:
    return Checks(transmission(), *scatter_to_primary(), *resolution(), collimators_mm(100.0))


def transmission() -> Values:
    _, y, _ = positions(GRID)
    source = point(GRID, (2.4, 124.8, 2.4))
    one = camera(arc_deg=360.0, start_deg=180.0, views=4, pixel_mm=4.8)
    seen = []
    for thickness_mm in THICKNESSES_MM:
        slab = WATER_LAC_140KEV_PER_CM * ((y > -96) & (y < -96 + thickness_mm))
        expected = expect(
            thing(slab, GRID), source, one, one.orbit(RING), STILL, scatter_windows=False
        )
        seen.append(expected.primary[0].sum(dtype=np.float64))
    return np.array(seen) / seen[0]


def scatter_to_primary() -> tuple[Values, Values]:
    windows = tuple(WINDOWS_KEV.values())
    modelled = [[at_depth(depth_cm, window) for depth_cm in DEPTHS_CM] for window in windows]
    traced = [traced_at_depth(depth_cm, windows, PHOTONS) for depth_cm in DEPTHS_CM]
    return np.array(modelled), np.array(traced).T


def resolution() -> tuple[Values, Values]:
    """Of a voxel in the centre of circular orbits, mean over all around.

    The width of the voxel is part of it: activity is known no better.
    """
    source = point(POINT_GRID, (2.4, 2.4, 2.4))
    at_mm = (np.arange(128) - 63.5) * 3.3
    turns = np.radians(np.arange(360.0))
    circle = np.stack([np.sin(turns), np.cos(turns)], axis=1)
    seen, stated = [], []
    for radius_mm in RADII_MM:
        one = camera(matrix=128, pixel_mm=3.3, views=64, arc_deg=360.0, gap_mm=0.0)
        orbit = one.orbit(radius_mm * circle)
        views = expect(POINT_AIR, source, one, orbit, STILL, scatter_windows=False).primary
        widths = [_fwhm_mm(at_mm, view.sum(axis=0, dtype=np.float64)) for view in views]
        seen.append(np.hypot(np.mean(widths), FWHM_PER_SIGMA * EDGE_MM / np.sqrt(12)))
        stated.append(one.resolution.fwhm_mm(radius_mm))
    return np.array(seen), np.array(stated)


def _fwhm_mm(at_mm: Values, profile: Values) -> float:
    """Of the Gaussian that fits best."""

    def gaussian(place_mm: Values, height: float, middle_mm: float, sigma_mm: float) -> Values:
        return height * np.exp(-(((place_mm - middle_mm) / sigma_mm) ** 2) / 2)

    start = (profile.max(), at_mm[profile.argmax()], 4.0)
    fitted, _ = optimize.curve_fit(gaussian, at_mm, profile, start)
    return float(FWHM_PER_SIGMA * abs(fitted[2]))


def collimators_mm(distance_mm: float) -> dict[str, float]:
    """FWHM of each collimator with a crystal of 3.8 mm."""
    fwhm_mm = {}
    for name, hole_mm, length_mm, _ in COLLIMATORS:
        one = camera(hole_diameter_mm=hole_mm, hole_length_mm=length_mm)
        fwhm_mm[f"{name} {hole_mm} x {length_mm} mm"] = float(one.resolution.fwhm_mm(distance_mm))
    return fwhm_mm
