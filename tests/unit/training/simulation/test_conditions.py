import numpy as np
import pytest

from mumap_node.training.simulation.conditions import Motion, draw_conditions


def test_conditions_are_drawn_within_their_ranges_and_most_patients_lie_still():
    drawn = [draw_conditions(np.random.default_rng(seed)) for seed in range(400)]
    assert all(0.85 <= one.scatter_amplitude <= 1.25 for one in drawn)
    assert all(0 <= one.nonuniformity <= 0.015 for one in drawn)
    assert 0.05 < np.mean([one.motion is not None for one in drawn]) < 0.2


def test_a_step_happens_at_once_and_a_drift_until_the_end():
    progress = np.array([0.0, 0.5, 0.75, 1.0])
    step, drift = (Motion(kind, 0.5, 4.0, 6.0).share(progress) for kind in ("step", "drift"))
    assert step.tolist() == [0, 0, 1, 1]
    assert drift.tolist() == [0, 0, pytest.approx(0.5), 1]
