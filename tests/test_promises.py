"""What people are promised in the documents is what the source does, and the other way round."""

import re
from pathlib import Path

import pytest

import promises
from mumap_node.logs import SAFE_KEYS
from mumap_node.node.jobs.states import JobState
from mumap_node.node.reception import Status
from mumap_node.node.spool.records import DeliveryState
from mumap_node.node.web.page import MEANINGS, TONES
from mumap_node.settings.problems import TABLES

DOCS = Path(__file__).parents[1] / "docs"
OPERATIONS = (DOCS / "operations.md").read_text(encoding="utf-8")
CODE = set(re.findall(r"`([^`\n]+)`", OPERATIONS))
SETTINGS = [f"{table}.{key}" for table, model in TABLES.items() for key in model.by_key()]


@pytest.mark.parametrize("reason", sorted(promises.reasons()))
def test_every_reason_is_explained_to_administrators(reason):
    assert f"\n### `{reason}`\n" in OPERATIONS


@pytest.mark.parametrize("reason", sorted(promises.reasons()))
def test_every_reason_is_written_as_reasons_are(reason):
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", reason)


def test_no_reason_is_explained_that_nobody_gives():
    explained = set(re.findall(r"^### `([a-z-]+)`$", OPERATIONS, re.MULTILINE))
    assert explained - promises.reasons() == set()


def test_no_reason_is_explained_twice():
    explained = re.findall(r"^### `([a-z-]+)`$", OPERATIONS, re.MULTILINE)
    assert len(explained) == len(set(explained))


@pytest.mark.parametrize("key", SETTINGS)
def test_every_setting_is_in_the_reference(key):
    assert f"| `{key}` |" in OPERATIONS


def test_no_setting_is_in_the_reference_that_does_not_exist():
    documented = re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", OPERATIONS, re.MULTILINE)
    assert set(documented) - set(promises.log_events()) == set(SETTINGS)


@pytest.mark.parametrize("table", TABLES)
def test_the_reference_names_the_defaults(table):
    for key, field in TABLES[table].by_key().items():
        row = next(
            line for line in OPERATIONS.splitlines() if line.startswith(f"| `{table}.{key}`")
        )
        default = field.default
        if isinstance(default, bool | int | float):
            assert f"| `{str(default).lower()}` |" in row
        elif field.is_required():
            assert "| must be set |" in row
        elif isinstance(default, str) and default:
            assert f'| `"{default}"` |' in row


@pytest.mark.parametrize("event", sorted(promises.log_events()))
def test_every_log_event_is_explained(event):
    assert event in CODE


def test_no_log_event_is_explained_that_is_never_written():
    events = set(
        re.findall(r"`([a-z]+\.[a-z_]+)`", OPERATIONS.partition("| event |")[2].partition("##")[0])
    )
    assert events - promises.log_events() == set()


@pytest.mark.parametrize("event", sorted(promises.log_events()))
def test_every_log_event_is_a_noun_and_what_happened_to_it(event):
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", event)


@pytest.mark.parametrize("key", sorted(promises.log_keys()))
def test_every_logged_key_passes_the_filter(key):
    assert key in SAFE_KEYS


@pytest.mark.parametrize("state", JobState)
def test_every_job_state_is_explained_on_the_page_and_in_the_handbook(state):
    assert state in MEANINGS
    assert f"\n| `{state}` | " in OPERATIONS


@pytest.mark.parametrize("state", [*JobState, *DeliveryState])
def test_every_state_has_a_colour(state):
    assert state in TONES


@pytest.mark.parametrize("state", DeliveryState)
def test_every_delivery_state_is_explained(state):
    assert f"`{state}`" in OPERATIONS


@pytest.mark.parametrize("status", Status)
def test_the_conformance_statement_names_every_status_the_receiver_answers(status):
    statement = (DOCS / "conformance.md").read_text(encoding="utf-8")
    assert f"0x{status:04X}" in statement
