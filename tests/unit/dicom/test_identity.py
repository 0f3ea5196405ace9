"""UIDs and values of any length and form: repeated exactly, or carried as they are."""

import subprocess
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from answers import answers
from builders import change, file_of, nac_object, put_bytes, transcoded
from mumap_node.dicom.elements import find, items, text, value
from mumap_node.dicom.files import read_dataset
from mumap_node.errors import InputRejected

LONGEST = b"2.25." + b"1" * 59
"""64 characters, the most a UID may have (PS3.5 9.1)."""

AS_STORED = {
    "64 characters": (LONGEST, LONGEST),
    "odd, padded": (b"2.25.1234\0", b"2.25.1234"),
    "odd, not padded": (b"2.25.1234", b"2.25.1234"),
    "padded with a space": (b"2.25.1234 ", b"2.25.1234"),
    "padded twice": (b"2.25.12345\0\0", b"2.25.12345"),
}
"""A UID as a source has it, and the UID it is."""

UNUSABLE = (
    b"2." + b"1" * 63 + b"\0",
    b"1.02.003",
    b"2.25.9\n ",
    b"2.25.8\\2.25.9 ",
    b" 2.25.9 ",
)


REFERENCED = ("SOPInstanceUID", "SeriesInstanceUID")


def reference(answer: Dataset, keyword: str) -> bytes:
    """How an answer names the instance, or the series, that it was made from."""
    (series,) = items(answer, "ReferencedSeriesSequence")
    (instance,) = items(series, "ReferencedInstanceSequence")
    if keyword == "SOPInstanceUID":
        return value(instance, "ReferencedSOPInstanceUID")
    return value(series, keyword)


def object_with(**encoded: bytes) -> Dataset:
    """A small object with some values exactly as given, of odd length if need be."""
    dataset = nac_object(shape=(2, 8, 8))
    for keyword, stored in encoded.items():
        put_bytes(dataset, keyword, stored)
    return dataset


@pytest.mark.parametrize("case", AS_STORED)
@pytest.mark.parametrize("keyword", REFERENCED)
def test_every_answer_refers_to_its_source_by_its_very_uid(keyword, case):
    stored, uid = AS_STORED[case]

    for answer in answers(file_of(object_with(**{keyword: stored}))).values():
        dataset = read_dataset(answer)
        assert reference(dataset, keyword) == uid + b"\0" * (len(uid) % 2)
        assert text(dataset, keyword) != uid.decode()


@pytest.mark.parametrize("case", AS_STORED)
def test_the_map_is_in_the_very_frame_of_reference_of_its_source(case):
    stored, uid = AS_STORED[case]
    made = answers(file_of(object_with(FrameOfReferenceUID=stored)))
    del made["report"]  # it lies nowhere

    for answer in made.values():
        found = value(read_dataset(answer), "FrameOfReferenceUID")
        assert found == uid + b"\0" * (len(uid) % 2)


@pytest.mark.parametrize("uid", [*(stored for stored, _ in AS_STORED.values()), *UNUSABLE])
def test_a_study_is_found_by_whatever_its_source_calls_it(uid):
    for answer in answers(file_of(object_with(StudyInstanceUID=uid))).values():
        found = value(read_dataset(answer), "StudyInstanceUID")
        assert found == uid + b"\0" * (len(uid) % 2)


@settings(deadline=None)
@given(
    keyword=st.sampled_from(REFERENCED),
    stored=st.text("012.\0 \\\n", max_size=12).map(str.encode),
)
def test_a_uid_is_refused_or_repeated_to_the_last_character(keyword, stored):
    source = file_of(object_with(**{keyword: stored}))
    try:
        made = answers(source)
    except InputRejected:
        return  # no UID, or one that a reference could not repeat

    for answer in made.values():
        found = reference(read_dataset(answer), keyword)
        assert found.rstrip(b"\0") == stored.rstrip(b"\0 ")


UNFIT = {
    "PatientID": b"LO of more than 64 characters " * 4,
    "PatientName": b"x" * 65 + b"^" + b"y" * 70 + b"=" + b"z" * 66 + b"=a=b",
    "AccessionNumber": b"SH of more than 16 characters",
    "StudyID": b"1\\2",
    "PatientAge": b"forty-seven",
    "PatientWeight": b"70.123456789012345678",
    "PatientSex": b"M\\F",
    "StudyDate": b"2026-01-01",
    "StudyTime": b"25:61",
    "StudyDescription": b"bell\x07, tab\t, line\r\nfeed",
    "PatientComments": b"x" * 60_001,
    "OtherPatientIDs": b"a\\\\b\\",
}
"""Values their VR does not allow, some of odd length."""


@pytest.mark.parametrize(
    "transfer_syntax",
    [None, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
)
def test_values_that_do_not_fit_their_vr_are_carried_as_they_are(transfer_syntax):
    source = file_of(object_with(**UNFIT))
    if transfer_syntax is not None:
        source = transcoded(source, transfer_syntax)
    before = read_dataset(source)

    for answer in answers(source).values():
        after = read_dataset(answer)
        for keyword, stored in UNFIT.items():
            as_sent = value(before, keyword)
            assert value(after, keyword) == as_sent + b" " * (len(as_sent) % 2), keyword
            assert as_sent.rstrip(b" \0") == stored.rstrip(), keyword


def test_a_megabyte_of_text_is_carried_and_others_can_read_the_map(tmp_path):
    history = b"Long history. " * 75_000
    source = transcoded(
        file_of(object_with(AdditionalPatientHistory=history)), ImplicitVRLittleEndian
    )

    for name, answer in answers(source).items():
        path = tmp_path / f"{name}.dcm"
        path.write_bytes(answer)
        assert value(read_dataset(answer), "AdditionalPatientHistory") == history
        assert dcmread(BytesIO(answer)).PatientName == "Phantom^One"
        subprocess.run(["dcmdump", "-q", path], check=True, capture_output=True)


@pytest.mark.parametrize("keyword", ["ProcedureCodeSequence", "ReferencedStudySequence"])
@pytest.mark.parametrize("contents", [[], [Dataset()]], ids=["no item", "an empty item"])
def test_a_sequence_without_contents_is_left_out(keyword, contents):
    source = nac_object(shape=(2, 8, 8))
    change(source, {keyword: contents})

    for answer in answers(file_of(source)).values():
        assert find(read_dataset(answer), keyword) is None


def test_sequences_and_items_of_undefined_length_are_carried():
    source = nac_object(shape=(2, 8, 8))
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "1", "99X", "meaning"
    source.ProcedureCodeSequence = [item, item]
    undefined = subprocess.run(
        ["dcmconv", "-e", "-", "-"], input=file_of(source), capture_output=True, check=True
    ).stdout
    assert b"\xfe\xff\xdd\xe0" in undefined

    for answer in answers(undefined).values():
        found = items(read_dataset(answer), "ProcedureCodeSequence")
        assert [value(code, "CodeMeaning") for code in found] == [b"meaning "] * 2
