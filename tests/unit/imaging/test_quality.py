from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phantoms
from mumap_node.imaging import quality, resampling
from mumap_node.imaging.acquisition import Acquisition
from mumap_node.imaging.findings import Relaxable, Verdict, relax, worst
from mumap_node.imaging.model_card import Input, Lungs
from mumap_node.imaging.volume import Geometry, Quantity, Volume
from mumap_node.training.torso import analytic_torso

CARD = phantoms.card()
LUNGS = Lungs(mean_per_cm=(0.03, 0.06), share_of_body=(0.05, 0.40), left_share=(0.25, 0.52))
CARD_WITH_LUNGS = phantoms.card(plausibility=CARD.plausibility.model_copy(update={"lungs": LUNGS}))

SUITABLE = Acquisition(
    radionuclide="Tc-99m",
    radionuclide_is_coded=True,
    emission_energy_kev=140.5,
    energy_window_kev=(126.45, 154.55),
    collimator_type="PARA",
    collimator_name="LEHR",
)


def grid(shape=(40, 64, 64), spacing_mm=6.6):
    return Geometry(shape, phantoms.affine(np.eye(3)[::-1], spacing_mm))


def found(findings):
    return {finding.check: finding for finding in findings}


def verdicts(findings):
    return {finding.check: str(finding.verdict) for finding in findings}


# The input


def test_an_input_the_model_was_made_for_passes():
    assert worst(quality.check_input(SUITABLE, grid(), CARD)) is Verdict.PASS


@pytest.mark.parametrize(
    ("check", "verdict", "changes"),
    [
        ("radionuclide", "fail", {"radionuclide": "Tl-201"}),
        ("radionuclide", "warn", {"radionuclide_is_coded": False}),
        ("emission-energy", "fail", {"emission_energy_kev": 159.0}),
        ("emission-energy", "pass", {"emission_energy_kev": 140.0}),
        ("energy-window", "warn", {"energy_window_kev": None}),
        ("energy-window", "fail", {"energy_window_kev": (90.0, 154.0)}),
        ("energy-window", "fail", {"energy_window_kev": (126.0, 175.0)}),
        ("collimator", "fail", {"collimator_type": "PINH"}),
        ("collimator", "warn", {"collimator_type": ""}),
        ("collimator", "warn", {"collimator_type": "UNKN"}),
    ],
)
def test_an_acquisition_outside_the_limits_is_found(check, verdict, changes):
    findings = quality.check_input(replace(SUITABLE, **changes), grid(), CARD)

    assert verdicts(findings)[check] == verdict
    assert all(f.verdict is Verdict.PASS for f in findings if f.check != check)


@pytest.mark.parametrize(
    ("shape", "spacing_mm", "failing"),
    [
        ((40, 47, 64), 9.0, {"matrix"}),
        ((40, 64, 300), 2.6, {"matrix", "field-of-view"}),
        ((12, 64, 64), 6.6, {"matrix"}),
        ((300, 64, 64), 6.6, {"matrix"}),
        ((40, 64, 64), 11.0, {"spacing", "field-of-view"}),
        ((40, 200, 200), 2.0, {"spacing"}),
        ((40, 64, 64), (12.0, 6.6, 6.6), {"spacing"}),
        ((50, 70, 70), 4.0, {"field-of-view"}),
    ],
)
def test_a_grid_outside_the_limits_is_found_and_can_be_relaxed(shape, spacing_mm, failing):
    findings = quality.check_input(SUITABLE, grid(shape, spacing_mm), CARD)

    assert {f.check for f in findings if f.verdict is Verdict.FAIL} == failing
    assert worst(relax(findings, set(Relaxable))) is Verdict.WARN


@pytest.mark.parametrize(("energy_kev", "verdict"), [(72.0, "pass"), (159.0, "fail")])
def test_another_energy_passes_only_where_the_card_allows_to_convert_to_it(energy_kev, verdict):
    output = CARD.output.model_copy(update={"converts_to_kev": (72.0,)})
    card = CARD.model_copy(update={"output": output})

    findings = quality.check_input(replace(SUITABLE, emission_energy_kev=energy_kev), grid(), card)

    (energy,) = (finding for finding in findings if finding.check == "emission-energy")
    assert (energy.verdict, energy.limit) == (verdict, "140.5 keV or 72 keV")


def test_a_collimator_name_in_any_script_is_written_in_ascii():
    odd = replace(SUITABLE, collimator_name="Kollimator für Ä")

    assert all(str(finding).isascii() for finding in quality.check_input(odd, grid(), CARD))


# The map


@pytest.fixture(scope="module")
def torso():
    return analytic_torso(shape=(48, 64, 64))


def with_lac(torso, change):
    """The true map after a change of its voxels."""
    lac = torso.lac.voxels.copy()
    change(lac)
    return torso.lac.with_voxels(lac)


def test_a_true_map_passes_every_check(torso):
    findings = quality.assess(torso.lac, torso.emission, CARD_WITH_LUNGS)

    assert set(verdicts(findings).values()) == {"pass"}
    assert [f.check for f in findings] == [
        "finite", "geometry", "non-negative", "unit", "maximum", "soft-tissue", "air",
        "body-component", "body-area", "area-change", "truncation", "hot-spot", "outline",
        "lung-mean", "lung-share", "left-right",
    ]  # fmt: skip


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_found_before_anything_else(torso, value):
    def poison(lac):
        lac[3, 4, 5] = value

    findings = quality.assess(with_lac(torso, poison), torso.emission, CARD_WITH_LUNGS)

    assert verdicts(findings) == {"finite": "fail", "geometry": "pass"}
    assert found(findings)["finite"].found == "1 voxels not finite"


@pytest.mark.parametrize(
    "moved",
    [
        Geometry((48, 64, 63), analytic_torso(shape=(48, 64, 63)).emission.geometry.affine),
        Geometry((48, 64, 64), phantoms.affine(np.eye(3)[::-1], 6.6)),
        Geometry((48, 64, 64), analytic_torso((48, 64, 64)).emission.geometry.affine, "1.2.9"),
    ],
)
def test_a_map_on_another_grid_fails(torso, moved):
    mumap = Volume(np.zeros(moved.shape, np.float32), moved, Quantity.LAC_PER_CM)

    findings = quality.assess(mumap, torso.emission, CARD)

    assert verdicts(findings) == {"finite": "pass", "geometry": "fail"}


def test_a_map_without_a_body_fails(torso):
    empty = torso.lac.with_voxels(np.zeros_like(torso.lac.voxels))

    findings = quality.assess(empty, torso.emission, CARD)

    assert verdicts(findings) == {"finite": "pass", "geometry": "pass", "unit": "fail"}
    assert found(findings)["unit"].found == "no body"


def test_attenuation_everywhere_is_told_as_findings(torso):
    full = torso.lac.with_voxels(np.full_like(torso.lac.voxels, 0.15))

    findings = verdicts(quality.assess(full, torso.emission, CARD))

    assert findings["truncation"] == "fail"
    assert findings["body-area"] == "warn"
    assert findings["outline"] == "fail"


@pytest.mark.parametrize("factor", [0.1, 0.5, 10.0, 10_000.0])
def test_a_mistaken_unit_fails(torso, factor):
    mumap = torso.lac.with_voxels(torso.lac.voxels * np.float32(factor))

    assert verdicts(quality.assess(mumap, torso.emission, CARD))["unit"] == "fail"


@pytest.mark.parametrize(
    ("factor", "verdict"),
    [(0.8, "fail"), (0.9, "warn"), (1.0, "pass"), (1.1, "warn"), (1.3, "fail")],
)
def test_soft_tissue_that_attenuates_too_little_or_too_much_is_found(torso, factor, verdict):
    mumap = torso.lac.with_voxels(torso.lac.voxels * np.float32(factor))

    assert verdicts(quality.assess(mumap, torso.emission, CARD))["soft-tissue"] == verdict


def negative(lac):
    lac[0, 0, 0] = -1e-6


def metal(lac):
    lac[20, 32, 32] = 0.9


def haze(lac):
    lac[lac == 0] = 0.01


def couch(lac):
    lac[:, 56:59, 10:54] = 0.06


def holes(lac):
    lac[::2] = 0


def slender(lac):
    lac[:, :26] = 0


def without_a_heart(lac):
    lac[15:35, 20:34, 33:46] = 0.04


@pytest.mark.parametrize(
    ("damage", "check", "verdict"),
    [
        (negative, "non-negative", "fail"),
        (metal, "maximum", "fail"),
        (haze, "air", "warn"),
        (couch, "body-component", "warn"),
        (holes, "area-change", "warn"),
        (holes, "body-component", "fail"),
        (slender, "outline", "warn"),
        (without_a_heart, "hot-spot", "fail"),
    ],
)
def test_a_damaged_map_is_found(torso, damage, check, verdict):
    findings = quality.assess(with_lac(torso, damage), torso.emission, CARD)

    assert verdicts(findings)[check] == verdict


@pytest.mark.parametrize(
    ("columns", "verdict"),
    [
        (slice(0, 64), "pass"),
        (slice(10, 64), "warn"),
        (slice(0, 54), "warn"),
        (slice(15, 49), "fail"),
    ],
)
def test_a_body_cut_off_at_the_border_is_found(torso, columns, verdict):
    geometry = torso.lac.geometry
    voxels = torso.lac.voxels[:, :, columns].copy()
    cut = Geometry(voxels.shape, geometry.affine)
    mumap = Volume(voxels, cut, Quantity.LAC_PER_CM)
    nac = Volume(torso.emission.voxels[:, :, columns].copy(), cut, Quantity.COUNTS)

    assert verdicts(quality.assess(mumap, nac, CARD))["truncation"] == verdict


@pytest.mark.parametrize(
    ("shape", "spacing_mm", "verdict"),
    [
        ((64, 64, 64), None, "pass"),
        ((48, 32, 72), (13.2, 13.2, 6.6), "pass"),
        ((48, 64, 34), None, "fail"),
        ((24, 32, 17), (13.2, 13.2, 13.2), "fail"),
    ],
)
def test_a_body_wider_than_what_the_model_sees_is_found(torso, shape, spacing_mm, verdict):
    """The camera saw all of it; the model's grid, and so the map, ends in it."""
    lac = torso.lac.voxels.copy()
    if verdict == "fail":
        lac[:, :, :15] = lac[:, :, 49:] = 0
    card = CARD.model_copy(update={"input": Input(shape=shape, spacing_mm=spacing_mm)})

    findings = quality.assess(torso.lac.with_voxels(lac), torso.emission, card)

    assert verdicts(findings)["truncation"] == verdict


@pytest.mark.parametrize(("first", "verdict"), [(54, Verdict.WARN), (59, Verdict.PASS)])
def test_a_long_cut_on_the_left_warns_in_whatever_slice(torso, first, verdict):
    """There the photons of the heart leave the body."""
    counts = torso.emission.voxels.copy()
    counts[20:22, :, first:] = 0  # the field of view of two slices ends early
    nac = torso.emission.with_voxels(counts)

    finding = found(quality.assess(torso.lac, nac, CARD))["truncation"]

    assert finding.verdict is verdict
    assert float(finding.found.split(" %")[0]) < 10


def test_lungs_on_the_wrong_side_are_found(torso):
    flipped = torso.lac.with_voxels(torso.lac.voxels[:, :, ::-1].copy())

    findings = verdicts(quality.assess(flipped, torso.emission, CARD_WITH_LUNGS))

    assert findings["left-right"] == "warn"


def test_missing_lungs_are_found_where_the_model_draws_them(torso):
    uniform = torso.lac.with_voxels(np.where(torso.body, np.float32(0.1537), np.float32(0)))

    with_lungs = verdicts(quality.assess(uniform, torso.emission, CARD_WITH_LUNGS))
    without = verdicts(quality.assess(uniform, torso.emission, CARD))

    assert [with_lungs[c] for c in ("lung-mean", "lung-share", "left-right")] == ["warn"] * 3
    assert "lung-mean" not in without
    assert set(without.values()) == {"pass"}


@pytest.mark.parametrize("directions", phantoms.ORIENTATIONS[::5])
def test_the_order_of_the_voxels_changes_no_finding(directions):
    torso = analytic_torso(shape=(30, 36, 36), spacing_mm=13.2)
    upright = torso.emission.geometry
    shape = tuple(int(n) for n in np.abs(directions.T @ resampling.UPRIGHT) @ upright.shape)
    first_mm = upright.centre_mm - directions @ (13.2 * (np.array(shape) - 1) / 2)
    turned = Geometry(shape, phantoms.affine(directions, 13.2, first_mm))

    findings = quality.assess(
        resampling.onto(torso.lac, turned), resampling.onto(torso.emission, turned), CARD_WITH_LUNGS
    )

    assert findings == quality.assess(torso.lac, torso.emission, CARD_WITH_LUNGS)


@given(
    lac=st.sampled_from([0.0, 0.15, -1.0, 1e9, np.nan]),
    counts=st.sampled_from([0.0, 5.0, -3.0]),
    shape=st.tuples(*[st.integers(1, 4)] * 3),
    seed=st.integers(0, 100),
)
@settings(max_examples=50)
def test_any_map_is_assessed_without_an_error(lac, counts, shape, seed):
    random = np.random.default_rng(seed)
    mumap = phantoms.volume(
        np.where(random.random(shape) < 0.5, lac, 0.1), quantity=Quantity.LAC_PER_CM
    )
    nac = phantoms.volume(np.where(random.random(shape) < 0.5, counts, 1.0))

    findings = quality.assess(mumap, nac, CARD_WITH_LUNGS)

    assert findings
    assert all(str(finding).isascii() for finding in findings)
