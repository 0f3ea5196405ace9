"""A run in memory and its checkpoints on disk."""

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from mumap_node.errors import ConfigurationError
from mumap_node.training.learning.adversarial import Adversary
from mumap_node.training.learning.network import Network
from mumap_node.training.learning.plan import Plan
from mumap_node.training.learning.records import Epoch, read_epochs

LAST, BEST = "last.pt", "best.pt"


@dataclass(slots=True)
class Training:
    """A run in memory.

    Attributes:
        plan: What decides it.
        run: Its folder.
        device: Where it computes.
        network: Learns.
        averaged: Running mean of its weights; what is validated and exported.
        optimiser: AdamW.
        adversary: None for plain regression.
        epoch: Epochs done.
        step: Steps done.
        seconds: Time they took, over all parts of an interrupted run.
        lowest: Best NMAE so far.
        epochs: What came of them.
    """

    plan: Plan
    run: Path
    device: torch.device
    network: Network = field(init=False)
    averaged: Network = field(init=False)
    optimiser: torch.optim.Optimizer = field(init=False)
    adversary: Adversary | None = field(init=False)
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    lowest: float = float("inf")
    epochs: list[Epoch] = field(default_factory=list)

    def __post_init__(self) -> None:
        plan = self.plan
        torch.manual_seed(plan.seed)
        network = Network(plan.widths, plan.blocks)
        # three times as fast on CPUs as PyTorch's usual order of axes
        self.network = network.to(self.device).to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # its stub knows tensors of four axes only
        self.averaged = copy.deepcopy(self.network).eval().requires_grad_(requires_grad=False)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(),
            lr=plan.learning_rate,
            weight_decay=plan.weight_decay,
            fused=True,
        )
        self.adversary = (
            Adversary(self.device, plan.learning_rate) if plan.adversarial_weight else None
        )

    def average(self) -> None:
        """Let the mean follow the weights: quickly at first, then over some thousand steps."""
        decay = min(self.plan.averaging, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, weight in zip(
                self.averaged.parameters(), self.network.parameters(), strict=True
            ):
                mean.lerp_(weight, 1 - decay)

    def save(self, name: str) -> None:
        """Write everything the run needs to go on; a checkpoint is whole or not there."""
        state = {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "adversary": self.adversary.state() if self.adversary else None,
            "progress": {key: getattr(self, key) for key in ("epoch", "step", "seconds", "lowest")},
        }
        draft = self.run / f"{name}.part"
        torch.save(state, draft)
        draft.replace(self.run / name)

    def restore(self) -> None:
        """Go on where the last epoch ended."""
        state: dict[str, Any] = torch.load(
            self.run / LAST, map_location=self.device, weights_only=True
        )
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.adversary and state["adversary"]:
            self.adversary.restore(state["adversary"])
        for key, value in state["progress"].items():
            setattr(self, key, value)
        self.epochs = read_epochs(self.run)[: self.epoch]


def best_network(run: Path, plan: Plan) -> Network:
    """The network of a run that validated best, on the CPU.

    Raises:
        ConfigurationError: ``no-such-run`` where it has none yet.
    """
    try:
        state = torch.load(run / BEST, map_location="cpu", weights_only=True)
    except OSError as error:
        problem = f"{run}: expected {BEST}, found: {error.strerror}; it appears after one epoch"
        raise ConfigurationError("no-such-run", [problem]) from None
    network = Network(plan.widths, plan.blocks)
    network.load_state_dict(state["averaged"])
    return network.eval()
