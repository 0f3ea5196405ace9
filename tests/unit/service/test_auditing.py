"""What processes tell the audit trail of themselves."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from commands import SETTINGS, write_settings
from mumap_node.errors import ConfigurationError
from mumap_node.service.auditing import activity, tell_death
from mumap_node.settings.loading import load_settings
from mumap_node.settings.tables import Settings
from trails import trail


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "data").mkdir()
    return load_settings(write_settings(tmp_path, 104, f"{SETTINGS}\n[audit]\n"))


@contextmanager
def nobody(folder: Path) -> Iterator[None]:
    """Be a user who may not write into a folder; root may anywhere."""
    user = os.geteuid()
    folder.chmod(0o500)
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        folder.chmod(0o700)


def test_a_process_is_told_of_when_it_begins_and_when_it_ends(settings, tmp_path):
    with activity(settings, "worker"):
        (began,) = trail(tmp_path / "data")
    _, ended = trail(tmp_path / "data")

    assert began.event == "Application Activity, Application Start"
    assert ended.event == "Application Activity, Application Stop"
    assert ended.of("ActiveParticipant", "UserID") == ["mumap-node worker"]
    assert ended.of("RoleIDCode", "originalText") == ["Application"]
    assert ended.outcome == "0"
    assert began.key != ended.key


def test_a_process_that_fails_has_ended_too(settings, tmp_path):
    with pytest.raises(ZeroDivisionError), activity(settings, "worker"):
        raise ZeroDivisionError

    assert len(trail(tmp_path / "data")) == 2


def test_a_process_that_may_not_write_the_trail_does_not_start(settings, tmp_path):
    with (
        nobody(tmp_path / "data"),
        pytest.raises(ConfigurationError) as refused,
        activity(settings, "worker"),
    ):
        raise AssertionError("it began")

    assert refused.value.reason == "data-dir-not-writable"


def test_a_full_disk_stops_no_process_nor_who_watches_over_it(settings, tmp_path):
    (tmp_path / "data" / "audit").write_text("stands in its place")  # an OSError, as a full disk is

    with activity(settings, "worker"):
        tell_death(settings, "web", "signal SIGKILL")
