"""Models on disk, and the runtime that runs them: nothing is used that was not verified first."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
import structlog
from onnxruntime.capi import onnxruntime_pybind11_state as runtime_errors

from mumap_node.errors import ConfigurationError, InputRejected
from mumap_node.imaging import typicality
from mumap_node.imaging.model_card import ModelCard, parse_model_card
from mumap_node.imaging.typicality import Population
from mumap_node.imaging.volume import Voxels
from mumap_node.node.watchdog import watchdog
from mumap_node.pipeline import Model, Predict

DEFAULT_MODEL = "reference-tc99m-1.0"
"""Of routes and commands that name none."""

Device = Literal["auto", "cpu", "cuda"]

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"

LIMIT_SECONDS = 600.0
"""A network that has not answered by then never will; the slowest takes seconds."""

# onnxruntime's errors have no base class of their own
RUNTIME_ERRORS = (
    runtime_errors.EPFail,
    runtime_errors.Fail,
    runtime_errors.InvalidArgument,
    runtime_errors.InvalidGraph,
    runtime_errors.InvalidProtobuf,
    runtime_errors.NotImplemented,
    runtime_errors.RuntimeException,
)

IDENTITY = re.compile(r"(?P<name>.+)-(?P<version>[0-9]+(\.[0-9]+)*)")


class ModelStore:
    """The folder of models: ``<name>-<version>/`` with network, card, golden input and output."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def identities(self) -> list[str]:
        """Every model there is, by name and then from old to new."""
        found = (IDENTITY.fullmatch(card.parent.name) for card in self.folder.glob("*/model.toml"))
        return [match[0] for match in sorted(filter(None, found), key=_name_and_version)]

    def resolve(self, name: str) -> str:
        """The identity a name means: itself, or the newest version of a name without version.

        Raises:
            ConfigurationError: There is no such model (``model-missing``).
        """
        identities = self.identities()
        if name in identities:
            return name
        versions = [identity for identity in identities if identity.rpartition("-")[0] == name]
        if not versions:
            found = ", ".join(identities) or "none"
            raise ConfigurationError(
                "model-missing", [f"expected model {name} in {self.folder}, found {found}"]
            )
        return versions[-1]

    def load_card(self, identity: str) -> ModelCard:
        """Read a model's card.

        Raises:
            ConfigurationError: No such model, or its card is wrong (``model-card``).
        """
        identity = self.resolve(identity)
        card = parse_model_card(self._read(identity, "model.toml").decode(errors="replace"))
        if card.identity != identity:
            raise ConfigurationError(
                "model-card",
                [f"model.toml: expected the card of {identity}, found {card.identity}"],
            )
        return card

    def load_network(self, card: ModelCard) -> bytes:
        """Read a model's network; the bytes that are verified are the bytes that are run.

        Raises:
            ConfigurationError: It is not what the card says (``model-checksum``).
        """
        return self._read_verified(card.identity, "model.onnx", card.sha256)

    def load_population(self, card: ModelCard) -> Population | None:
        """Read what a model's training inputs looked like; None where its card has no limits.

        Raises:
            ConfigurationError: It is not what the card says (``model-checksum``), or does not
                fit its limits (``model-card``).
        """
        if card.typicality is None:
            return None
        content = self._read_verified(card.identity, "typicality.npz", card.typicality.sha256)
        try:
            return typicality.decode(content, card.typicality.resemblance)
        except ValueError as error:
            problem = f"{card.identity}: typicality.npz: {error}"
            raise ConfigurationError("model-card", [problem]) from error

    def load_golden(self, card: ModelCard) -> tuple[Voxels, Voxels]:
        """Read a model's golden input and output.

        Raises:
            ConfigurationError: They cannot be read (``model-golden``).
        """
        folder = self.folder / card.identity
        try:
            return np.load(folder / card.golden.input), np.load(folder / card.golden.output)
        except (OSError, ValueError, EOFError) as error:
            raise ConfigurationError(
                "model-golden", [f"{card.identity}: expected two readable arrays: {error}"]
            ) from error

    def _read_verified(self, identity: str, name: str, sha256: str) -> bytes:
        content = self._read(identity, name)
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            problem = f"{identity}: expected {name} with sha256 {sha256}, found {found}"
            raise ConfigurationError("model-checksum", [problem])
        return content

    def _read(self, identity: str, name: str) -> bytes:
        try:
            return (self.folder / identity / name).read_bytes()
        except OSError as error:
            raise ConfigurationError("model-missing", [f"{identity}: {error}"]) from error


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A verified model, ready to run.

    Attributes:
        model: Card and network.
        runtime: What runs it, such as "onnxruntime 1.32.0 CPUExecutionProvider".
    """

    model: Model
    runtime: str


def open_model(
    models_dir: Path,
    name: str,
    device: Device,
    threads: int,
    limit_seconds: float = LIMIT_SECONDS,
) -> LoadedModel:
    """Load a model, verify its checksum and let it answer its golden input.

    Args:
        models_dir: Folder of all models.
        name: Identity, or a name for its newest version.
        device: ``cuda`` refuses anything else; ``auto`` takes CUDA where it can be had.
        threads: Of one inference on the CPU.
        limit_seconds: A call of the network that takes longer ends the process.

    Raises:
        ConfigurationError: ``model-missing``, ``model-card``, ``model-checksum``,
            ``model-golden`` or ``cuda-unavailable``.
    """
    store = ModelStore(models_dir)
    card = store.load_card(name)
    population = store.load_population(card)
    session = _open_session(store.load_network(card), card, device, threads)
    _check_tensors(session, card)
    predict = _predictor(session, card, limit_seconds)
    _check_golden(predict, card, *store.load_golden(card))
    runtime = f"onnxruntime {onnxruntime.__version__} {session.get_providers()[0]}"
    structlog.get_logger().info("model.opened", model=card.identity, device=device, runtime=runtime)
    return LoadedModel(Model(card, predict, population), runtime)


def _name_and_version(identity: re.Match[str]) -> tuple[str, list[int]]:
    return identity["name"], [int(number) for number in identity["version"].split(".")]


def _open_session(
    network: bytes, card: ModelCard, device: Device, threads: int
) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 3  # errors; warnings are about speed
    try:
        session = onnxruntime.InferenceSession(network, options, providers=_providers(device))
    except RUNTIME_ERRORS as error:
        raise ConfigurationError(
            "model-card", [f"{card.identity}: expected a network onnxruntime can run: {error}"]
        ) from error
    if device == "cuda" and CUDA not in session.get_providers():  # onnxruntime falls back silently
        raise ConfigurationError(
            "cuda-unavailable", [f"expected {CUDA}, found {', '.join(session.get_providers())}"]
        )
    return session


def _providers(device: Device) -> list[str | tuple[str, dict[str, str]]]:
    if device == "cpu" or CUDA not in onnxruntime.get_available_providers():
        return [CPU]
    onnxruntime.preload_dlls()  # CUDA and cuDNN from their wheels
    return [(CUDA, {"use_tf32": "0", "cudnn_conv_algo_search": "DEFAULT"}), CPU]


def _check_tensors(session: onnxruntime.InferenceSession, card: ModelCard) -> None:
    inputs = {tensor.name: tensor for tensor in session.get_inputs()}
    outputs = {tensor.name: tensor for tensor in session.get_outputs()}
    problems = [
        f"{card.identity}: expected {role} {name} as tensor(float) of five axes, found "
        + (", ".join(f"{n} {t.type} {t.shape}" for n, t in tensors.items()) or "none")
        for role, name, tensors in (
            ("input", card.input.tensor, inputs),
            ("output", card.output.tensor, outputs),
        )
        if name not in tensors
        or tensors[name].type != "tensor(float)"
        or len(tensors[name].shape) != 5
    ]
    if len(inputs) != 1:
        problems.append(f"{card.identity}: expected one input, found {len(inputs)}")
    if problems:
        raise ConfigurationError("model-card", problems)


def _predictor(
    session: onnxruntime.InferenceSession, card: ModelCard, limit_seconds: float
) -> Predict:
    def predict(voxels: Voxels) -> Voxels:
        """Run the network.

        Raises:
            InputRejected: The network cannot answer this input (``inference-failed``).
        """
        try:
            with watchdog(limit_seconds):
                (output,) = session.run(
                    [card.output.tensor], {card.input.tensor: voxels[None, None]}
                )
        except RUNTIME_ERRORS as error:
            raise InputRejected("inference-failed", f"{card.identity}: {error}") from error
        if output.shape != (1, 1, *voxels.shape):
            raise InputRejected(
                "inference-failed",
                f"{card.identity}: expected an output of {(1, 1, *voxels.shape)}, "
                f"found {output.shape}",
            )
        mumap: Voxels = output[0, 0]
        return mumap

    return predict


def _check_golden(predict: Predict, card: ModelCard, given: Voxels, expected: Voxels) -> None:
    try:
        found = predict(given)
    except InputRejected as error:
        raise ConfigurationError("model-golden", [error.sentence]) from error
    name, tolerance = card.identity, card.golden.tolerance
    if found.shape != expected.shape:
        problem = f"{name}: expected golden output of {found.shape}, found {expected.shape}"
        raise ConfigurationError("model-golden", [problem])
    difference = float(np.abs(found - expected).max())
    if not difference <= tolerance:  # so that NaN is refused
        problem = f"{name}: expected golden output within {tolerance:g}, found {difference:g} off"
        raise ConfigurationError("model-golden", [problem])
