"""Which files of a folder are worth a word: nothing that is DICOM is dropped silently."""

import pytest

from mumap_node.service.inputs import Input, find_inputs, may_be_dicom


def file_of(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("IM0001", bytes(128) + b"DICM"),  # cut off behind its prefix
        ("IM0001", b"\x08\0\x05\0CS\x0a\0ISO_IR 100"),  # no preamble, explicit VR
        ("IM0001", b"\x08\0\x05\0\x0a\0\0\0ISO_IR 100"),  # no preamble, implicit VR
        ("IM0001", b"\x02\0\0\0UL\4\0\0\0\0\0"),
        ("IM0001", b"\0\x08\0\x05CS\0\x0aISO_IR 100"),  # big endian
        ("stress.DCM", b""),
        ("stress.ima", b"anything"),
    ],
)
def test_what_may_be_dicom_is_told(tmp_path, name, content):
    assert may_be_dicom(file_of(tmp_path, name, content))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("case.json", b"{}"),
        ("labels.nii.gz", b"\x1f\x8b\x08\0" + bytes(300)),
        ("notes", b""),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(200)),
    ],
)
def test_what_is_not_is_not(tmp_path, name, content):
    assert not may_be_dicom(file_of(tmp_path, name, content))


def test_what_cannot_be_opened_may_be(tmp_path):
    assert may_be_dicom(tmp_path / "gone")


def test_what_is_named_is_told_from_what_a_folder_holds(tmp_path):
    path = file_of(tmp_path, "case.json", b"{}")

    assert list(find_inputs([tmp_path, path])) == [Input(path, is_named=False), Input(path)]
