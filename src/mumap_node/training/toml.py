"""The content of a card as TOML, which Python only reads."""

import json
from collections.abc import Mapping
from typing import Any


def to_toml(content: Mapping[str, Any]) -> str:
    """Texts, numbers, lists and tables; None is left out, as TOML has no word for it."""
    return "\n".join(_table(content, ())) + "\n"


def _table(content: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    lines = [f"[{'.'.join(path)}]"] if path else []
    plain = {key: value for key, value in content.items() if not isinstance(value, Mapping)}
    lines += [f"{key} = {_value(value)}" for key, value in plain.items() if value is not None]
    for key, value in content.items():
        if isinstance(value, Mapping):
            lines += ["", *_table(value, (*path, key))]
    return lines


def _value(value: object) -> str:
    """JSON's notation of texts, numbers, booleans and arrays is TOML's too."""
    return json.dumps(value, ensure_ascii=False)
