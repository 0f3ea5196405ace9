"""Copies are byte for byte; what we answer for is copied only where it is valid."""

import pytest
from pydicom import Dataset
from pydicom.tag import Tag

from builders import code, put_bytes
from mumap_node.dicom.elements import find, items, value
from mumap_node.dicom.verbatim import (
    CODE,
    Attribute,
    copy_item,
    copy_items,
    copy_numbers,
    copy_valid,
    raw_element,
)


def holding(**values: bytes) -> Dataset:
    dataset = Dataset()
    for keyword, encoded in values.items():
        put_bytes(dataset, keyword, encoded)
    return dataset


def is_copied(keyword: str, encoded: bytes) -> bool:
    copied = copy_valid(holding(**{keyword: encoded}), [keyword])
    return value(copied, keyword) == encoded and find(copied, keyword) is not None


@pytest.mark.parametrize(
    ("keyword", "encoded"),
    [
        ("AcquisitionDate", b"20260228"),
        ("AcquisitionTime", b"2359"),
        ("AcquisitionTime", b"120000.123456 "),
        ("Manufacturer", b"GE MEDICAL SYSTEMS"),
        ("SoftwareVersions", b"1\\2.09 \\three "),
        ("CollimatorType", b"PARA"),
        ("StartAngle", b" -1.5e-03 "),
        ("ActualFrameDuration", b"25000 "),
        ("FrameOfReferenceUID", b"1.2.840.0\0"),
        ("NumberOfFramesInRotation", b"\x3c\x00"),
        ("ScanArc", b"180.000000"),
    ],
)
def test_valid_values_are_copied_with_their_padding(keyword, encoded):
    assert is_copied(keyword, encoded)


@pytest.mark.parametrize(
    ("keyword", "encoded"),
    [
        ("AcquisitionDate", b"20260230"),
        ("AcquisitionDate", b"00000000"),
        ("AcquisitionDate", b"2026.02.28"),
        ("AcquisitionTime", b"2500"),
        ("AcquisitionTime", b"12:00 "),
        ("Manufacturer", b""),
        ("Manufacturer", b"a\nb "),
        ("Manufacturer", b"x" * 66),
        ("StationName", b"x" * 18),
        ("CollimatorType", b"Para"),
        ("StartAngle", b"-207.89999999999998"),
        ("StartAngle", b"north "),
        ("ActualFrameDuration", b"2.5 "),
        ("FrameOfReferenceUID", b"1.02"),
        ("FrameOfReferenceUID", b" 1.2"),
        ("FrameOfReferenceUID", b"1.2\\1.3"),
        ("NumberOfFramesInRotation", b"\x3c\x00\x00\x00"),
        ("Manufacturer", b"one\\two "),
        ("PixelData", b"any bytes "),
    ],
)
def test_invalid_values_are_left_out(keyword, encoded):
    assert not is_copied(keyword, encoded)


@pytest.mark.parametrize(
    ("character_set", "encoded", "copied"),
    [
        (b"", "Gerät 1 ".encode("latin-1"), False),
        (b"ISO_IR 100", "Gerät 1 ".encode("latin-1"), True),
        (b"ISO_IR 100", b"C1 \x85 control", False),
        (b"ISO_IR 192", "Gerät 1 ".encode("latin-1"), False),
        (b"ISO_IR 192", "Gerät 1".encode(), True),
        (b"ISO_IR 100\\ISO_IR 192 ", b"plain ", True),
        (b"KLINGON ", "Gerät 1 ".encode("latin-1"), False),
        (b"\\ISO 2022 IR 87", b"\x1b$B;3ED\x1b(B", True),
        (b"\\ISO 2022 IR 87", b"\x1b$)C\xb1\xe8 ", False),
        (b"ISO_IR 100", b"\x1b$B;3ED\x1b(B", False),
        (b"\\ISO 2022 IR 58", b"\x1b$)A\xd5\xc5", True),
        (b"\\ISO 2022 IR 149", b"\x1b$)A\xd5\xc5 ", False),
        (b"GB18030 ", "乗 2".encode("gb18030") + b" ", False),  # 0x5C, a backslash to some readers
    ],
)
def test_text_is_copied_where_it_is_text_in_the_character_set(character_set, encoded, copied):
    source = holding(SpecificCharacterSet=character_set, StationName=encoded)

    assert value(copy_valid(source, ["StationName"]), "StationName") == (encoded if copied else b"")


def test_an_item_whose_type_1_text_is_none_is_left_out_at_any_depth():
    outer, item = Dataset(), code("1", "SCT", "x")
    put_bytes(item, "CodeMeaning", "Größe ".encode("latin-1"))
    outer.ConceptCodeSequence = [item]
    source = holding(SpecificCharacterSet=b"ISO_IR 192")
    source.ViewCodeSequence = [outer]
    nested = (Attribute("ConceptCodeSequence", 2, items=CODE),)

    (copied,) = copy_items(source, "ViewCodeSequence", nested)

    assert items(copied, "ConceptCodeSequence") == ()


def test_a_uid_is_padded_as_the_standard_asks_however_the_source_pads_it():
    copied = copy_valid(holding(FrameOfReferenceUID=b"1.2.3   "), ["FrameOfReferenceUID"])

    assert value(copied, "FrameOfReferenceUID") == b"1.2.3\0"


@pytest.mark.parametrize(("meaning", "copied"), [("Größe", 0), ("size", 1)])
def test_an_item_in_a_character_set_of_its_own_is_copied_where_it_is_ascii(meaning, copied):
    item = code("1", "SCT", meaning)
    item.SpecificCharacterSet = "ISO_IR 192"
    put_bytes(item, "CodeMeaning", f"{meaning} ".encode())
    source = holding(SpecificCharacterSet=b"GB18030 ")
    source.ViewCodeSequence = [item]

    assert len(copy_items(source, "ViewCodeSequence", CODE)) == copied


def test_absent_values_are_left_out():
    assert find(copy_valid(Dataset(), ["Manufacturer"]), "Manufacturer") is None


def test_an_item_without_a_type_1_value_is_left_out():
    holder = Dataset()
    holder.ConceptCodeSequence = [code("1", "SCT", "complete"), code("2", "SCT", "")]

    copied = copy_items(holder, "ConceptCodeSequence", CODE)

    assert [value(item, "CodeValue") for item in copied] == [b"1 "]


def test_an_item_within_an_item_counts_like_a_value():
    outer = Attribute("ConceptCodeSequence", 1, items=CODE)
    good, bad = Dataset(), Dataset()
    good.ConceptCodeSequence = [code("1", "SCT", "complete")]
    bad.ConceptCodeSequence = []

    assert len(copy_item(good, good, (outer,))) == 1
    assert copy_item(bad, bad, (outer,)) == []


def test_type_2_is_empty_and_type_3_absent_where_there_is_no_valid_value():
    attributes = (
        Attribute("CollimatorType", 2, terms=("PARA",)),
        Attribute("CollimatorGridName", 3),
        Attribute("ConceptCodeSequence", 2, items=CODE),
        Attribute("ViewCodeSequence", 3, items=CODE),
    )

    (copied,) = copy_item(Dataset(), holding(CollimatorType=b"HOLE"), attributes)

    assert value(copied, "CollimatorType") == b""
    assert find(copied, "CollimatorType") is not None
    assert find(copied, "CollimatorGridName") is None
    assert items(copied, "ConceptCodeSequence") == ()
    assert find(copied, "ConceptCodeSequence") is not None
    assert find(copied, "ViewCodeSequence") is None


@pytest.mark.parametrize("encoded", [b"-4.000000 ", b"4.12999964"])
def test_valid_numbers_are_copied_byte_for_byte(encoded):
    copied = copy_numbers(holding(SpacingBetweenSlices=encoded), "SpacingBetweenSlices", 1)

    assert copied.value == encoded


def test_numbers_too_long_for_their_vr_are_shortened():
    source = holding(ImagePositionPatient=b"-207.89999999999998\\1e-20\\12.345678901234567")

    copied = copy_numbers(source, "ImagePositionPatient", 3).value.decode().split("\\")

    assert all(len(part.strip()) <= 16 for part in copied)
    assert [float(part) for part in copied] == pytest.approx([-207.9, 0, 12.345678901234567])


@pytest.mark.parametrize(
    ("vr", "padded"), [("LO", b"abc "), ("UI", b"abc\0"), ("OB", b"abc\0"), ("PN", b"abc ")]
)
def test_odd_values_are_padded_as_their_vr_asks(vr, padded):
    assert raw_element(Tag("PatientName"), vr, b"abc").value == padded
