"""Names in any character set, rightly declared or not, are in every object as in its source."""

import subprocess
import warnings
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from answers import answers
from builders import code, file_of, nac_file, nac_object, put_bytes
from mumap_node.dicom.elements import value
from mumap_node.dicom.files import read_dataset
from mumap_node.errors import InputRejected

DECLARED = {
    # the examples of PS3.5 Annexes H to K
    "ISO 2022 IR 87": (
        b"\\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    "ISO 2022 IR 13 and 87": (
        b"ISO 2022 IR 13\\ISO 2022 IR 87",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
    ),
    "ISO_IR 13": (b"ISO_IR 13", b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
    "ISO 2022 IR 149": (
        b"\\ISO 2022 IR 149",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        "Hong^Gildong=洪^吉洞=홍^길동",
    ),
    "ISO 2022 IR 58": (
        b"\\ISO 2022 IR 58",
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab",
        "Zhang^XiaoDong=张^小东",
    ),
    "GB18030": (b"GB18030", "Wang^XiaoDong=王^小东".encode("gb18030"), "Wang^XiaoDong=王^小东"),
    "GBK": (b"GBK", "Wang^XiaoDong=王^小东".encode("gbk"), "Wang^XiaoDong=王^小东"),
    "ISO_IR 192": (b"ISO_IR 192", "Wang^XiaoDong=王^小東".encode(), "Wang^XiaoDong=王^小東"),
    "ISO_IR 144": (b"ISO_IR 144", "Люксембург".encode("iso8859-5"), "Люксембург"),
    "ISO_IR 100": (b"ISO_IR 100", "Müller^Jörg".encode("latin-1"), "Müller^Jörg"),
    "ISO 2022 IR 100 and 144": (
        b"ISO 2022 IR 100\\ISO 2022 IR 144",
        "Müller=".encode("latin-1") + b"\x1b-L" + "Мюллер".encode("iso8859-5"),
        "Müller=Мюллер",
    ),
}
"""Specific Character Set, a name as encoded in it, and the name as it is meant."""

MISLABELLED = {
    "UTF-8 as ISO_IR 100": (b"ISO_IR 100", "Müller^Jörg".encode()),
    "Latin-1 as UTF-8": (b"ISO_IR 192", "Müller^Jörg".encode("latin-1")),
    "Latin-1 as nothing": (None, "Müller^Jörg".encode("latin-1")),
    "an unknown term": (b"ISO_IR 4711", "王^小东".encode("gb18030")),
    "an unknown term among others": (b"\\ISO 2022 IR 87\\X", b"\x1b$B;3ED\x1b(B^\x1b%/A"),
}

TEXTS = ("PatientName", "ReferringPhysicianName", "StudyDescription", "PatientComments")

SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)


def small(character_set: bytes | None, name: bytes, transfer_syntax: str) -> bytes:
    """An object of few pixels with a name in all its texts."""
    named: dict[str, object] = dict.fromkeys(TEXTS, name)
    if character_set is not None:
        named["SpecificCharacterSet"] = character_set
    return nac_file(transfer_syntax, shape=(2, 8, 8), **named)


def read_by_pydicom(file: bytes) -> list[str]:
    """Texts without the one escape sequence that pydicom leaves in."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells what is mislabelled, and reads it all the same
        dataset = dcmread(BytesIO(file))
        return [str(dataset[keyword].value).replace("\x1b$)A", "") for keyword in TEXTS]


def read_by_dcmtk(file: bytes, *options: str) -> bytes:
    command = ["dcmdump", "-q", *options, "+P", "PatientName", "-"]
    return subprocess.run(command, input=file, capture_output=True, check=True).stdout


@pytest.mark.parametrize("transfer_syntax", SYNTAXES, ids=lambda uid: uid.name)
@pytest.mark.parametrize("case", [*DECLARED, *MISLABELLED])
def test_bytes_and_character_set_of_a_name_are_in_every_object(case, transfer_syntax):
    character_set, name = (DECLARED | MISLABELLED)[case][:2]
    source = small(character_set, name, transfer_syntax)
    before = read_dataset(source)

    for answer in answers(source).values():
        after = read_dataset(answer)
        assert value(after, "PatientName").rstrip() == name
        for keyword in ("SpecificCharacterSet", *TEXTS):
            assert value(after, keyword) == value(before, keyword), keyword


@pytest.mark.parametrize("case", DECLARED)
def test_pydicom_and_dcmtk_read_the_name_as_it_is_meant(case):
    character_set, name, meant = DECLARED[case]

    for answer in answers(small(character_set, name, ExplicitVRLittleEndian)).values():
        assert read_by_pydicom(answer)[0] == meant
        if b"IR 87" not in character_set:  # which the DCMTK of Debian does not know
            assert f"[{meant}]".encode() in read_by_dcmtk(answer, "+U8")


@pytest.mark.parametrize("case", MISLABELLED)
def test_what_is_mislabelled_is_read_alike_in_source_and_answers(case):
    source = small(*MISLABELLED[case], ExplicitVRLittleEndian)

    for answer in answers(source).values():
        assert read_by_pydicom(answer) == read_by_pydicom(source)
        assert read_by_dcmtk(answer) == read_by_dcmtk(source)


def test_an_item_of_the_study_keeps_a_character_set_of_its_own():
    item = code("1", "99X", "x")
    item.SpecificCharacterSet = "ISO_IR 192"
    put_bytes(item, "CodeMeaning", "王^小東".encode())
    source = nac_object(shape=(2, 8, 8), SpecificCharacterSet="ISO_IR 100")
    source.ProcedureCodeSequence = [item]

    for answer in answers(file_of(source)).values():
        (code_read,) = dcmread(BytesIO(answer)).ProcedureCodeSequence
        assert code_read.CodeMeaning == "王^小東"


def test_a_nul_within_a_character_set_is_put_aside_and_not_guessed_at():
    with pytest.raises(InputRejected, match="unreadable"):
        read_dataset(small(b"ISO_IR 100\0\\ISO 2022 IR 87", b"x", ExplicitVRLittleEndian))


@settings(deadline=None)
@given(
    character_set=st.sampled_from([declared[0] for declared in DECLARED.values()])
    | st.binary(max_size=40).filter(lambda encoded: b"\0" not in encoded.rstrip(b"\0 ")),
    name=st.binary(max_size=200),
)
def test_whatever_bytes_are_declared_to_be_whatever_they_arrive(character_set, name):
    source = small(character_set, name, ExplicitVRLittleEndian)
    before = read_dataset(source)

    for answer in answers(source).values():
        after = read_dataset(answer)
        for keyword in TEXTS:
            assert value(after, keyword) == value(before, keyword), keyword
