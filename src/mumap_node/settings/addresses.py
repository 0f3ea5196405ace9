"""How a destination is called: by DIMSE or by DICOMweb, and what belongs to which."""

from collections.abc import Iterator, Mapping
from typing import Any

from mumap_node.settings.problems import Location, Problem

DIMSE = ("ae_title", "host", "port")
DIMSE_ONLY = (*DIMSE, "tls", "tls_name", "commitment")
WEB_ONLY = (
    "authorities",
    "token_file",
    "user",
    "password_file",
    "client_certificate",
    "clear_text",
)


def archives(rows: object) -> list[str]:
    """Names of the destinations that can be asked by DIMSE.

    Args:
        rows: All destinations, as the file has them.
    """
    tables = rows if isinstance(rows, list) else []
    return [str(row.get("name")) for row in tables if isinstance(row, dict) and "url" not in row]


def address_problems(location: Location, table: Mapping[str, Any]) -> Iterator[Problem]:
    """What contradicts itself in how one destination is called.

    Args:
        location: Of the destination.
        table: As the file has it.
    """
    if "url" in table:
        for key in (key for key in DIMSE_ONLY if key in table):
            yield Problem((*location, key), "expected nothing beside url, which is DICOMweb")
        yield from _web(location, table)
        return
    for key in (key for key in DIMSE if key not in table):
        sentence = "expected a value, or url for a DICOMweb service; found none"
        yield Problem((*location, key), sentence)
    for key in (key for key in WEB_ONLY if key in table):
        yield Problem((*location, key), "expected url beside it, found none")


def _web(location: Location, table: Mapping[str, Any]) -> Iterator[Problem]:
    if "token_file" in table and "user" in table:
        yield Problem((*location, "user"), "expected token_file or user, found both")
    for key, other in (("user", "password_file"), ("password_file", "user")):
        if key in table and other not in table:
            yield Problem((*location, key), f"expected {other} beside it, found none")
    is_clear = str(table["url"]).lower().startswith("http://")
    if is_clear and table.get("clear_text") is not True:
        sentence = "expected https, or clear_text = true beside it; found http"
        yield Problem((*location, "url"), sentence)
    for key in ("authorities", "client_certificate") if is_clear else ("clear_text",):
        if table.get(key):
            other = "https" if is_clear else "http"
            yield Problem((*location, key), f"expected it only beside a url of {other}")
