"""A trained network to a model folder the node can run: network, card, golden pair, README."""

import hashlib
import io
import json
import shutil
import tomllib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch

from mumap_node.errors import ConfigurationError
from mumap_node.imaging import preprocess
from mumap_node.imaging.model_card import ModelCard, parse_model_card
from mumap_node.imaging.volume import Voxels
from mumap_node.training.learning.card import draft_content
from mumap_node.training.learning.network import MULTIPLE_OF, Network
from mumap_node.training.learning.plan import read_plan
from mumap_node.training.learning.readme import model_readme
from mumap_node.training.learning.run import best_network
from mumap_node.training.pairs.population import read_population
from mumap_node.training.toml import to_toml
from mumap_node.training.torso import analytic_torso

OPSET = 17

CHECKED_SHAPES = ((1, 16, 24, 32), (2, 8, 8, 8), (1, 64, 80, 80), (1, 40, 96, 88))
"""Batch and grid; none is the one that was traced alone."""

LARGEST_DIFFERENCE = 1e-5
"""Between torch and onnxruntime, in network units."""

GOLDEN_SHAPE = (24, 48, 48)

AXES = {0: "batch", 2: "slices", 3: "rows", 4: "columns"}


@dataclass(frozen=True, slots=True)
class Order:
    """What a person asks for.

    Attributes:
        run: Folder of the run.
        models: Folder of all models.
        name: Name of the model.
        version: Its version.
        card: TOML file with tables or texts that go before the defaults of the card.
        evaluation: JSON file of `mumap-node evaluate`, for the README.
    """

    run: Path
    models: Path
    name: str
    version: str
    card: Path | None = None
    evaluation: Path | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        folder: Of the model.
        card: Its card.
        bytes_of_network: Size of ``model.onnx``.
        difference: Largest between torch and onnxruntime, in network units.
    """

    folder: Path
    card: ModelCard
    bytes_of_network: int
    difference: float


def write_model(order: Order) -> Exported:
    """Write the best network of a run as a model.

    Raises:
        ConfigurationError: ``no-such-run``, ``model-card``, ``evaluation-unreadable``,
            ``export-differs`` or ``model-exists``; nothing is written then.
    """
    plan, population = read_plan(order.run), read_population(order.run)
    draft = {
        **draft_content(plan),
        "training_population": population.sentence,
        "training_seeds": population.seeds,
    }
    draft |= {**_given(order.card), "name": order.name, "version": order.version}
    identity = parse_model_card(to_toml(draft)).identity
    results = _results(order.evaluation)
    network = best_network(order.run, plan)
    encoded = to_onnx(network)
    difference = largest_difference(network, encoded)
    if not difference <= LARGEST_DIFFERENCE:
        problem = f"expected ONNX within {LARGEST_DIFFERENCE:g} of torch, found {difference:g}"
        raise ConfigurationError("export-differs", [problem])
    folder = order.models / identity
    content = {**draft, "sha256": hashlib.sha256(encoded).hexdigest(), **_kept(folder, encoded)}
    text = "# Written by `mumap-node export`.\n\n" + to_toml(content)
    card = parse_model_card(text)
    files = {
        "model.onnx": encoded,
        "model.toml": text.encode(),
        **_golden(card, encoded),
        "README.md": model_readme(card, plan, population, results).encode(),
    }
    _place(folder, files)
    return Exported(folder, card, len(encoded), difference)


def to_onnx(network: Network) -> bytes:
    """The network as an ONNX model with any batch and any grid of multiples of 8.

    PyTorch's older exporter traces it: the newer one needs another library, and gains nothing
    for a network without branches.
    """
    example = torch.zeros(1, 1, *(MULTIPLE_OF * size for size in (2, 3, 4)))
    with warnings.catch_warnings(), TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # of deprecation, and of conditions on shapes
        path = Path(folder, "model.onnx")
        torch.onnx.export(
            network,
            (example,),
            path,
            input_names=["nac"],
            output_names=["mumap"],
            dynamic_axes={"nac": AXES, "mumap": AXES},
            opset_version=OPSET,
            dynamo=False,
        )
        model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    encoded: bytes = model.SerializeToString(deterministic=True)
    return encoded


def largest_difference(network: Network, encoded: bytes) -> float:
    """Between torch and onnxruntime, on noise in several grids and batches."""
    session = onnxruntime.InferenceSession(encoded, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    largest = 0.0
    for batch, *grid in CHECKED_SHAPES:
        given = random.random((batch, 1, *grid), dtype=np.float32)
        (found,) = session.run(["mumap"], {"nac": given})
        with torch.inference_mode():
            expected = network(torch.from_numpy(given)).numpy()
        largest = max(largest, float(np.abs(found - expected).max()))
    return largest


def _kept(folder: Path, encoded: bytes) -> Mapping[str, Any]:
    """What another tool added to the card of the same network: the limits of its gate.

    Raises:
        ConfigurationError: ``model-exists`` where the folder holds another network: what others
            run is never changed under its name.
    """
    try:
        is_same = (folder / "model.onnx").read_bytes() == encoded
    except FileNotFoundError:
        return {}
    if not is_same:
        problem = f"{folder}: expected no other network yet; choose another version"
        raise ConfigurationError("model-exists", [problem])
    content = tomllib.loads((folder / "model.toml").read_text(encoding="utf-8"))
    return {key: content[key] for key in ("typicality",) if key in content}


def _place(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a model beside its folder and then rename it: whoever reads it reads one or the other.

    What else the folder holds, such as the population of its gate, stays in it.
    """
    draft, replaced = (folder.with_name(f".{folder.name}.{state}") for state in ("new", "old"))
    for leftover in (draft, replaced):
        shutil.rmtree(leftover, ignore_errors=True)
    if folder.exists():
        shutil.copytree(folder, draft)
    draft.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (draft / name).write_bytes(data)
    if folder.exists():
        folder.rename(replaced)
    draft.rename(folder)
    shutil.rmtree(replaced, ignore_errors=True)


def _given(card: Path | None) -> Mapping[str, Any]:
    if card is None:
        return {}
    try:
        return tomllib.loads(card.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError("model-card", [f"{card}: cannot be read: {error}"]) from None


def _results(evaluation: Path | None) -> Mapping[str, Any]:
    if evaluation is None:
        return {}
    try:
        content: Mapping[str, Any] = json.loads(evaluation.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problem = f"{evaluation}: expected JSON of `mumap-node evaluate`: {error}"
        raise ConfigurationError("evaluation-unreadable", [problem]) from None
    return content


def _golden(card: ModelCard, encoded: bytes) -> Mapping[str, bytes]:
    """An analytic torso, never a patient, and how onnxruntime answers it."""
    spacing_mm = card.input.spacing_mm[0] if card.input.spacing_mm else 6.6
    torso = analytic_torso(GOLDEN_SHAPE, spacing_mm)
    on_its_own_grid = card.input.model_copy(update={"spacing_mm": None, "shape": None})
    prepared = preprocess.prepare(
        torso.emission, card.model_copy(update={"input": on_its_own_grid})
    ).voxels
    session = onnxruntime.InferenceSession(encoded, providers=["CPUExecutionProvider"])
    (answer,) = session.run([card.output.tensor], {card.input.tensor: prepared[None, None]})
    return {
        card.golden.input: _npy(prepared),
        card.golden.output: _npy(answer[0, 0]),
    }


def _npy(array: Voxels) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()
