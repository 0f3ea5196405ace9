"""Conditional adversarial training, as an option beside plain regression.

A discriminator looks at patches of (input, map) pairs and learns to tell true maps from predicted
ones; the network is rewarded for maps it takes for true. As in Huxohl et al.
(doi:10.1186/s40658-023-00568-1), with the least-squares losses of LSGAN (arXiv:1611.04076).
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (32, 64, 128)
SLOPE = 0.2
"""Of LeakyReLU below 0."""

MOMENTA = (0.5, 0.999)
"""Of Adam, as usual against a discriminator."""


class Discriminator(nn.Module):
    """PatchGAN in three dimensions: (batch, 2, …) to one judgement per patch, 1 for true."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, width in zip((2, *WIDTHS), WIDTHS, strict=False):
            layers += [
                nn.Conv3d(before, width, 4, stride=2, padding=1),
                nn.GroupNorm(1, width),
                nn.LeakyReLU(SLOPE),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv3d(WIDTHS[-1], 1, 3, padding=1))

    def forward(self, given: Tensor, mumap: Tensor) -> Tensor:
        """Judge every patch of a batch."""
        judgement: Tensor = self.layers(torch.cat((given, mumap), 1))
        return judgement


class Adversary:
    """The discriminator and how it learns.

    Args:
        device: Where it lives.
        learning_rate: At the end of the warm-up; it follows the schedule of the network.
    """

    def __init__(self, device: torch.device, learning_rate: float) -> None:
        self.discriminator = Discriminator().to(device)
        self.optimiser = torch.optim.Adam(
            self.discriminator.parameters(), lr=learning_rate, betas=MOMENTA
        )
        self.learning_rate = learning_rate

    def deception(self, given: Tensor, predicted: Tensor) -> Tensor:
        """How far the discriminator is from taking predicted maps for true ones."""
        judged = self.discriminator(given, predicted).float()
        return functional.mse_loss(judged, torch.ones_like(judged))

    def learn(self, given: Tensor, truth: Tensor, predicted: Tensor, rate: float) -> float:
        """One step of the discriminator; its loss.

        Args:
            given: Network input.
            truth: True maps.
            predicted: Predicted ones.
            rate: Part of the learning rate that applies now.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate * rate
        true = self.discriminator(given, truth).float()
        false = self.discriminator(given, predicted.detach()).float()
        loss = 0.5 * (
            functional.mse_loss(true, torch.ones_like(true))
            + functional.mse_loss(false, torch.zeros_like(false))
        )
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        self.optimiser.step()
        return float(loss.detach())

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds of it."""
        return {
            "discriminator": self.discriminator.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.discriminator.load_state_dict(state["discriminator"])
        self.optimiser.load_state_dict(state["optimiser"])
