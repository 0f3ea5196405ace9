"""The conformance statement says what the code does."""

import json
from pathlib import Path

import pytest
from pydicom.datadict import keyword_for_tag

from builders import EVERY_PROFILE
from mumap_node.dicom import codes
from mumap_node.dicom.template import PROFILE as TEMPLATE
from mumap_node.dicom.uids import IMPLEMENTATION_CLASS_UID
from mumap_node.dicom.writing import in_file_name
from mumap_node.node.reception import TRANSFER_SYNTAXES

ROOT = Path(__file__).parents[3]
STATEMENT = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
WRITTEN = {
    tag
    for profile in map(in_file_name, (*EVERY_PROFILE, TEMPLATE, "rejection-note"))
    for tag in json.loads((ROOT / f"tests/golden/{profile}/expected.json").read_text("utf-8"))
    if int(tag[:4], 16) % 2 == 0
}
"""Every standard attribute of any profile, and of rejection notes."""


@pytest.mark.parametrize("tag", sorted(WRITTEN))
def test_every_attribute_of_a_map_is_in_the_statement(tag):
    assert f"`{keyword_for_tag(int(tag, 16))}`" in STATEMENT


@pytest.mark.parametrize("uid", TRANSFER_SYNTAXES, ids=lambda uid: uid.name)
def test_every_transfer_syntax_is_in_the_statement(uid):
    assert f"| `{uid}` |" in STATEMENT


@pytest.mark.parametrize("profile", [*EVERY_PROFILE, TEMPLATE])
def test_every_profile_is_in_the_statement(profile):
    assert f"profile `{profile.partition(' ')[0]}`" in STATEMENT


def test_the_implementation_class_uid_is_in_the_statement():
    assert f"`{IMPLEMENTATION_CLASS_UID}`" in STATEMENT


@pytest.mark.parametrize(
    "code",
    [
        codes.PER_CENTIMETER, codes.QUANTITY, codes.ATTENUATION_COEFFICIENT, codes.SOURCE_IMAGE,
        codes.ACQUISITION_EQUIPMENT, codes.PROCESSING_EQUIPMENT, codes.PREDICTION,
        codes.REJECTED_FOR_QUALITY, codes.REJECTED_FOR_SAFETY, codes.WRONG_WORKLIST_ENTRY,
    ],
)  # fmt: skip
def test_every_code_we_write_is_in_the_statement(code):
    assert f"({code.value}, {code.scheme}" in STATEMENT
