"""Projections become what a site would have reconstructed, where the patient is."""

import numpy as np
import pytest

from measured import projections
from mumap_node.imaging.model_card import NacReconstruction
from mumap_node.imaging.nac import reconstruct
from mumap_node.imaging.projections import Projections
from mumap_node.imaging.reconstruction import Orbit, Projector, butterworth, osem
from mumap_node.imaging.volume import Quantity

SETTINGS = NacReconstruction(iterations=3, subsets=8, cutoff_per_cm=0.4, order=5)
SHAPE, SPACING_MM = (6, 24, 24), (8.0, 10.0, 10.0)


def measured(views: int = 32, empty: int = 0) -> Projections:
    """A body with a spot at the patient's left, in front, and rows beside that see nothing."""
    orbit = Orbit(225.0 - 180.0 / views * np.arange(views), np.full(views, 220.0))
    _, row, column = np.indices(SHAPE)
    body = ((row - 11.5) ** 2 + (column - 11.5) ** 2 < 81).astype(np.float32)
    body[3:5, 7:9, 14:16] = 20
    projector = Projector(SHAPE, SPACING_MM, orbit, bins=SHAPE[2], bin_mm=SPACING_MM[2])
    counts = np.pad(projector.forward(body), ((0, 0), (empty, empty), (0, 0)))
    return projections(counts, orbit, SPACING_MM[:2], middle_z_mm=50.0)


def test_a_spot_is_reconstructed_where_it_is_in_the_patient():
    taken = measured()

    nac = reconstruct(taken, SETTINGS)

    assert nac.quantity is Quantity.COUNTS
    brightest = np.unravel_index(nac.voxels.argmax(), nac.voxels.shape)
    np.testing.assert_allclose(nac.geometry.to_patient(brightest), (30, -40, 58), atol=10)


def test_it_is_osem_and_a_butterworth_filter_with_the_settings_of_the_card():
    taken = measured()
    projector = Projector(SHAPE, SPACING_MM, taken.orbit, bins=SHAPE[2], bin_mm=10.0)

    voxels = osem(taken.photopeak, projector, iterations=3, subsets=8)

    expected = np.maximum(butterworth(voxels, SPACING_MM, 0.4, 5), 0)
    np.testing.assert_array_equal(reconstruct(taken, SETTINGS).voxels, expected)


def test_slices_no_detector_saw_are_left_out_and_the_others_stay_where_they_are():
    whole, padded = (reconstruct(measured(empty=empty), SETTINGS) for empty in (0, 2))

    assert padded.voxels.shape == whole.voxels.shape
    np.testing.assert_allclose(padded.geometry.affine, whole.geometry.affine)
    np.testing.assert_allclose(padded.voxels, whole.voxels, rtol=1e-5)


@pytest.mark.parametrize(("views", "subsets", "iterations"), [(12, 3, 8), (3, 1, 24)])
def test_few_views_make_fewer_subsets_and_as_many_updates(views, subsets, iterations):
    taken = measured(views)
    projector = Projector(SHAPE, SPACING_MM, taken.orbit, bins=SHAPE[2], bin_mm=10.0)

    voxels = osem(taken.photopeak, projector, iterations=iterations, subsets=subsets)

    expected = np.maximum(butterworth(voxels, SPACING_MM, 0.4, 5), 0)
    np.testing.assert_array_equal(reconstruct(taken, SETTINGS).voxels, expected)
