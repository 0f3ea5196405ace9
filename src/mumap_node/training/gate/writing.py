"""The gate into a model's folder: statistics beside the card, and their limits in it."""

import hashlib
from pathlib import Path

from mumap_node.imaging.model_card import Typicality, parse_model_card
from mumap_node.training.toml import to_toml

STATISTICS, CARD = "typicality.npz", "model.toml"

HEADING = "[typicality]"
"""Always the last of a card's tables, so that it can be written anew."""


def digest(content: bytes) -> str:
    """SHA-256 as the card states it."""
    return hashlib.sha256(content).hexdigest()


def write(folder: Path, content: bytes, limits: Typicality) -> None:
    """Write file and table; one that was there before is replaced.

    Raises:
        ConfigurationError: The card is wrong already.
        OSError: A file cannot be written.
    """
    before = (folder / CARD).read_text(encoding="utf-8").partition(HEADING)[0]
    table = to_toml({"typicality": limits.model_dump(mode="json")}).lstrip()
    text = f"{before.rstrip()}\n\n{table}"
    parse_model_card(text)
    (folder / STATISTICS).write_bytes(content)
    (folder / CARD).write_text(text, encoding="utf-8")
