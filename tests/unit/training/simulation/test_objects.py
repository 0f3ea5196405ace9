"""Simulated examinations as DICOM: valid for others, and read back by our own readers."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  (its name everywhere)
from pydicom import Dataset, dcmread

from ct_series import encode_ct
from mumap_node.dicom.ct_series import read_ct
from mumap_node.dicom.files import read_dataset
from mumap_node.dicom.measured_map import read_map
from mumap_node.dicom.orientation import Side
from mumap_node.dicom.reading import read_reconstruction
from mumap_node.dicom.selection import select_source
from mumap_node.imaging.reconstruction import Orbit
from mumap_node.imaging.resampling import onto, upright
from mumap_node.imaging.volume import Geometry, Quantity, Volume
from mumap_node.training.simulation.objects.examination import Examination
from mumap_node.training.simulation.objects.projections import (
    Projections,
    encode_projections,
    read_projections,
)
from mumap_node.training.simulation.objects.scan import Scan
from mumap_node.training.simulation.objects.volumes import (
    encode_map,
    encode_reconstruction,
    whole_counts,
)
from validators import dcentvfy, errors

EXAMINATION = Examination(
    key=("a", "test"),
    patient_name="SIMULATED^7-00001",
    patient_id="SIM-7-00001",
    sex="F",
    side=Side.PRONE,
    at=datetime(2026, 1, 1, 12, tzinfo=UTC),
    description="SIMULATED myocardial perfusion SPECT",
    height_m=1.7,
    weight_kg=80.0,
)


def grid(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> Geometry:
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(np.eye(3)) * spacing_mm
    affine[:3, 3] = (-31.30001, -20.7, -11.1)
    return Geometry(shape, affine)


def counts(shape: tuple[int, int, int] = (10, 12, 14)) -> Volume:
    voxels = np.random.default_rng(1).normal(3, 2, shape).astype(np.float32)
    return Volume(voxels, grid(shape, (5.0, 6.0, 7.0)), Quantity.COUNTS)


def body(shape: tuple[int, int, int] = (10, 12, 14)) -> Volume:
    lac = np.zeros(shape, np.float32)
    lac[:, 2:-2, 2:-2] = np.random.default_rng(2).uniform(0.145, 0.160, lac[:, 2:-2, 2:-2].shape)
    return Volume(lac, grid(shape, (5.0, 6.0, 7.0)), Quantity.LAC_PER_CM)


def scan(heads: int = 2, *, clockwise: bool = True) -> Scan:
    angles = 225.0 + (-1 if clockwise else 1) * 5.625 * np.arange(32)
    return Scan(
        orbit=Orbit(angles, 200.0 + 0.25 * np.arange(32)),
        heads=heads,
        windows_kev={"photopeak": (126.45, 154.55), "lower": (119.45, 126.45)},
        collimator="LEHR",
        tracer="Tc-99m sestamibi",
        seconds_per_view=25.0,
    )


def projections(of: Scan) -> Projections:
    counted = np.random.default_rng(3).poisson(20, (2, 32, 6, 8)).astype(np.float32)
    return Projections(of, counted, slice_mm=6.6, bin_mm=4.4)


def written(folder: Path, name: str, dataset: Dataset) -> Path:
    path = folder / f"{name}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


def reconstruction(emission: Volume) -> Dataset:
    return encode_reconstruction(EXAMINATION, scan(), emission, description="SIMULATED SPECT NAC")


def test_an_independent_validator_finds_no_error_in_any_object(tmp_path):
    objects = {
        "nac": reconstruction(whole_counts(counts())),
        "map": encode_map(EXAMINATION, scan(), body()),
        "tomo": encode_projections(EXAMINATION, projections(scan())),
        "tomo-of-one-head": encode_projections(EXAMINATION, projections(scan(heads=1))),
    }
    files = [written(tmp_path, name, dataset) for name, dataset in objects.items()]

    assert [errors(file) for file in files] == [[]] * len(files)


def test_an_independent_validator_finds_no_error_in_a_ct_slice(tmp_path):
    file = written(tmp_path, "ct", encode_ct(EXAMINATION, body())[0])

    report = subprocess.run(["dciodvfy", file], check=False, capture_output=True, text=True).stderr

    assert "CTImage" in report
    assert "Error" not in report


def test_all_objects_are_of_one_patient_and_study(tmp_path):
    files = [
        written(tmp_path, "nac", reconstruction(whole_counts(counts()))),
        written(tmp_path, "map", encode_map(EXAMINATION, scan(), body())),
        written(tmp_path, "tomo", encode_projections(EXAMINATION, projections(scan()))),
        written(tmp_path, "ct", encode_ct(EXAMINATION, body())[0]),
    ]

    assert dcentvfy(*files) == ""
    assert len({dcmread(file).FrameOfReferenceUID for file in files}) == 1
    assert len({dcmread(file).SOPInstanceUID for file in files}) == len(files)


def test_the_reconstruction_is_read_back_voxel_by_voxel_where_it_lies(tmp_path):
    emission = whole_counts(counts())

    dataset = read_dataset(written(tmp_path, "nac", reconstruction(emission)).read_bytes())
    read = read_reconstruction(select_source(dataset, assume_nac=True).dataset)

    again = onto(read.volume, upright(read.volume.geometry))
    np.testing.assert_array_equal(again.voxels, emission.voxels)
    np.testing.assert_allclose(again.geometry.affine, emission.geometry.affine, atol=1e-5)
    assert read.acquisition.radionuclide == "Tc-99m"
    assert read.acquisition.radionuclide_is_coded
    assert read.acquisition.collimator_type == "PARA"


def test_counts_are_scaled_to_what_cameras_store():
    stored = whole_counts(counts()).voxels

    assert stored.min() == 0
    assert stored.max() == 32767
    np.testing.assert_array_equal(stored, np.rint(stored))
    np.testing.assert_allclose(
        stored / stored.max(), counts().voxels.clip(0) / counts().voxels.max(), atol=1e-4
    )


def test_a_volume_without_counts_stays_one():
    nothing = counts().with_voxels(np.zeros((10, 12, 14), np.float32))

    assert not whole_counts(nothing).voxels.any()


def test_the_map_is_read_back_in_1_per_cm(tmp_path):
    file = written(tmp_path, "map", encode_map(EXAMINATION, scan(), body()))

    read = read_map(read_dataset(file.read_bytes()))

    again = onto(read, upright(read.geometry))
    np.testing.assert_allclose(again.voxels, body().voxels, atol=0.5e-4 + 1e-7)
    np.testing.assert_allclose(again.geometry.affine, body().geometry.affine, atol=1e-5)


def test_general_readers_see_the_map_in_1_per_cm_where_it_lies(tmp_path):
    file = written(tmp_path, "map", encode_map(EXAMINATION, scan(), body()))

    image = sitk.DICOMOrient(sitk.ReadImage(file), "LPS")

    np.testing.assert_allclose(sitk.GetArrayFromImage(image), body().voxels, atol=0.5e-4 + 1e-7)
    np.testing.assert_allclose(image.GetOrigin(), body().geometry.affine[:3, 3], atol=1e-4)
    np.testing.assert_allclose(image.GetSpacing(), (7.0, 6.0, 5.0), atol=1e-4)


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("clockwise", [True, False])
def test_projections_are_read_back_with_their_orbit(tmp_path, heads, clockwise):
    sent = projections(scan(heads, clockwise=clockwise))

    read = read_projections(
        dcmread(written(tmp_path, "tomo", encode_projections(EXAMINATION, sent)))
    )

    np.testing.assert_array_equal(read.counts, sent.counts)
    np.testing.assert_allclose(
        read.scan.orbit.angles_deg % 360, sent.scan.orbit.angles_deg % 360, atol=1e-6
    )
    np.testing.assert_allclose(read.scan.orbit.radii_mm, sent.scan.orbit.radii_mm)
    assert read.scan.windows_kev == sent.scan.windows_kev
    assert (read.slice_mm, read.bin_mm) == (6.6, 4.4)
    assert (read.scan.heads, read.scan.collimator) == (heads, "LEHR")


@pytest.mark.parametrize("clockwise", [True, False])
def test_the_step_is_the_short_way_where_the_camera_begins_at_the_end_of_a_turn(clockwise):
    sent = scan(1, clockwise=clockwise)
    begun = 2.0 if clockwise else 358.0
    angles = (sent.orbit.angles_deg - sent.orbit.angles_deg[0] + begun) % 360
    turned = replace(sent, orbit=Orbit(angles, sent.orbit.radii_mm))

    (rotation,) = encode_projections(EXAMINATION, projections(turned)).RotationInformationSequence

    assert float(rotation.AngularStep) == 5.625
    assert float(rotation.ScanArc) == 180
    assert rotation.RotationDirection == ("CW" if clockwise else "CC")


def test_only_the_reconstruction_says_that_decay_was_corrected():
    tomo = encode_projections(EXAMINATION, projections(scan()))
    nac = reconstruction(whole_counts(counts()))
    assert list(tomo.CorrectedImage) == ["UNIF", "COR"]
    assert list(nac.CorrectedImage) == ["UNIF", "COR", "DECY"]


def test_frames_are_numbered_by_window_detector_and_view():
    dataset = encode_projections(EXAMINATION, projections(scan()))

    frames = list(
        zip(
            dataset.EnergyWindowVector,
            dataset.DetectorVector,
            dataset.RotationVector,
            dataset.AngularViewVector,
            strict=True,
        )
    )
    assert len(frames) == dataset.NumberOfFrames == 64
    assert all(one < other for one, other in pairwise(frames))
    assert frames[-1] == (2, 2, 1, 16)
    assert dataset.RotationInformationSequence[0].NumberOfFramesInRotation == 16
    assert len(dataset.RotationInformationSequence[0].RadialPosition) == 16


def test_the_first_row_of_a_projection_is_the_head_end():
    counted = np.zeros((1, 4, 6, 8), np.float32)
    counted[0, 2, -1, 3] = 77  # the slice nearest to the head
    orbit = Orbit(180.0 + 6.0 * np.arange(4), np.full(4, 200.0))
    windows = {"photopeak": (126.45, 154.55)}
    sent = Projections(Scan(orbit, 1, windows, "LEHR", "Tc-99m", 20.0), counted, 6.6, 4.4)

    dataset = encode_projections(EXAMINATION, sent)

    assert dataset.pixel_array[2, 0, 3] == 77
    assert dataset.DetectorInformationSequence[0].ImagePositionPatient[2] == 16.5
    assert dataset.RotationInformationSequence[0].RotationDirection == "CC"


def test_a_ct_series_is_read_back_in_attenuation_where_it_lies():
    slices = encode_ct(EXAMINATION, body())

    read = read_ct([read_dataset(_bytes(slice_)) for slice_ in reversed(slices)])

    half_an_hu = 0.5 * 1.6364e-4
    np.testing.assert_allclose(read.voxels, body().voxels, atol=half_an_hu + 1e-6)
    np.testing.assert_allclose(read.geometry.affine, body().geometry.affine, atol=1e-5)
    assert {slice_.SeriesInstanceUID for slice_ in slices} == {slices[0].SeriesInstanceUID}


def test_equal_examinations_give_equal_bytes_and_another_key_gives_other_uids():
    one, again = (_bytes(encode_map(EXAMINATION, scan(), body())) for _ in range(2))

    assert one == again
    other = Examination(
        ("another", "test"), "A", "B", "O", Side.SUPINE, EXAMINATION.at, "SIMULATED"
    )
    assert encode_map(other, scan(), body()).SOPInstanceUID != dcmread_uid(one)


def test_every_object_says_that_it_is_simulated():
    for dataset in (
        reconstruction(whole_counts(counts())),
        encode_map(EXAMINATION, scan(), body()),
        encode_projections(EXAMINATION, projections(scan())),
        encode_ct(EXAMINATION, body())[0],
    ):
        assert "SIMULATED" in dataset.SeriesDescription
        assert "SIMULATED" in dataset.StudyDescription
        assert "SIMULATED" in str(dataset.PatientName)
        assert dataset.QualityControlImage == "YES"


def _bytes(dataset: Dataset) -> bytes:
    from io import BytesIO

    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def dcmread_uid(file: bytes) -> str:
    return str(read_dataset(file).SOPInstanceUID)
