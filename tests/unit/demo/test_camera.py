from datetime import datetime

import numpy as np
import pytest
from pydicom import Dataset

from mumap_node.demo.camera import encode_reconstruction
from mumap_node.dicom.reading import read_reconstruction
from mumap_node.imaging.volume import Volume
from mumap_node.training.torso import analytic_torso


@pytest.fixture(scope="module")
def emission() -> Volume:
    return analytic_torso(shape=(8, 16, 24), spacing_mm=20.0).emission


@pytest.fixture(scope="module")
def dataset(emission: Volume) -> Dataset:
    return encode_reconstruction(emission, datetime(2026, 11, 2, 9, 30))  # noqa: DTZ001


def test_what_the_camera_encodes_lies_where_the_torso_lies(
    dataset: Dataset, emission: Volume
) -> None:
    read = read_reconstruction(dataset).volume

    corners = np.array([(0, 0, 0), (0, 15, 23), (7, 0, 23), (7, 15, 0)])
    for corner in corners:
        there = np.rint(read.geometry.to_index(emission.geometry.to_patient(corner))).astype(int)
        assert read.voxels[tuple(there)] == emission.voxels[tuple(corner)]
        assert read.geometry.to_patient(there) == pytest.approx(
            emission.geometry.to_patient(corner), abs=1e-3
        )


def test_the_camera_states_radionuclide_and_collimator(dataset: Dataset) -> None:
    acquisition = read_reconstruction(dataset).acquisition

    assert acquisition.radionuclide == "Tc-99m"
    assert acquisition.radionuclide_is_coded
    assert acquisition.collimator_type == "PARA"


def test_every_examination_has_uids_of_its_own(emission: Volume) -> None:
    first, second = (
        encode_reconstruction(emission, datetime(2026, 11, 2))  # noqa: DTZ001
        for _ in range(2)
    )

    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.StudyInstanceUID != second.StudyInstanceUID
