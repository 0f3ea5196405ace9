"""Which route answers an instance, and what people are told about it."""

import re
from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from mumap_node.errors import InputRejected
from mumap_node.node.routing import (
    LONGEST_VALUE,
    NOT_READABLE,
    NOT_SHOWN,
    Condition,
    Destination,
    Peer,
    Route,
    find_peer,
    first_match,
    path_problem,
    resolve_destinations,
)


def header(**values: object) -> Dataset:
    dataset = Dataset()
    dataset.Modality = "NM"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"]
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def equals(*values: str | int | float) -> Condition:
    return Condition(values=values)


def regex(text: str) -> Condition:
    return Condition(pattern=re.compile(text))


def route_of(routes: list[Route], dataset: Dataset, caller: str = "SPECT1") -> str:
    match = first_match(routes, dataset, caller)
    return match.route.name if match.route else ""


def matches(match: dict[str, Condition], dataset: Dataset, caller: str = "SPECT1") -> bool:
    return route_of([Route("r", match)], dataset, caller) == "r"


def test_the_first_route_that_matches_wins():
    routes = [
        Route("ct", {"Modality": equals("CT")}),
        Route("nm", {"Modality": equals("NM")}),
        Route("all"),
    ]
    assert route_of(routes, header()) == "nm"
    assert route_of(routes, header(Modality="PT")) == "all"


def test_no_match_is_no_route():
    assert first_match([Route("ct", {"Modality": equals("CT")})], header(), "SPECT1").route is None


def test_every_condition_must_hold():
    match = {"Modality": equals("NM"), "calling_ae_title": equals("SPECT1")}
    assert matches(match, header())
    assert not matches(match, header(), "SPECT2")


def test_a_list_of_values_means_any_of_them():
    assert matches({"Modality": equals("PT", "NM")}, header())


def test_any_value_of_a_multi_valued_attribute_may_match():
    assert matches({"ImageType": equals("EMISSION")}, header())
    assert not matches({"ImageType": equals("TRANSMISSION")}, header())


def test_a_multi_valued_attribute_matches_as_dicom_writes_it():
    assert matches({"ImageType": equals(r"ORIGINAL\PRIMARY\RECON TOMO\EMISSION")}, header())
    assert matches({"ImageType": regex(r"ORIGINAL\\.*\\EMISSION")}, header())


def test_a_regular_expression_must_match_a_whole_value():
    assert matches({"SeriesDescription": regex("NM.*")}, header(SeriesDescription="NM rest"))
    assert not matches({"SeriesDescription": regex("NM")}, header(SeriesDescription="NM rest"))


def test_spaces_around_values_and_ae_titles_carry_no_meaning():
    assert matches({"Modality": equals("NM ")}, header())
    assert matches({"calling_ae_title": equals("SPECT1")}, header(), "SPECT1  ")


def test_case_counts():
    assert not matches({"Modality": equals("nm")}, header())


def test_numbers_match_by_value():
    assert matches({"NumberOfFrames": equals(64)}, header(NumberOfFrames="64"))
    assert matches({"SliceThickness": equals(4.8)}, header(SliceThickness="4.80"))
    assert not matches({"Modality": equals(64)}, header())


def test_an_absent_attribute_is_the_empty_text():
    assert matches({"CorrectedImage": equals("")}, header())
    assert matches({"CorrectedImage": equals("")}, header(CorrectedImage=""))
    assert not matches({"CorrectedImage": equals("")}, header(CorrectedImage="SCAT"))


def test_a_path_looks_into_every_item_of_a_sequence():
    detector, other = Dataset(), Dataset()
    detector.CollimatorType, other.CollimatorType = "FANB", "PARA"
    match = {"DetectorInformationSequence.CollimatorType": equals("PARA")}
    assert matches(match, header(DetectorInformationSequence=[detector, other]))
    assert not matches(match, header(DetectorInformationSequence=[detector]))
    assert not matches(match, header())


def test_seen_lists_what_the_routes_looked_at():
    routes = [
        Route("ct", {"Modality": equals("CT")}),
        Route("d", {"SeriesDescription": equals("x")}),
    ]
    seen = first_match(routes, header(SeriesDescription="NM rest"), "SPECT1").seen
    assert seen == {"calling_ae_title": "SPECT1", "Modality": "NM", "SeriesDescription": "NM rest"}


PERSONAL = {
    "PatientName": "Doe^Jane",
    "PatientID": "4711",
    "PatientBirthDate": "19500102",
    "AccessionNumber": "A-4711",
    "StudyID": "S-4711",
    "StudyInstanceUID": "1.2.3.4711",
    "ReferringPhysicianName": "Doe^Jane",
    "StudyDate": "20260102",
    "ImageComments": "Jane Doe 4711",
    "RequestedProcedureID": "R-4711",
}


@pytest.mark.parametrize("keyword", PERSONAL)
def test_values_that_tell_who_the_patient_is_are_never_shown(keyword):
    dataset = header(**{keyword: PERSONAL[keyword]})
    match = first_match([Route("r", {keyword: regex(".+")})], dataset, "SPECT1")
    assert match.route is not None, "hidden, but looked at"
    assert match.seen[keyword] == NOT_SHOWN


def test_a_path_through_a_personal_sequence_is_not_shown():
    item = Dataset()
    item.CodeMeaning = "Jane Doe"
    dataset = header(PatientSpeciesCodeSequence=[item])
    path = "PatientSpeciesCodeSequence.CodeMeaning"
    assert first_match([Route("r", {path: equals("x")})], dataset, "A").seen[path] == NOT_SHOWN


@pytest.mark.filterwarnings("ignore::UserWarning")  # the builder's own remark
def test_shown_values_are_short_and_printable():
    dataset = header(SeriesDescription="\x1b[31m" + "x" * 200)
    seen = first_match([Route("r", {"SeriesDescription": equals("x")})], dataset, "A").seen
    assert len(seen["SeriesDescription"]) == 64
    assert seen["SeriesDescription"].isprintable()


def test_a_value_that_cannot_be_decoded_matches_nothing_and_harms_nothing():
    dataset = Dataset()
    tag = Tag("Rows")
    dataset._dict[tag] = RawDataElement(tag, "US", 3, b"abc", 0, False, True)
    routes = [Route("r", {"Rows": regex(".*")}), Route("all")]
    match = first_match(routes, dataset, "SPECT1")
    assert match.route is not None
    assert match.route.name == "all"
    assert match.seen["Rows"] == NOT_READABLE


def test_looking_at_a_header_leaves_it_as_it_was_received():
    dataset = Dataset()
    tag = Tag("SeriesDescription")
    dataset._dict[tag] = RawDataElement(tag, "LO", 6, b" NM  \0", 0, False, True)
    assert matches({"SeriesDescription": equals("NM")}, dataset)
    assert dataset.get_item(tag).value == b" NM  \0"


@pytest.mark.filterwarnings("ignore::UserWarning")  # the builder's own remark
def test_a_value_too_long_for_a_regular_expression_does_not_match():
    dataset = header(DerivationDescription="x" * (LONGEST_VALUE + 1))
    assert not matches({"DerivationDescription": regex(".*")}, dataset)


@settings(max_examples=200, deadline=None)
@given(
    keyword=st.sampled_from(
        ["Modality", "NumberOfFrames", "PixelSpacing", "Rows", "ImageType", "StudyDate",
         "DetectorInformationSequence", "SeriesDescription", "FrameIncrementPointer"]
    ),
    vr=st.sampled_from(["CS", "IS", "DS", "US", "SQ", "LO", "FD", "AT", "UN", "DA", "??"]),
    value=st.binary(max_size=64),
)  # fmt: skip
def test_any_header_is_routed_or_held(keyword, vr, value):
    dataset = Dataset()
    tag = Tag(keyword)
    dataset._dict[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)
    path = f"{keyword}.CollimatorType" if keyword.endswith("Sequence") else keyword
    match = first_match([Route("r", {path: regex(".+")})], dataset, "SPECT1")
    assert path in match.seen


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("calling_ae_title", ""),
        ("Modality", ""),
        ("DetectorInformationSequence.CollimatorType", ""),
        ("Modalty", "'Modalty'"),
        ("DetectorInformationSequence", "within the sequence"),
        ("Rows.Columns", "before the dot"),
        ("", "''"),
    ],
)
def test_a_match_key_that_cannot_be_looked_up_is_a_problem(path, problem):
    assert problem in path_problem(path)
    assert bool(problem) == bool(path_problem(path))


CAMERA = Peer("camera", "SPECT1", (ip_network("192.0.2.0/28"),), reply_to="station")
OTHER = Peer("other", "SPECT1", (ip_network("192.0.2.128/32"), ip_network("2001:db8::/64")))


@pytest.mark.parametrize(
    ("title", "address", "name"),
    [
        ("SPECT1", "192.0.2.3", "camera"),
        ("SPECT1 ", "192.0.2.128", "other"),
        ("SPECT1", "2001:db8::7", "other"),
        ("SPECT1", "::ffff:192.0.2.3", "camera"),
        ("SPECT1", "192.0.2.99", ""),
        ("spect1", "192.0.2.3", ""),
        ("SPECT1", "nowhere", ""),
    ],
)
def test_a_peer_is_known_by_ae_title_and_address(title, address, name):
    peer = find_peer((CAMERA, OTHER), title, address)
    assert (peer.name if peer else "") == name


STATIONS = {name: Destination(name, name.upper(), "h", 104) for name in ("station", "pacs")}


def test_the_sender_is_its_reply_to_and_nobody_is_named_twice():
    route = Route("r", destinations=("pacs", "sender", "station"))
    names = [d.name for d in resolve_destinations(route, CAMERA, STATIONS)]
    assert names == ["pacs", "station"]


def test_a_route_in_shadow_mode_sends_nowhere_and_asks_for_no_address():
    route = Route("r", destinations=("pacs", "sender"), deliver=False)
    assert resolve_destinations(route, None, STATIONS) == ()


@pytest.mark.parametrize("peer", [OTHER, None])
def test_a_sender_without_reply_to_is_rejected_with_its_reason(peer):
    with pytest.raises(InputRejected) as rejected:
        resolve_destinations(Route("r", destinations=("sender",)), peer, STATIONS)
    assert rejected.value.reason == "no-reply-destination"
