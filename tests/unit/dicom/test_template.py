"""A template holds encoding and nothing of a patient; maps follow it and stay what they are."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset

from builders import card, file_of, finding, nac, nac_object, provenance
from mumap_node.dicom.elements import items, text
from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.dicom.inspecting import NOT_SHOWN, inspect_map
from mumap_node.dicom.measured_map import read_any_map
from mumap_node.dicom.projections.reading import read_projections
from mumap_node.dicom.reading import read_reconstruction
from mumap_node.dicom.selection import is_own_map
from mumap_node.dicom.template import Template, parse_template
from mumap_node.dicom.writing import write_attenuation_map
from mumap_node.errors import ConfigurationError, InputRejected
from mumap_node.imaging.volume import Quantity, Volume
from templates import TEMPLATE
from tomos import tomo

DATA = Path(__file__).parents[4] / "shared" / "data"

TRANSMISSION = ["DERIVED", "PRIMARY", "RECON TOMO", "TRANSMISSION"]


def numbered(source: Dataset) -> Volume:
    """LACs that tell every voxel from every other."""
    geometry = read_reconstruction(source).volume.geometry
    lac = np.linspace(0, 0.25, int(np.prod(geometry.shape)), dtype=np.float32)
    return Volume(lac.reshape(geometry.shape), geometry, Quantity.LAC_PER_CM)


def made(source: Dataset, profile: str | Template) -> Dataset:
    (dataset,) = write_attenuation_map(
        numbered(source), source, card(), [finding()], provenance(), 140.5, profile=profile
    )
    return read_dataset(to_bytes(dataset))


def stations_map(profile: str | Template = "siemens", **changes: object) -> Dataset:
    """What a workstation might export: one of our own encodings without our marks."""
    dataset = made(nac(), profile)
    dataset.ImageType = TRANSMISSION
    del dataset.ContributingEquipmentSequence
    dataset.ManufacturerModelName = "Station"
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    return read_dataset(file_of(dataset))


def said(dataset: Dataset) -> str:
    return "\n".join(inspect_map(dataset).sentences)


def template_of(dataset: Dataset) -> Template:
    return parse_template(inspect_map(dataset).template)


def toml(**changes: object) -> str:
    tables = {"stored_per_lac": "10000", **changes}
    return "\n".join(f"{key} = {value}" for key, value in tables.items())


@pytest.mark.parametrize(
    ("profile", "carriers"),
    [("standard", ()), ("research", ("rescale-slope",)), ("siemens", ("siemens",))],
)
def test_a_map_gives_the_template_it_was_written_with(profile, carriers):
    found = template_of(stations_map(profile))

    assert found.image_type == tuple(TRANSMISSION)
    assert found.stored_per_lac == 10000
    assert found.carriers == carriers
    assert (found.signed, found.first_frame) == (False, "feet")


def test_a_template_comes_back_from_a_map_it_wrote():
    found = template_of(stations_map(TEMPLATE, ImageType=list(TEMPLATE.image_type)))

    assert found.image_type == TEMPLATE.image_type
    assert found.stored_per_lac == TEMPLATE.stored_per_lac
    assert found.carriers == TEMPLATE.carriers
    assert (found.signed, found.first_frame) == (True, "head")
    assert [element.text for element in found.private] == ["AC MAP", "1.5\\2.0"]


def test_no_private_element_is_allowed_until_a_person_does_it():
    inspected = inspect_map(stations_map(TEMPLATE))

    assert "allow = false" in inspected.template
    assert "allow = true" not in re.sub("#.*", "", inspected.template)
    assert parse_template(inspected.template).cloned == ()


def test_what_was_found_is_told_in_plain_words():
    found = said(stations_map(TEMPLATE))

    assert "Image Type: DERIVED\\PRIMARY\\RECON TOMO\\TRANSMISSION" in found
    assert "signed 16 bits" in found
    assert "1/cm is stored as 20000" in found
    assert "Values: 0 to 0.25 /cm" in found
    assert "columns towards the left, rows towards the back" in found
    assert "Frame 1 lies nearest to the head; so it does in the maps" in found
    assert "Energy window: 126 to 154 keV" in found
    assert "Private block STATION 1.0 in group 0055: 2 elements, 2 of them offered" in found
    assert "made by this software" not in found
    assert "made by this software" in said(made(nac(), "standard"))


def test_where_nothing_states_the_scale_the_site_must():
    silent = stations_map("standard", RealWorldValueMappingSequence=[])
    inspected = inspect_map(silent)

    assert "nothing states it" in said(silent)
    with pytest.raises(ConfigurationError, match="stored_per_lac"):
        parse_template(inspected.template)
    stated = inspected.template.replace("# stored_per_lac", "stored_per_lac")
    assert parse_template(stated).stored_per_lac == 10000


def test_a_scale_that_is_none_or_two_is_told():
    two = stations_map("research", RescaleSlope=0.5)
    with_offset = stations_map("research", RescaleIntercept=-5)

    assert "Scale: its carriers differ" in said(two)
    assert "Scale: cannot be used: expected a slope above 0" in said(with_offset)


def test_a_scale_made_for_one_file_is_not_taken_over():
    full_scale = stations_map("research", RealWorldValueMappingSequence=[], RescaleSlope="5E-6")

    assert "The maps store 1/cm as 10000" in said(full_scale)
    assert template_of(full_scale).stored_per_lac == 10000


def test_an_image_type_of_an_emission_is_told_and_not_followed():
    station = stations_map(ImageType=["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION", "ACMAP"])

    assert "Image Type is not followed" in said(station)
    assert template_of(station).image_type == (*TRANSMISSION, "ACMAP")


def test_falling_slice_numbers_are_told():
    """Frame 1 is slice 16 and lies at the feet, so slice 1 lies below it: frames go down."""
    dataset = made(nac(slice_vector=range(16, 0, -1)), "standard")

    assert "Readers that ignore the Slice Vector see this file upside down" in said(dataset)
    assert template_of(dataset).first_frame == "head"


def test_what_cannot_be_read_is_told():
    unplaced = stations_map(DetectorInformationSequence=[])
    shuffled = made(nac(slice_vector=[2, 1, *range(3, 17)]), "standard")
    broken = stations_map(BitsStored=3)
    short = stations_map(PixelData=b"\0\0")
    window = stations_map()
    window.EnergyWindowInformationSequence[0].EnergyWindowRangeSequence[
        0
    ].EnergyWindowUpperLimit = 1

    assert "Frames: expected Image Position" in said(unplaced)
    assert template_of(unplaced).first_frame == "source"
    assert "neither rising nor falling" in said(shuffled)
    assert template_of(shuffled).first_frame == "source"
    assert "Pixels: expected whole frames" in said(broken)
    assert "Values cannot be read" in said(short)
    assert "Energy window: expected an energy window" in said(window)


def test_only_nuclear_medicine_is_inspected():
    with pytest.raises(InputRejected, match="not-nuclear-medicine"):
        inspect_map(stations_map(SOPClassUID="1.2.840.10008.5.1.4.1.1.2"))


def placed(dataset: Dataset, *, follows_slice_vector: bool) -> Volume:
    """As readers place frames: by the Slice Vector, or one after the other."""
    changed = read_dataset(to_bytes(dataset))
    if not follows_slice_vector:
        changed.SliceVector = list(range(1, changed.NumberOfFrames + 1))
    return read_any_map(changed)


DIRECTIONS = [
    (1, 0, 0, 0, 1, 0),
    (-1, 0, 0, 0, -1, 0),
    (-1, 0, 0, 0, 1, 0),
    (0.9998477, 0, 0.0174524, 0, 1, 0),
]


@settings(max_examples=60)
@given(
    slice_vector=st.permutations(range(1, 6)) | st.sampled_from([range(1, 6), range(5, 0, -1)]),
    orientation=st.sampled_from(DIRECTIONS),
    between_slices_mm=st.sampled_from([-7.25, -3.3, 4.0, 6.79]),
    first_frame=st.sampled_from(["head", "feet"]),
)
def test_frames_in_any_order_lie_where_the_voxels_of_the_source_lie(
    slice_vector, orientation, between_slices_mm, first_frame
):
    source = nac(
        shape=(5, 4, 6),
        spacing_mm=(between_slices_mm, 3, 2),
        position_mm=(-7.5, 11.3, -207.89999999999998),
        orientation=orientation,
        slice_vector=slice_vector,
    )
    expected = numbered(source)

    dataset = made(source, TEMPLATE.model_copy(update={"first_frame": first_frame}))

    for follows in (True, False):
        found = placed(dataset, follows_slice_vector=follows)
        voxels = np.argwhere(np.ones(found.voxels.shape))
        there = expected.geometry.to_index(found.geometry.to_patient(voxels))
        np.testing.assert_allclose(there, np.rint(there), atol=1e-3)
        nearest = tuple(np.rint(there).astype(int).T)
        np.testing.assert_allclose(found.voxels.ravel(), expected.voxels[nearest], atol=3e-5)
        begins_mm, ends_mm = (found.geometry.to_patient((n, 0, 0))[2] for n in (0, 4))
        assert (begins_mm > ends_mm) == (first_frame == "head")


def test_frames_that_are_in_order_already_are_described_as_they_were():
    source = nac(slice_vector=range(1, 17))
    kept = made(source, TEMPLATE.model_copy(update={"first_frame": "feet"}))
    standard = made(source, "standard")

    assert text(kept, "SpacingBetweenSlices") == text(standard, "SpacingBetweenSlices")
    (found,), (expected,) = (items(d, "DetectorInformationSequence") for d in (kept, standard))
    assert found == expected


def test_a_place_at_the_top_level_turns_too():
    source = nac_object()
    detector = source.DetectorInformationSequence[0]
    source.ImagePositionPatient = detector.ImagePositionPatient
    source.ImageOrientationPatient = detector.ImageOrientationPatient
    source.DetectorInformationSequence = []

    dataset = made(read_dataset(file_of(source)), TEMPLATE)

    assert read_any_map(dataset).geometry.to_patient((0, 0, 0))[2] == pytest.approx(67.5)
    assert text(dataset, "ImagePositionPatient") == ""


def test_a_map_of_a_template_is_marked_as_every_map_of_ours():
    source = nac()
    dataset = made(source, TEMPLATE)

    assert is_own_map(dataset)
    assert dataset.ImageType[4:] == ["AC_MAP", "SYNTHETIC"]
    assert dataset.SeriesDescription == "SYNTHETIC ACMAP STRESS nAC"
    assert dataset.Manufacturer == dataset.ManufacturerModelName == "mumap-node"
    assert "not for diagnosis" in dataset.DerivationDescription
    assert f"profile {TEMPLATE.name}," in (
        dataset.ContributingEquipmentSequence[-1].ContributionDescription
    )
    assert dataset.SourceImageSequence[0].ReferencedSOPInstanceUID == text(source, "SOPInstanceUID")


def test_a_mark_the_station_has_too_is_not_written_twice():
    marked = TEMPLATE.model_copy(update={"image_type": (*TRANSMISSION, "SYNTHETIC", "X")})

    assert made(nac(), marked).ImageType == [*TRANSMISSION, "SYNTHETIC", "X"]


def test_only_allowed_private_elements_are_written():
    dataset = made(nac(), TEMPLATE)
    block = dataset.private_block(0x0055, "STATION 1.0")

    assert block[0x10].value == "AC MAP"
    assert list(block[0x12].value) == [1.5, 2.0]
    assert 0x11 not in block


def test_another_content_is_another_profile_and_another_comment_is_not():
    again = TEMPLATE.model_copy(update={"private": TEMPLATE.cloned})
    other = TEMPLATE.model_copy(update={"stored_per_lac": 20001.0})

    assert re.fullmatch(r"template-[0-9a-f]{16}", TEMPLATE.name)
    assert again.name == TEMPLATE.name
    assert other.name != TEMPLATE.name
    maps = [made(nac(), template) for template in (TEMPLATE, again, other)]
    assert maps[0].SOPInstanceUID == maps[1].SOPInstanceUID != maps[2].SOPInstanceUID


ELEMENT = """
[[private]]
allow = true
group = {group}
creator = "{creator}"
element = 0x10
vr = "{vr}"
value = [{value}]
"""


def private(group="0x0055", creator="STATION", vr="LO", value='"X"') -> str:
    return toml() + ELEMENT.format(group=group, creator=creator, vr=vr, value=value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("stored_per_lac", "expected TOML"),
        ("", "stored_per_lac: Field required"),
        (toml(stored_per_lac="900"), "stored_per_lac"),
        (toml(stored_per_lac="40000"), "stored_per_lac"),
        (toml(carriers='["ge"]'), "carriers.0"),
        (toml(frames='"head"'), "frames"),
        (toml(image_type='["A", "PRIMARY", "RECON TOMO", "TRANSMISSION"]'), "ORIGINAL or"),
        (toml(image_type='["DERIVED", "PRIMARY", "RECON TOMO", "EMISSION"]'), "TRANSMISSION"),
        (toml(image_type=str([*TRANSMISSION, "ac map"])), "capital letters"),
        (toml(image_type=str([*TRANSMISSION, "20260101"])), "capital letters"),
        (toml(series_description='"AC MAP"'), "expected {source} once"),
        (toml(series_description='"{source}{source}"'), "expected {source} once"),
        (toml(series_description=f'"{"A" * 31}{{source}}"'), "expected {source} once"),
        (toml(series_description='"DOE^JOHN {source}"'), "no name, date or UID"),
        (private(group="0x0054"), "expected an odd group"),
        (private(group="0x0007"), "private.0.group"),
        (private(creator="A^B"), "expected no name"),
        (private(vr="PN"), "private.0.vr"),
        (private(vr="UN"), "private.0.vr"),
        (private(value='"1.2.840.1.5"'), "expected no name, date, time or UID"),
        (private(vr="FL", value="20260101.0"), "expected no name, date, time or UID"),
        (private(vr="US", value="70000"), "expected values of VR US"),
        (private(vr="US", value="1.5"), "expected values of VR US"),
        (private(vr="FL", value="1e300"), "expected values of VR FL"),
        (private(vr="SH", value='"longer than sixteen"'), "expected values of VR SH"),
        (private(value=""), "private.0.value"),
    ],
)
def test_what_a_template_must_not_say_is_refused(content, sentence):
    with pytest.raises(ConfigurationError) as caught:
        parse_template(content)

    assert caught.value.reason == "template-invalid"
    assert sentence in str(caught.value)


def test_the_scale_of_siemens_is_a_carrier_and_not_cloned():
    with pytest.raises(ConfigurationError, match="carriers"):
        parse_template(private("0x0033", "SIEMENS MED NM", "FL", "5000.0").replace("0x10", "0x38"))


def test_a_pattern_that_says_synthetic_itself_is_taken_as_it_is():
    template = parse_template(toml(series_description='"{source} SYNTHETIC ACMAP"'))

    assert template.series_description == "{source} SYNTHETIC ACMAP"


MARK = "QUILLFEATHER"
PATIENT = {
    "PN": f"{MARK}^ZACHARIAS",
    "DA": "19470311",
    "DT": "19470311101500",
    "TM": "101547",
    "UI": "2.25.99887766554433",
    "AS": "079Y",
    "IS": "47110815",
    "DS": "47110815",
    **dict.fromkeys(("LO", "SH", "CS", "AE"), MARK),
    **dict.fromkeys(("LT", "ST", "UT", "UC"), f"{MARK} lives in a house"),
}
SHORTENED = ("quill", "zacharias", "19470311", "101547", "998877", "4711", "079y", "house")


def filled(dataset: Dataset) -> Dataset:
    """A file with something of the patient in every place that can hold it."""
    reads_by = (
        "SOPClassUID", "SpecificCharacterSet", "ImageType", "RescaleSlope", "RescaleIntercept"
    )  # fmt: skip
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                filled(item)
        elif element.VR in PATIENT and element.keyword not in reads_by:
            element.value = PATIENT[element.VR]
    return dataset


def full_of_the_patient() -> Dataset:
    dataset = filled(stations_map(TEMPLATE))
    dataset.PatientID, dataset.PatientComments = "47110815", f"{MARK} lives in a house"
    dataset.ImageType = [*TRANSMISSION, MARK]
    block = dataset.private_block(0x0055, "STATION 2.0", create=True)
    for offset, (vr, content) in enumerate(PATIENT.items()):
        block.add_new(offset, vr, content)
    item = Dataset()
    item.PatientName = PATIENT["PN"]
    block.add_new(0x20, "SQ", [item])
    block.add_new(0x21, "OB", MARK.encode())
    block.add_new(0x22, "UN", MARK.encode())
    block.add_new(0x23, "UL", 47110815)
    block.add_new(0x24, "US", [1] * 17)
    block.add_new(0x25, "LO", f"AC{MARK}2")
    block.add_new(0x26, "CS", "TRANSAXIAL")
    block.add_new(0x27, "SH", "")
    dataset.private_block(0x0057, MARK, create=True).add_new(1, "US", 1)
    return read_dataset(file_of(dataset))


def test_nothing_of_the_patient_leaves_a_file_that_is_full_of_it():
    inspected = inspect_map(full_of_the_patient())
    template = inspected.template.replace("allow = false", "allow = true")

    assert [element.text for element in parse_template(template).cloned] == ["TRANSAXIAL"]
    told = "\n".join(inspected.sentences)
    assert NOT_SHOWN in told
    written = to_bytes(made(nac(), parse_template(template)))
    for place in (told, inspected.template, written.decode("latin-1")):
        assert not [word for word in SHORTENED if word in place.casefold()]


def test_private_elements_without_vr_are_offered_where_the_dictionary_knows_them():
    dataset = stations_map("siemens")
    block = dataset.private_block(0x0033, "SIEMENS MED NM")
    block.add_new(0x01, "FL", [1.0, 2.0])
    block.add_new(0xF0, "LO", "UNKNOWN")
    implicit = read_dataset(file_of(dataset, "1.2.840.10008.1.2"))

    assert [element.vr for element in template_of(implicit).private] == ["FL"]
    assert "# Flood correction Matrix Det 2 up to SR 2.0" in inspect_map(implicit).template


@pytest.mark.parametrize("file", ["mediso/jaszczak-recon-tomo.dcm", "ge-nm530c/recon-1.dcm"])
def test_real_files_are_explained(file):
    path = DATA / file
    if not path.exists():
        pytest.skip("../shared/data is absent: no real reconstructions to inspect")

    inspected = inspect_map(read_dataset(path.read_bytes()))

    assert "Image Type is not followed" in "\n".join(inspected.sentences)
    assert tomllib.loads(inspected.template)["first_frame"] in ("head", "feet")


def test_a_template_works_for_maps_of_projections():
    of = read_dataset(file_of(tomo()))
    grid = read_projections(of).grid
    lac = np.linspace(0, 0.25, int(np.prod(grid.shape)), dtype=np.float32).reshape(grid.shape)
    mumap = Volume(lac, grid, Quantity.LAC_PER_CM)

    (made,) = write_attenuation_map(
        mumap, of, card(), [finding()], provenance(), 140.5, profile=TEMPLATE
    )
    dataset = read_dataset(to_bytes(made))

    found = read_any_map(dataset)
    np.testing.assert_allclose(found.voxels, lac[::-1], atol=3e-5)
    np.testing.assert_allclose(
        found.geometry.to_patient((0, 0, 0)), grid.to_patient((len(lac) - 1, 0, 0)), atol=1e-6
    )
