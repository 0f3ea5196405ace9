"""Every profile of a map gives the same 1/cm at the same place, whoever reads it."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  (its name everywhere)
from pydicom import Dataset, dcmread

from builders import card, edited, finding, nac_file, provenance
from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.dicom.measured_map import read_any_map
from mumap_node.dicom.reading import read_reconstruction
from mumap_node.dicom.writing import PROFILES, write_attenuation_map
from mumap_node.imaging.volume import Quantity, Volume, Voxels
from templates import TEMPLATE
from validators import dcentvfy, errors, warnings_of

NM_PROFILES = ("standard", "research", "siemens", "template")

ENCODINGS = {**{name: name for name in PROFILES}, "template": TEMPLATE}
"""Every profile, with one template."""

EXPLAINED = (
    # research, and template where the station writes it: NM has no Modality LUT
    "Attribute is not present in standard DICOM IOD - (0x0028,0x105",
    "Standard Extended SOP Class",
    # template: a private element that the site allowed
    "(0x0055,0x101",
    # parametric-map: a defined term of C.8.32.2 that dciodvfy does not know
    "Unrecognized defined term <QUANTITY>",
    # parametric-map: no standard code is true of a prediction
    "Unrecognized defined term <99MUMAP>",
)
"""Warnings of dciodvfy that a profile gives on purpose (docs/conformance.md)."""


def mumap_like(source: Dataset) -> Volume:
    """LACs that tell every voxel from every other."""
    geometry = read_reconstruction(source).volume.geometry
    lac = np.linspace(0, 0.25, int(np.prod(geometry.shape)), dtype=np.float32)
    return Volume(lac.reshape(geometry.shape), geometry, Quantity.LAC_PER_CM)


def written(profile: str, source: bytes) -> tuple[bytes, Volume]:
    dataset = read_dataset(source)
    mumap = mumap_like(dataset)
    (made,) = write_attenuation_map(
        mumap, dataset, card(), [finding()], provenance(), 140.5, profile=ENCODINGS[profile]
    )
    return to_bytes(made), mumap


def sources() -> list[object]:
    negative = edited(nac_file(), SpacingBetweenSlices=b"-9")
    return [
        pytest.param(nac_file(), id="to the head"),
        pytest.param(negative, id="to the feet"),
    ]


def by_real_world_values(dataset: Dataset) -> Voxels:
    """PS3.3 C.7.6.16.2.11: stored values are multiplied by the slope."""
    (mapping,) = dataset.RealWorldValueMappingSequence
    return dataset.pixel_array * mapping.RealWorldValueSlope + mapping.RealWorldValueIntercept


def by_rescale_slope(dataset: Dataset) -> Voxels:
    return dataset.pixel_array * dataset.RescaleSlope + dataset.RescaleIntercept


def by_siemens_scale(dataset: Dataset) -> Voxels:
    """As two open readers of Siemens's maps do: stored values over (0033,xx38)."""
    return dataset.pixel_array / dataset.private_block(0x0033, "SIEMENS MED NM")[0x38].value


def by_the_pixels(dataset: Dataset) -> Voxels:
    return dataset.pixel_array


def in_frames(mumap: Volume, dataset: Dataset) -> Voxels:
    """What the frames of an object must hold, from where its header says they lie."""
    if "SpacingBetweenSlices" not in dataset:
        return mumap.voxels  # a plane has its own place, another test
    place = dataset.DetectorInformationSequence[0]
    row, column = np.reshape(place.ImageOrientationPatient, (2, 3)).astype(float)
    step_mm = np.cross(row, column) * float(dataset.SpacingBetweenSlices)
    numbers = np.array(dataset.SliceVector) - dataset.SliceVector[0]
    centres_mm = np.array(place.ImagePositionPatient, float) + np.outer(numbers, step_mm)
    return mumap.voxels[np.rint(mumap.geometry.to_index(centres_mm)[:, 0]).astype(int)]


CARRIERS = [
    *((profile, by_real_world_values) for profile in NM_PROFILES),
    *((profile, by_rescale_slope) for profile in ("research", "template")),
    *((profile, by_siemens_scale) for profile in ("siemens", "template")),
    ("parametric-map", by_the_pixels),
]


@pytest.mark.parametrize(
    ("profile", "read"), CARRIERS, ids=[f"{profile} {read.__name__}" for profile, read in CARRIERS]
)
def test_every_carrier_of_the_scale_gives_the_same_lacs(profile, read):
    encoded, mumap = written(profile, nac_file())
    dataset = dcmread(BytesIO(encoded))

    np.testing.assert_allclose(read(dataset), in_frames(mumap, dataset), atol=0.5001e-4)


@pytest.mark.parametrize("profile", NM_PROFILES)
def test_our_own_reader_gives_the_lacs_of_every_nm_profile(profile):
    encoded, mumap = written(profile, nac_file())

    found = read_any_map(read_dataset(encoded))

    np.testing.assert_allclose(
        found.voxels, in_frames(mumap, dcmread(BytesIO(encoded))), atol=0.5001e-4
    )


@pytest.mark.parametrize("source", sources())
def test_the_planes_of_a_parametric_map_lie_where_the_voxels_lie(source):
    encoded, mumap = written("parametric-map", source)
    dataset = dcmread(BytesIO(encoded))
    (shared,) = dataset.SharedFunctionalGroupsSequence
    along_row, along_column = np.reshape(
        shared.PlaneOrientationSequence[0].ImageOrientationPatient, (2, 3)
    )
    row_mm, column_mm = shared.PixelMeasuresSequence[0].PixelSpacing
    row, column = 3, 5

    for number, group in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        position = np.array(group.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        # PS3.3 C.7.6.2.1.1
        centre_mm = position + column * column_mm * along_row + row * row_mm * along_column
        expected_mm = mumap.geometry.to_patient((number, row, column))
        np.testing.assert_allclose(centre_mm, expected_mm, atol=1e-6)
        assert group.FrameContentSequence[0].InStackPositionNumber == number + 1


@pytest.mark.parametrize("source", sources())
@pytest.mark.parametrize("profile", ["research", "template"])
def test_simpleitk_reads_1_per_cm_where_it_lies(profile, source, tmp_path):
    encoded, mumap = written(profile, source)
    file = tmp_path / "map.dcm"
    file.write_bytes(encoded)

    image = sitk.ReadImage(str(file))

    voxels = sitk.GetArrayFromImage(image)
    expected = in_frames(mumap, dcmread(BytesIO(encoded)))
    np.testing.assert_allclose(voxels, expected, atol=0.5001e-4)
    for frame, row, column in ((0, 0, 0), (2, 3, 5), (len(voxels) - 1, 7, 1)):
        found_mm = image.TransformIndexToPhysicalPoint((column, row, frame))
        nearest = np.rint(mumap.geometry.to_index(found_mm)).astype(int)
        np.testing.assert_allclose(mumap.geometry.to_patient(nearest), found_mm, atol=1e-3)
        assert voxels[frame, row, column] == pytest.approx(
            mumap.voxels[tuple(nearest)], abs=0.5001e-4
        )


def test_a_parametric_map_says_that_it_is_synthetic_research_and_of_what():
    source = nac_file()
    dataset = dcmread(BytesIO(written("parametric-map", source)[0]))

    assert dataset.ContentLabel == "SYNTHETIC_MU_MAP"
    assert dataset.ContentQualification == "RESEARCH"
    assert dataset.SeriesDescription.startswith("SYNTHETIC MU-MAP")
    (reference,) = (
        dataset.SharedFunctionalGroupsSequence[0].DerivationImageSequence[0].SourceImageSequence
    )
    assert reference.ReferencedSOPInstanceUID == read_dataset(source).SOPInstanceUID


def test_a_parametric_map_of_a_source_without_frame_of_reference_gets_the_same_one_each_time():
    source = edited(nac_file(), FrameOfReferenceUID=None)
    made = [dcmread(BytesIO(written("parametric-map", source)[0])) for _ in range(2)]

    assert made[0].FrameOfReferenceUID == made[1].FrameOfReferenceUID
    assert made[0].FrameOfReferenceUID.startswith("2.25.")


def test_values_no_map_should_have_are_kept_within_what_all_profiles_hold():
    dataset = read_dataset(nac_file())
    mumap = mumap_like(dataset)
    lac = mumap.voxels.copy()
    lac[0, 0, :3] = np.nan, -0.1, 9.0
    mumap = mumap.with_voxels(lac)

    (made,) = write_attenuation_map(
        mumap, dataset, card(), [finding()], provenance(), 140.5, profile="parametric-map"
    )

    pixels = dcmread(BytesIO(to_bytes(made))).pixel_array
    np.testing.assert_allclose(pixels[0, 0, :3], (0, 0, 3.2767))


@pytest.mark.parametrize("profile", ENCODINGS)
def test_the_profiles_of_one_map_are_objects_of_their_own(profile):
    others = [dcmread(BytesIO(written(name, nac_file())[0])) for name in ENCODINGS]
    (own,) = (other for other in others if f"profile {name_of(profile)}," in described(other))

    assert len({other.SOPInstanceUID for other in others}) == len(ENCODINGS)
    assert len({other.SeriesInstanceUID for other in others}) == len(ENCODINGS)
    assert own.StudyInstanceUID == read_dataset(nac_file()).StudyInstanceUID


def name_of(profile: str) -> str:
    return TEMPLATE.name if profile == "template" else profile


def described(dataset: Dataset) -> str:
    return str(dataset.ContributingEquipmentSequence[-1].ContributionDescription)


@pytest.mark.parametrize("source", sources())
@pytest.mark.parametrize("profile", ENCODINGS)
def test_dciodvfy_finds_no_error_and_only_what_is_explained(profile, source, tmp_path: Path):
    before, after = tmp_path / "source.dcm", tmp_path / "map.dcm"
    before.write_bytes(source)
    after.write_bytes(written(profile, source)[0])

    assert errors(after) == []
    found = warnings_of(after)
    assert [line for line in found if not any(e in line for e in EXPLAINED)] == []
    assert dcentvfy(before, after) == ""
