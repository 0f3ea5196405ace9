import numpy as np
import pytest

from mumap_node.imaging import metrics
from mumap_node.imaging.definitions import METRICS
from mumap_node.imaging.polar import PolarMap
from mumap_node.imaging.resampling import UPRIGHT
from mumap_node.imaging.volume import Geometry, Quantity, Volume
from patients import torso
from phantoms import affine

WATER = 0.15


def lac(voxels, spacing_mm=4.0):
    array = np.array(voxels, np.float32)
    grid = affine(UPRIGHT, spacing_mm)
    grid[:3, 3] = -(np.array(array.shape[::-1]) - 1) / 2 * spacing_mm
    return Volume(array, Geometry(array.shape, grid), Quantity.LAC_PER_CM)


@pytest.fixture
def block():
    """A block of water that fills an eighth of 20 x 20 x 20 voxels."""
    voxels = np.zeros((20, 20, 20))
    voxels[5:15, 5:15, 5:15] = WATER
    return voxels


def test_a_perfect_map_has_no_error():
    truth = torso().lac
    found = metrics.map_errors(truth, truth)

    assert {name for name, value in found.items() if value == 0} == {
        "nmae_range", "nmae_body", "nmae_sum", "nmse",
        "bias_body_per_cm", "bias_lung_per_cm", "bias_soft_per_cm", "bias_bone_per_cm",
    }  # fmt: skip
    assert found["ssim"] == found["dice_body"] == found["dice_lungs"] == 1
    assert found["psnr_db"] == np.inf


def test_a_map_that_is_a_tenth_too_high(block):
    found = metrics.map_errors(lac(1.1 * block), lac(block))

    assert found["nmae_range"] == pytest.approx(0.1 / 8)  # an eighth of the volume is off
    assert found["nmae_body"] == pytest.approx(0.1)
    assert found["nmae_sum"] == pytest.approx(0.1)
    assert found["nmse"] == pytest.approx(0.01)
    assert found["psnr_db"] == pytest.approx(10 * np.log10(8 / 0.01))
    assert found["bias_soft_per_cm"] == found["bias_body_per_cm"] == pytest.approx(0.015)
    assert np.isnan(found["bias_bone_per_cm"])
    assert np.isnan(found["dice_lungs"])


def test_bias_is_told_by_tissue():
    truth = torso().lac
    tissue = (truth.voxels > 0.02) & (truth.voxels < 0.1)
    found = metrics.map_errors(truth.with_voxels(truth.voxels + np.float32(0.01) * tissue), truth)

    assert found["bias_lung_per_cm"] == pytest.approx(0.01)
    assert found["bias_soft_per_cm"] == found["bias_bone_per_cm"] == 0


def test_the_rim_of_gas_is_no_lung_where_labels_tell(block):
    """Gas amidst water, blurred: its rim has the LAC of lung."""
    block[8:12, 8:12, 8:12] = 0.05
    lung = np.zeros(block.shape, bool)
    lung[6, 6, 6] = True
    too_high = block + 0.03 * (block == 0.05) + 0.01 * lung
    truth, found = lac(block, 8.0), lac(too_high, 8.0)

    by_lac = metrics.map_errors(found, truth)
    by_label = metrics.map_errors(found, truth, {"lung": lung, "bone": ~lung & False})

    assert by_lac["bias_lung_per_cm"] == pytest.approx(0.03)
    assert by_label["bias_lung_per_cm"] == pytest.approx(0.01)
    assert np.isnan(by_label["bias_bone_per_cm"])
    assert by_label["dice_lungs"] == by_lac["dice_lungs"]


def test_labels_beyond_a_ct_count_nowhere(block):
    truth = block.copy()
    truth[:10] = np.nan
    everywhere = {"lung": np.ones(block.shape, bool)}
    found = metrics.map_errors(lac(block + 0.01), lac(truth), everywhere)

    assert found["bias_lung_per_cm"] == pytest.approx(0.01)


def test_a_body_that_is_shifted_by_half_its_width_overlaps_by_half(block):
    found = metrics.map_errors(lac(np.roll(block, 5, axis=1)), lac(block))

    assert found["dice_body"] == pytest.approx(0.5)


def test_similarity_is_that_of_its_definition():
    """Two windows' worth of random values, against the formula written out."""
    one, other = np.random.default_rng(0).normal(size=(2, 7, 7, 7))
    c1, c2 = 0.01**2, 0.03**2
    expected = (2 * one.mean() * other.mean() + c1) * (
        2 * np.cov(one.ravel(), other.ravel())[0, 1] + c2
    )
    expected /= one.mean() ** 2 + other.mean() ** 2 + c1
    expected /= one.var(ddof=1) + other.var(ddof=1) + c2

    assert metrics.ssim(one, other, 1.0, np.ones((7, 7, 7), bool)) == pytest.approx(expected)


def test_what_nobody_knows_counts_nowhere(block):
    known, cut = lac(1.1 * block), block.copy()
    cut[:10] = np.nan
    half = metrics.map_errors(known, lac(cut))
    whole = metrics.map_errors(known, lac(block))

    for name in ("nmae_range", "nmae_body", "nmae_sum", "nmse", "psnr_db"):
        assert half[name] == pytest.approx(whole[name]), name


def test_the_grid_of_a_map_may_run_in_any_direction(block):
    turned = [
        Volume(volume.voxels[::-1].copy(), _reversed(volume.geometry), volume.quantity)
        for volume in (lac(1.1 * block), lac(block))
    ]

    assert metrics.map_errors(*turned) == pytest.approx(
        metrics.map_errors(lac(1.1 * block), lac(block)), nan_ok=True
    )


def _reversed(geometry):
    matrix = geometry.affine.copy()
    matrix[:3, 3] = geometry.to_patient((geometry.shape[0] - 1, 0, 0))
    matrix[:3, 0] *= -1
    return Geometry(geometry.shape, matrix)


def test_the_correction_factor_errs_by_the_exponential_of_the_path():
    """0.01 /cm over the 10 cm from the middle of a cube to its faces."""
    cube = np.zeros((60, 60, 60))
    cube[5:55, 5:55, 5:55] = WATER
    found = metrics.acf_errors_percent(
        lac(cube + 0.01 * (cube > 0)), lac(cube), (0, 0, 0), (0, 90, 180, 270)
    )

    assert found == pytest.approx([100 * np.expm1(0.1)] * 4, rel=0.01)


def test_the_path_goes_where_the_camera_stands():
    """Camera angles count from the back over the patient's left (docs/coordinates.md)."""
    truth = np.zeros((30, 30, 30))
    left = truth.copy()
    left[:, :, 20:] = 0.05
    found = metrics.acf_errors_percent(lac(left), lac(truth), (0, 0, 0), (0, 90, 180, 270))

    assert found[1] == pytest.approx(100 * np.expm1(0.05 * 4), rel=0.05)
    assert found[[0, 2, 3]] == pytest.approx(0)


def test_the_joint_histogram_holds_the_volume_of_the_body(block):
    found = metrics.joint_histogram_cm3(lac(1.1 * block), lac(block))

    assert found.sum() == pytest.approx(1000 * 0.4**3)
    assert found[int(WATER / 0.005), int(1.1 * WATER / 0.005)] == found.sum()


def test_every_figure_of_a_map_is_explained():
    truth = torso().lac
    found = {
        **metrics.map_errors(truth, truth),
        **metrics.path_errors(truth, truth, (0, 0, 0), (0, 90)),
    }

    assert set(found) <= set(METRICS)
    assert found["acf_mean_percent"] == found["acf_95th_percent"] == 0


POLAR = PolarMap(np.random.default_rng(3).uniform(50, 100, (24, 72)))


def test_the_same_heart_has_no_errors():
    found = metrics.heart_errors(POLAR, POLAR)

    assert set(found) <= set(METRICS)
    assert set(found.values()) == {0.0}


def test_a_heart_that_is_a_tenth_brighter_errs_only_in_absolute_figures():
    found = metrics.heart_errors(PolarMap(1.1 * POLAR.values), POLAR)

    assert found["lv_bias_percent"] == pytest.approx(10)
    assert found["segment_ape_percent"] == pytest.approx(10)
    for name in ("mean_normalised", "max_normalised", "worst"):
        assert found[f"segment_{name}_percent"] == pytest.approx(0, abs=1e-9)
    assert found["polar_distance"] == pytest.approx(0, abs=1e-9)


def test_one_segment_that_is_off_by_hand():
    """The apex at 117 beside 16 segments at 100: the mean is 101."""
    uniform = PolarMap(np.full((24, 72), 100.0))
    hot = uniform.values.copy()
    hot[:6] = 117.0
    found = metrics.heart_errors(PolarMap(hot), uniform)

    assert found["segment_ape_percent"] == pytest.approx(17 / 17)
    off = 16 * (1 - 100 / 101) + (117 / 101 - 1)
    assert found["segment_mean_normalised_percent"] == pytest.approx(100 * off / 17)
    assert found["segment_max_normalised_percent"] == pytest.approx(16 * (100 - 100 / 1.17) / 17)
    assert found["segment_worst_percent"] == pytest.approx(100 * (117 / 101 - 1))
    assert found["polar_distance"] == pytest.approx(0.75 * (100 - 100 / 1.17))
    assert found["lv_bias_percent"] == pytest.approx(0.25 * 17)
