"""Which processes live, found with little effort: a container asks every few seconds."""

import tomllib
from collections.abc import Sequence
from pathlib import Path

from mumap_node.errors import ConfigurationError
from mumap_node.node.presence import is_present

DEFAULT_DATA_DIR = "/var/lib/mumap-node"

ALWAYS = ("receiver", "worker", "deliverer", "web")
"""Processes every node has; the fetcher is one more where something is watched."""


def missing(processes: Sequence[str], settings: Path) -> list[str]:
    """Those of the processes that do not live; of all there should be where none is named.

    Reads two keys of the settings instead of checking them all, which takes half a second.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    try:
        tables = tomllib.loads(settings.read_text(encoding="utf-8-sig"))
        data_dir = settings.parent / tables.get("node", {}).get("data_dir", DEFAULT_DATA_DIR)
    except (OSError, ValueError, AttributeError, TypeError):
        problem = f"{settings}: cannot be read; see mumap-node check"
        raise ConfigurationError("settings-not-found", [problem]) from None
    expected = processes or (*ALWAYS, *(("fetcher",) if tables.get("watch") else ()))
    return [name for name in expected if not is_present(data_dir / "run", name)]
