"""A report conforms, belongs to the study of its source, and says what it is."""

from io import BytesIO

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import SecondaryCaptureImageStorage

from builders import card, edited, finding, nac_file, provenance
from mumap_node.dicom.elements import value
from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.dicom.patient import PATIENT, STUDY
from mumap_node.dicom.reading import read_reconstruction
from mumap_node.dicom.secondary_capture import write_report
from mumap_node.dicom.writing import write_attenuation_map
from mumap_node.imaging.findings import Finding, Verdict
from mumap_node.imaging.volume import Quantity, Volume
from validators import dcentvfy, errors, warnings_of

PICTURE = np.random.default_rng(5).integers(0, 256, (6, 8, 3), dtype=np.uint8)

FINDINGS = (finding(),)


def written(source: bytes | None = None, picture=PICTURE, findings=FINDINGS, **changes) -> bytes:
    dataset = read_dataset(source or nac_file())
    return to_bytes(write_report(picture, dataset, card(), findings, provenance(**changes), 140.5))


def result(source: bytes | None = None, **changes) -> Dataset:
    """The report as a reader sees it who knows nothing of us."""
    return dcmread(BytesIO(written(source, **changes)))


def test_the_picture_is_kept_to_the_pixel():
    dataset = result()

    assert dataset.SOPClassUID == SecondaryCaptureImageStorage == dataset.file_meta[0x20002].value
    assert (dataset.PhotometricInterpretation, dataset.PlanarConfiguration) == ("RGB", 0)
    np.testing.assert_array_equal(dataset.pixel_array, PICTURE)


def test_the_report_says_that_it_is_synthetic_and_no_image_of_a_camera():
    dataset = result()

    assert list(dataset.ImageType) == ["DERIVED", "SECONDARY", "OTHER", "SYNTHETIC"]
    assert dataset.SeriesDescription == "SYNTHETIC REPORT STRESS nAC"
    assert dataset.Modality == "OT"
    assert dataset.ConversionType == "SYN"
    assert "not measured" in dataset.DerivationDescription
    assert "PresentationLUTShape" not in dataset


def test_nothing_of_the_patient_is_burned_in_but_patient_and_study_are_the_source_s():
    before, after = read_dataset(nac_file()), read_dataset(written())

    assert result().BurnedInAnnotation == "NO"
    for keyword in (*PATIENT, *STUDY):
        assert value(after, keyword) == value(before, keyword), keyword


def test_the_references_name_the_source_but_not_its_place():
    (image,) = result().SourceImageSequence

    assert image.ReferencedSOPInstanceUID == "2.25.102"
    assert image.SpatialLocationsPreserved == "NO"
    assert result().ReferencedSeriesSequence[0].SeriesInstanceUID == "2.25.101"
    assert "FrameOfReferenceUID" not in result()


def test_every_finding_is_in_the_object():
    failed = Finding("unit", Verdict.FAIL, "0.9 /cm", "0.14 to 0.3 /cm")

    assert "unit fail: 0.9 /cm" in result(findings=(finding(), failed)).ImageComments


def test_map_and_report_of_one_answer_are_different_series_and_a_retry_makes_the_same():
    source = read_dataset(nac_file())
    volume = read_reconstruction(source).volume
    mumap = Volume(np.zeros_like(volume.voxels), volume.geometry, Quantity.LAC_PER_CM)
    (made,) = write_attenuation_map(mumap, source, card(), [finding()], provenance(), 140.5)
    first, again, rerun = result(), result(), result(run=2)

    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber"):
        assert first[keyword].value == again[keyword].value
        assert len({first[keyword].value, rerun[keyword].value, made[keyword].value}) == 3


def test_times_are_those_of_the_source_s_time_zone():
    dataset = result(edited(nac_file(), TimezoneOffsetFromUTC="-0530"))

    assert (dataset.SeriesTime, dataset.ContentTime) == ("030015", "030015")


@pytest.mark.parametrize(
    "picture",
    [PICTURE[..., 0], PICTURE[..., :2], PICTURE.astype(np.uint16), PICTURE[:5, :7]],
    ids=["grey", "two channels", "16 bits", "odd"],
)
def test_another_picture_is_a_bug_of_ours(picture):
    with pytest.raises(ValueError, match="expected an even picture of 8 bit RGB"):
        written(picture=picture)


@pytest.mark.parametrize("character_set", [None, b"ISO_IR 192"])
def test_dciodvfy_finds_no_error_and_nothing_to_warn_of(character_set, tmp_path):
    source = nac_file() if character_set is None else edited(
        nac_file(), SpecificCharacterSet=character_set, PatientName="王^小东".encode() + b" "
    )  # fmt: skip
    before, after = tmp_path / "source.dcm", tmp_path / "report.dcm"
    before.write_bytes(source)
    after.write_bytes(written(source))

    assert errors(after) == []
    dubious = "Value dubious for this VR - (0x0010,0x0010)"
    assert [line for line in warnings_of(after) if dubious not in line] == []
    assert dcentvfy(before, after) == ""
