"""The card a run ends with lets through whom the run learned from."""

import numpy as np
import pytest

from mumap_node.imaging import quality
from mumap_node.imaging.findings import Verdict
from mumap_node.training.learning.card import draft_card
from mumap_node.training.learning.plan import Plan
from mumap_node.training.simulation.camera import draw_camera
from mumap_node.training.simulation.case import simulate_case
from mumap_node.training.simulation.patient import draw_patient
from patients import TECHNETIUM

SEED = 1


def first(condition):
    """Number of the first simulated patient and camera that are as asked for; found undrawn."""
    for index in range(1000):
        body, _, imaging = np.random.default_rng([SEED, index]).spawn(3)
        patient = draw_patient(body)
        if condition(patient, draw_camera(imaging.spawn(3)[0], patient)):
            return index
    raise AssertionError("expected such a patient among a thousand")


def with_device(patient, _):
    return patient.device == "pacemaker"


def in_a_small_field(_, camera):
    return camera.matrix * camera.pixel_mm < 350


def of_matrix_64(patient, camera):
    return patient.device == "none" and camera.matrix * camera.pixel_mm > 380


@pytest.mark.parametrize("which", [with_device, in_a_small_field, of_matrix_64])
def test_no_true_map_or_input_of_simulation_fails(which):
    card = draft_card(Plan())
    case = simulate_case(SEED, first(which), scatter_windows=False)
    findings = (
        *quality.check_input(TECHNETIUM, case.nac.geometry, card),
        *quality.assess(case.lac, case.nac, card),
    )

    failed = [str(found) for found in findings if found.verdict is Verdict.FAIL]
    assert [found for found in failed if not found.startswith("truncation")] == []
    # a body cut off at more than half of its outline is stopped on purpose
    assert failed == [] or which is in_a_small_field
