"""Values are read as they were sent, and nothing is converted in place."""

import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from builders import edited, nac, nac_file, nac_object, put_bytes, transcoded
from mumap_node.dicom.elements import (
    find,
    items,
    numbers,
    text,
    texts,
    unsigned,
    value,
    value_of,
    vr_of,
)
from mumap_node.dicom.files import read_dataset
from mumap_node.errors import InputRejected


def holding(keyword: str, encoded: bytes) -> Dataset:
    """A dataset of one element with these very bytes."""
    dataset = Dataset()
    put_bytes(dataset, keyword, encoded)
    return dataset


def test_padding_of_text_is_no_part_of_its_values():
    assert texts(holding("ImageType", b"DERIVED \\PRIMARY\\ RECON TOMO\0"), "ImageType") == (
        "DERIVED",
        "PRIMARY",
        "RECON TOMO",
    )


@pytest.mark.parametrize("encoded", [b"", b"  ", b"\0"])
def test_empty_text_has_no_values(encoded):
    assert texts(holding("ImageID", encoded), "ImageID") == ()
    assert text(holding("ImageID", encoded), "ImageID") == ""


def test_an_absent_element_has_no_value():
    assert find(Dataset(), "ImageID") is None
    assert value(Dataset(), "ImageID") == b""
    assert items(Dataset(), "DetectorInformationSequence") == ()


@pytest.mark.parametrize(
    ("encoded", "expected"),
    [
        (b"1\\-2.5", (1.0, -2.5)),
        (b" +1e2 \\.5", (100.0, 0.5)),
        (b"-207.89999999999998\\0 ", (-207.89999999999998, 0.0)),
        (b"", ()),
    ],
)
def test_decimal_strings_are_read_even_where_they_are_too_long(encoded, expected):
    assert numbers(holding("PixelSpacing", encoded), "PixelSpacing", 2) == expected


@pytest.mark.parametrize(
    "encoded", [b"1", b"1\\2\\3", b"1\\x", b"nan\\1", b"1e999\\1", b"1_0\\1", b"1\\", b"\xff\\1"]
)
def test_other_than_finite_numbers_of_the_right_count_are_rejected(encoded):
    with pytest.raises(InputRejected, match="expected 2 finite numbers in PixelSpacing"):
        numbers(holding("PixelSpacing", encoded), "PixelSpacing", 2)


def test_unsigned_numbers_of_half_a_size_are_rejected():
    with pytest.raises(InputRejected, match="expected 16-bit numbers in Rows, found 3 bytes"):
        unsigned(holding("Rows", b"\1\0\2"), "Rows")


@pytest.mark.parametrize("transfer_syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_values_are_little_endian_whatever_the_file_was(transfer_syntax):
    dataset = read_dataset(transcoded(nac_file(), transfer_syntax))

    assert unsigned(dataset, "Rows") == (48,)
    assert unsigned(dataset, "FrameIncrementPointer") == (0x0054, 0x0080)
    assert numbers(dataset, "PixelSpacing", 2) == (9.0, 9.0)


def test_reading_converts_nothing_in_place():
    dataset = nac()
    before = {tag: find(dataset, tag) for tag in sorted(dataset.keys())}

    texts(dataset, "ImageType")
    numbers(dataset, "PixelSpacing", 2)
    unsigned(dataset, "Rows")
    items(dataset, "DetectorInformationSequence")

    assert {tag: find(dataset, tag) for tag in sorted(dataset.keys())} == before


def test_elements_converted_by_others_are_read_all_the_same():
    dataset = nac()
    str(dataset)

    assert text(dataset, "PatientName") == "Phantom^One"
    assert numbers(dataset, "PixelSpacing", 2) == (9.0, 9.0)
    assert len(items(dataset, "DetectorInformationSequence")) == 1


def test_converted_text_is_encoded_in_the_character_set_it_came_in():
    encoded = "Müller^Jörg".encode("latin-1")
    dataset = read_dataset(
        edited(nac_file(), SpecificCharacterSet=b"ISO_IR 100", PatientName=encoded + b" ")
    )
    assert dataset.PatientName == "Müller^Jörg"

    assert value(dataset, "PatientName").rstrip() == encoded


def test_what_is_no_sequence_has_no_items():
    dataset = nac_object()

    assert items(dataset, "PatientID") == ()


def test_a_sequence_that_ends_early_is_rejected():
    with pytest.raises(InputRejected, match="a sequence cannot be read"):
        items(
            holding("DetectorInformationSequence", b"\xfe\xff\x00"), "DetectorInformationSequence"
        )


def test_the_dictionary_knows_better_than_a_header_that_lies():
    dataset = Dataset()
    dataset.add_new(0x00100010, "OB", b"Phantom^One ")

    assert vr_of(find(dataset, "PatientName")) == "PN"


def test_the_own_vr_counts_where_the_dictionary_knows_none_or_several():
    dataset = Dataset()
    dataset.add_new(0x00280106, "SS", -1)
    dataset.add_new(0x00111001, "FD", 1.0)

    assert [vr_of(find(dataset, tag)) for tag in (0x00280106, 0x00111001)] == ["SS", "FD"]
    assert value_of(find(dataset, 0x00280106), dataset) == b"\xff\xff"


def test_a_misspelt_keyword_is_a_bug_of_ours():
    with pytest.raises(ValueError, match="expected a DICOM keyword, found PatientNaem"):
        text(Dataset(), "PatientNaem")
