"""What the header of projections leaves open is told, and nothing else."""

import pytest

from mumap_node.dicom.orientation import Entry
from mumap_node.dicom.projections.checks import check_statements
from mumap_node.imaging.findings import Verdict
from tomos import acquired, gated, looking, read, tomo


def verdicts(dataset) -> dict[str, Verdict]:
    return {finding.check: finding.verdict for finding in check_statements(read(dataset))}


def test_head_first_frames_are_taken_as_custom_has_them():
    assert verdicts(tomo())["frame-direction"] is Verdict.PASS


def test_feet_first_frames_are_doubted_until_the_header_states_their_direction():
    assert verdicts(tomo(entry=Entry.FEET_FIRST))["frame-direction"] is Verdict.WARN

    of = acquired()
    stated = looking(tomo(of, entry=Entry.FEET_FIRST), of)

    assert verdicts(stated)["frame-direction"] is Verdict.PASS


def test_an_entry_the_header_does_not_state_is_doubted():
    dataset = tomo(PatientGantryRelationshipCodeSequence=[])

    assert verdicts(dataset)["frame-direction"] is Verdict.WARN


def test_a_height_that_is_not_stated_is_told():
    assert verdicts(tomo())["table-height"] is Verdict.PASS

    dataset = tomo()
    for detector in dataset.DetectorInformationSequence:
        detector.ImagePositionPatient = None

    assert verdicts(dataset)["table-height"] is Verdict.WARN


@pytest.mark.parametrize(("rejected", "verdict"), [(100, Verdict.PASS), (911, Verdict.WARN)])
def test_many_rejected_beats_are_told(rejected, verdict):
    assert verdicts(gated(tomo(), rejected=rejected))["accepted-beats"] is verdict


def test_ungated_projections_have_no_beats_to_judge():
    assert "accepted-beats" not in verdicts(tomo())


@pytest.mark.parametrize(("rejected", "evened"), [(5, False), (100, True)])
def test_a_map_says_that_views_were_evened(rejected, evened):
    (beats,) = (
        finding
        for finding in check_statements(read(gated(tomo(), rejected=rejected)))
        if finding.check == "accepted-beats"
    )

    assert ("views evened" in beats.found) is evened
