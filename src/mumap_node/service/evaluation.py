"""Models for evaluations: found by name or folder, opened in whatever process works on a case."""

import logging
import sys
from functools import partial
from pathlib import Path

from mumap_node import logs
from mumap_node.imaging.model_card import ModelCard
from mumap_node.node.model import ModelStore, open_model
from mumap_node.pipeline import Model
from mumap_node.service.models import find_one
from mumap_node.settings.tables import Settings, default_models_dir

BASELINE = "uniform-body-1.0"
"""What every other model has to be better than."""


def find_model(named: str, settings: Settings) -> tuple[ModelCard, "partial[Model]"]:
    """The card of a model, and what opens it.

    Args:
        named: Folder of a model, or a name or identity in the settings' folder of models.
        settings: Of the node.

    Raises:
        ConfigurationError: There is no such model, or its card is wrong.
    """
    place = find_one(named, settings.node.models_dir)
    card = ModelStore(place.models_dir).load_card(place.identity)
    return card, partial(open_here, place.models_dir, place.identity)


def baseline() -> "partial[Model]":
    """What opens the baseline that came with the package; a site's own folder may lack it."""
    return partial(open_here, default_models_dir(), BASELINE)


def open_here(models_dir: Path, identity: str) -> Model:
    """Open a verified model in this process, with one thread and without a word in its log."""
    logs.configure("command-line", sys.stderr, logging.CRITICAL)
    return open_model(models_dir, identity, "cpu", threads=1).model
