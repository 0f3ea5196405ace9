"""What the models are, and whether they are what their cards say."""

from collections.abc import Iterator, Sequence

from mumap_node.errors import ConfigurationError
from mumap_node.imaging.model_card import ModelCard
from mumap_node.node.model import ModelStore, open_model
from mumap_node.service.building import inference_threads
from mumap_node.settings.tables import Settings


def describe_models(settings: Settings) -> list[dict[str, object]]:
    """One row a model.

    Raises:
        ConfigurationError: A card cannot be read.
    """
    store = ModelStore(settings.node.models_dir)
    return [_described(store.load_card(identity)) for identity in store.identities()]


def verify_models(
    settings: Settings, names: Sequence[str] = ()
) -> Iterator[tuple[str, str | ConfigurationError]]:
    """Open each model, which verifies its checksum and its golden answer.

    Args:
        settings: Of the node.
        names: Models to verify; all where there are none.

    Yields:
        The model, and what runs it or what is wrong with it.
    """
    folder, device = settings.node.models_dir, settings.inference.device
    for name in names or ModelStore(folder).identities():
        try:
            loaded = open_model(folder, name, device, inference_threads(settings))
        except ConfigurationError as error:
            yield name, error
        else:
            yield loaded.model.card.identity, loaded.runtime


def _described(card: ModelCard) -> dict[str, object]:
    return {
        "model": card.identity,
        "for": card.limits.radionuclides,
        "LAC at": f"{card.output.emission_energy_kev:g} keV, {card.output.beam} beam",
        "summary": card.summary,
    }
