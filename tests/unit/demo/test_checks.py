from copy import deepcopy
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from mumap_node.demo.camera import encode_reconstruction
from mumap_node.demo.checks import Answer, check
from mumap_node.imaging.findings import Verdict
from mumap_node.training.torso import Torso, analytic_torso


@pytest.fixture(scope="module")
def torso() -> Torso:
    return analytic_torso(shape=(8, 48, 48), spacing_mm=9.0)


@pytest.fixture
def answer(torso: Torso) -> Answer:
    """What a perfect node would give back."""
    source = encode_reconstruction(torso.emission, datetime(2026, 11, 2))  # noqa: DTZ001
    mumap = deepcopy(source)
    mumap.ImageType = ["DERIVED", "PRIMARY", "RECON TOMO", "TRANSMISSION", "SYNTHETIC"]
    mumap.SeriesDescription = "Stress SPECT NAC SYNTHETIC mu-map"
    mumap.SeriesInstanceUID = generate_uid(prefix=None)
    mapping, unit = Dataset(), Dataset()
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = 1e-4, 0.0
    unit.CodeValue = "/cm"
    mapping.MeasurementUnitsCodeSequence = [unit]
    mumap.RealWorldValueMappingSequence = [mapping]
    stored = np.where(torso.body, 1540, 0).astype("<u2")
    mumap.PixelData = stored[::-1].tobytes()
    return Answer(source, mumap, received=1, jobs=1, body=torso.body, exit_code=0)


def failed(answer: Answer) -> set[str]:
    return {finding.check for finding in check(answer) if finding.verdict is Verdict.FAIL}


def test_a_perfect_answer_passes_every_check(answer: Answer) -> None:
    assert failed(answer) == set()


def test_a_second_map_of_the_same_object_is_noticed(answer: Answer) -> None:
    assert failed(replace(answer, received=2, jobs=2)) == {"sent-twice"}


def test_a_map_on_another_grid_is_noticed(answer: Answer) -> None:
    answer.mumap.PixelSpacing = [9.0, 9.1]

    assert failed(answer) == {"same-grid"}


def test_a_map_at_another_place_is_noticed(answer: Answer) -> None:
    answer.mumap.DetectorInformationSequence[0].ImagePositionPatient = [0, 0, 0]

    assert failed(answer) == {"same-place"}


def test_a_map_upside_down_is_noticed(answer: Answer, torso: Torso) -> None:
    answer.mumap.PixelData = np.where(torso.body, 1540, 0)[:, ::-1].astype("<u2").tobytes()
    body = torso.body.copy()
    body[:, : body.shape[1] // 2] = False  # a body that has a front

    assert "body-outline" in failed(replace(answer, body=body))


def test_another_patient_is_noticed(answer: Answer) -> None:
    answer.mumap.PatientID = "SOMEBODY-ELSE"

    assert failed(answer) == {"same-patient"}


def test_a_map_in_the_series_of_its_source_is_noticed(answer: Answer) -> None:
    answer.mumap.SeriesInstanceUID = answer.source.SeriesInstanceUID

    assert failed(answer) == {"new-series"}


def test_a_map_that_does_not_say_it_is_synthetic_is_noticed(answer: Answer) -> None:
    answer.mumap.SeriesDescription = "AC map"

    assert failed(answer) == {"says-synthetic"}


def test_a_map_in_another_unit_is_noticed(answer: Answer) -> None:
    answer.mumap.RealWorldValueMappingSequence[0].RealWorldValueSlope = 2e-4

    assert failed(answer) == {"soft-tissue"}


def test_a_node_that_did_not_end_well_is_noticed(answer: Answer) -> None:
    assert failed(replace(answer, exit_code=1)) == {"stopped-cleanly"}
