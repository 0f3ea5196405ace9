"""Two statements of how the patient lay must agree."""

from dataclasses import replace

import pytest

from builders import SNOMED_CT, SNOMED_RT, Coding, nac
from mumap_node.dicom.orientation import Entry, Side, position_of, require_agreement
from mumap_node.errors import InputRejected

SCHEMES = [SNOMED_CT, *(replace(SNOMED_RT, scheme=name) for name in ("SRT", "SNM3", "99SDM"))]


@pytest.mark.parametrize("coding", SCHEMES, ids=lambda coding: coding.scheme)
@pytest.mark.parametrize("entry", ["head_first", "feet_first"])
@pytest.mark.parametrize("side", ["supine", "prone"])
def test_agreement_passes_and_contradiction_does_not(coding: Coding, entry, side):
    positions = {
        ("head_first", "supine"): "HFS",
        ("head_first", "prone"): "HFP",
        ("feet_first", "supine"): "FFS",
        ("feet_first", "prone"): "FFP",
    }
    for stated, position in positions.items():
        dataset = nac(entry=entry, side=side, coding=coding, PatientPosition=position)
        if stated == (entry, side):
            require_agreement(dataset)
        else:
            with pytest.raises(InputRejected, match="contradictory-orientation"):
                require_agreement(dataset)


@pytest.mark.parametrize(
    "silent",
    [
        {"PatientOrientationCodeSequence": [], "PatientGantryRelationshipCodeSequence": []},
        {"PatientOrientationCodeSequence": None, "PatientGantryRelationshipCodeSequence": None},
        {"coding": replace(SNOMED_CT, scheme="99X")},
        {"coding": replace(SNOMED_CT, head_first="1", supine="2")},
    ],
    ids=["empty", "absent", "unknown scheme", "unknown codes"],
)
def test_what_is_not_stated_contradicts_nothing(silent):
    require_agreement(nac(PatientPosition="FFP", **silent))


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("HFS", (Entry.HEAD_FIRST, Side.SUPINE)),
        ("FFDR", (Entry.FEET_FIRST, Side.RIGHT_DOWN)),
        ("HFDL", (Entry.HEAD_FIRST, Side.LEFT_DOWN)),
        ("LFP", (None, Side.PRONE)),
        ("", (None, None)),
        ("XXX", (None, None)),
    ],
)
def test_patient_position_is_read_in_its_parts(stated, expected):
    assert position_of(nac(PatientPosition=stated)) == expected
