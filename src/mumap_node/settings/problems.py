"""What is wrong with the settings, said so that an administrator can mend it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mumap_node.settings.audit import Audit
from mumap_node.settings.fields import Table
from mumap_node.settings.suggestions import did_you_mean
from mumap_node.settings.tables import (
    Delivery,
    Destination,
    Engine,
    Inference,
    Node,
    Peer,
    Receiver,
    Retention,
    Route,
    Settings,
    Tls,
    Watch,
    Web,
)

Location = tuple[int | str, ...]
"""Path of a key: names of tables and keys, and positions in lists counted from 0."""

TABLES: Mapping[str, type[Table]] = {
    "node": Node,
    "receiver": Receiver,
    "engine": Engine,
    "inference": Inference,
    "delivery": Delivery,
    "retention": Retention,
    "web": Web,
    "tls": Tls,
    "audit": Audit,
    "peers": Peer,
    "destinations": Destination,
    "routes": Route,
    "watch": Watch,
}
"""Every table of the file; the last four may come many times."""

LISTS = ("peers", "destinations", "routes", "watch")
SECRET: Location = ("engine", "database_url")
LONGEST_FOUND = 60

_KINDS = {
    "bool_type": "true or false",
    "float_type": "a number",
    "int_type": "a whole number",
    "model_type": "a table",
    "string_type": "a text in quotes",
    "tuple_type": "a list",
    "dict_type": "a table",
    "path_type": "a path in quotes",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        location: Path of the key.
        sentence: Expected and found, and a suggestion where there is one.
    """

    location: Location
    sentence: str

    def told(self, raw: Mapping[str, object]) -> str:
        """The whole sentence, with the name of the table where the file gives it one."""
        return f"{place(self.location)}{_of(self.location, raw)}: {self.sentence}"


def place(location: Location) -> str:
    """A key's path for people: ``routes[2].relax[1]``, lists counted from 1."""
    text = ""
    for part in location:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def expected_and_found(expected: str, value: object) -> str:
    """Join what was expected (and a hint after a semicolon) with what was found."""
    head, semicolon, hint = expected.partition("; ")
    return f"{head}, found {shown(value)}{semicolon}{hint}"


def shown(value: object) -> str:
    """A value as the file writes it, shortened."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            text = value if len(value) <= LONGEST_FOUND else f"{value[:LONGEST_FOUND]}…"
            return f'"{text}"'
        case dict():
            return "a table"
        case list() | tuple():
            return "a list" if value else "an empty list"
        case _:
            return str(value)


def problems_of(error: ValidationError) -> Iterator[Problem]:
    """Every problem pydantic found."""
    for details in error.errors(include_url=False):
        yield Problem(details["loc"], _sentence(details))


def _sentence(details: ErrorDetails) -> str:
    location, kind = details["loc"], details["type"]
    if kind == "extra_forbidden":
        return _unknown_key(location)
    if kind == "missing":
        return f"expected a value, found none ({_meaning(location)})"
    is_secret = location[:2] == SECRET or location[-1] == "url"  # it may hold a password
    value = "(not shown)" if is_secret else details["input"]
    return expected_and_found(_expected(details), value)


def _expected(details: ErrorDetails) -> str:
    kind, message = details["type"], details["msg"]
    if kind == "tuple_type" and details["loc"][0] in LISTS and len(details["loc"]) == 1:
        return f"expected tables that begin with [[{details['loc'][0]}]]"
    if kind in _KINDS:
        return f"expected {_KINDS[kind]}"
    if kind == "too_short":
        return "expected at least one entry"
    if kind in {"literal_error", "enum"}:
        words = re.findall(r"'([^']*)'", str(details["ctx"]["expected"]))
        listed = ", ".join(f'"{word}"' for word in words)
        return f"expected one of {listed}{did_you_mean(str(details['input']), words)}"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    return message.replace("Input should be", "expected a number", 1)


def _unknown_key(location: Location) -> str:
    key = str(location[-1])
    keys = tuple(TABLES) if len(location) == 1 else tuple(TABLES[str(location[0])].by_key())
    hint = did_you_mean(key, keys) or _home_of(key)
    listed = ", ".join(keys)
    return f"expected one of the keys {listed}, found {shown(key)}{hint}"


def _home_of(key: str) -> str:
    homes = [name for name, table in TABLES.items() if key in table.by_key()]
    return f"; it belongs into [{homes[0]}]" if len(homes) == 1 else ""


def _meaning(location: Location) -> str:
    table = Settings if len(location) == 1 else TABLES[str(location[0])]
    description = table.by_key()[str(location[-1])].description or str(location[-1])
    first = description.partition(".")[0].partition(":")[0]
    return first[0].lower() + first[1:]


def _of(location: Location, raw: Mapping[str, object]) -> str:
    """Which table of a list, by the name the file gives it."""
    match raw.get(str(location[0])), location[1:2]:
        case list() as tables, (int() as position,) if position < len(tables):
            table = tables[position]
            if isinstance(table, dict) and isinstance(table.get("name"), str):
                return f" (of {shown(table['name'])})"
    return ""
