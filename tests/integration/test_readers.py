"""Maps as independent readers see them: GDCM and dcm2niix, beside SimpleITK of the unit tests.

What a reader does wrong is an expected failure, strict: a reader that was mended is noticed.
"""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  (its name everywhere)
from pydicom import Dataset, dcmread

from builders import card, edited, finding, nac_file, provenance
from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.dicom.reading import read_reconstruction
from mumap_node.dicom.writing import PROFILES, write_attenuation_map
from mumap_node.imaging.attenuation import HU_TABLES, lac_from_hu
from mumap_node.imaging.volume import Quantity, Volume

pytestmark = pytest.mark.peers

PSEUDO_CT = "pseudo-ct symbia-130kvp"
TO_THE_HEAD, TO_THE_FEET = nac_file(), edited(nac_file(), SpacingBetweenSlices=b"-9")
NM_PROFILES = [profile for profile in PROFILES if profile != "parametric-map"]
VOXELS = [(0, 0, 0), (1, 7, 30), (8, 40, 11), (15, 47, 47)]
"""Indices (slice, row, column) in which no symmetry hides."""

NO_SIGN = pytest.mark.xfail(
    strict=True, reason="dcm2niix ignores the sign of Spacing Between Slices (#885)"
)


def mumap_like(source: Dataset) -> Volume:
    """A map whose every voxel differs."""
    geometry = read_reconstruction(source).volume.geometry
    lac = np.linspace(0, 0.25, int(np.prod(geometry.shape)), dtype=np.float32)
    return Volume(lac.reshape(geometry.shape), geometry, Quantity.LAC_PER_CM)


def write_map(folder: Path, profile: str, source: bytes) -> tuple[Path, Volume]:
    """A map as a file."""
    header = read_dataset(source)
    mumap = mumap_like(header)
    (made,) = write_attenuation_map(
        mumap, header, card(), [finding()], provenance(), 140.5, profile=profile
    )
    file = folder / "map.dcm"
    file.write_bytes(to_bytes(made))
    return file, mumap


def sources() -> list[object]:
    """Every profile to the head and to the feet."""
    return [
        *(pytest.param(profile, TO_THE_HEAD, id=f"{profile} to the head") for profile in PROFILES),
        *(
            pytest.param(profile, TO_THE_FEET, id=f"{profile} to the feet", marks=NO_SIGN)
            for profile in NM_PROFILES
        ),
        pytest.param("parametric-map", TO_THE_FEET, id="parametric-map to the feet"),
    ]


@pytest.mark.parametrize(("profile", "source"), sources())
def test_dcm2niix_finds_the_same_1_per_cm_at_the_same_place(tmp_path, profile, source):
    file, mumap = write_map(tmp_path, profile, source)

    command = ["dcm2niix", "-f", "map", "-b", "n", "-o", str(tmp_path), "-s", "y", str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    image = sitk.ReadImage(str(tmp_path / "map.nii"))  # LPS, scaled

    for index in VOXELS:
        place = image.TransformPhysicalPointToIndex([float(x) for x in patient_mm(mumap, index)])
        assert image.GetPixel(place) == pytest.approx(mumap.voxels[index], abs=0.5001e-4)


@pytest.mark.parametrize("source", [TO_THE_HEAD, TO_THE_FEET], ids=["to the head", "to the feet"])
def test_dcm2niix_makes_one_volume_of_a_pseudo_ct_at_the_same_place(tmp_path, source):
    mumap = mumap_like(read_dataset(source))
    made = write_attenuation_map(
        mumap, read_dataset(source), card(), [finding()], provenance(), 140.5, profile=PSEUDO_CT
    )
    slices = tmp_path / "slices"
    slices.mkdir()
    for number, each in enumerate(made):
        (slices / f"{number}.dcm").write_bytes(to_bytes(each))

    command = ["dcm2niix", "-f", "map", "-b", "n", "-o", str(tmp_path), str(slices)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    image = sitk.ReadImage(str(tmp_path / "map.nii"))

    for index in VOXELS:
        place = image.TransformPhysicalPointToIndex([float(x) for x in patient_mm(mumap, index)])
        lac = lac_from_hu(np.float32([image.GetPixel(place)]), HU_TABLES["symbia-130kvp"])
        assert lac[0] == pytest.approx(mumap.voxels[index], abs=0.9e-4)


@pytest.mark.parametrize("source", [TO_THE_HEAD, TO_THE_FEET], ids=["to the head", "to the feet"])
@pytest.mark.parametrize("profile", NM_PROFILES)
def test_gdcm_finds_the_same_stored_values_at_the_same_place(tmp_path, profile, source):
    """It places frames as they come and tells no Real World Values: 10000 is 1/cm."""
    file, mumap = write_map(tmp_path, profile, source)
    order = np.array(dcmread(file).SliceVector) - 1

    told = subprocess.run(["gdcminfo", file], check=True, capture_output=True, text=True).stdout
    subprocess.run(["gdcmraw", file, tmp_path / "raw"], check=True, capture_output=True, timeout=60)

    origin, spacing = numbers(told, "Origin"), numbers(told, "Spacing")
    cosines = np.reshape(numbers(told, "DirectionCosines"), (2, 3))
    normal = np.cross(*cosines)
    for number, row, column in VOXELS:
        place = (
            origin
            + column * spacing[0] * cosines[0]
            + row * spacing[1] * cosines[1]
            + number * spacing[2] * normal
        )
        np.testing.assert_allclose(place, patient_mm(mumap, (number, row, column)), atol=1e-4)
    stored = np.fromfile(tmp_path / "raw", "<u2").reshape(mumap.voxels.shape)
    np.testing.assert_allclose(stored / 10_000, mumap.voxels[order], atol=0.5001e-4)


@pytest.mark.xfail(strict=True, reason="GDCM 3.0 knows no Parametric Map Storage")
def test_gdcm_reads_a_parametric_map(tmp_path):
    file, _ = write_map(tmp_path, "parametric-map", TO_THE_HEAD)

    assert subprocess.run(["gdcminfo", file], check=False, capture_output=True).returncode == 0


def patient_mm(mumap: Volume, index: Sequence[int]) -> np.ndarray:
    return np.asarray(mumap.geometry.to_patient(tuple(index)), dtype=float)


def numbers(told: str, name: str) -> np.ndarray:
    (found,) = re.findall(rf"^{name}: \((.*)\)$", told, re.MULTILINE)
    return np.array(found.split(","), dtype=float)
