import numpy as np
import pytest

from mumap_node.demo import camera
from mumap_node.dicom.measured_map import read_map
from mumap_node.dicom.reading import read_reconstruction
from mumap_node.imaging.resampling import onto, upright
from mumap_node.training.simulation.patient import Patient, draw_patient


@pytest.fixture(scope="module")
def examined() -> camera.Examined:
    return camera.examine()


def is_ordinary(patient: Patient) -> bool:
    lungs = patient.lungs
    return (
        24 <= patient.bmi <= 29
        and patient.device == "none"
        and lungs.effusion_left_mm == lungs.effusion_right_mm == 0
    )


def test_the_patient_is_the_first_ordinary_one_of_the_core_stratum(
    examined: camera.Examined,
) -> None:
    earlier = [
        draw_patient(np.random.default_rng([camera.SEED, index]).spawn(3)[0])
        for index in range(camera.INDEX)
    ]

    assert is_ordinary(examined.case.patient)
    assert examined.case.strata.core
    assert not any(map(is_ordinary, earlier))


def test_what_the_camera_sends_lies_where_the_truth_lies(examined: camera.Examined) -> None:
    sent, truth = read_reconstruction(examined.reconstruction).volume, read_map(examined.truth)

    assert np.array_equal(sent.geometry.affine, truth.geometry.affine)
    lac = onto(truth, upright(truth.geometry)).voxels
    assert lac == pytest.approx(examined.case.lac.voxels, abs=1e-4)


def test_the_camera_states_radionuclide_and_collimator(examined: camera.Examined) -> None:
    acquisition = read_reconstruction(examined.reconstruction).acquisition

    assert acquisition.radionuclide == "Tc-99m"
    assert acquisition.radionuclide_is_coded
    assert acquisition.collimator_type == "PARA"
