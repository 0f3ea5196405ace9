"""Hearts and uptake in torsos from files: read, freed from the couch, given a heart."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  (its name everywhere)
from numpy.typing import NDArray

from mumap_node.errors import InputRejected
from mumap_node.imaging.volume import Geometry, Quantity, Volume
from mumap_node.training.simulation.anatomy.tissues import Tissue
from mumap_node.training.simulation.ct.case import (
    describe,
    find_torsos,
    insert_heart,
    simulate_ct_case,
)
from mumap_node.training.simulation.ct.torso import classify, find_torso
from mumap_node.training.simulation.ct.volumes import find_volumes, read_lac
from mumap_node.training.simulation.patient import draw_patient

EDGE_MM = 4.8


def chest_hu(shape: tuple[int, int, int] = (40, 64, 90), edge_mm: float = 5.0) -> NDArray[np.int16]:
    """A chest on a couch: lungs, a heart between them, liver below the right, spine; upright."""
    slices, rows, columns = shape
    z, y, x = np.ogrid[:slices, :rows, :columns]
    x = (x - (columns - 1) / 2) * edge_mm  # to the left
    y = (y - (rows - 8) / 2) * edge_mm  # to the back
    z = (z - (slices - 1) / 2) * edge_mm  # to the head
    hu = np.full(shape, -1000, np.int16)
    hu[np.broadcast_to((x / 165) ** 2 + (y / 110) ** 2 < 1, shape)] = 50
    for side in (-1, 1):
        inside = ((x - side * 80) / 60) ** 2 + (y / 80) ** 2 + ((z - 40) / 110) ** 2 < 1
        hu[inside & (z > -40)] = -750
    hu[((x - 25) / 65) ** 2 + ((y + 25) / 50) ** 2 + ((z - 20) / 60) ** 2 < 1] = 40
    hu[np.broadcast_to((x / 18) ** 2 + ((y - 80) / 18) ** 2 < 1, shape)] = 400
    hu[:, -4:-2, 8:-8] = 100
    return hu


def chest() -> Volume:
    hu = chest_hu()
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(np.eye(3)) * 5.0
    lac = np.where(hu > -900, 0.1538 + 1.5e-4 * hu, 0).astype(np.float32)
    return Volume(lac, Geometry(hu.shape, affine), Quantity.LAC_PER_CM)


def nifti(path: Path, hu: NDArray[np.int16]) -> Path:
    image = sitk.GetImageFromArray(hu)
    image.SetSpacing((5.0, 5.0, 5.0))
    sitk.WriteImage(image, path)
    return path


HEADER = """!INTERFILE :=
{kind}
name of data file := torso.{data}
imagedata byte order := LITTLEENDIAN
!number format := {number}
!number of bytes per pixel := {size}
!matrix size [1] := 90
!matrix size [2] := 64
{slices}
scaling factor (mm/pixel) [1] := 5
scaling factor (mm/pixel) [2] := 5
; a comment := nothing
!END OF INTERFILE :=
"""


def test_a_ct_in_hu_becomes_attenuation_where_it_lies(tmp_path):
    volume = read_lac(nifti(tmp_path / "torso.nii.gz", chest_hu()))

    assert volume.voxels[20, 28, 14] == pytest.approx(0.159, abs=0.002)
    np.testing.assert_allclose(volume.geometry.directions, np.fliplr(np.eye(3)), atol=1e-6)
    assert volume.geometry.spacing_mm == pytest.approx((5, 5, 5))


def test_attenuation_of_pet_is_brought_to_the_energy_of_tc_99m(tmp_path):
    lac = np.where(chest_hu() > -500, 0.0960, 0).astype("<f4")[::-1]
    (tmp_path / "torso.v").write_bytes(lac.tobytes())
    slices = "!matrix size [3] := 40\nscaling factor (mm/pixel) [3] := 5"
    (tmp_path / "torso.hv").write_text(
        HEADER.format(kind="!type of data := PET", data="v", number="float", size=4, slices=slices)
    )

    volume = read_lac(tmp_path / "torso.hv")

    assert volume.voxels.max() == pytest.approx(0.1537, rel=0.01)
    assert volume.geometry.directions[2, 0] == -1  # slices go to the feet


def test_a_ct_in_interfile_is_read_compressed_too(tmp_path):
    stored = (chest_hu() + 1024).astype("<u2")[::-1, ::-1]
    (tmp_path / "torso.i33.gz").write_bytes(gzip.compress(stored.tobytes()))
    slices = "!number of slices := 40\nslice thickness (pixels) := 5"
    (tmp_path / "torso.h33").write_text(
        HEADER.format(
            kind="exam type := CT", data="i33", number="unsigned integer", size=2, slices=slices
        )
    )

    turned = find_torso(read_lac(tmp_path / "torso.h33"), EDGE_MM)

    straight = find_torso(chest(), EDGE_MM)
    assert turned.body.sum() == pytest.approx(straight.body.sum(), rel=0.02)
    assert turned.lac_per_cm.mean() == pytest.approx(straight.lac_per_cm.mean(), rel=0.06)


def test_volumes_are_found_in_a_stable_order(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "2.dcm").touch()
    (tmp_path / "c.nii").touch()
    (tmp_path / "a.hv").touch()
    (tmp_path / "notes.txt").touch()

    assert [path.name for path in find_volumes(tmp_path)] == ["a.hv", "b", "c.nii"]


def test_a_folder_without_volumes_is_refused(tmp_path):
    with pytest.raises(InputRejected, match="no-anatomy"):
        find_volumes(tmp_path)


@pytest.mark.parametrize("name", ["torso.nii", "torso.hv", "torso.npz"])
def test_a_damaged_volume_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"damaged")

    with pytest.raises(InputRejected, match="unreadable-anatomy"):
        read_lac(tmp_path / name)


def test_a_volume_without_lungs_is_refused(tmp_path):
    nifti(tmp_path / "torso.nii", np.where(chest_hu() < -500, -1000, 40).astype(np.int16))
    belly = np.where((chest_hu() == -750), 40, chest_hu()).astype(np.int16)
    nifti(tmp_path / "torso.nii", belly)

    with pytest.raises(InputRejected, match="no-room-for-a-heart"):
        find_torsos(tmp_path)


def test_the_couch_is_left_behind():
    torso = find_torso(chest(), EDGE_MM)

    back = torso.geometry.to_patient(np.argwhere(torso.body))[:, 1].max()
    couch_mm = 5.0 * (64 - 4)
    assert back < couch_mm - EDGE_MM
    assert torso.body.sum() * EDGE_MM**3 == pytest.approx(np.pi * 165 * 110 * 190, rel=0.05)


def test_a_heart_is_put_between_the_lungs_on_the_left():
    torso = find_torso(chest(), EDGE_MM)
    patient = describe(torso, draw_patient(np.random.default_rng(1)))

    anatomy, (low_mm, high_mm) = insert_heart(torso, patient)

    x, y, z = anatomy.heart.centre_mm
    assert 10 < x < 70
    assert -70 < y < 10
    assert abs(z) < EDGE_MM
    assert high_mm - low_mm == pytest.approx(37 * 5, abs=EDGE_MM)
    assert set(np.unique(anatomy.segments)) == set(range(18))
    wall = anatomy.segments > 0
    assert (anatomy.labels[wall] == Tissue.MYOCARDIUM).all()
    assert anatomy.lac_per_cm[wall].mean() == pytest.approx(0.158, abs=0.005)


def test_tissues_are_told_by_attenuation_and_place():
    torso = find_torso(chest(), EDGE_MM)
    labels = classify(torso)

    assert (labels[~torso.body] == Tissue.AIR).all()
    assert (labels[torso.lungs] == Tissue.LUNG).all()
    is_liver = labels == Tissue.LIVER
    assert 0.3 < is_liver.sum() * EDGE_MM**3 / 1e6 < 2.5  # litres
    right = np.arange(labels.shape[2]) < torso.middle[1]
    assert is_liver[:, :, right].sum() > 0.8 * is_liver.sum()
    assert (labels == Tissue.SPONGY_BONE).any() or (labels == Tissue.CORTICAL_BONE).any()


def test_real_torsos_have_room_for_a_heart(shared_data):
    folder = shared_data / "anatomy"
    if not folder.is_dir():
        pytest.skip("../shared/data/anatomy is absent: no real torsos")

    for path in find_torsos(folder):
        torso = find_torso(read_lac(path), EDGE_MM)
        patient = describe(torso, draw_patient(np.random.default_rng(2)))
        anatomy, _ = insert_heart(torso, patient)
        around = anatomy.lac_per_cm[anatomy.segments > 0]
        assert anatomy.heart.centre_mm[0] > 10, path.name  # left of the midline
        assert 18 < patient.bmi < 40, path.name
        assert around.size * EDGE_MM**3 / 1000 > 60, path.name  # millilitres of wall
        assert 0.02 < torso.lac_per_cm[torso.lungs].mean() < 0.07, path.name  # deep inspiration too


def test_a_case_of_a_ct_ends_where_the_ct_ends(tmp_path):
    path = nifti(tmp_path / "torso.nii.gz", chest_hu())

    case = simulate_ct_case((path,), 3, 0, scatter_windows=False)

    assert case.strata.sex == "O"
    assert case.nac.geometry.shape == case.lac.geometry.shape == case.labels.shape
    assert case.nac.geometry.shape[0] * case.nac.geometry.spacing_mm[0] <= 190 + 7
    body = case.lac.voxels > 0.1
    assert body.any(axis=(1, 2)).all()
    again = simulate_ct_case((path,), 3, 0, scatter_windows=False)
    np.testing.assert_array_equal(again.nac.voxels, case.nac.voxels)
