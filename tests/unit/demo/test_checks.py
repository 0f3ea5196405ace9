from dataclasses import replace

import numpy as np
import pytest
from pydicom import Dataset

import examinations
from mumap_node.demo.checks import MOVED_VOXELS, Answer, check
from mumap_node.imaging.findings import Verdict
from mumap_node.imaging.volume import Voxels


@pytest.fixture
def answer() -> Answer:
    """What a perfect node would give back."""
    source, mumap = examinations.nac(), examinations.mumap()
    mumap.ImageType = ["DERIVED", "PRIMARY", "RECON TOMO", "TRANSMISSION", "SYNTHETIC"]
    mumap.SeriesDescription = "STRESS nAC SYNTHETIC mu-map"
    truth = examinations.torso().lac.voxels
    return Answer(source, mumap, received=1, jobs=1, truth=truth, exit_code=0)


def put_lac(mumap: Dataset, towards_head: Voxels) -> None:
    """Give a map other LACs; its first frame lies at the head."""
    mumap.PixelData = np.rint(10_000 * towards_head[::-1]).astype("<u2").tobytes()


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


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mirrored_map_is_noticed(answer: Answer, axis: int) -> None:
    put_lac(answer.mumap, np.flip(answer.truth, axis))

    assert "in-place" in failed(answer)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_map_that_lies_beside_the_truth_is_noticed(answer: Answer, axis: int) -> None:
    put_lac(answer.mumap, np.roll(answer.truth, -MOVED_VOXELS, axis))

    assert "in-place" in failed(answer)


def test_a_body_filled_with_water_is_noticed(answer: Answer) -> None:
    put_lac(answer.mumap, np.where(answer.truth > 0, 0.1537, 0.0))

    assert "true-map" in failed(answer)


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

    assert failed(answer) == {"body-mean", "true-map"}


def test_a_node_that_did_not_end_well_is_noticed(answer: Answer) -> None:
    assert failed(replace(answer, exit_code=1)) == {"stopped-cleanly"}
