import numpy as np
import pytest

from mumap_node.imaging.reconstruction import Orbit, fbp

RADIUS_MM, AT_MM = 80.0, (30.0, -20.0)
SHAPE, SPACING_MM = (2, 60, 80), (10.0, 6.0, 4.5)
BINS, BIN_MM = 90, 4.0


def orbit(angles_deg):
    return Orbit(np.asarray(angles_deg, float), np.full(len(angles_deg), 200.0))


def disc(angles_deg):
    """Projections by formula: one count per mm² in a disc left and in front of the centre."""
    angles = np.deg2rad(angles_deg)
    middle_mm = -AT_MM[0] * np.cos(angles) + AT_MM[1] * np.sin(angles)
    fine_mm = (np.arange(10 * BINS) - (10 * BINS - 1) / 2) * BIN_MM / 10
    chords = 2 * np.sqrt(np.maximum(RADIUS_MM**2 - (fine_mm - middle_mm[:, None]) ** 2, 0))
    profiles = chords.reshape(len(angles), BINS, 10).mean(axis=2) * BIN_MM
    return np.repeat(profiles[:, None], 2, axis=1).astype(np.float32)


def from_middle_mm():
    y = (np.arange(SHAPE[1]) - (SHAPE[1] - 1) / 2) * SPACING_MM[1] - AT_MM[1]
    x = (np.arange(SHAPE[2]) - (SHAPE[2] - 1) / 2) * SPACING_MM[2] - AT_MM[0]
    return np.hypot(y[:, None], x)


ANGLES = {
    "180°": 225 - np.arange(90) * 2,
    "360°": np.arange(120) * 3,
    "360°, odd number": np.arange(121) * 360 / 121,
    "half a turn more": np.arange(135) * 2,
    "shuffled": np.random.default_rng(1).permutation(np.arange(90) * 2),
    "uneven steps": np.concatenate((np.arange(0, 90, 1.5), np.arange(90, 180, 3))),
}


@pytest.mark.parametrize("angles", ANGLES)
@pytest.mark.parametrize("window", ["hann", "butterworth"])
def test_a_disc_is_flat_and_has_its_scale(angles, window):
    found = fbp(
        disc(ANGLES[angles]), orbit(ANGLES[angles]), SHAPE, SPACING_MM, bin_mm=BIN_MM, window=window
    )

    inside, outside = from_middle_mm() < 70, from_middle_mm() > 95
    per_voxel = SPACING_MM[1] * SPACING_MM[2]
    assert found[:, inside].mean() == pytest.approx(per_voxel, rel=0.005)
    assert found[:, inside].std() < 0.02 * per_voxel
    assert np.abs(found[:, outside]).mean() < 0.02 * per_voxel
    assert np.allclose(found[0], found[1])


def test_windows_smooth_as_they_are_told_to():
    noise = np.random.default_rng(1).normal(size=(90, 2, BINS)).astype(np.float32)

    def roughness(**window):
        found = fbp(noise, orbit(ANGLES["180°"]), SHAPE, SPACING_MM, bin_mm=BIN_MM, **window)
        return found[:, from_middle_mm() < 70].std()

    ramp, hann = roughness(), roughness(window="hann")
    assert roughness(window="hann", cutoff_per_cm=0.5) < 0.7 * hann < 0.7 * ramp
    steep = roughness(window="butterworth", cutoff_per_cm=0.4, order=10)
    assert steep < roughness(window="butterworth", cutoff_per_cm=0.4, order=1) < 0.7 * ramp


def test_an_offset_moves_the_volume():
    angles = ANGLES["180°"]
    arguments = {"bin_mm": BIN_MM, "window": "hann"}
    centred = fbp(disc(angles), orbit(angles), SHAPE, SPACING_MM, **arguments)

    moved = fbp(
        disc(angles), orbit(angles), SHAPE, SPACING_MM, **arguments,
        offset_mm=(4 * SPACING_MM[2], -3 * SPACING_MM[1]),
    )  # fmt: skip

    assert np.allclose(moved[:, 3:, :-4], centred[:, :-3, 4:], atol=1e-3)


def test_beyond_the_bins_there_is_nothing():
    found = fbp(disc([0])[..., 30:60], orbit([0]), SHAPE, SPACING_MM, bin_mm=BIN_MM)

    assert not found[..., :20].any()
    assert found[..., 35:45].any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"orbit": orbit([0, 1])}, r"expected projections of shape \(2, 2, bins\)"),
        ({"shape": (3, 60, 80)}, r"\(90, 3, bins\), found \(90, 2, 90\)"),
        ({"projections": np.zeros((90, 2), np.float32)}, r"found \(90, 2\)"),
        ({"bin_mm": 0}, "bins of some width, found 0 mm"),
        ({"window": "hanning"}, "ramp, hann or butterworth, found 'hanning'"),
        ({"cutoff_per_cm": -1}, "cutoff and an order above 0"),
        ({"order": 0}, "cutoff and an order above 0"),
    ],
)
def test_what_does_not_belong_together_is_refused(changes, message):
    angles = ANGLES["180°"]
    usual = {
        "projections": disc(angles),
        "orbit": orbit(angles),
        "shape": SHAPE,
        "spacing_mm": SPACING_MM,
        "bin_mm": BIN_MM,
    }

    with pytest.raises(ValueError, match=message):
        fbp(**usual | changes)
