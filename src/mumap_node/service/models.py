"""Where models lie, what they are, and whether they are what their cards say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mumap_node.errors import ConfigurationError
from mumap_node.imaging.model_card import ModelCard
from mumap_node.node.model import LoadedModel, ModelStore, open_model
from mumap_node.service.building import inference_threads
from mumap_node.settings.tables import Settings


@dataclass(frozen=True, slots=True)
class Place:
    """Where one model lies.

    Attributes:
        models_dir: Folder of models.
        identity: Of the model, and so the name of its folder.
    """

    models_dir: Path
    identity: str


def find_models(named: str, models_dir: Path) -> list[Place]:
    """The models a person names on the command line.

    Args:
        named: Folder of a model, folder of models, or a name or identity in ``models_dir``.
        models_dir: Of the settings.

    Raises:
        ConfigurationError: There is no such model (``model-missing``).
    """
    folder = Path(named).resolve()
    if (folder / "model.toml").is_file():
        return [Place(folder.parent, ModelStore(folder.parent).resolve(folder.name))]
    if identities := ModelStore(folder).identities():
        return [Place(folder, identity) for identity in identities]
    return [Place(models_dir, ModelStore(models_dir).resolve(named))]


def find_one(named: str, models_dir: Path) -> Place:
    """The one model a person names, as ``find_models`` does.

    Raises:
        ConfigurationError: There is none, or a folder of several (``model-missing``).
    """
    first, *others = find_models(named, models_dir)
    if others:
        found = ", ".join(place.identity for place in (first, *others))
        raise ConfigurationError("model-missing", [f"expected one model, found {found} in {named}"])
    return first


def open_place(place: Place, settings: Settings) -> LoadedModel:
    """Open a verified model with the runtime of the settings.

    Raises:
        ConfigurationError: As ``open_model`` has it.
    """
    device, threads = settings.inference.device, inference_threads(settings)
    return open_model(place.models_dir, place.identity, device, threads)


def describe_models(settings: Settings, folder: Path | None = None) -> list[dict[str, object]]:
    """One row a model.

    Args:
        settings: Of the node.
        folder: Of a model, or of models; None for those of the settings.

    Raises:
        ConfigurationError: A card cannot be read.
    """
    return [
        _described(ModelStore(place.models_dir).load_card(place.identity))
        for place in _find(str(folder or ""), settings)
    ]


def verify_models(
    settings: Settings, names: Sequence[str] = ()
) -> Iterator[tuple[str, str | ConfigurationError]]:
    """Open each model, which verifies its checksum and its golden answer.

    Args:
        settings: Of the node.
        names: Names or folders of the models to verify; all where there are none.

    Yields:
        The model, and what runs it or what is wrong with it.
    """
    for name in names or [""]:
        try:
            places = _find(name, settings)
        except ConfigurationError as error:
            yield name, error
            continue
        for place in places:
            try:
                yield place.identity, open_place(place, settings).runtime
            except ConfigurationError as error:
                yield place.identity, error


def _find(named: str, settings: Settings) -> list[Place]:
    """The models of a name; by the empty one all of the settings."""
    models_dir = settings.node.models_dir
    if named:
        return find_models(named, models_dir)
    return [Place(models_dir, identity) for identity in ModelStore(models_dir).identities()]


def _described(card: ModelCard) -> dict[str, object]:
    return {
        "model": card.identity,
        "for": card.limits.radionuclides,
        "LAC at": f"{card.output.emission_energy_kev:g} keV, {card.output.beam} beam",
        "summary": card.summary,
    }
