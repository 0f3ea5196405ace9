import numpy as np
import pytest

from mumap_node.imaging.model_card import Mistake
from mumap_node.training.gate.calibration import FALSE_ALARMS, LEAST_RESEMBLANCE, calibrate

SHA256 = "0" * 64


def scores(count=1000, spread=0.2, **more):
    """Scores of good inputs."""
    random = np.random.default_rng(0)
    return [
        {
            "distance": float(np.exp(random.normal(0, 0.2))),
            "mirrored": random.normal(0, spread),
            "upside-down": random.normal(0, 0.05),
        }
        | more
        for _ in range(count)
    ]


def share_beyond(good, limits, verdict):
    allowed = {"distance": limits.distance} | {str(k): v for k, v in limits.resemblance.items()}
    beyond = [
        any(value > getattr(allowed[name], verdict) for name, value in case.items())
        for case in good
    ]
    return np.mean(beyond)


@pytest.mark.parametrize("verdict", FALSE_ALARMS)
def test_all_checks_together_stop_the_wanted_share_of_good_inputs(verdict):
    good = scores()

    limits = calibrate(good, SHA256)

    assert share_beyond(good, limits, verdict) == pytest.approx(FALSE_ALARMS[verdict], abs=2e-3)


def test_a_mistake_that_is_told_apart_well_has_its_limit_half_way():
    limits = calibrate(scores(), SHA256).resemblance[Mistake.UPSIDE_DOWN]

    assert (limits.warn, limits.fail) == (LEAST_RESEMBLANCE, LEAST_RESEMBLANCE)


def test_the_limit_to_fail_lies_beyond_the_limit_to_warn():
    limits = calibrate(scores(spread=0.4), SHA256)

    assert limits.distance.fail > limits.distance.warn
    assert limits.resemblance[Mistake.MIRRORED].fail > limits.resemblance[Mistake.MIRRORED].warn


def test_agreement_has_a_limit_where_it_was_looked_at():
    without = calibrate(scores(), SHA256)
    deviating = scores()
    for number, case in enumerate(deviating):
        case["self-deviation"] = 0.002 + 1e-6 * number

    assert without.self_deviation_per_cm is None
    assert 0.002 < calibrate(deviating, SHA256).self_deviation_per_cm.fail < 0.006
