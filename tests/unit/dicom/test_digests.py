"""The same object is the same, whatever transfer syntax brought it."""

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from builders import change, code, edited, file_of, nac_file, nac_object, put_bytes, transcoded
from mumap_node.dicom.digests import dataset_sha256, image_sha256
from mumap_node.dicom.elements import find
from mumap_node.dicom.files import read_dataset
from mumap_node.errors import InputRejected

OTHERS = [
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
    JPEGLSLossless,
    JPEG2000Lossless,
]


def with_private_elements(**arguments) -> Dataset:
    """An object with what transfer syntaxes disagree on most: private elements of many VRs."""
    dataset = nac_object(**arguments)
    block = dataset.private_block(0x0011, "SOMEBODY 1.0", create=True)
    block.add_new(0x01, "LO", "odd text")
    block.add_new(0x02, "FD", 0.1)
    block.add_new(0x03, "SS", -2)
    block.add_new(0x04, "OB", b"\x01\x02\x03\x04")
    block.add_new(0x05, "OW", b"\x01\x02\x03\x04")
    block.add_new(0x06, "AT", 0x00280010)
    inner = Dataset()
    inner.add_new(0x00110010, "LO", "SOMEBODY 1.0")
    inner.add_new(0x00111001, "UL", 70000)
    inner.add_new(0x00111002, "SQ", [code("1", "99X", "nested")])
    block.add_new(0x07, "SQ", [inner, Dataset()])
    block.add_new(0x08, "SQ", [])
    block.add_new(0x09, "UN", b"who knows what")
    dataset.WindowCenter, dataset.WindowWidth = "100", "200"
    return dataset


@pytest.fixture(scope="module")
def file() -> bytes:
    return file_of(with_private_elements())


@pytest.mark.parametrize("transfer_syntax", OTHERS, ids=lambda uid: uid.name)
def test_digests_do_not_depend_on_the_transfer_syntax(file, transfer_syntax):
    same, other = read_dataset(file), read_dataset(transcoded(file, transfer_syntax))

    assert other.file_meta.TransferSyntaxUID == transfer_syntax
    assert dataset_sha256(other) == dataset_sha256(same)
    assert image_sha256(other) == image_sha256(same)


LOSSLESS = [RLELossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless]


@pytest.mark.parametrize("transfer_syntax", LOSSLESS, ids=lambda uid: uid.name)
def test_unsigned_pixels_over_the_whole_range_survive_compression(transfer_syntax):
    ramp = np.linspace(0, 65535, 4 * 64 * 64).reshape(4, 64, 64).astype(np.uint16)
    native = nac_file(voxels=ramp, signed=False)

    assert image_sha256(read_dataset(transcoded(native, transfer_syntax))) == image_sha256(
        read_dataset(native)
    )


@pytest.mark.parametrize("transfer_syntax", LOSSLESS, ids=lambda uid: uid.name)
def test_negative_pixels_survive_compression(transfer_syntax):
    ramp = np.linspace(-32768, 32767, 4 * 64 * 64).reshape(4, 64, 64).astype(np.int16)
    native = nac_file(voxels=ramp)

    assert image_sha256(read_dataset(transcoded(native, transfer_syntax))) == image_sha256(
        read_dataset(native)
    )


def test_digest_is_the_same_after_elements_were_looked_at(file):
    untouched, touched = read_dataset(file), read_dataset(file)

    str(touched)  # converts every element in place

    assert dataset_sha256(touched) == dataset_sha256(untouched)


def test_computing_a_digest_leaves_every_element_as_it_was_read(file):
    dataset = read_dataset(file)
    before = {tag: find(dataset, tag) for tag in sorted(dataset.keys())}

    dataset_sha256(dataset)
    image_sha256(dataset)

    assert {tag: find(dataset, tag) for tag in sorted(dataset.keys())} == before


def test_text_padding_does_not_count(file):
    padded = edited(file, PatientName=b"Phantom^One   \0\0")

    assert dataset_sha256(read_dataset(padded)) == dataset_sha256(read_dataset(file))


def test_corrected_patient_keeps_the_image_digest(file):
    corrected = read_dataset(edited(file, PatientID="OTHER", StudyDescription="corrected"))

    assert image_sha256(corrected) == image_sha256(read_dataset(file))
    assert dataset_sha256(corrected) != dataset_sha256(read_dataset(file))


@pytest.mark.parametrize(
    "change_",
    [
        {"SpacingBetweenSlices": "-9.0"},
        {"PixelSpacing": ["9.0", "8.0"]},
        {"FrameOfReferenceUID": "2.25.9"},
        {"SliceVector": list(range(16, 0, -1))},
        {"PixelData": b"\1" + bytes(16 * 48 * 48 * 2 - 1)},
    ],
    ids=lambda change_: next(iter(change_)),
)
def test_other_pixels_or_geometry_change_both_digests(file, change_):
    other = read_dataset(edited(file, **change_))

    assert image_sha256(other) != image_sha256(read_dataset(file))
    assert dataset_sha256(other) != dataset_sha256(read_dataset(file))


def test_another_position_in_the_detector_item_changes_the_image_digest(file):
    moved = read_dataset(file_of(with_private_elements(position_mm=(0, 0, 0))))

    assert image_sha256(moved) != image_sha256(read_dataset(file))


@pytest.mark.parametrize("tag", [0x00111001, 0x00111002, 0x00111003, 0x00111004])
def test_any_private_value_counts(file, tag):
    dataset = with_private_elements()
    element = dataset[tag]
    element.value = {"LO": "x", "FD": 0.2, "SS": 0x20, "OB": b"\0\0"}[element.VR]

    assert dataset_sha256(read_dataset(file_of(dataset))) != dataset_sha256(read_dataset(file))


def test_removing_an_item_counts(file):
    dataset = with_private_elements()
    del dataset[0x00111007].value[1]

    assert dataset_sha256(read_dataset(file_of(dataset))) != dataset_sha256(read_dataset(file))


def test_what_belongs_to_the_encoding_does_not_count(file):
    dataset = read_dataset(file)
    dataset.add_new(0xFFFCFFFC, "OB", bytes(16))  # Data Set Trailing Padding
    dataset.add_new(0x00080000, "UL", 1234)  # Group Length

    assert dataset_sha256(dataset) == dataset_sha256(read_dataset(file))


def test_objects_without_pixels_have_digests_too():
    dataset = nac_object()
    del dataset.PixelData

    assert len(dataset_sha256(read_dataset(file_of(dataset)))) == 64
    assert len(image_sha256(read_dataset(file_of(dataset)))) == 64


def test_pixels_whose_header_lies_are_hashed_as_they_are(file):
    one, other = (read_dataset(edited(file, Rows=rows)) for rows in (0, 49))

    assert image_sha256(one) != image_sha256(other)
    assert dataset_sha256(one) != dataset_sha256(other)


def test_compressed_pixels_that_cannot_be_decoded_are_rejected(file):
    dataset = read_dataset(transcoded(file, RLELossless))
    change(dataset, {"PixelData": b"\xfe\xff\x00\xe0\x00\x00\x00\x00 not a fragment"})

    with pytest.raises(InputRejected, match="unreadable"):
        dataset_sha256(dataset)


def test_endless_nesting_is_rejected():
    inner = code("1", "99X", "deepest")
    for _ in range(40):
        outer = Dataset()
        outer.add_new(0x00081115, "SQ", [inner])
        inner = outer
    dataset = nac_object()
    dataset.add_new(0x00081115, "SQ", [inner])

    with pytest.raises(InputRejected, match="nested more than 32 deep"):
        dataset_sha256(read_dataset(file_of(dataset)))


@pytest.mark.parametrize("value", [b"not items at all, but long", b"\xff\xff\xff\xff"])
def test_a_private_value_that_only_begins_like_items_is_hashed_as_it_is(value):
    def digest(encoded: bytes) -> str:
        dataset = nac_object()
        dataset.private_block(0x0011, "SOMEBODY", create=True).add_new(1, "OB", encoded)
        return dataset_sha256(read_dataset(file_of(dataset)))

    begin = b"\xfe\xff\x00\xe0"
    assert digest(begin + value) != digest(begin + value[::-1] + b"  ")


def test_a_broken_sequence_is_rejected(file):
    dataset = read_dataset(file)
    put_bytes(dataset, "DetectorInformationSequence", b"no item")

    with pytest.raises(InputRejected, match="unreadable"):
        dataset_sha256(dataset)


def test_transfer_syntax_of_the_fixture_is_explicit(file):
    assert read_dataset(file).file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
