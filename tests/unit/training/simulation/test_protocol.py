from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cameras import RING, STILL, camera, point, positions, thing, upright_grid
from mumap_node.imaging.volume import Quantity
from mumap_node.training.simulation.acquisition import Acquired
from mumap_node.training.simulation.expectation import expect
from mumap_node.training.simulation.protocol import (
    ReconstructionProtocol,
    draw_protocol,
    reconstruct,
)

GRID = upright_grid((60, 60, 60), 4.8)
PLAIN = ReconstructionProtocol(
    method="OSEM", iterations=4, subsets=8, resolution_recovery=False, post_filter="none",
    fwhm_mm=0.0, cutoff_per_cm=0.0, order=0.0, axial_range_mm=None,
)  # fmt: skip
GAUSSIAN = replace(PLAIN, post_filter="gaussian", fwhm_mm=8.0)
RECOVERY = replace(GAUSSIAN, resolution_recovery=True)
FBP = replace(
    PLAIN, method="FBP", iterations=0, subsets=0, post_filter="butterworth", cutoff_per_cm=0.45,
    order=5.0,
)  # fmt: skip
CROPPED = replace(FBP, axial_range_mm=(-100.0, 61.0))


def noise_free(subject, activity, one, *, windows=False):
    """What the camera would count in an endless acquisition."""
    orbit = one.orbit(RING)
    expected = expect(subject, activity, one, orbit, STILL, scatter_windows=windows)
    scale = np.float32(1e6 / expected.primary.sum())
    return Acquired(
        photopeak=(expected.primary + expected.scatter) * scale,
        lower=expected.lower * scale if windows else None,
        upper=expected.upper * scale if windows else None,
        orbit=orbit,
        bin_mm=one.pixel_mm,
        slice_mm=one.pixel_mm,
        camera=one,
        conditions=STILL,
        scatter_to_primary=0.0,
    )


def centroid_mm(volume):
    """LPS centroid of what exceeds half of the maximum."""
    weights = np.where(volume.voxels > volume.voxels.max() / 2, volume.voxels, 0)
    index = np.moveaxis(np.indices(volume.voxels.shape), 0, -1)
    return np.average(
        volume.geometry.to_patient(index).reshape(-1, 3), axis=0, weights=weights.ravel()
    )


@pytest.mark.parametrize(
    ("protocol", "matrix", "pixel_mm"),
    [
        (PLAIN, 64, 6.6), (GAUSSIAN, 64, 5.3), (RECOVERY, 64, 6.6), (FBP, 64, 6.8),
        (GAUSSIAN, 128, 3.3), (FBP, 128, 4.8), (CROPPED, 128, 3.4), (CROPPED, 64, 6.59),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "arc", [{"arc_deg": 180.0}, {"arc_deg": 360.0, "start_deg": 90.0, "clockwise": False}]
)
def test_a_hot_spot_is_reconstructed_where_it_lies(protocol, matrix, pixel_mm, arc):
    place_mm = (52.0, -37.0, 21.0)
    activity = gaussian_filter(point(GRID, place_mm), 1.0)
    air = thing(np.zeros(GRID.shape), GRID)
    one = camera(matrix=matrix, pixel_mm=pixel_mm, views=60, **arc)
    volume = reconstruct(noise_free(air, activity, one), protocol)
    assert volume.quantity is Quantity.COUNTS
    assert volume.geometry.spacing_mm == pytest.approx((pixel_mm,) * 3)
    np.testing.assert_allclose(centroid_mm(volume), place_mm, atol=0.3 * pixel_mm)


@pytest.mark.parametrize("protocol", [PLAIN, FBP])
def test_decay_during_the_acquisition_is_undone(protocol):
    acquired = noise_free(*chest(), camera(heads=1, views=32, seconds_per_view=0.1))
    slow = camera(heads=1, views=32, seconds_per_view=600.0)  # over five hours
    decayed = acquired.photopeak * slow.decay[:, None, None].astype(np.float32)
    fresh, corrected = (
        reconstruct(one, protocol).voxels
        for one in (acquired, replace(acquired, photopeak=decayed, camera=slow))
    )
    np.testing.assert_allclose(corrected, fresh, atol=1e-3 * fresh.max())


def test_the_whole_volume_holds_the_rows_the_detector_saw():
    air = thing(np.zeros(GRID.shape), GRID)
    one = camera(axial_field_mm=200.0, views=8)
    volume = reconstruct(noise_free(air, gaussian_filter(point(GRID, (0, 0, 0)), 1.0), one), PLAIN)
    assert volume.geometry.shape == (30, 64, 64)
    np.testing.assert_allclose(volume.geometry.centre_mm, 0, atol=1e-9)


def test_a_crop_keeps_the_range_asked_for():
    air = thing(np.zeros(GRID.shape), GRID)
    acquired = noise_free(air, gaussian_filter(point(GRID, (0, 0, 0)), 1.0), camera(views=8))
    geometry = reconstruct(acquired, replace(PLAIN, axial_range_mm=(-40.0, 55.0))).geometry
    lowest, highest = geometry.to_patient([(0, 0, 0), (geometry.shape[0] - 1, 0, 0)])[:, 2]
    assert lowest == pytest.approx(-40, abs=3.3)
    assert highest == pytest.approx(55, abs=3.3)


def chest():
    """Water round lungs, with a ring of uptake in front and to the left, as a heart lies."""
    x, y, z = positions(GRID)
    lac = np.where((x / 150) ** 2 + (y / 110) ** 2 < 1, 0.152, 0.0)
    for side in (-1, 1):
        lac[((x - side * 85) / 50) ** 2 + (y / 80) ** 2 < 1] = 0.045
    heart = (x - 45) ** 2 + (y + 40) ** 2
    lac[heart < 45**2] = 0.155
    ring = (heart < 33**2) & (heart > 20**2) & (np.abs(z) < 40)
    return thing(lac, GRID), ring.astype(np.float32)


def test_walls_deep_in_the_chest_look_darker_without_attenuation_correction():
    subject, activity = chest()
    x, y, z = positions(upright_grid((60, 64, 64), 6.6))
    volume = reconstruct(noise_free(subject, activity, camera(views=60)), GAUSSIAN)
    place = np.moveaxis(np.indices(volume.voxels.shape), 0, -1)
    x, y, z = np.moveaxis(volume.geometry.to_patient(place), -1, 0)
    radius = np.hypot(x - 45, y + 40)
    wall = (radius > 15) & (radius < 38) & (np.abs(z) < 25)
    free = wall & (x > 45) & (y < -40)  # anterolateral, next to the chest wall
    deep = wall & (x < 45) & (y > -40)  # inferoseptal, amid the body
    assert volume.voxels[deep].mean() < 0.8 * volume.voxels[free].mean()


def drawn(matrix):
    return [
        draw_protocol(np.random.default_rng(seed), camera(matrix=matrix, views=60), 10.0)
        for seed in range(400)
    ]


@pytest.mark.parametrize("matrix", [64, 128])
def test_drawn_protocols_are_those_of_sites(matrix):
    for protocol in drawn(matrix):
        if protocol.method == "OSEM":
            assert 2 <= protocol.iterations <= 12
            assert 4 <= protocol.subsets <= 16
            assert 15 <= protocol.iterations * protocol.subsets <= 110
        else:
            assert protocol.post_filter == "butterworth"
        if protocol.post_filter == "gaussian":
            assert 4 <= protocol.fwhm_mm <= 12
        if protocol.post_filter == "butterworth":
            assert 0.3 <= protocol.cutoff_per_cm <= 0.6
        if protocol.axial_range_mm:
            low, high = protocol.axial_range_mm
            assert low <= 10.0 - 60
            assert high >= 10.0 + 60
    assert {protocol.method for protocol in drawn(matrix)} == {"OSEM", "FBP"}


def test_a_protocol_describes_itself_in_a_line():
    assert RECOVERY.describe() == "OSEM 4i8s RR Gaussian 8.0 mm"
    assert FBP.describe() == "FBP Butterworth 0.45/cm order 5"
    assert PLAIN.describe() == "OSEM 4i8s"


def test_the_same_seed_draws_the_same_protocol_of_plain_values():
    first, second = (draw_protocol(np.random.default_rng(3), camera(), 0.0) for _ in range(2))
    assert asdict(first) == asdict(second)
    assert not any(isinstance(value, np.generic) for value in asdict(first).values())
