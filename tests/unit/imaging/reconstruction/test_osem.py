import itertools

import numpy as np
import pytest

from mumap_node.imaging.reconstruction import Orbit, Projector, gaussian, osem, passes_for
from mumap_node.imaging.reconstruction.osem import ordered_subsets
from thorax import LEHR, WATER_PER_CM, cardiac_orbit, positions_mm, thorax, water_cylinder

SHAPE, SPACING_MM = (10, 40, 40), (9.0, 9.0, 9.0)


@pytest.fixture(scope="module")
def phantom():
    return thorax(SHAPE, SPACING_MM)


@pytest.fixture(scope="module")
def camera(phantom):
    return Projector(
        SHAPE, SPACING_MM, cardiac_orbit(30), bins=40, bin_mm=9,
        resolution=LEHR, lac_per_cm=phantom.lac_per_cm,
    )  # fmt: skip


@pytest.fixture(scope="module")
def counts(phantom, camera):
    """As in a clinical acquisition: some 80 counts in a bright bin."""
    expected = camera.forward(phantom.activity) * 20
    return np.random.default_rng(1).poisson(expected).astype(np.float32)


def likelihood(counts, expected):
    return float((counts * np.log(np.maximum(expected, 1e-9)) - expected).sum(dtype=float))


def test_a_smooth_phantom_is_recovered(phantom, camera):
    truth = gaussian(phantom.activity, SPACING_MM, 25)

    found = osem(camera.forward(truth), camera, iterations=10, subsets=6)

    ventricle = phantom.myocardium
    assert found[ventricle].mean() == pytest.approx(truth[ventricle].mean(), rel=0.01)
    assert np.abs(found - truth).sum() < 0.05 * truth.sum()


def test_without_a_map_the_deep_heart_looks_dim(phantom, camera):
    projections = camera.forward(phantom.activity)
    blind = Projector(SHAPE, SPACING_MM, camera.orbit, bins=40, bin_mm=9, resolution=LEHR)

    found = osem(projections, blind, iterations=4, subsets=6)

    assert found[phantom.myocardium].mean() < 0.5 * phantom.activity[phantom.myocardium].mean()


@pytest.mark.parametrize(("subsets", "loss"), [(1, 1e-7), (6, 1e-5), (8, 1e-5)])
def test_the_likelihood_grows(counts, camera, subsets, loss):
    """Strictly for one subset; for more as long as noise does not dominate."""
    voxels, likelihoods = None, []
    for _ in range(4):
        voxels = osem(counts, camera, iterations=1, subsets=subsets, start=voxels)
        likelihoods.append(likelihood(counts, camera.forward(voxels)))

    assert all(
        after > before - loss * abs(before) for before, after in itertools.pairwise(likelihoods)
    )
    assert likelihoods[-1] > likelihoods[0]


def test_as_many_counts_are_expected_as_were_measured(counts, camera):
    found = osem(counts, camera, iterations=2, subsets=1)

    assert camera.forward(found).sum() == pytest.approx(counts.sum(), rel=1e-4)


def test_known_scatter_leaves_no_bias(phantom, camera):
    projections = camera.forward(phantom.activity)
    scatter = 0.3 * gaussian(projections, SPACING_MM[:2], 60)
    arguments = {"iterations": 12, "subsets": 6}

    clean = osem(projections, camera, **arguments)
    corrected = osem(projections + scatter, camera, **arguments, scatter=scatter)
    biased = osem(projections + scatter, camera, **arguments)

    ventricle = phantom.myocardium
    assert corrected[ventricle].mean() == pytest.approx(clean[ventricle].mean(), rel=0.02)
    assert biased[ventricle].mean() > 1.08 * clean[ventricle].mean()


ORDERS = {
    "forwards": np.arange,
    "backwards": lambda views: np.arange(views)[::-1],
    "two heads in turn": lambda views: np.arange(views).reshape(2, -1).T.ravel(),
    "shuffled": np.random.default_rng(1).permutation,
}


@pytest.mark.parametrize("start_deg", [-45, 0, 90, 200])
@pytest.mark.parametrize("arc_deg", [180, -180, 360, -360])
@pytest.mark.parametrize("order", ORDERS)
def test_a_source_on_the_left_appears_on_the_left(start_deg, arc_deg, order):
    """Projections by formula, attenuated: a line in a water cylinder, left and to the front.

    Place and strength come out only where angles, sides and the order of the views are right.
    """
    shape, spacing_mm, (x_mm, y_mm), radius_mm = (1, 32, 32), (8, 8, 8), (56, -24), 100
    views = 24
    angles_deg = start_deg + arc_deg * np.arange(views) / views
    angles = np.deg2rad(angles_deg)
    # 0° is behind, 90° left: the detector stands towards (x, y) = (sin, cos).
    along = x_mm * np.sin(angles) + y_mm * np.cos(angles)
    path_mm = np.sqrt(radius_mm**2 - x_mm**2 - y_mm**2 + along**2) - along
    # Bins grow to the patient's left as seen from the front (180°), to the back from the left.
    at_mm = -x_mm * np.cos(angles) + y_mm * np.sin(angles)
    (bins_mm,) = positions_mm((32,), (8,))
    profiles = np.exp(-(((bins_mm - at_mm[:, None]) / 8) ** 2) / 2)
    profiles *= (np.exp(-WATER_PER_CM * path_mm / 10) / profiles.sum(axis=1))[:, None]
    projections = profiles[:, None].astype(np.float32)
    lac = water_cylinder(shape, spacing_mm, radius_mm)
    shown = ORDERS[order](views)

    orbit = Orbit(angles_deg[shown], np.full(views, 150.0))
    camera = Projector(shape, spacing_mm, orbit, bins=32, bin_mm=8, lac_per_cm=lac)
    found = osem(projections[shown], camera, iterations=5, subsets=4)

    _, y, x = positions_mm(shape, spacing_mm)
    assert (found * x).sum() / found.sum() == pytest.approx(x_mm, abs=2)
    assert (found * y).sum() / found.sum() == pytest.approx(y_mm, abs=2)
    assert found.sum() == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize("views", [1, 7, 30, 64])
@pytest.mark.parametrize("subsets", [1, 3, 5, 7, 8])
def test_every_view_is_used_once_and_each_subset_looks_from_all_around(views, subsets):
    angles_deg = np.random.default_rng(1).permutation(np.arange(views) * 360 / views)
    orbit = Orbit(angles_deg, np.full(views, 200.0))
    subsets = min(subsets, views)

    order = ordered_subsets(orbit, subsets)

    assert sorted(np.concatenate(order)) == list(range(views))
    for subset in order:
        seen_deg = np.sort(orbit.angles_deg[subset])
        gaps_deg = np.diff(seen_deg, append=seen_deg[0] + 360)
        assert gaps_deg.max() <= (2 * subsets - 1) * 360 / views + 1e-9


def test_the_next_subset_starts_far_from_the_last():
    orbit = Orbit(np.arange(64.0), np.full(64, 200.0))

    firsts = [int(subset[0]) for subset in ordered_subsets(orbit, 8)]

    assert firsts == [0, 5, 2, 7, 4, 1, 6, 3]


@pytest.mark.parametrize(
    ("views", "expected"), [(64, (4, 8)), (32, (4, 8)), (30, (5, 7)), (12, (11, 3)), (3, (32, 1))]
)
def test_few_views_make_fewer_subsets_and_at_least_as_many_updates(views, expected):
    assert passes_for(views, 4, 8) == expected


def test_what_no_view_sees_keeps_its_start():
    """Bins reach over the middle third of the volume only."""
    orbit = Orbit(np.array([0.0, 180.0]), np.array([100.0, 100.0]))
    camera = Projector((1, 9, 9), (5, 5, 5), orbit, bins=3, bin_mm=5)
    projections = np.full((2, 1, 3), 18, dtype=np.float32)

    found = osem(projections, camera, iterations=2, subsets=2, start=np.ones((1, 9, 9), np.float32))

    assert np.allclose(found[0, :, 3:6], 2)
    assert np.array_equal(np.delete(found, slice(3, 6), axis=2), np.ones((1, 9, 6)))


def test_no_counts_are_an_empty_volume(camera, counts):
    assert not osem(np.zeros_like(counts), camera, iterations=1, subsets=5).any()


def test_counts_that_nothing_explains_do_no_harm(camera, counts):
    found = osem(counts, camera, iterations=1, subsets=5, start=np.zeros(SHAPE, np.float32))

    assert not found.any()


def test_voxels_vanish_instead_of_becoming_subnormal(phantom, camera):
    found = osem(camera.forward(phantom.activity), camera, iterations=30, subsets=15)

    assert (found[found != 0] > 1e-14).all()
    assert found.flags.c_contiguous
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"projections": np.zeros((2, 10, 40))}, r"projections of shape \(30, 10, 40\)"),
        ({"projections": np.full((30, 10, 40), -1)}, "projections of finite values of 0 or more"),
        ({"scatter": np.zeros((30, 10, 41))}, r"scatter of shape \(30, 10, 40\)"),
        ({"scatter": np.full((30, 10, 40), np.nan)}, "scatter of finite values"),
        ({"start": np.zeros((1, 2, 3))}, r"start of shape \(10, 40, 40\), found \(1, 2, 3\)"),
        ({"iterations": 0}, "1 iteration or more, found 0"),
        ({"subsets": 0}, "1 to 30 subsets, found 0"),
        ({"subsets": 31}, "1 to 30 subsets, found 31"),
    ],
)
def test_what_cannot_be_reconstructed_is_refused(camera, counts, changes, message):
    usual = {"projections": counts, "projector": camera, "iterations": 1, "subsets": 1}

    with pytest.raises(ValueError, match=message):
        osem(**usual | changes)
