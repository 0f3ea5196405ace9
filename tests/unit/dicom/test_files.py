"""Whatever the bytes are, they give a dataset or a reason."""

import struct
from io import BytesIO

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from builders import edited, file_of, nac, nac_file, nac_object, put_bytes, transcoded
from mumap_node.dicom.elements import find, text, value
from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.errors import InputRejected


def rejected(file: bytes) -> InputRejected:
    with pytest.raises(InputRejected) as caught:
        read_dataset(file)
    return caught.value


def with_transfer_syntax(file: bytes, uid: bytes) -> bytes:
    """The same bytes under another name of transfer syntax, of the same length."""
    known = b"1.2.840.10008.1.2.1\0"
    return file.replace(known, uid.ljust(len(known), b"\0"), 1)


def nested(depth: int, *, undefined_length: bool) -> bytes:
    """An object whose sequences are nested, closed by lengths or by delimiters."""
    item = Dataset()
    item.CodeValue = "1"
    for _ in range(depth):
        outer = Dataset()
        outer.ConceptCodeSequence = [item]
        outer["ConceptCodeSequence"].is_undefined_length = undefined_length
        item = outer
    dataset = nac_object()
    dataset.update(item)
    buffer = BytesIO()
    file_of(dataset)
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def test_bytes_and_open_files_are_read_alike():
    file = nac_file()

    assert text(read_dataset(file), "SOPInstanceUID") == "2.25.102"
    assert text(read_dataset(BytesIO(file)), "SOPInstanceUID") == "2.25.102"


def test_file_meta_information_comes_with_the_dataset():
    dataset = read_dataset(transcoded(nac_file(), ImplicitVRLittleEndian))

    assert text(dataset.file_meta, "TransferSyntaxUID") == ImplicitVRLittleEndian


@pytest.mark.parametrize("file", [b"", b"DICM", bytes(132), bytes(128) + b"DICM", b"DICM" * 99])
def test_what_is_no_dicom_file_is_unreadable(file):
    assert rejected(file).reason == "unreadable"


def test_a_file_without_preamble_is_unreadable():
    assert rejected(nac_file()[128:]).reason == "unreadable"


def test_an_unknown_transfer_syntax_is_unreadable():
    assert rejected(with_transfer_syntax(nac_file(), b"1.2.840.10008.9.9")).reason == "unreadable"


@pytest.mark.parametrize("length", [133, 200, 340, 700, 2000, -1, -100])
def test_a_truncated_file_is_unreadable(length):
    assert rejected(nac_file()[:length]).reason == "unreadable"


@pytest.mark.parametrize("keyword", ["SOPClassUID", "SOPInstanceUID"])
def test_an_object_without_a_name_is_unreadable(keyword):
    dataset = nac_object()
    delattr(dataset, keyword)

    assert f"expected {keyword}" in rejected(file_of(dataset)).sentence


def test_what_declares_implicit_vr_and_is_explicit_is_read_as_it_is():
    file = with_transfer_syntax(nac_file(), b"1.2.840.10008.1.2")

    assert text(read_dataset(file), "PatientID") == "PHANTOM1"


@pytest.mark.parametrize("undefined_length", [True, False])
def test_deeply_nested_sequences_do_not_exhaust_the_stack(undefined_length):
    shallow, deep = (nested(n, undefined_length=undefined_length) for n in (20, 50))

    assert text(read_dataset(shallow), "PatientID") == "PHANTOM1"
    if undefined_length:
        assert rejected(deep).reason == "unreadable"
    else:
        read_dataset(deep)  # not looked into before somebody asks


def test_recursion_without_end_is_unreadable():
    head = nac_file()[: nac_file().index(struct.pack("<HH2s", 0x7FE0, 0x0010, b"OW"))]
    opening = struct.pack("<HH2sHL", 0x7FE1, 0x1001, b"SQ", 0, 0xFFFFFFFF)
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"

    assert "RecursionError" in rejected(head + (opening + item) * 5000).sentence


def test_deflated_objects_are_read():
    file = transcoded(nac_file(), DeflatedExplicitVRLittleEndian)

    assert text(read_dataset(file), "PatientID") == "PHANTOM1"


def test_a_deflate_bomb_is_oversized():
    bomb = transcoded(nac_file(voxels=np.zeros((64, 256, 256))), DeflatedExplicitVRLittleEndian)
    assert len(bomb) < 1 << 16

    with pytest.raises(InputRejected, match="oversized: inflates to more than 1048576 bytes"):
        read_dataset(bomb, largest_bytes=1 << 20)


@pytest.mark.parametrize("kept", [-1, -20, 400])
def test_a_truncated_deflated_dataset_is_unreadable(kept):
    file = transcoded(nac_file(), DeflatedExplicitVRLittleEndian)

    assert rejected(file[:kept]).reason == "unreadable"


def test_a_corrupted_deflated_dataset_is_unreadable():
    file = transcoded(nac_file(), DeflatedExplicitVRLittleEndian)

    assert rejected(file[:400] + bytes(64) + file[464:]).reason == "unreadable"


def test_a_huge_file_is_oversized_before_it_is_read_whole():
    file = BytesIO(nac_file())

    with pytest.raises(InputRejected, match="oversized"):
        read_dataset(file, largest_bytes=1000)
    assert file.tell() == 1001


def test_what_was_read_is_written_with_the_same_values():
    file = nac_file()

    assert to_bytes(read_dataset(file)) == file


def test_a_value_too_long_for_its_vr_is_written_as_unknown():
    dataset = nac()
    put_bytes(dataset, "PatientComments", b"x" * 70000)

    again = read_dataset(to_bytes(dataset))

    assert find(again, "PatientComments").VR == "UN"
    assert value(again, "PatientComments") == b"x" * 70000


def test_written_objects_are_read_alike_by_pydicom():
    theirs = dcmread(BytesIO(to_bytes(nac())))

    assert theirs.PatientName == "Phantom^One"
    assert theirs.DetectorInformationSequence[0].CollimatorType == "PARA"
    assert theirs.pixel_array.shape == (16, 48, 48)


def test_reading_says_nothing_of_what_it_reads(capfd, caplog):
    secret = edited(nac_file(), SpecificCharacterSet=b"SECRET^NAME ", PatientBirthDate=b"SECRET")

    dataset = read_dataset(secret)
    text(dataset, "PatientBirthDate")

    assert "SECRET" not in "".join(capfd.readouterr()) + caplog.text
