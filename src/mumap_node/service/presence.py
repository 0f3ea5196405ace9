"""Which processes live, found with little effort: a container asks every few seconds."""

import tomllib
from collections.abc import Iterable
from pathlib import Path

from mumap_node.errors import ConfigurationError
from mumap_node.node.presence import is_present

DEFAULT_DATA_DIR = "/var/lib/mumap-node"


def missing(processes: Iterable[str], settings: Path) -> list[str]:
    """Those of the processes that do not live.

    Reads one key of the settings instead of checking them all, which takes half a second.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    try:
        node = tomllib.loads(settings.read_text(encoding="utf-8-sig")).get("node", {})
        data_dir = settings.parent / node.get("data_dir", DEFAULT_DATA_DIR)
    except (OSError, ValueError, AttributeError, TypeError):
        problem = f"{settings}: cannot be read; see mumap-node check"
        raise ConfigurationError("settings-not-found", [problem]) from None
    return [name for name in processes if not is_present(data_dir / "run", name)]
