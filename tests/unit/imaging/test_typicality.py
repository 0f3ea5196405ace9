"""The gate before the network, fitted to a handful of analytic torsos."""

import numpy as np
import pytest

import phantoms
import populations
from mumap_node.imaging import quality
from mumap_node.imaging.appearance import describe
from mumap_node.imaging.findings import Relaxable, Verdict, relax, worst
from mumap_node.imaging.model_card import Mistake, WarnFail
from mumap_node.training.gate import bad_inputs

NEW = range(200, 212)
"""Seeds of torsos that neither statistics nor limits know."""


def gated(**changes):
    """A card with the limits of the small population."""
    return phantoms.card(typicality=populations.limits().model_copy(update=changes))


def checked(volume, card=None):
    return quality.check_typicality(volume, populations.population(), card or gated())


def verdict(findings, check):
    return next(finding.verdict for finding in findings if finding.check == check)


def test_inputs_like_those_of_the_training_lie_near_one():
    distances = [populations.population().distance(populations.look(seed)) for seed in NEW]

    assert 0.6 < np.median(distances) < 1.6


def test_inputs_like_those_of_the_training_pass():
    verdicts = [worst(checked(populations.torso(seed))) for seed in NEW]

    assert verdicts.count(Verdict.FAIL) <= 2  # of 12; the limits are from 40


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (bad_inputs.mirrored, Mistake.MIRRORED),
        (bad_inputs.upside_down, Mistake.UPSIDE_DOWN),
    ],
)
def test_a_known_mistake_is_named_and_fails(change, mistake):
    for seed in NEW:
        findings = checked(change(populations.torso(seed), populations.RANDOM))

        assert verdict(findings, mistake) is Verdict.FAIL


@pytest.mark.parametrize(
    "change",
    [bad_inputs.noise, bad_inputs.cylinder, bad_inputs.brain, bad_inputs.inverted],
)
def test_what_is_no_torso_is_not_typical(change):
    findings = checked(change(populations.torso(200), np.random.default_rng(1)))

    assert verdict(findings, "typicality") is Verdict.FAIL


def test_the_scale_of_the_counts_changes_no_finding():
    torso = populations.torso(200)

    assert checked(torso.with_voxels(torso.voxels * np.float32(4))) == checked(torso)


def test_resemblance_is_one_for_the_mistake_and_none_for_the_population_on_average():
    good, bad = (
        [
            populations.population().resemblance(describe(change(populations.torso(seed))))[
                Mistake.MIRRORED
            ]
            for seed in populations.LEARNED
        ]
        for change in (lambda volume: volume, lambda volume: bad_inputs.mirrored(volume, None))
    )

    assert np.mean(good) == pytest.approx(0, abs=1e-3)
    assert np.mean(bad) == pytest.approx(1, abs=1e-3)


def test_no_route_can_relax_the_gate():
    findings = checked(bad_inputs.mirrored(populations.torso(200), populations.RANDOM))

    assert worst(relax(findings, set(Relaxable))) is Verdict.FAIL


def test_a_card_without_limits_leaves_the_checks_out():
    torso = populations.torso(200)
    output = torso.with_voxels(np.zeros_like(torso.voxels))

    assert quality.check_typicality(torso, None, phantoms.card()) == ()
    assert quality.check_agreement(torso, output, never, phantoms.card()) == ()
    assert quality.check_agreement(torso, output, never, gated()) == ()


def never(voxels):
    raise AssertionError("expected no prediction")


@pytest.mark.parametrize(
    ("error_per_cm", "expected"), [(0.0, Verdict.PASS), (0.02, Verdict.WARN), (0.2, Verdict.FAIL)]
)
def test_a_network_that_contradicts_itself_is_found(error_per_cm, expected):
    torso = populations.torso(200)
    random = np.random.default_rng(0)
    truth = np.full_like(torso.voxels, 0.15)

    def wavering(voxels):
        return truth + np.float32(error_per_cm * random.random())

    card = gated(self_deviation_per_cm=WarnFail(warn=0.003, fail=0.03))
    (finding,) = quality.check_agreement(torso, torso.with_voxels(truth), wavering, card)

    assert (finding.check, finding.verdict) == ("self-agreement", expected)
    assert finding.found.endswith("/cm")


def test_where_there_is_no_body_there_is_nothing_to_agree_about():
    torso = populations.torso(200)
    empty = torso.with_voxels(np.zeros_like(torso.voxels))
    card = gated(self_deviation_per_cm=WarnFail(warn=0.002, fail=0.03))

    (finding,) = quality.check_agreement(torso, empty, np.zeros_like, card)

    assert finding.verdict is Verdict.PASS
