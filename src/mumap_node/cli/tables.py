"""Rows for people and for scripts."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

import typer

Row = Mapping[str, object]


def as_table(rows: Sequence[Row]) -> str:
    """Rows as aligned columns; the keys of the first are the headings."""
    if not rows:
        return "none"
    headings = list(rows[0])
    cells = [headings, *([_cell(row.get(key)) for key in headings] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]
    return "\n".join([typer.style(lines[0], dim=True), *lines[1:]])


def as_json(content: object) -> str:
    """Anything of ours as JSON."""
    return json.dumps(content, default=_plain, indent=2, ensure_ascii=False)


def shown_time(moment: datetime | None) -> str:
    """A time in this machine's zone, which it names; "-" for none."""
    return "-" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def _cell(value: object) -> str:
    match value:
        case None | "":
            return "-"
        case datetime():
            return shown_time(value)
        case bool():
            return "yes" if value else "no"
        case str():
            return value
        case Iterable():
            return ", ".join(map(str, value)) or "-"
    return str(value)


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    match value:
        case datetime():
            return value.isoformat()
        case Enum():
            return value.value
        case Path():
            return str(value)
        case Iterable():
            return sorted(value) if isinstance(value, set | frozenset) else list(value)
    raise TypeError(f"expected something JSON knows, found {type(value).__name__}")
