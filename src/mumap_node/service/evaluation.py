"""Models for evaluations: found by name or folder, opened in whatever process works on a case."""

import logging
import sys
from functools import partial
from pathlib import Path

from mumap_node import logs
from mumap_node.imaging.model_card import ModelCard
from mumap_node.node.model import ModelStore, open_model
from mumap_node.pipeline import Model
from mumap_node.settings.tables import Settings


def find_model(named: str, settings: Settings) -> tuple[ModelCard, "partial[Model]"]:
    """The card of a model, and what opens it.

    Args:
        named: Folder of a model, or a name or identity in the settings' folder of models.
        settings: Of the node.

    Raises:
        ConfigurationError: There is no such model, or its card is wrong.
    """
    folder = Path(named)
    if (folder / "model.toml").is_file():
        models_dir, name = folder.resolve().parent, folder.resolve().name
    else:
        models_dir, name = settings.node.models_dir, named
    card = ModelStore(models_dir).load_card(name)
    return card, partial(open_here, models_dir, card.identity)


def open_here(models_dir: Path, identity: str) -> Model:
    """Open a verified model in this process, with one thread and without a word in its log."""
    logs.configure("command-line", sys.stderr, logging.CRITICAL)
    return open_model(models_dir, identity, "cpu", threads=1).model
