"""From the file to the settings, or to every problem that is in it."""

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import ValidationError

from mumap_node.dicom.template import PROFILE as TEMPLATE
from mumap_node.dicom.writing import PROFILES, encoding
from mumap_node.errors import ConfigurationError
from mumap_node.settings.checks import cross_problems
from mumap_node.settings.problems import SECRET, Problem, expected_and_found, problems_of
from mumap_node.settings.tables import Node, Settings, default_models_dir

ADDRESS_IN_FILE = "file:"
"""Begins a database_url that says where the address is, instead of being it."""

_PATHS = {
    "node": ("data_dir", "models_dir"),
    "tls": ("certificate", "key", "authorities"),
    "audit": ("authorities",),
}
"""Keys that are paths, by table."""

_DESTINATION_PATHS = ("template", "authorities", "token_file", "password_file")

_POSTGRESQL = ("postgresql", "postgresql+psycopg", "postgres")


def load_settings(path: Path) -> Settings:
    """Read the settings of a node.

    Args:
        path: The file; relative paths in it are below its folder.

    Raises:
        ConfigurationError: Names everything that is wrong with it.
    """
    raw = _parse(path)
    problems = [*_resolve(raw, path.parent.resolve())]
    settings = None
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        problems.extend(problems_of(error))
    problems.extend(_cross_problems(raw))
    if settings is None or problems:
        raise ConfigurationError("settings-invalid", _sentences(path, raw, problems))
    return settings


def settings_without_file() -> Settings:
    """What maps are made with where no file is given."""
    return Settings(node=Node(timezone=machine_timezone()))


def machine_timezone() -> str:
    """Time zone of this machine by its IANA name; "UTC" where it does not say."""
    _, zoneinfo, name = str(Path("/etc/localtime").resolve()).partition("/zoneinfo/")
    return name if zoneinfo and name in available_timezones() else "UTC"


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        problem = "expected a settings file, found none; `mumap-node init` writes an example"
        reason = "settings-not-found"
    except OSError as error:
        reason, problem = "settings-not-found", f"cannot be read: {error.strerror}"
    except UnicodeDecodeError as error:
        reason, problem = "settings-not-toml", f"expected UTF-8, found byte {error.start} is not"
    except tomllib.TOMLDecodeError as error:
        reason, problem = "settings-not-toml", f"expected TOML: {error}"
    raise ConfigurationError(reason, [f"{path}: {problem}"])


def _resolve(raw: dict[str, Any], folder: Path) -> Iterator[Problem]:
    """Fill in what the file only points to."""
    raw.setdefault("node", {})
    for name, keys in _PATHS.items():
        table = raw.get(name)
        if isinstance(table, dict):
            for key in keys:
                if isinstance(table.get(key), str) and table[key]:
                    table[key] = str(folder / table[key])
    destinations = raw.get("destinations")
    for table in destinations if isinstance(destinations, list) else ():
        for key in _DESTINATION_PATHS if isinstance(table, dict) else ():
            if isinstance(table.get(key), str) and table[key]:
                table[key] = str(folder / table[key])
    engine = raw.get("engine")
    if isinstance(engine, dict) and isinstance(engine.get("database_url"), str):
        yield from _resolve_database_url(engine, folder)


def _resolve_database_url(engine: dict[str, Any], folder: Path) -> Iterator[Problem]:
    url = engine["database_url"].strip()
    if url.startswith(ADDRESS_IN_FILE):
        secret = folder / url.removeprefix(ADDRESS_IN_FILE)
        try:
            url = secret.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not UTF-8"
            yield Problem(SECRET, f"expected a readable file {secret}: {why}")
            url = ""
    engine["database_url"] = url
    if url and not _is_postgresql(url):
        yield Problem(
            SECRET,
            'expected nothing for SQLite, "postgresql://user:password@host:port/database", or '
            '"file:/path" of a file that holds such an address; found something else (not shown)',
        )


def _is_postgresql(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in _POSTGRESQL and len(parts.path) > 1 and parts.port != 0
    except ValueError:  # a port that is none
        return False


def _cross_problems(raw: dict[str, Any]) -> Iterator[Problem]:
    node = raw["node"]
    given = node.get("models_dir") if isinstance(node, dict) else None
    folder = given if isinstance(given, str) else str(default_models_dir())
    models = set(_model_names(Path(folder)))
    if not models:
        here = ("node", "models_dir")
        yield Problem(here, expected_and_found("expected a folder with models", folder))
    profiles = (*PROFILES, TEMPLATE)
    yield from cross_problems(raw, profiles=profiles, encoding=encoding, models=models)


def _model_names(models_dir: Path) -> Iterator[str]:
    for card in models_dir.glob("*/model.toml"):
        identity = card.parent.name
        yield identity
        yield identity.rpartition("-")[0]


def _sentences(path: Path, raw: dict[str, Any], problems: Iterable[Problem]) -> list[str]:
    """One sentence a problem, in the order of the file's tables, the file's name before each."""
    order = {name: position for position, name in enumerate(Settings.model_fields)}

    def rank(problem: Problem) -> tuple[int, int]:
        table, position = (*problem.location, 0)[:2]
        return order.get(str(table), len(order)), position if isinstance(position, int) else 0

    ranked = sorted(problems, key=rank)
    return list(dict.fromkeys(f"{path}: {problem.told(raw)}" for problem in ranked))
