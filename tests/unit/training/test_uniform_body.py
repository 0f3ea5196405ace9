"""The baseline model: what it draws, on phantoms whose truth is known and on real data."""

import hashlib

import numpy as np
import pytest

import phantoms
from mumap_node.dicom.files import read_dataset
from mumap_node.dicom.reading import read_reconstruction
from mumap_node.imaging import postprocess, preprocess, quality, regions
from mumap_node.imaging.attenuation import WATER_LAC_140KEV_PER_CM
from mumap_node.imaging.findings import Relaxable, Verdict, relax, worst
from mumap_node.imaging.volume import Geometry, Quantity, Volume
from mumap_node.training import uniform_body
from mumap_node.training.torso import analytic_torso

NETWORK = (phantoms.BASELINE / "model.onnx").read_bytes()
CARD = phantoms.card()
IN_THE_BODY_PER_CM = 0.077


def draw(nac):
    """The map of the committed model."""
    prepared = preprocess.prepare(nac, CARD)
    output = prepared.with_voxels(uniform_body.run(NETWORK, prepared.voxels))
    return postprocess.to_attenuation_map(output, CARD, onto=nac.geometry)


def body_of(mumap):
    return mumap.voxels > IN_THE_BODY_PER_CM


def test_the_committed_model_is_the_one_the_script_builds(tmp_path):
    uniform_body.write(tmp_path)

    for name in ("model.onnx", "model.toml"):
        assert (tmp_path / name).read_bytes() == (phantoms.BASELINE / name).read_bytes()
    assert hashlib.sha256(NETWORK).hexdigest() == CARD.sha256
    golden = ("golden-input.npy", "golden-output.npy")
    assert sum((phantoms.BASELINE / name).stat().st_size for name in golden) < 200_000


def test_rounding_differently_gives_the_golden_output():
    """Another processor adds in another order; no voxel may lie so close to the threshold."""
    golden_input = np.load(phantoms.BASELINE / "golden-input.npy")
    golden_output = np.load(phantoms.BASELINE / "golden-output.npy")
    random = np.random.default_rng(0)

    for _ in range(5):
        jitter = 1 + 1e-5 * random.standard_normal(golden_input.shape).astype(np.float32)
        assert np.array_equal(uniform_body.run(NETWORK, golden_input * jitter), golden_output)


# A water cylinder


def cylinder(spacing_mm=4.0, radius_mm=108.0, fwhm_mm=12.0, background=0.0, seed=0):
    """Counts of a uniform cylinder along the slices, as a blurred disc with Poisson noise."""
    size = round(2.5 * radius_mm / spacing_mm)
    rows, columns = (np.indices((size, size)) - (size - 1) / 2) * spacing_mm
    distance_mm = np.hypot(rows, columns)
    depth_mm = np.arange(-60, 61)
    spread = np.exp2(-((depth_mm / (fwhm_mm / 2)) ** 2))
    edge = np.cumsum(spread[::-1])[::-1] / spread.sum()
    activity = 400 * np.interp(distance_mm - radius_mm, depth_mm, edge) + background
    counts = np.random.default_rng(seed).poisson(activity, (24, size, size))
    return phantoms.volume(counts, phantoms.affine(np.eye(3)[::-1], spacing_mm)), distance_mm


@pytest.mark.parametrize("spacing_mm", [3.3, 4.0, 6.6])
@pytest.mark.parametrize("background", [0.0, 8.0])
def test_a_water_cylinder_has_the_attenuation_of_water(spacing_mm, background):
    nac, distance_mm = cylinder(spacing_mm, background=background)

    lac = draw(nac).voxels

    assert lac[:, distance_mm < 108 - spacing_mm] == pytest.approx(0.154, rel=0.02)
    assert lac[:, distance_mm > 108 + spacing_mm].max() < 0.005


@pytest.mark.parametrize("scale", [1e-3, 1.0, 200.0])
def test_the_scale_of_the_counts_changes_nothing(scale):
    nac, _ = cylinder()

    scaled = nac.with_voxels(nac.voxels * np.float32(scale))

    assert np.array_equal(draw(scaled).voxels, draw(nac).voxels)


# Torsos


@pytest.mark.parametrize(
    ("shape", "spacing_mm"), [((64, 64, 64), 6.6), ((48, 90, 90), 4.8), ((40, 128, 128), 3.3)]
)
def test_the_outline_of_a_torso_is_right_within_a_voxel_on_average(shape, spacing_mm):
    torso = analytic_torso(shape, spacing_mm)

    body = body_of(draw(torso.emission))

    assert regions.dice(body, torso.body) > 0.965
    assert torso.body.sum() <= body.sum() < 1.07 * torso.body.sum()


def test_cold_lungs_are_filled_to_the_last_voxel():
    torso = analytic_torso()

    body = body_of(draw(torso.emission))

    assert body[torso.lac.voxels == np.float32(0.0457)].all()


@pytest.mark.parametrize("times", [3, 20])
def test_a_hot_organ_does_not_shrink_the_body(times):
    torso = analytic_torso()
    counts = torso.emission.voxels.copy()
    counts[8:18, 24:32, 30:42] *= times  # gut

    body = body_of(draw(torso.emission.with_voxels(counts)))

    assert regions.dice(body, torso.body) > 0.96


def test_a_speck_beside_the_body_is_left_out():
    torso = analytic_torso()
    counts = torso.emission.voxels.copy()
    counts[30:33, 4:7, 4:7] = np.median(counts[torso.body])

    assert not body_of(draw(torso.emission.with_voxels(counts)))[:, :9, :9].any()


def test_the_lac_is_that_of_water_and_nothing_else():
    values = np.unique(draw(analytic_torso().emission).voxels)

    assert values == pytest.approx([0, WATER_LAC_140KEV_PER_CM], abs=1e-7)


def test_a_body_that_fills_the_field_of_view_is_found_truncated():
    torso = analytic_torso()
    voxels = torso.emission.voxels[:, 20:44, 16:48].copy()
    inside = Volume(voxels, Geometry(voxels.shape, torso.emission.geometry.affine), Quantity.COUNTS)

    findings = {f.check: f for f in quality.assess(draw(inside), inside, CARD)}

    assert findings["truncation"].verdict is Verdict.FAIL


def test_a_constant_volume_is_answered():
    assert np.isfinite(draw(phantoms.volume(np.ones((16, 20, 20)))).voxels).all()


# Real data


def shared(name):
    path = phantoms.SHARED_DATA / name
    if not path.exists():
        pytest.skip(f"needs ../shared/data/{name}, which is not part of the project")
    return read_reconstruction(read_dataset(path.read_bytes()))


def test_a_real_water_cylinder_is_drawn_right_within_a_voxel():
    """Jaszczak phantom, 108 mm inner radius; where its edge lies is read off the emission.

    The truth is a circle through the half maximum of the mean of the full slices. It is held
    against every slice that reaches 75 % of the plateau; the others lie across the phantom's ends.
    """
    source = shared("mediso/jaszczak-recon-tomo.dcm").volume
    voxel_mm = source.geometry.spacing_mm[1]
    mean = source.voxels[5:40].mean(axis=0)
    middle = np.argwhere(mean > mean.max() / 2).mean(axis=0)
    rows, columns = np.indices(mean.shape)
    distance_mm = voxel_mm * np.hypot(rows - middle[0], columns - middle[1])
    plateau = mean[distance_mm < 90].mean()
    rings_mm = np.arange(90.0, 130.0)
    profile = [mean[abs(distance_mm - ring_mm) < 1].mean() for ring_mm in rings_mm]
    radius_mm = float(np.interp(-plateau / 2, -np.array(profile), rings_mm))

    lac = draw(source).voxels
    full = [s for s in range(45) if source.voxels[s][distance_mm < 90].mean() > 0.75 * plateau]

    assert radius_mm == pytest.approx(108, abs=1)
    assert len(full) >= 41
    for number in full:
        assert lac[number, distance_mm < radius_mm - voxel_mm] == pytest.approx(0.154, rel=0.02)
        assert lac[number, distance_mm > radius_mm + voxel_mm].max() < 0.005
    assert lac[:, distance_mm > radius_mm + voxel_mm].mean() < 0.005


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_pinhole_camera_is_refused_unless_relaxed(number):
    source = shared(f"ge-nm530c/recon-{number}.dcm")

    mumap = draw(source.volume)
    findings = (
        *quality.check_input(source.acquisition, source.volume.geometry, CARD),
        *quality.assess(mumap, source.volume, CARD),
    )

    failed = {finding.check for finding in findings if finding.verdict is Verdict.FAIL}
    assert failed == {"collimator", "field-of-view", "truncation"}
    assert worst(relax(findings, set(Relaxable))) is Verdict.WARN
