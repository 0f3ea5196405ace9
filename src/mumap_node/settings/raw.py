"""The file as it was read: its tables and rows, whatever else may be in their place."""

from collections.abc import Mapping
from typing import Any

from mumap_node.settings.problems import Location

Raw = Mapping[str, Any]
"""The file as TOML gives it."""

Row = tuple[Location, Mapping[str, Any]]
"""One of the tables of a list, and where it stands."""


def rows_of(raw: Raw, name: str) -> list[Row]:
    """The tables of a list; none where it is none."""
    tables = raw.get(name)
    if not isinstance(tables, list):
        return []
    return [((name, n), table) for n, table in enumerate(tables) if isinstance(table, dict)]


def table_of(raw: Raw, name: str) -> Mapping[str, Any]:
    """A table; empty where there is none."""
    table = raw.get(name)
    return table if isinstance(table, dict) else {}
