"""A written map conforms, lies where its source lies, and says what it is."""

import json
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import ImplicitVRLittleEndian, JPEGBaseline8Bit

from builders import (
    EVERY_PROFILE,
    MADE_AT,
    SNOMED_RT,
    card,
    code,
    edited,
    file_of,
    finding,
    nac,
    nac_file,
    nac_object,
    provenance,
    transcoded,
)
from mumap_node.dicom.elements import find, items, text, value
from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.dicom.modules.image import general_image
from mumap_node.dicom.provenance import Provenance
from mumap_node.dicom.reading import read_reconstruction
from mumap_node.dicom.uids import IMPLEMENTATION_CLASS_UID
from mumap_node.dicom.writing import PROFILES, in_file_name, write_attenuation_map
from mumap_node.imaging.findings import Finding, Verdict
from mumap_node.imaging.volume import Geometry, Quantity, Volume
from templates import TEMPLATE
from validators import dcentvfy, errors, warnings_of

GOLDEN = Path(__file__).parents[2] / "golden"


def volume_like(source: Dataset, lac_per_cm: Any = 0.15) -> Volume:
    geometry = read_reconstruction(source).volume.geometry
    voxels = np.broadcast_to(np.float32(lac_per_cm), geometry.shape).astype(np.float32)
    return Volume(voxels, geometry, Quantity.LAC_PER_CM)


def written(
    source: bytes | None = None,
    *,
    lac_per_cm: Any = 0.15,
    profile: str = "standard",
    **changes: Any,
) -> bytes:
    dataset = read_dataset(source or nac_file())
    made, *_ = write_attenuation_map(
        volume_like(dataset, lac_per_cm),
        dataset,
        card(),
        [finding()],
        provenance(**changes),
        140.5,
        profile=profile,
    )
    return to_bytes(made)


def result(source: bytes | None = None, **changes: Any) -> Dataset:
    """The map as a reader sees it who knows nothing of us."""
    return dcmread(BytesIO(written(source, **changes)))


def test_the_map_says_that_it_is_synthetic_in_every_place_people_look():
    dataset = result()

    assert list(dataset.ImageType) == [
        "DERIVED", "PRIMARY", "RECON TOMO", "TRANSMISSION", "SYNTHETIC",
    ]  # fmt: skip
    assert dataset.SeriesDescription == "SYNTHETIC MU-MAP STRESS nAC"
    assert dataset.ImageID == "SYNTHETIC MU-MAP"
    assert "not measured" in dataset.DerivationDescription


def test_stored_values_and_their_mapping_give_lacs_back():
    lac = np.linspace(0, 0.3, 16 * 48 * 48).reshape(16, 48, 48)

    dataset = result(lac_per_cm=lac)

    (mapping,) = dataset.RealWorldValueMappingSequence
    mapped = dataset.pixel_array * mapping.RealWorldValueSlope + mapping.RealWorldValueIntercept
    np.testing.assert_allclose(mapped, lac, atol=0.5e-4)
    assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == "/cm"
    assert mapping.RealWorldValueFirstValueMapped == 0
    assert mapping.RealWorldValueLastValueMapped == 32767


@pytest.mark.parametrize(
    ("lac", "stored"),
    [(0.15375, 1538), (0.15374, 1537), (-0.1, 0), (3.2767, 32767), (99, 32767), (np.nan, 0),
     (np.inf, 32767), (-np.inf, 0)],
)  # fmt: skip
def test_values_are_rounded_and_kept_within_what_every_station_reads(lac, stored):
    assert (result(lac_per_cm=lac).pixel_array == stored).all()


@pytest.mark.parametrize("transfer_syntax", ["explicit", "implicit"])
def test_the_grid_is_the_source_s_to_the_last_character(transfer_syntax):
    source = edited(
        nac_file(spacing_mm=(-9, 9, 9)),
        SpacingBetweenSlices=b"-9.000000 ",
        SliceThickness=b"9.0 ",
        PixelSpacing=b"9.0000 \\+9.0",
    )
    if transfer_syntax == "implicit":
        source = transcoded(source, ImplicitVRLittleEndian)

    before, after = read_dataset(source), read_dataset(written(source))

    for keyword in (
        "Rows", "Columns", "NumberOfFrames", "NumberOfSlices", "SliceVector", "PixelSpacing",
        "SpacingBetweenSlices", "SliceThickness", "FrameOfReferenceUID", "FrameIncrementPointer",
    ):  # fmt: skip
        assert value(after, keyword) == value(before, keyword), keyword
    (detector_before,), (detector,) = (
        items(dataset, "DetectorInformationSequence") for dataset in (before, after)
    )
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient"):
        assert value(detector, keyword) == value(detector_before, keyword), keyword


def test_frames_keep_the_order_of_the_source():
    order = [3, 1, 2]
    source = nac_file(voxels=np.ones((3, 4, 4)), slice_vector=order)
    by_slice = np.array([0.1, 0.2, 0.3]).reshape(3, 1, 1)

    dataset = result(source, lac_per_cm=by_slice)

    assert list(dataset.SliceVector) == order
    assert dataset.pixel_array[:, 0, 0].tolist() == [3000, 1000, 2000]


def test_numbers_too_long_for_their_vr_become_valid():
    long = b"-207.89999999999998\\-207.9\\-67.5 "

    (detector,) = result(broken_source()).DetectorInformationSequence

    assert long in broken_source()
    assert detector.ImagePositionPatient == [-207.9, -207.9, -67.5]


def test_the_references_name_the_source():
    dataset = result()

    (image,) = dataset.SourceImageSequence
    assert image.ReferencedSOPInstanceUID == "2.25.102"
    assert image.SpatialLocationsPreserved == "YES"
    assert image.PurposeOfReferenceCodeSequence[0].CodeValue == "121322"
    (series,) = dataset.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == "2.25.101"
    assert series.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID == "2.25.102"
    assert dataset.StudyInstanceUID == "2.25.100"


def test_the_equipment_is_the_node_and_the_camera():
    dataset = result()
    camera, node = dataset.ContributingEquipmentSequence

    assert dataset.Manufacturer == "mumap-node"
    assert dataset.StationName == "MUMAP"
    assert camera.Manufacturer == "Phantom Cameras"
    assert camera.PurposeOfReferenceCodeSequence[0].CodeValue == "109101"
    assert node.PurposeOfReferenceCodeSequence[0].CodeValue == "109102"
    assert list(node.SoftwareVersions) == ["0.1.0", "0" * 64, "test-1"]
    assert "settings: assume-nac=yes relax=none" in node.ContributionDescription


def test_a_camera_without_a_manufacturer_is_left_out():
    (node,) = result(edited(nac_file(), Manufacturer=b"")).ContributingEquipmentSequence

    assert node.PurposeOfReferenceCodeSequence[0].CodeValue == "109102"


def test_every_finding_is_in_the_object():
    dataset = nac()
    findings = [finding("finite"), Finding("matrix", Verdict.WARN, "64", "128", relaxed=True)]

    (mumap,) = write_attenuation_map(
        volume_like(dataset), dataset, card(), findings, provenance(), 140.5
    )

    assert "finite pass" in mumap.ImageComments
    assert "relaxed by the route" in mumap.ImageComments


def test_times_are_local_and_the_time_zone_unstated_where_the_source_states_none():
    dataset = result()

    assert (dataset.SeriesDate, dataset.SeriesTime) == ("20260301", "093015")
    assert (dataset.ContentDate, dataset.ContentTime) == ("20260301", "093015")
    assert (dataset.InstanceCreationDate, dataset.InstanceCreationTime) == ("20260301", "093015")
    assert (dataset.AcquisitionDate, dataset.AcquisitionTime) == ("20260101", "121500")
    assert "TimezoneOffsetFromUTC" not in dataset


@pytest.mark.parametrize(("offset", "time"), [("-0530", "030015"), ("+0100", "093015")])
def test_times_follow_the_time_zone_of_the_source_where_it_states_one(offset, time):
    dataset = result(edited(nac_file(), TimezoneOffsetFromUTC=offset))

    assert dataset.TimezoneOffsetFromUTC == offset
    assert dataset.SeriesTime == time


@pytest.mark.parametrize("offset", ["0100", "+9900", "CET"])
def test_a_broken_time_zone_is_left_out(offset):
    assert "TimezoneOffsetFromUTC" not in result(edited(nac_file(), TimezoneOffsetFromUTC=offset))


@pytest.mark.parametrize(
    ("utc", "date", "time"),
    [
        ("2026-12-31T22:59:59", "20261231", "235959"),
        ("2026-12-31T23:00:00", "20270101", "000000"),
        ("2026-03-29T00:59:59", "20260329", "015959"),  # clocks go forward
        ("2026-03-29T01:00:00", "20260329", "030000"),
        ("2026-10-25T00:30:00", "20261025", "023000"),  # and back: this hour comes twice
        ("2026-10-25T01:30:00", "20261025", "023000"),
    ],
)
def test_times_of_making_are_those_a_clock_on_site_shows(utc, date, time):
    made_at = datetime.fromisoformat(f"{utc}+00:00").astimezone(ZoneInfo("Europe/Berlin"))

    dataset = result(made_at=made_at)

    assert (dataset.SeriesDate, dataset.SeriesTime) == (date, time)
    (_, node) = dataset.ContributingEquipmentSequence
    assert node.ContributionDateTime == date + time


def test_a_source_from_the_future_keeps_its_times_and_has_its_answer():
    tomorrow = {"StudyDate": "20990101", "AcquisitionDate": "20990102", "ContentTime": "000001"}

    dataset = result(edited(nac_file(), **tomorrow))

    assert (dataset.StudyDate, dataset.AcquisitionDate) == ("20990101", "20990102")
    assert dataset.ContentTime == "093015"


def test_a_naive_time_is_a_bug_of_ours():
    with pytest.raises(ValueError, match="expected an aware time"):
        provenance(made_at=datetime(2026, 1, 1))  # noqa: DTZ001


def test_the_same_map_has_the_same_uids_and_any_other_map_others():
    def names(source: bytes | None = None, **changes: Any) -> tuple[str, str]:
        dataset = result(source, **changes)
        return dataset.SOPInstanceUID, dataset.SeriesInstanceUID

    usual = names()
    others = [
        names(edited(nac_file(), SOPInstanceUID="2.25.7")),
        names(edited(nac_file(), PatientID="corrected")),
        names(software_version="0.2.0"),
        names(settings="assume-nac=no relax=none"),
        names(run=2),
    ]

    assert names() == usual
    assert names(made_at=MADE_AT + timedelta(days=1), runtime="other") == usual
    assert len({usual, *others}) == len(others) + 1
    assert usual[0] != usual[1]


def test_another_model_names_its_map_otherwise():
    dataset = nac()
    mumap = volume_like(dataset)
    (one,), (other,) = (
        write_attenuation_map(mumap, dataset, card(sha256), [], provenance(), 140.5)
        for sha256 in ("0" * 64, "1" * 64)
    )

    assert one.SOPInstanceUID != other.SOPInstanceUID


@pytest.mark.parametrize(("number", "leading"), [("3", "1003"), ("999", "1999"), ("1000", "1000")])
def test_the_series_number_sorts_by_the_source_s_and_is_distinct(number, leading):
    one = result(edited(nac_file(), SeriesNumber=number))
    other = result(edited(nac_file(), SeriesNumber=number, SOPInstanceUID="2.25.7"))

    assert str(one.SeriesNumber).startswith(leading)
    assert one.SeriesNumber != other.SeriesNumber
    assert one.SeriesNumber < 2**31


def test_file_meta_information_is_ours():
    dataset = result()

    assert dataset.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
    assert dataset.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"


def test_the_frame_of_reference_is_the_source_s_and_absent_where_it_has_none():
    named = result(edited(nac_file(), PositionReferenceIndicator="XIPHOID"))
    unnamed = result(nac_file(FrameOfReferenceUID=None, PositionReferenceIndicator=None))

    assert (named.FrameOfReferenceUID, named.PositionReferenceIndicator) == ("2.25.103", "XIPHOID")
    assert result().PositionReferenceIndicator == ""
    assert "FrameOfReferenceUID" not in unnamed
    assert "PositionReferenceIndicator" not in unnamed


def test_orientation_codes_are_the_source_s():
    dataset = result(nac_file(coding=SNOMED_RT, entry="feet_first", side="prone"))

    (lying,), (entering,) = (
        dataset.PatientOrientationCodeSequence, dataset.PatientGantryRelationshipCodeSequence,
    )  # fmt: skip
    assert (lying.CodeValue, lying.CodingSchemeDesignator) == ("F-10450", "SRT")
    assert lying.PatientOrientationModifierCodeSequence[0].CodeValue == "F-10310"
    assert (entering.CodeValue, entering.CodingSchemeDesignator) == ("F-10480", "SRT")


def test_patient_position_becomes_codes_where_the_source_has_none():
    source = nac_object(PatientPosition="FFP")
    source.PatientOrientationCodeSequence = []
    source.PatientGantryRelationshipCodeSequence = []

    dataset = result(file_of(source))

    (lying,) = dataset.PatientOrientationCodeSequence
    assert lying.PatientOrientationModifierCodeSequence[0].CodeMeaning == "prone"
    assert dataset.PatientGantryRelationshipCodeSequence[0].CodeMeaning == "feet-first"
    assert "PatientPosition" not in dataset


def test_nothing_private_of_the_source_is_carried_over():
    source = nac_object()
    source.private_block(0x0011, "GEMS_GENIE_1", create=True).add_new(0x31, "LO", "1.2.3")
    detector = source.DetectorInformationSequence[0]
    detector.private_block(0x0009, "MEDISO-1", create=True).add_new(0x31, "DS", "1")

    dataset = result(file_of(source))

    assert not [element for element in dataset.iterall() if element.tag.is_private]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"BodyPartExamined": "HEART", "Laterality": "L"}, (b"HEART ", None)),
        ({"BodyPartExamined": "KNEE", "Laterality": "L"}, (b"KNEE", b"L ")),
        ({"BodyPartExamined": "KIDNEY", "Laterality": b"left"}, (b"KIDNEY", b"")),
        ({"BodyPartExamined": b"Knee"}, (None, b"")),
        ({"BodyPartExamined": b"\\KNEE "}, (None, b"")),
        ({"BodyPartExamined": b"  ", "Laterality": "R"}, (b"CHEST ", None)),
        ({"BodyPartExamined": None}, (b"CHEST ", None)),
    ],
    ids=str,
)
def test_the_body_part_is_that_of_the_source_and_the_chest_where_it_has_none(attributes, expected):
    made = result(nac_file(**attributes))

    found = [
        value(made, keyword) if keyword in made else None
        for keyword in ("BodyPartExamined", "Laterality")
    ]
    assert found == list(expected)


def test_a_map_of_a_phantom_is_one_of_a_phantom():
    assert result().QualityControlImage == "NO"
    assert result(edited(nac_file(), QualityControlImage="YES")).QualityControlImage == "YES"


def test_dates_known_to_be_altered_are_said_to_be():
    altered = edited(nac_file(), LongitudinalTemporalInformationModified="MODIFIED")

    assert result(altered).LongitudinalTemporalInformationModified == "MODIFIED"


@pytest.mark.parametrize("profile", PROFILES)
def test_what_was_lossy_once_stays_lossy(profile):
    lossy = edited(
        nac_file(), LossyImageCompression="01", LossyImageCompressionRatio=b"12.5",
        LossyImageCompressionMethod="ISO_10918_1",
    )  # fmt: skip

    dataset = result(lossy, profile=profile)

    assert dataset.LossyImageCompression == "01"
    assert dataset.LossyImageCompressionRatio == 12.5
    assert result(profile=profile).LossyImageCompression == "00"


def test_a_lossy_transfer_syntax_is_a_statement_too():
    dataset = nac()
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit

    module = general_image(dataset, "", [], MADE_AT, keeps_place=True)

    assert module.LossyImageCompression == "01"


def test_a_volume_that_is_no_map_is_a_bug_of_ours():
    dataset = nac()
    counts = read_reconstruction(dataset).volume

    with pytest.raises(ValueError, match="expected LAC in 1/cm"):
        write_attenuation_map(counts, dataset, card(), [], provenance(), 140.5)
    cropped = Volume(
        np.zeros((1, 48, 48), np.float32),
        Geometry((1, 48, 48), counts.geometry.affine),
        Quantity.LAC_PER_CM,
    )
    with pytest.raises(ValueError, match="expected the grid of the source"):
        write_attenuation_map(cropped, dataset, card(), [], provenance(), 140.5)
    with pytest.raises(
        ValueError, match=r"expected an output profile \(standard, .*found \"klingon\""
    ):
        write_attenuation_map(
            volume_like(dataset), dataset, card(), [], provenance(), 140.5, profile="klingon"
        )


def broken_source() -> bytes:
    """A source with everything wrong that an NM object may have and still be mapped."""
    source = nac_object(coding=SNOMED_RT, PatientPosition="HFS")
    del source.FrameOfReferenceUID, source.PositionReferenceIndicator, source.BodyPartExamined
    source.ActualFrameDuration = "0"
    (detector,) = source.DetectorInformationSequence
    detector.CollimatorType = "LEHR"
    detector.ImagePositionPatient = None
    (rotation,) = source.RotationInformationSequence
    del rotation.ActualFrameDuration, rotation.NumberOfFramesInRotation
    source.InterventionDrugInformationSequence = []
    (tracer,) = source.RadiopharmaceuticalInformationSequence
    tracer.AdministrationRouteCodeSequence = []
    tracer.Radiopharmaceutical = "x" * 64
    (window,) = source.EnergyWindowInformationSequence
    window.EnergyWindowName = "Tc99m"
    source.ProcedureCodeSequence = [code("2", "L", "good")]
    source.ImagePositionPatient = ["-207.9", "-207.9", "-67.5"]
    source.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    del detector.ImageOrientationPatient
    source.Manufacturer = ""
    return edited(
        file_of(source),
        AcquisitionDate=b"00000000",
        ImageID=b"longer than sixteen characters",
        SpacingBetweenSlices=b"9.0000000000000001",
        ImagePositionPatient=b"-207.89999999999998\\-207.9\\-67.5 ",
        TimezoneOffsetFromUTC=b"nowhere ",
    )


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(nac_file, id="complete"),
        pytest.param(broken_source, id="broken"),
        pytest.param(lambda: nac_file(signed=False, spacing_mm=(-9, 8, 7)), id="unsigned"),
        pytest.param(lambda: nac_file(RotationInformationSequence=[]), id="no rotation"),
        pytest.param(lambda: nac_file(TimezoneOffsetFromUTC="+0100"), id="time zone"),
        pytest.param(
            lambda: edited(
                nac_file(),
                SpecificCharacterSet=b"ISO_IR 192",
                SeriesDescription=("负荷心肌灌注显像" * 7).encode(),
                PatientName="王^小东".encode() + b" ",
            ),
            id="chinese",
        ),
        pytest.param(
            lambda: edited(
                nac_file(), SpecificCharacterSet=b"\\ISO 2022 IR 87",
                SeriesDescription=b"\x1b$B;3EDIi2Y\x1b(B ",
            ),
            id="japanese",
        ),
        pytest.param(
            lambda: nac_file(BodyPartExamined="KNEE", Laterality="L"), id="another body part"
        ),
        pytest.param(
            lambda: edited(
                nac_file(), SpecificCharacterSet=b"ISO_IR 192", InstitutionName=b"Universit\xe4t",
                StationName=b"Ger\xe4t", PositionReferenceIndicator=b"\xe4",
            ),
            id="undecodable",
        ),
    ],
)  # fmt: skip
def test_dciodvfy_finds_no_error_and_nothing_to_warn_of(source, tmp_path):
    before, after = tmp_path / "source.dcm", tmp_path / "map.dcm"
    before.write_bytes(source())
    after.write_bytes(written(source()))

    assert errors(after) == []
    explained = ("CodingSchemeDesignator is deprecated", "Unrecognized defined term <L>",
                 "Value dubious for this VR - (0x0010,0x0010)")  # fmt: skip
    assert [line for line in warnings_of(after) if not any(e in line for e in explained)] == []
    assert dcentvfy(before, after) == ""


@pytest.mark.parametrize("profile", [*EVERY_PROFILE, "template"])
def test_the_written_dataset_is_the_golden_one(profile, update_golden):
    """Attribute by attribute; UIDs we derive are normalised, pixels left to other tests."""
    dataset = result(profile=TEMPLATE if profile == "template" else profile)
    derived = {dataset.SOPInstanceUID: "<instance>", dataset.SeriesInstanceUID: "<series>"}
    for pixels in {"PixelData", "FloatPixelData"} & set(dataset.dir()):
        dataset[pixels].value = b""
    found = json.loads(dataset.to_json())
    found["00200011"]["Value"] = ["<series number>"]
    as_text = json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    for uid, name in derived.items():
        as_text = as_text.replace(uid, name)
    expected = GOLDEN / in_file_name(profile) / "expected.json"
    if update_golden:
        expected.parent.mkdir(parents=True, exist_ok=True)
        expected.write_text(as_text, encoding="utf-8")

    assert as_text == expected.read_text(encoding="utf-8")


def test_provenance_is_a_value():
    assert provenance() == provenance()
    assert isinstance(provenance(made_at=datetime.now(UTC)), Provenance)
    assert provenance().made_at.tzinfo == timezone(timedelta(hours=1))


def test_a_place_at_the_top_level_goes_into_the_detector_item():
    dataset = read_dataset(written(broken_source()))

    (detector,) = items(dataset, "DetectorInformationSequence")
    assert find(dataset, "ImagePositionPatient") is None
    assert float(text(detector, "ImagePositionPatient")) == -207.9
