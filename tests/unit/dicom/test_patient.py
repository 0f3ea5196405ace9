"""Identity is never altered: patient and study attributes arrive byte for byte."""

import pytest
from pydicom import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from builders import (
    code,
    edited,
    file_of,
    model,
    nac_file,
    nac_object,
    provenance,
    put_bytes,
    transcoded,
)
from mumap_node.dicom.elements import find, items, value
from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.dicom.patient import PATIENT, STUDY, TYPE_2
from mumap_node.pipeline import Request, make_attenuation_map

UNUSUAL = {
    "latin": {
        "SpecificCharacterSet": b"ISO_IR 100",
        "PatientName": "Müller^Jörg ".encode("latin-1"),
        "StudyDescription": "Belastung für Herz".encode("latin-1"),
    },
    "japanese": {
        "SpecificCharacterSet": b"\\ISO 2022 IR 87",
        "PatientName": b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
    },
    "utf-8": {"SpecificCharacterSet": b"ISO_IR 192", "PatientName": "Wáng^Xiǎo=王^小".encode()},
    "chinese": {"SpecificCharacterSet": b"GB18030 ", "PatientName": "王^小东 ".encode("gb18030")},
    "wrong character set": {
        "SpecificCharacterSet": b"ISO_IR 192",
        "PatientName": b"M\xfcller^J\xf6rg ",
    },
    "unknown character set": {
        "SpecificCharacterSet": b"KLINGON ",
        "PatientName": b"\x80\x81\xff^x ",
    },
    "undeclared bytes": {"PatientName": b"M\xfcller", "PatientComments": b"\x00\x01\x02\xff"},
    "invalid values": {
        "PatientBirthDate": b"00000000",
        "PatientSex": b"unknown",
        "PatientAge": b"47",
        "PatientWeight": b"seventy point five kg",
        "StudyDate": b"01.02.2026",
        "StudyTime": b"12:00 h",
        "StudyInstanceUID": b"1.02.003.not-a-uid",
        "AccessionNumber": b"an accession number of more than 16 characters",
    },
    "padding": {
        "PatientName": b" Phantom^One  \x00\x00",
        "PatientID": b"  0012  ",
        "StudyID": b"\x00\x00",
        "AccessionNumber": b"      ",
        "StudyInstanceUID": b"2.25.100\x00\x00",
    },
    "several values": {"OtherPatientIDs": b"1\\2\\3 ", "PatientID": b"1\\2 "},
    "empty": dict.fromkeys(TYPE_2, b""),
    "retired": {"OtherPatientIDs": b"OLD1", "EthnicGroup": b"none"},
}


def mapped(source: bytes) -> Dataset:
    """The map of a source, as somebody who received it reads it."""
    made = make_attenuation_map(
        read_dataset(source), model(), Request(assume_nac=True), provenance()
    )
    return read_dataset(to_bytes(made.objects["standard"][0]))


def even(encoded: bytes) -> bytes:
    return encoded + b" " * (len(encoded) % 2)


@pytest.mark.parametrize("case", UNUSUAL)
def test_unusual_values_arrive_byte_for_byte(case):
    source = edited(nac_file(), **UNUSUAL[case])

    result = mapped(source)

    for keyword, encoded in UNUSUAL[case].items():
        assert value(result, keyword) == even(encoded), keyword


@pytest.mark.parametrize(
    "transfer_syntax",
    [
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    ],
    ids=lambda uid: uid.name,
)
def test_every_patient_and_study_attribute_arrives_from_every_encoding(transfer_syntax):
    written = file_of(with_everything())
    source = written
    if transfer_syntax != ExplicitVRLittleEndian:
        source = transcoded(written, transfer_syntax)

    before, after = read_dataset(source), mapped(source)

    for keyword in ("SpecificCharacterSet", *PATIENT, *STUDY):
        if not items(before, keyword):
            assert value(after, keyword) == value(before, keyword), keyword
        assert flat(after, keyword) == flat(before, keyword), keyword
        assert find(before, keyword) is not None, keyword


def with_everything() -> Dataset:
    """An object that has every attribute of the five modules, text in an unusual character set."""
    dataset = nac_object()
    put_bytes(dataset, "SpecificCharacterSet", b"ISO_IR 100")
    text = {"CS": b"YES ", "DA": b"20260101", "TM": b"1200", "DS": b"1.50", "US": b"\x02\x00"}
    text |= {"UI": b"1.2.3\0", "AS": b"047Y", "DT": b"20260101", "FD": bytes(8), "SQ": b""}
    for keyword in (*PATIENT, *STUDY):
        element = Dataset()
        setattr(element, keyword, None)
        vr = next(iter(element)).VR
        if vr == "SQ":
            setattr(dataset, keyword, [filled_item()])
        else:
            put_bytes(dataset, keyword, text.get(vr, "Größe ".encode("latin-1")))
    return dataset


def filled_item() -> Dataset:
    """An item that has what any of the sequences asks for."""
    item = code("0815", "99X", "Bedeutung")
    put_bytes(item, "CodeMeaning", "Größe ".encode("latin-1"))
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.3", "1.2.4"
    item.PatientID, item.TypeOfPatientID = "other", "TEXT"
    item.PersonIdentificationCodeSequence = [code("1", "99X", "Person")]
    item.InstitutionName = "Klinik"
    item.StrainStockNumber, item.StrainSource = "1", "s"
    item.StrainSourceRegistryCodeSequence = [code("1", "99X", "r")]
    item.GeneticModificationsDescription = item.GeneticModificationsNomenclature = "g"
    item.BreedRegistrationNumber = "b"
    item.BreedRegistryCodeSequence = [code("1", "99X", "r")]
    item.TypeOfInstances = "DICOM"
    item.ReferencedSOPSequence = [code("1", "99X", "not really")]
    item.ClinicalTrialProtocolID = item.IssuerOfClinicalTrialProtocolID = "p"
    item.ConsentForDistributionFlag = "NO"
    item.LocalNamespaceEntityID = "n"
    return item


def flat(dataset: Dataset, keyword: str) -> list[tuple[str, bytes]]:
    """Everything in the items of a sequence, in order."""
    return [
        (str(tag), value(item, tag))
        for item in items(dataset, keyword)
        for tag in sorted(item.keys())
        if not items(item, tag)
    ]


def test_what_the_source_lacks_is_empty_where_the_standard_asks_and_absent_elsewhere():
    dataset = nac_object()
    for keyword in TYPE_2:
        delattr(dataset, keyword)

    result = mapped(file_of(dataset))

    assert {value(result, keyword) for keyword in TYPE_2} == {b""}
    assert all(find(result, keyword) is not None for keyword in TYPE_2)
    assert find(result, "PatientComments") is None
    assert find(result, "SpecificCharacterSet") is None


def test_an_empty_character_set_is_left_out():
    assert (
        find(mapped(edited(nac_file(), SpecificCharacterSet=b"")), "SpecificCharacterSet") is None
    )


def test_items_without_their_required_values_are_left_out():
    dataset = nac_object()
    complete, incomplete = code("1", "99X", "good"), Dataset()
    incomplete.CodeValue = "2"
    dataset.ProcedureCodeSequence = [incomplete, complete]
    dataset.AdmittingDiagnosesCodeSequence = [incomplete]
    dataset.ReferencedStudySequence = []

    result = mapped(file_of(dataset))

    assert [value(item, "CodeValue") for item in items(result, "ProcedureCodeSequence")] == [b"1 "]
    assert find(result, "AdmittingDiagnosesCodeSequence") is None
    assert find(result, "ReferencedStudySequence") is None


def item_with(**values: object) -> Dataset:
    item = Dataset()
    for keyword, stored in values.items():
        setattr(item, keyword, stored)
    return item


LONG, URN = "a code value of more than 16 characters", "urn:oid:1.2.3"
PERSON = [code("1", "99X", "person")]


@pytest.mark.parametrize(
    ("keyword", "item", "copied"),
    [
        ("ProcedureCodeSequence", code("1", "99X", "m"), True),
        ("ProcedureCodeSequence", item_with(CodeValue="1", CodeMeaning="m"), False),
        ("ProcedureCodeSequence", item_with(CodingSchemeDesignator="X", CodeMeaning="m"), False),
        (
            "ProcedureCodeSequence",
            item_with(LongCodeValue=LONG, CodingSchemeDesignator="X", CodeMeaning="m"),
            True,
        ),
        ("ProcedureCodeSequence", item_with(URNCodeValue=URN, CodeMeaning="m"), True),
        ("ProcedureCodeSequence", item_with(URNCodeValue=URN), False),
        ("IssuerOfAccessionNumberSequence", item_with(LocalNamespaceEntityID="n"), True),
        ("IssuerOfAccessionNumberSequence", item_with(UniversalEntityID="1.2"), False),
        (
            "IssuerOfAccessionNumberSequence",
            item_with(UniversalEntityID="1.2", UniversalEntityIDType="ISO"),
            True,
        ),
        (
            "ReferringPhysicianIdentificationSequence",
            item_with(PersonIdentificationCodeSequence=PERSON),
            False,
        ),
        (
            "ReferringPhysicianIdentificationSequence",
            item_with(PersonIdentificationCodeSequence=PERSON, InstitutionName="i"),
            True,
        ),
        (
            "ReferringPhysicianIdentificationSequence",
            item_with(PersonIdentificationCodeSequence=PERSON, InstitutionCodeSequence=PERSON),
            True,
        ),
    ],
    ids=str,
)
def test_an_item_is_copied_where_it_has_what_its_macro_asks_for(keyword, item, copied):
    dataset = nac_object()
    setattr(dataset, keyword, [item])

    assert len(items(mapped(file_of(dataset)), keyword)) == copied


def test_private_elements_within_items_are_left_out():
    dataset = nac_object()
    item = code("1", "99X", "good")
    item.private_block(0x0009, "SOMEBODY", create=True).add_new(1, "LO", "x")
    dataset.ProcedureCodeSequence = [item]

    (copied,) = items(mapped(file_of(dataset)), "ProcedureCodeSequence")

    assert not any(tag.is_private for tag in sorted(copied.keys()))


def test_a_vr_that_lies_is_put_right_and_the_bytes_kept():
    dataset = nac_object()
    dataset.add_new(0x00100010, "OB", b"Phantom^Two ")

    result = mapped(file_of(dataset))

    assert find(result, "PatientName").VR == "PN"
    assert value(result, "PatientName") == b"Phantom^Two "


def test_the_line_converts_no_patient_attribute_of_its_source():
    source = read_dataset(edited(nac_file(), **UNUSUAL["wrong character set"]))
    before = {keyword: find(source, keyword) for keyword in (*PATIENT, *STUDY)}

    make_attenuation_map(source, model(), Request(assume_nac=True), provenance())

    assert {keyword: find(source, keyword) for keyword in (*PATIENT, *STUDY)} == before
