"""The settings lines that would let held images be answered."""

import tomllib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mumap_node.node.jobs.admitting import settings_for
from mumap_node.node.jobs.states import JobState
from mumap_node.node.jobs.views import JobView

HELD = JobView(
    id="1",
    state=JobState.HELD,
    reason="no-route",
    sentence="expected a route that matches, found none",
    received_at=None,
    changed_at=datetime(2026, 1, 1, tzinfo=UTC),
    calling_ae_title="GAMMA",
    peer="camera",
    route="cardiac",
)


def test_a_route_is_made_of_what_was_seen():
    seen = {
        "calling_ae_title": "GAMMA",
        "SeriesDescription": 'NAC "A"',
        "DetectorInformationSequence.CollimatorType": "PARA",
        "PatientName": "(not shown)",
        "ImageID": "(not readable)",
        "StationName": "",
        "ProtocolName": f"{'X' * 63}…",
    }

    (route,) = tomllib.loads(settings_for(replace(HELD, seen=seen)))["routes"]

    assert route["match"] == {
        "calling_ae_title": "GAMMA",
        "SeriesDescription": 'NAC "A"',
        "DetectorInformationSequence.CollimatorType": "PARA",
    }


def test_where_no_route_looked_at_anything_the_sender_is_left():
    (route,) = tomllib.loads(settings_for(replace(HELD, seen=None)))["routes"]

    assert route["match"] == {"calling_ae_title": "GAMMA"}


@pytest.mark.parametrize(
    ("reason", "word"),
    [("correction-undecidable", "assume_nac"), ("projections", "assume_parallel_holes")],
)
def test_the_word_of_the_site_goes_into_the_route_that_matched(reason, word):
    (route,) = tomllib.loads(settings_for(replace(HELD, reason=reason)))["routes"]

    assert route == {"name": "cardiac", word: True}


def test_a_sender_without_an_answering_address_is_told_where_it_goes():
    (peer,) = tomllib.loads(settings_for(replace(HELD, reason="no-reply-destination")))["peers"]

    assert (peer["name"], "reply_to" in peer) == ("camera", True)


@pytest.mark.parametrize("reason", ["superseded", "gated", "already-attenuation-corrected"])
def test_what_no_setting_changes_gets_no_lines(reason):
    assert settings_for(replace(HELD, reason=reason)) == ""


def test_a_file_without_sender_gets_no_lines_of_a_peer():
    assert settings_for(replace(HELD, reason="no-reply-destination", peer="")) == ""
