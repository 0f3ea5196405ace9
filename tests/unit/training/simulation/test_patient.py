import json
from dataclasses import asdict

import numpy as np
import pytest

from mumap_node.training.simulation.patient import draw_patient

PATIENTS = [draw_patient(np.random.default_rng([11, number])) for number in range(400)]


def share(condition):
    return np.mean([condition(patient) for patient in PATIENTS])


def effusions(patient):
    return patient.lungs.effusion_right_mm > 0, patient.lungs.effusion_left_mm > 0


def test_the_same_generator_gives_the_same_patient():
    one, other = (draw_patient(np.random.default_rng(5)) for _ in range(2))

    assert one == other


def test_a_patient_is_plain_json():
    assert json.loads(json.dumps(asdict(PATIENTS[0])))["bmi"] == PATIENTS[0].bmi


def test_the_population_is_as_wide_as_promised():
    bmi = [patient.bmi for patient in PATIENTS]

    assert min(bmi) >= 17
    assert max(bmi) <= 45
    assert np.percentile(bmi, 5) < 22
    assert np.percentile(bmi, 95) > 36
    assert 0.4 < share(lambda patient: patient.sex == "M") < 0.7
    assert 0.05 < share(lambda patient: patient.position == "prone") < 0.2
    assert 0.04 < share(lambda patient: patient.arms == "down") < 0.17
    assert 0.01 < share(lambda patient: patient.device != "none") < 0.08
    for right, left in ((True, False), (False, True), (True, True)):
        sides = (right, left)
        assert 0.002 < share(lambda patient, sides=sides: effusions(patient) == sides) < 0.06


def test_most_hearts_lie_near_the_middle_of_the_field():
    assert share(lambda patient: abs(patient.placement.offset_mm[2]) < 60) > 0.95


def test_fat_attenuates_as_in_reference_man_and_in_maps_from_ct():
    lac = [patient.fat.lac_per_cm for patient in PATIENTS]

    assert 0.134 <= min(lac) < 0.136
    assert 0.140 < max(lac) <= 0.142


def test_fat_and_size_follow_body_mass_and_sex():
    bmi = [patient.bmi for patient in PATIENTS]
    for value in (
        [patient.fat.abdomen_mm for patient in PATIENTS],
        [patient.fat.visceral for patient in PATIENTS],
        [patient.thorax.half_depth_mm for patient in PATIENTS],
    ):
        assert np.corrcoef(bmi, value)[0, 1] > 0.25
    widths = {sex: np.mean([patient.thorax.half_width_mm for patient in PATIENTS
                            if patient.sex == sex]) for sex in "FM"}  # fmt: skip
    assert widths["M"] > widths["F"] + 5


@pytest.mark.parametrize("patient", PATIENTS[:50])
def test_weight_is_body_mass_index_times_height_squared(patient):
    assert patient.weight_kg == pytest.approx(patient.bmi * patient.height_cm**2 / 1e4)
