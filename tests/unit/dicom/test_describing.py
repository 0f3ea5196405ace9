"""What people read of a map is short, true, and valid in the character set of its source."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.charset import convert_encodings, decode_bytes, encode_string

from builders import card, edited, finding, nac, nac_file, provenance
from mumap_node.dicom.describing import (
    LONGEST_LO,
    MAP,
    _encoded,
    ascii_text,
    comments,
    contribution,
    derivation,
    series_description,
    series_number,
)
from mumap_node.dicom.files import read_dataset
from mumap_node.dicom.quiet import quiet
from mumap_node.imaging.findings import Finding, Verdict


def described(**attributes) -> bytes:
    return series_description(read_dataset(edited(nac_file(), **attributes)), MAP)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"SeriesDescription": "REST", "ImageID": b""}, "REST"),
        ({"SeriesDescription": "Series 2", "ImageID": "ReconRest"}, "Series 2 ReconRest"),
        ({"SeriesDescription": "MPI Stress", "ImageID": "STRESS"}, "MPI Stress"),
        ({"SeriesDescription": b"", "ImageID": "ReconRest"}, "ReconRest"),
        ({"SeriesDescription": b"", "ImageID": b""}, "series 3"),
        ({"SeriesDescription": b"", "ImageID": b"", "SeriesNumber": b"x "}, "series 2.25.101"),
        ({"SeriesDescription": b" a \t b\\c ", "ImageID": b"a b c "}, "a b c"),
    ],
)
def test_the_description_names_the_source_so_that_rest_and_stress_differ(attributes, expected):
    assert described(**attributes) == f"{MAP} {expected}".encode("ascii")


def test_a_long_name_loses_its_middle_not_its_end():
    name = "Myocardial perfusion one day protocol, gated, prone, STRESS"

    found = described(SeriesDescription=name, ImageID=b"").decode("ascii")

    assert len(found) == LONGEST_LO
    assert found.startswith(f"{MAP} Myocardial perfusion")
    assert found.endswith("prone, STRESS")


@pytest.mark.parametrize(
    ("character_set", "name"),
    [
        (b"ISO_IR 100", "Belastung für Herz"),
        (b"ISO_IR 192", "负荷心肌灌注显像"),
        (b"ISO_IR 192", "Ruhe " + "ü" * 80),
        (b"GB18030", "负荷"),
        (b"ISO_IR 144", "Нагрузка"),
        (b"\\ISO 2022 IR 87", "負荷心筋"),
        (b"\\ISO 2022 IR 149", "심근관류"),
    ],
)
def test_the_description_is_valid_in_the_character_set_of_its_source(character_set, name):
    encodings = convert_encodings(character_set.decode().split("\\"))
    found = described(
        SpecificCharacterSet=character_set,
        SeriesDescription=bytes(encode_string(name, encodings)),
        ImageID=b"",
    )

    text = decode_bytes(found, encodings, set())
    assert text.startswith(MAP)
    assert len(text) <= LONGEST_LO
    assert len(found) <= LONGEST_LO
    assert text.removeprefix(MAP).strip()[:2] == name[:2]


@pytest.mark.parametrize(
    "character_set", [b"\\ISO 2022 IR 58", b"\\ISO 2022 IR 87\\ISO 2022 IR 58"]
)
def test_chinese_in_code_extensions_keeps_its_escape_sequence(character_set):
    # pydicom neither takes it out of what it decodes nor puts it into what it encodes
    name = b"Rest \x1b$)A" + "负荷".encode("gb2312")

    found = described(SpecificCharacterSet=character_set, SeriesDescription=name, ImageID=b"")

    assert found == b"\x1b$)A" + f"{MAP} Rest 负荷".encode("gb2312")


@pytest.mark.parametrize(
    "character_set", [b"", b"ISO_IR 6", b"KLINGON", b"utf_16", b"hex", b"ISO_IR 192\\KLINGON"]
)
def test_without_a_known_character_set_the_description_is_ascii(character_set):
    found = described(SpecificCharacterSet=character_set, SeriesDescription=b"Rest \xfc\xff x")

    assert found.isascii()
    assert b"Rest" in found


def test_what_the_character_set_cannot_hold_becomes_a_question_mark():
    latin = nac(SpecificCharacterSet="ISO_IR 100")

    with quiet():
        assert _encoded("Übung ☃", latin) == b"?bung ?"


def test_an_endless_name_is_no_endless_work():
    assert len(described(SeriesDescription=b"x" * 70000)) == LONGEST_LO


@given(st.binary(max_size=80), st.sampled_from([b"", b"ISO_IR 100", b"ISO_IR 192", b"GB18030"]))
def test_any_name_gives_a_valid_description(name, character_set):
    found = described(SpecificCharacterSet=character_set, SeriesDescription=name, ImageID=name[:9])

    assert found.startswith(MAP.encode())
    assert len(found) <= LONGEST_LO
    assert b"\\" not in found or character_set == b"GB18030"
    assert not any(byte < 0x20 for byte in found)


@pytest.mark.parametrize(("stated", "expected"), [("7", 7), (b"-1", None), (b"", None)])
def test_the_series_number_is_read_where_it_is_one(stated, expected):
    assert series_number(nac(SeriesNumber=stated)) == expected


def test_the_derivation_states_energy_beam_scale_model_and_hash():
    text = derivation(nac(), card("ab" * 32), 140.5, 0.0001)

    for part in ("140.5 keV", "narrow beam", "0.0001", "test-1", "ab" * 32, "not measured"):
        assert part in text
    assert "from the referenced reconstruction" in text
    assert len(text) <= 1024


def test_the_contribution_states_all_that_the_result_depends_on():
    text = contribution(card(), provenance(runtime="x" * 2000, run=7), "standard")

    assert "profile standard, run 7" in contribution(card(), provenance(run=7), "standard")
    assert len(text) <= 1024


def test_the_latest_maps_it_stands_for_are_named_by_their_uids():
    def replacing(*uids):
        return contribution(card(), provenance(replaces=uids), "standard")

    assert replacing("2.25.1").endswith("; in place of 2.25.1")
    assert replacing(*(f"2.25.{n}" for n in range(5))).endswith(
        "; in place of 2.25.0, 2.25.1, 2.25.2 and 2 before"
    )


def test_the_comments_hold_every_finding():
    relaxed = Finding("spacing", Verdict.WARN, "4 mm", "at most 3 mm", relaxed=True)

    text = comments([finding("finite"), relaxed])

    assert text.splitlines() == [
        "Checks of input and map:",
        "finite pass: 9 mm (limit 2.5 to 10 mm)",
        "spacing warn: 4 mm (limit at most 3 mm, relaxed by the route)",
    ]
    assert len(comments([finding()] * 1000)) <= 10240


def test_own_words_are_typed_in_ascii():
    assert ascii_text("µ ≤ 0.4 cm⁻¹ ± 1 ° ☃", 99) == "u <= 0.4 cm-1 +- 1  deg ?"
    assert ascii_text("abc", 2) == "ab"
