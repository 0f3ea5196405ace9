"""Which attributes may tell who the patient is."""

import pytest
from pydicom.tag import Tag

from mumap_node.dicom.personal import is_personal


@pytest.mark.parametrize(
    "keyword",
    [
        "PatientName", "PatientID", "AccessionNumber", "StudyID", "StudyDate", "StudyInstanceUID",
        "ImageComments", "OperatorsName", "RequestedProcedureDescription",
    ],
)  # fmt: skip
def test_who_and_when_is_personal(keyword):
    assert is_personal(Tag(keyword))


@pytest.mark.parametrize("keyword", ["SOPClassUID", "Modality", "SeriesDescription", "Rows"])
def test_what_kind_of_image_it_is_is_not(keyword):
    assert not is_personal(Tag(keyword))
