"""A map as CT images: a station's own table turns them into the map again, at the same place."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  (its name everywhere)
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread

from builders import card, edited, finding, nac_file, provenance
from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.dicom.reading import read_reconstruction
from mumap_node.dicom.writing import encoding, write_attenuation_map
from mumap_node.imaging.attenuation import HU_TABLES, HuTable, hu_from_lac, lac_from_hu
from mumap_node.imaging.volume import Quantity, Volume
from validators import dcentvfy, errors, warnings_of

PROFILE = "pseudo-ct symbia-130kvp"
WITHOUT_CODES = {
    "PatientOrientationCodeSequence": None,
    "PatientGantryRelationshipCodeSequence": None,
}
TO_THE_FEET = {"SpacingBetweenSlices": b"-9"}


def mumap_like(source: Dataset) -> Volume:
    """LACs that tell every voxel from every other, from air to bone."""
    geometry = read_reconstruction(source).volume.geometry
    lac = np.linspace(0, 0.25, int(np.prod(geometry.shape)), dtype=np.float32)
    return Volume(lac.reshape(geometry.shape), geometry, Quantity.LAC_PER_CM)


def written(
    profile: str = PROFILE,
    source: bytes | None = None,
    mumap: Volume | None = None,
    energy_kev: float = 140.5,
) -> list[Dataset]:
    dataset = read_dataset(source or nac_file())
    made = write_attenuation_map(
        mumap or mumap_like(dataset), dataset, card(), [finding()], provenance(), energy_kev,
        profile=profile,
    )  # fmt: skip
    return [dcmread(BytesIO(to_bytes(each))) for each in made]


def hu_of(slices: list[Dataset]) -> np.ndarray:
    return np.stack(
        [each.pixel_array * each.RescaleSlope + each.RescaleIntercept for each in slices]
    ).astype(np.float32)


@pytest.mark.parametrize("table", HU_TABLES)
def test_a_station_s_table_gives_the_map_again_to_half_a_hounsfield_unit(table):
    mumap = mumap_like(read_dataset(nac_file()))

    found = lac_from_hu(hu_of(written(f"pseudo-ct {table}", mumap=mumap)), HU_TABLES[table])

    step = max(HU_TABLES[table].below_per_hu, HU_TABLES[table].above_per_hu)
    np.testing.assert_allclose(found, mumap.voxels, atol=0.5 * step + 1e-6)


def test_a_table_may_be_stated_by_its_numbers():
    table = HuTable(1.5e-4, 0.9e-4, 0.151)
    mumap = mumap_like(read_dataset(nac_file()))

    found = lac_from_hu(hu_of(written("pseudo-ct 1.5e-4/0.9e-4/.151", mumap=mumap)), table)

    np.testing.assert_allclose(found, mumap.voxels, atol=0.76e-4)


@given(st.sampled_from(sorted(HU_TABLES)), st.floats(0, 0.4))
def test_ct_numbers_and_attenuation_are_inverse_of_each_other(table, lac_per_cm):
    lac = np.float32([lac_per_cm])

    again = lac_from_hu(hu_from_lac(lac, HU_TABLES[table]), HU_TABLES[table])

    np.testing.assert_allclose(again, lac, atol=1e-6)


def test_the_map_of_another_energy_is_converted_to_that_of_the_table():
    mumap = mumap_like(read_dataset(nac_file()))
    water = np.full_like(mumap.voxels, 0.1882)  # muscle scaled from 0.197 at 72 keV

    of_thallium = written(mumap=mumap.with_voxels(water), energy_kev=72.0)
    of_technetium = written(mumap=mumap.with_voxels(water))

    assert abs(hu_of(of_thallium).mean()) < 60
    assert hu_of(of_technetium).mean() > 250


def test_smoothing_takes_the_stated_width_and_keeps_the_sum():
    mumap = mumap_like(read_dataset(nac_file()))
    point = np.zeros_like(mumap.voxels)
    place = tuple(n // 2 for n in point.shape)
    point[place] = 0.3
    table = HU_TABLES["symbia-130kvp"]

    smooth = lac_from_hu(hu_of(written(f"{PROFILE} 20mm", mumap=mumap.with_voxels(point))), table)

    assert smooth.max() < 0.05
    np.testing.assert_allclose(smooth.sum(), 0.3, rtol=0.1)
    around = smooth[place[0], place[1]]
    half_width = np.count_nonzero(around > around.max() / 2) * mumap.geometry.spacing_mm[2]
    assert abs(half_width - 20) < 2 * mumap.geometry.spacing_mm[2]


@pytest.mark.parametrize("changes", [{}, TO_THE_FEET], ids=["to the head", "to the feet"])
def test_every_slice_lies_where_the_voxels_of_the_map_lie(changes):
    source = edited(nac_file(), **changes)
    mumap = mumap_like(read_dataset(source))
    row, column = 3, 5

    for number, each in enumerate(written(source=source)):
        along_row, along_column = np.reshape(each.ImageOrientationPatient, (2, 3))
        row_mm, column_mm = each.PixelSpacing
        # PS3.3 C.7.6.2.1.1
        centre_mm = (
            np.array(each.ImagePositionPatient, dtype=float)
            + column * column_mm * along_row
            + row * row_mm * along_column
        )
        expected_mm = mumap.geometry.to_patient((number, row, column))
        np.testing.assert_allclose(centre_mm, expected_mm, atol=1e-6)
        assert each.InstanceNumber == number + 1


def test_simpleitk_reads_the_series_at_the_same_coordinates_in_the_same_units(tmp_path: Path):
    mumap = mumap_like(read_dataset(nac_file()))
    for each in written(mumap=mumap):
        each.save_as(tmp_path / f"{each.SOPInstanceUID}.dcm")
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path))

    image = sitk.ReadImage(names)

    index = (7, 4, 2)  # column, row, slice, as SimpleITK sorts them
    place_mm = np.array(image.TransformIndexToPhysicalPoint(index))
    found = np.rint(mumap.geometry.to_index(place_mm)).astype(int)
    np.testing.assert_allclose(mumap.geometry.to_patient(found), place_mm, atol=1e-3)
    hu = np.float32([image.GetPixel(index)])
    lac = lac_from_hu(hu, HU_TABLES["symbia-130kvp"])
    np.testing.assert_allclose(lac, mumap.voxels[tuple(found)], atol=0.9e-4)


def test_it_says_on_every_level_that_it_is_no_ct():
    for each in written():
        assert each.ImageType == ["DERIVED", "SECONDARY", "AXIAL", "SYNTHETIC"]
        assert each.SeriesDescription.startswith("SYNTHETIC - NOT A CT -")
        assert "not CT, not for diagnosis" in each.DerivationDescription
        assert each.ManufacturerModelName == "mumap-node"
        assert PROFILE in each.ContributingEquipmentSequence[-1].ContributionDescription
        assert (each.KVP, each.AcquisitionNumber) == (None, None)


def test_the_slices_are_one_series_of_objects_of_their_own():
    slices = written()
    again, otherwise = written(), written("pseudo-ct symbia-110kvp")

    assert len({each.SeriesInstanceUID for each in slices}) == 1
    assert len({each.SOPInstanceUID for each in slices}) == len(slices)
    assert [each.SOPInstanceUID for each in again] == [each.SOPInstanceUID for each in slices]
    assert otherwise[0].SeriesInstanceUID != slices[0].SeriesInstanceUID


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "HFS"),
        ({"entry": "feet_first", "side": "prone"}, "FFP"),
        ({"PatientPosition": "XXX"}, "HFS"),
        ({"PatientPosition": "FFDL", **WITHOUT_CODES}, "FFDL"),
        ({"PatientPosition": "FF", **WITHOUT_CODES}, ""),
        (WITHOUT_CODES, ""),
    ],
)
def test_the_patient_position_is_the_stated_one_or_that_of_the_codes(changes, expected):
    (each, *_) = written(source=nac_file(**changes))

    assert each.PatientPosition == expected


def test_values_no_map_should_have_stay_within_what_can_be_stored():
    mumap = mumap_like(read_dataset(nac_file()))
    lac = mumap.voxels.copy()
    lac[0, 0, :3] = np.nan, -0.1, 9.0

    hu = hu_of(written(mumap=mumap.with_voxels(lac)))

    np.testing.assert_allclose(hu[0, 0, :3], (-940, -940, 3071))


@pytest.mark.parametrize("changes", [{}, TO_THE_FEET], ids=["to the head", "to the feet"])
def test_dciodvfy_finds_no_error_and_warns_of_a_value_of_ours_alone(changes, tmp_path: Path):
    source = edited(nac_file(), **changes)
    before, after = tmp_path / "source.dcm", tmp_path / "slice.dcm"
    before.write_bytes(source)
    each = written(source=source)[3]
    each.save_as(after)

    assert errors(after) == []
    (warning,) = warnings_of(after)
    assert "Unrecognized defined term <SYNTHETIC> for value 4 of attribute <Image Type>" in warning
    assert dcentvfy(before, after) == ""


@pytest.mark.parametrize(
    "profile",
    [
        "pseudo-ct",
        "pseudo-ct ",
        "pseudo-ct klingon",
        "pseudo-ct symbia-130kvp 10",
        "pseudo-ct symbia-130kvp -1mm",
        "pseudo-ct symbia-130kvp 100mm",
        "pseudo-ct 1e-4/1e-4",
        "pseudo-ct 1e-4/0/0.15",
        "pseudo-ct ///",
        "pseudo-ct 1.64/1.09/0.1538",  # the exponents were forgotten: air would be water
        "pseudo-ct 1.64e-4/1.09e-4/1.538",  # 1/m
        "pseudo-ct 1e-4/1.09e-4/0.1538",  # no CT number of 12 bits would be air
        "pseudo-ct 1e400/1e-4/0.15",
    ],
)
def test_a_table_nobody_can_use_is_said_to_be_one(profile):
    with pytest.raises(ValueError, match=r'expected "pseudo-ct TABLE".*symbia-130kvp.*found "'):
        encoding(profile)
