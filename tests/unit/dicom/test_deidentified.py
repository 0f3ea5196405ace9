"""Answers to de-identified studies say so too, and give away nothing their source does not."""

import pytest
from pydicom import Dataset

from answers import answers
from builders import MADE_AT, code, file_of, nac_object
from mumap_node.dicom.deidentified import dates_may_be_altered
from mumap_node.dicom.elements import find, items, value
from mumap_node.dicom.files import read_dataset
from validators import errors

MADE = MADE_AT.strftime("%Y%m%d").encode()

TIMES_OF_MAKING = (
    "SeriesDate", "SeriesTime", "ContentDate", "ContentTime", "InstanceCreationDate",
    "InstanceCreationTime",
)  # fmt: skip

TRIAL = {
    "ClinicalTrialSponsorName": "Sponsor",
    "ClinicalTrialProtocolID": "P-1",
    "ClinicalTrialProtocolName": "",
    "ClinicalTrialSiteID": "",
    "ClinicalTrialSiteName": "",
    "ClinicalTrialSubjectID": "S-17",
    "ClinicalTrialTimePointID": "baseline",
}


def deidentified(**attributes: object) -> bytes:
    """As the basic profile of PS3.15 leaves it: empty where the standard allows."""
    gone = dict.fromkeys(("PatientBirthDate", "StudyDate", "StudyTime", "AccessionNumber"), "")
    dataset = nac_object(
        shape=(2, 8, 8), **gone, PatientName="", PatientID="", StudyID="", PatientSex="",
        PatientIdentityRemoved="YES", DeidentificationMethod="Basic Profile",
        AcquisitionDate=None, AcquisitionTime=None, Manufacturer=None, SeriesDescription=None,
    )  # fmt: skip
    dataset.DeidentificationMethodCodeSequence = [code("113100", "DCM", "Basic Profile")]
    for keyword, stored in attributes.items():
        setattr(dataset, keyword, stored)
    return file_of(dataset)


@pytest.mark.parametrize(
    ("modified", "removed", "altered"),
    [
        (None, None, False),
        (None, "NO", False),
        (None, "YES", True),
        ("", "YES", True),
        ("UNMODIFIED", "YES", False),
        ("MODIFIED", "YES", True),
        ("MODIFIED", None, True),
        ("REMOVED", "NO", True),
        ("SHIFTED", None, True),
    ],
)
def test_dates_are_taken_for_altered_where_nothing_says_they_are_not(modified, removed, altered):
    source = Dataset()
    for keyword, stated in (
        ("LongitudinalTemporalInformationModified", modified), ("PatientIdentityRemoved", removed),
    ):  # fmt: skip
        if stated is not None:
            setattr(source, keyword, stated)

    assert dates_may_be_altered(source) is altered


def test_every_answer_says_how_its_source_was_deidentified_and_of_which_trial_it_is():
    source = deidentified(LongitudinalTemporalInformationModified="REMOVED", **TRIAL)
    before = read_dataset(source)

    for answer in answers(source).values():
        after = read_dataset(answer)
        (method,) = items(after, "DeidentificationMethodCodeSequence")
        assert value(method, "CodeValue") == b"113100"
        for keyword in (
            "PatientIdentityRemoved", "DeidentificationMethod", *TRIAL,
            "LongitudinalTemporalInformationModified",
        ):  # fmt: skip
            assert find(after, keyword) is not None
            assert value(after, keyword) == value(before, keyword), keyword


@pytest.mark.parametrize(
    "stated", [{}, {"LongitudinalTemporalInformationModified": "MODIFIED", "StudyDate": "19700203"}]
)
def test_beside_altered_dates_nothing_tells_when_an_answer_was_made(stated):
    for answer in answers(deidentified(**stated)).values():
        assert MADE not in answer


def test_where_the_standard_asks_for_a_time_of_making_it_is_no_real_one():
    made = {name: read_dataset(answer) for name, answer in answers(deidentified()).items()}
    parametric = made.pop("parametric-map")

    assert value(parametric, "ContentDate") == b"19000101"
    assert value(parametric, "ContentTime") == b"000000"
    for dataset in made.values():
        assert not [keyword for keyword in TIMES_OF_MAKING if find(dataset, keyword) is not None]


def test_where_dates_are_said_to_be_unmodified_answers_tell_when_they_were_made():
    source = deidentified(LongitudinalTemporalInformationModified="UNMODIFIED")

    for answer in answers(source).values():
        assert {value(read_dataset(answer), keyword) for keyword in TIMES_OF_MAKING} == {
            MADE, b"093015",
        }  # fmt: skip


def test_what_is_left_of_a_deidentified_study_is_answered_without_an_error(tmp_path):
    path = tmp_path / "answer.dcm"
    for name, answer in answers(deidentified()).items():
        path.write_bytes(answer)
        assert errors(path) == [], name


def test_a_deidentified_copy_of_a_study_has_answers_of_its_own():
    original = file_of(nac_object(shape=(2, 8, 8)))

    names = [
        value(read_dataset(answer), "SOPInstanceUID")
        for source in (original, deidentified(), deidentified(SOPInstanceUID="2.25.7"))
        for answer in answers(source).values()
    ]

    assert len(set(names)) == len(names)
