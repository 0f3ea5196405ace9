"""The content of a card as TOML, which Python only reads."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from mumap_node.errors import ConfigurationError

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

INTEGERS = range(-(2**63), 2**63)
"""What every reader of TOML must take."""


def to_toml(content: Mapping[str, Any]) -> str:
    """Texts, numbers, lists and tables; None is left out, as TOML has no word for it.

    Raises:
        ConfigurationError: ``model-card``, where it holds anything else.
    """
    return "\n".join(_table(content, ())) + "\n"


def _table(content: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    lines = [f"[{'.'.join(map(_key, path))}]"] if path else []
    plain = {key: value for key, value in content.items() if not isinstance(value, Mapping)}
    lines += [
        f"{_key(key)} = {_value(value, (*path, key))}"
        for key, value in plain.items()
        if value is not None
    ]
    for key, value in content.items():
        if isinstance(value, Mapping):
            lines += ["", *_table(value, (*path, key))]
    return lines


def _key(key: str) -> str:
    return key if BARE_KEY.fullmatch(key) else _text(key)


def _value(value: object, path: tuple[str, ...]) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _text(value)
        case int() if value in INTEGERS:
            return str(value)
        case float() if math.isfinite(value):
            return repr(value)
        case list() | tuple():
            return f"[{', '.join(_value(each, path) for each in value)}]"
    problem = f"{'.'.join(path)}: expected a text, finite number or list of them, found {value!r}"
    raise ConfigurationError("model-card", [problem])


def _text(text: str) -> str:
    """JSON's notation is TOML's, except that TOML wants DEL escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
