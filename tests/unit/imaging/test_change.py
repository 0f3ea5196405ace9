"""What attenuation takes from a heart, correction with the true map gives back."""

from dataclasses import replace

import numpy as np
import pytest

from hearts import ball, grid, heart, torso
from measured import TECHNETIUM, projections
from mumap_node.imaging.change import find_change
from mumap_node.imaging.heart import find_left_ventricle
from mumap_node.imaging.projections import ScatterWindow
from mumap_node.imaging.reconstruction import Projector, gaussian, osem
from mumap_node.imaging.volume import Geometry, Quantity, Volume
from thorax import LEHR, cardiac_orbit

BIN_MM, ORBIT = 7.0, cardiac_orbit(30)
MIDDLE_MM = (0.0, 0.0, 300.0)
GRID = grid(BIN_MM, extent_mm=(240, 380, 380))
PATIENT = heart((40.0, -30.0, 10.0))


def moved(volume):
    """In the patient's coordinates, where the projections' middle is not the origin."""
    affine = volume.geometry.affine.copy()
    affine[:3, 3] += MIDDLE_MM
    return Volume(volume.voxels, Geometry(GRID.shape, affine), volume.quantity)


def lac():
    """Water but for the lungs."""
    points = GRID.to_patient(np.moveaxis(np.indices(GRID.shape), 0, -1))
    water = 0.15 * ball(points, (0, 0, 0), (160, 110, 1000))
    for side in (-1, 1):
        water[ball(points, (side * 85, 10, 60), (50, 80, 120))] = 0.045
    return Volume(water.astype(np.float32), GRID, Quantity.LAC_PER_CM)


def projector(**physics):
    return Projector(
        GRID.shape, GRID.spacing_mm, ORBIT, bins=GRID.shape[2], bin_mm=BIN_MM, **physics
    )


def acquired(of=PATIENT, **changes):
    """Projections, and their reconstruction without attenuation correction."""
    seen = projector(resolution=LEHR, lac_per_cm=lac().voxels)
    counts = seen.forward(torso(GRID, of, liver=0.5).voxels)
    counts *= 4e6 / counts.sum()
    photopeak = np.random.default_rng(1).poisson(counts).astype(np.float32)
    voxels = gaussian(osem(photopeak, projector(), iterations=3, subsets=6), GRID.spacing_mm, 10.0)
    nac = moved(Volume(voxels.astype(np.float32), GRID, Quantity.COUNTS))
    stated = {"middle_z_mm": MIDDLE_MM[2], **changes}
    return projections(photopeak, ORBIT, (BIN_MM, BIN_MM), **stated), nac


def spread(polar):
    """Standard deviation of the segments below the apex, in percent of their mean."""
    segments = polar.segments()[:16]
    return 100 * segments.std() / segments.mean()


@pytest.fixture(scope="module")
def examined():
    return acquired()


@pytest.fixture(scope="module")
def change(examined):
    return find_change(*examined, moved(lac()))


def test_the_true_map_evens_a_heart_that_is_even(change):
    assert spread(change.corrected) < 0.6 * spread(change.uncorrected)


def test_attenuation_is_given_back_where_it_took_most(change):
    """The septum and the inferior wall lie deepest, the lateral wall next to the lung."""
    gain = change.difference.segments()

    assert gain[[2, 3, 8, 9]].mean() > 5 + gain[[5, 11]].mean()


def test_both_maps_are_in_percent_of_their_maximum(change):
    for polar in (change.uncorrected, change.corrected):
        assert polar.values.max() == pytest.approx(100)
    np.testing.assert_allclose(
        change.difference.segments(),
        change.corrected.segments() - change.uncorrected.segments(),
        atol=1e-9,
    )


def test_the_ventricle_is_found_where_the_patient_has_it(change):
    centre_mm = np.array(PATIENT.centre_mm) + 5 * np.array(PATIENT.axis) + MIDDLE_MM

    assert np.linalg.norm(change.heart.centre_mm - centre_mm) < 8


def test_without_a_ventricle_there_is_no_change():
    taken, nac = acquired(None)

    assert find_change(taken, nac, moved(lac())) is None


def test_a_ventricle_the_camera_cut_off_is_not_compared(examined):
    """The reconstruction shows it, but the projections do not hold all its rows."""
    taken, nac = examined
    photopeak = taken.photopeak.copy()
    photopeak[:, 20:] = 0

    assert find_left_ventricle(nac) is not None
    assert find_change(replace(taken, photopeak=photopeak), nac, moved(lac())) is None


def test_physics_is_modelled_only_where_the_header_states_it(examined, change):
    taken, nac = examined
    lower = ScatterWindow(0.05 * taken.photopeak, (114.5, 126.5))
    unnamed = replace(TECHNETIUM, collimator_name="", energy_window_kev=None)

    def found(**changes):
        return find_change(replace(taken, **changes), nac, moved(lac()))

    assert (change.models_resolution, change.corrects_scatter) == (True, False)
    assert found(scatter=(lower,)).corrects_scatter
    assert not found(radii_are_stated=False).models_resolution
    bare = found(acquisition=unnamed, scatter=(lower,))
    assert (bare.models_resolution, bare.corrects_scatter) == (False, False)
