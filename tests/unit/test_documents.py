"""The documents lead somewhere, and the settings that come with the containers are valid."""

import re
from pathlib import Path

import pytest

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
