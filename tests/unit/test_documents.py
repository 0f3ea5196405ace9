"""The documents lead somewhere, and the settings that come with the containers are valid."""

import re
from pathlib import Path

import pytest

from conformance_tables import TABLES, filled
from mumap_node.settings.loading import load_settings

PROJECT = Path(__file__).parents[2]
DOCUMENTS = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]

    assert [link for link in local if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("name", ["mumap-node.toml", "demo.toml"])
def test_the_settings_of_the_containers_are_valid(name: str) -> None:
    settings = load_settings(PROJECT / "deploy" / name)

    assert settings.routes
    assert str(settings.web.bind) == "0.0.0.0"  # noqa: S104  (published on the loopback only)
    assert settings.node.data_dir == Path("/var/lib/mumap-node")


def test_every_decision_has_its_parts() -> None:
    for page in (PROJECT / "docs" / "adr").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        parts = ("Date: ", "Status: ", "## Context", "## Decision", "## Consequences")
        assert [part for part in parts if part not in text] == [], page.name


def test_the_tables_of_the_documents_are_those_of_the_code() -> None:
    stale = [page.name for page in DOCUMENTS if filled(text := page.read_text("utf-8")) != text]

    assert stale == []  # `make docs` writes them anew


def test_every_table_has_its_place_in_a_document() -> None:
    pages = "".join(page.read_text("utf-8") for page in DOCUMENTS)

    assert [name for name in TABLES if f"<!-- generated: {name} -->" not in pages] == []


def test_a_table_that_went_stale_is_written_anew() -> None:
    stale = "Before.\n<!-- generated: retries -->\n| old |\n<!-- end -->\nAfter.\n"

    assert filled(stale) == stale.replace("| old |\n", TABLES["retries"]())
