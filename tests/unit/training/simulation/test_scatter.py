import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.special import ndtr

from cameras import camera, point, upright_grid, water_cylinder
from mumap_node.imaging.reconstruction import Orbit
from mumap_node.training.simulation.scatter import (
    acceptance,
    klein_nishina,
    project_scatter,
    scattered_energy_kev,
)

PEAK, NARROW_PEAK, LOWER = (126.45, 154.55), (129.96, 151.04), (119.45, 126.45)
GRID = upright_grid((40, 32, 32), 9.6)
WATER = water_cylinder(GRID).astype(np.float32)
ANTERIOR = Orbit(np.array([180.0]), np.array([130.0]))


def scatter_to_primary(activity, primary, window_kev, orbit=ANTERIOR):
    (scatter,) = project_scatter(
        activity, WATER, 9.6, orbit, camera().resolution, [window_kev], 0.095
    )
    return scatter.sum() / primary


def at_depth(depth_cm, window_kev):
    primary = np.exp(-0.1537 * depth_cm) * acceptance(140.5, PEAK, 0.095)
    return scatter_to_primary(point(GRID, (0, 10 * depth_cm - 110, 0)), primary, window_kev)


def traced_at_depth(depth_cm, windows_kev, photons=30_000):
    """Photons traced one by one from a point in the cylinder, up to four scatters each.

    At every scatter the chance to go straight to the detector in front, unscattered and
    accepted, is added up (forced detection).
    """
    rng = np.random.default_rng(0)
    detector = np.array([0.0, -1.0, 0.0])  # in front of the patient

    def lac(energy):
        return 0.1537 * (energy / 140.5) ** -0.316  # water, 80-140 keV (NIST XCOM)

    def to_surface(place, way):
        across = way[:, 0] ** 2 + way[:, 1] ** 2 + 1e-12
        half = (place[:, :2] * way[:, :2]).sum(axis=1)
        rest = (place[:, :2] ** 2).sum(axis=1) - 11.0**2
        side = (-half + np.sqrt(np.maximum(half**2 - across * rest, 0))) / across
        end = (15.0 - np.sign(way[:, 2]) * place[:, 2]) / np.maximum(np.abs(way[:, 2]), 1e-9)
        return np.minimum(side, end)

    def shape(energy, cosine):
        ratio = 1 / (1 + energy / 511.0 * (1 - cosine))
        return ratio**2 * (ratio + 1 / ratio - 1 + cosine**2)

    nodes, weights = np.polynomial.legendre.leggauss(24)
    place = np.tile([0.0, depth_cm - 11.0, 0.0], (photons, 1))
    energy, weight = np.full(photons, 140.5), np.ones(photons)
    way = rng.normal(size=(photons, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    seen = np.zeros(len(windows_kev))
    for _ in range(4):
        inside = 1 - np.exp(-lac(energy) * to_surface(place, way))
        step = -np.log(1 - rng.uniform(size=photons) * inside) / lac(energy)
        weight *= inside * np.interp(energy, [60, 80, 100, 140.5], [0.86, 0.91, 0.935, 0.963])
        place += way * step[:, None]
        cosine = way @ detector
        after = energy / (1 + energy / 511.0 * (1 - cosine))
        mean = sum(share * shape(energy, node) for node, share in zip(nodes, weights, strict=True))
        chance = weight * shape(energy, cosine) / (mean / 2)
        chance *= np.exp(-lac(after) * to_surface(place, np.tile(detector, (photons, 1))))
        sigma = 0.095 * np.sqrt(140.5 * after) / 2.3548
        for number, (low, high) in enumerate(windows_kev):
            accepted = ndtr((high - after) / sigma) - ndtr((low - after) / sigma)
            seen[number] += (chance * accepted).mean()
        cosine = _scattered(rng, energy, shape)
        axis = np.where(np.abs(way[:, [2]]) < 0.9, [[0.0, 0, 1]], [[1.0, 0, 0]])
        first = np.cross(way, axis)
        first /= np.linalg.norm(first, axis=1, keepdims=True)
        turn = rng.uniform(0, 2 * np.pi, (photons, 1))
        aside = np.cos(turn) * first + np.sin(turn) * np.cross(way, first)
        way = cosine[:, None] * way + np.sqrt(1 - cosine[:, None] ** 2) * aside
        energy = energy / (1 + energy / 511.0 * (1 - cosine))
    return seen / (np.exp(-0.1537 * depth_cm) * acceptance(140.5, PEAK, 0.095))


def _scattered(rng, energy, shape):
    cosine, waiting = np.empty_like(energy), np.arange(energy.size)
    while waiting.size:
        candidate = rng.uniform(-1, 1, waiting.size)
        taken = rng.uniform(0, 2, waiting.size) < shape(energy[waiting], candidate)
        cosine[waiting[taken]] = candidate[taken]
        waiting = waiting[~taken]
    return cosine


def test_scattered_energies_are_comptons():
    np.testing.assert_allclose(
        scattered_energy_kev(np.array([1.0, 0.0, -1.0])), [140.5, 110.2, 90.7], atol=0.1
    )


def test_klein_nishina_is_one_on_average_and_favours_forward():
    nodes, weights = np.polynomial.legendre.leggauss(64)
    assert weights @ klein_nishina(nodes) / 2 == pytest.approx(1)
    assert klein_nishina(np.array([1.0])) > 2 * klein_nishina(np.array([-1.0]))


def test_a_window_accepts_what_its_width_says():
    assert acceptance(140.5, PEAK, 0.095) == pytest.approx(0.987, abs=0.002)
    assert acceptance(140.5, NARROW_PEAK, 0.095) == pytest.approx(0.937, abs=0.002)
    assert acceptance(126.45, PEAK, 0.095) == pytest.approx(0.5, abs=0.01)
    assert acceptance(90.7, PEAK, 0.095) < 1e-6


@pytest.mark.parametrize("depth_cm", [5.0, 11.0, 17.0])
def test_scatter_agrees_with_traced_photons_within_an_eighth(depth_cm):
    windows = (PEAK, NARROW_PEAK, LOWER)
    ours = [at_depth(depth_cm, window) for window in windows]
    np.testing.assert_allclose(ours, traced_at_depth(depth_cm, windows), rtol=0.12)


def test_the_share_of_scatter_is_the_textbooks_for_a_source_amid_water():
    # A 20 % window holds 30-40 % scattered counts of a source amid 20-22 cm of water.
    ratio = at_depth(11.0, PEAK)
    assert 0.30 <= ratio / (1 + ratio) <= 0.40


def test_scatter_grows_with_depth_and_with_the_window():
    depths = [at_depth(depth_cm, PEAK) for depth_cm in (2.0, 6.0, 11.0, 16.0, 20.0)]
    assert np.all(np.diff(depths) > 0)
    assert at_depth(11.0, NARROW_PEAK) < at_depth(11.0, PEAK)


def test_metal_changes_the_scatter_of_the_body_by_next_to_nothing():
    activity = gaussian_filter(point(GRID, (20, -40, 0)), 2.0)
    orbit = Orbit(np.arange(8) * 45.0, np.full(8, 130.0))
    with_pacemaker = WATER.copy()
    with_pacemaker[30:35, 6, 20:25] = 0.5  # 8 mm of titanium in voxels of 9.6 mm, above the heart
    plain, metal = (
        project_scatter(activity, lac, 9.6, orbit, camera().resolution, [PEAK], 0.095)[0].sum()
        for lac in (WATER, with_pacemaker)
    )
    assert metal == pytest.approx(plain, rel=0.01)


def test_nothing_scatters_without_matter():
    (scatter,) = project_scatter(
        point(GRID, (0, 0, 0)),
        np.zeros_like(WATER),
        9.6,
        ANTERIOR,
        camera().resolution,
        [PEAK],
        0.095,
    )
    assert not scatter.any()


def test_scatter_of_a_deep_source_is_wider_than_its_own_image():
    (scatter,) = project_scatter(
        point(GRID, (0, 50, 0)), WATER, 9.6, ANTERIOR, camera().resolution, [PEAK], 0.095
    )
    profile = scatter[0].sum(axis=0)
    bins = (np.arange(profile.size) - (profile.size - 1) / 2) * 9.6
    assert np.average(bins, weights=profile) == pytest.approx(0, abs=0.5)
    assert np.sqrt(np.average(bins**2, weights=profile)) > 20


@pytest.mark.parametrize("angle_deg", [0.0, 90.0, 135.0, 180.0, 200.0, 270.0])
def test_scatter_turns_with_the_camera(angle_deg):
    def blob(place_mm):
        return gaussian_filter(point(GRID, place_mm), 1.0)

    x, y = 60 * np.sin(np.radians(angle_deg)), 60 * np.cos(np.radians(angle_deg))
    orbit = Orbit(np.array([angle_deg]), np.array([130.0]))
    near = scatter_to_primary(blob((x, y, 0)), 1.0, PEAK, orbit)
    far = scatter_to_primary(blob((-x, -y, 0)), 1.0, PEAK, orbit)
    assert near == pytest.approx(scatter_to_primary(blob((0, -60, 0)), 1.0, PEAK), rel=0.02)
    assert far == pytest.approx(scatter_to_primary(blob((0, 60, 0)), 1.0, PEAK), rel=0.02)
    assert far < 0.6 * near
