"""The network: a small residual U-Net that strides in its first layer.

Full resolution is seen once on the way in and once on the way out: a level of its own there costs
five times the time and prints the uptake of the heart into the map. Encoder and decoder are those
of SegResNet (doi:10.1007/978-3-030-11726-9_28): residual blocks that normalise first, and skip
connections that add. Upsampling is resizing and then convolving; transposed convolutions leave
stripes. The last step gives eight voxels for each of half the resolution (sub-pixel convolution,
arXiv:1609.05158): a quarter of the time goes into resizing there otherwise.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from mumap_node.errors import ConfigurationError

MULTIPLE_OF = 8
"""Each axis of the input is halved three times."""

GROUP = 16
"""Channels normalised together. Without normalisation it learned nothing in as many steps."""

FINER = 2**3
"""Voxels of full resolution in one of half of it."""


class Normalised(nn.GroupNorm):
    """Group normalisation that stays exact in ONNX.

    Its operator there sums a group in one go in float32: over a million voxels that is 2e-5 off.
    Exported, the mean is taken axis by axis.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Normalise (batch, channel, slice, row, column)."""
        if not torch.onnx.is_in_onnx_export():
            return super().forward(features)
        batch, channels, *grid = features.shape
        grouped = features.reshape(batch, self.num_groups, channels // self.num_groups, *grid)
        centred = grouped - _mean(grouped)
        scaled = centred * torch.rsqrt(_mean(centred * centred) + self.eps)
        channelwise = (-1, 1, 1, 1)
        result: Tensor = scaled.flatten(1, 2) * self.weight.view(channelwise)
        return result + self.bias.view(channelwise)


def _mean(grouped: Tensor) -> Tensor:
    """Mean over all axes behind the second, from the last on."""
    for axis in range(grouped.ndim - 1, 1, -1):
        grouped = grouped.mean(axis, keepdim=True)
    return grouped


class Block(nn.Module):
    """Two convolutions beside an identity; shape and channels stay."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        groups = channels // GROUP
        self.layers = nn.Sequential(
            Normalised(groups, channels),
            nn.SiLU(),
            nn.Conv3d(channels, channels, 3, padding=1, bias=False),
            Normalised(groups, channels),
            nn.SiLU(),
            nn.Conv3d(channels, channels, 3, padding=1, bias=False),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Add what the convolutions found."""
        result: Tensor = features + self.layers(features)
        return result


class Network(nn.Module):
    """Normalised counts to attenuation: (batch, 1, slice, row, column), the same shape out.

    Every axis must be a multiple of MULTIPLE_OF. The output is cut off at 0, but not while it
    learns: a network that has learned that most voxels are air would get no gradient any more.

    Args:
        widths: Channels at 1/2, 1/4 and 1/8 of the resolution, multiples of GROUP.
        blocks: Residual blocks there on the way down; there is one each on the way up.
    """

    def __init__(
        self,
        widths: tuple[int, int, int] = (16, 64, 128),
        blocks: tuple[int, int, int] = (1, 2, 2),
    ) -> None:
        super().__init__()
        steps = list(pairwise(widths))
        self.stem = nn.Conv3d(1, widths[0], 2, stride=2)
        self.encoder = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(count)))
            for width, count in zip(widths, blocks, strict=True)
        )
        self.down = nn.ModuleList(nn.Conv3d(a, b, 3, stride=2, padding=1) for a, b in steps)
        self.narrow = nn.ModuleList(nn.Conv3d(b, a, 1) for a, b in steps)
        self.decoder = nn.ModuleList(Block(width) for width in widths[:-1])
        self.last = nn.Conv3d(widths[0], FINER, 3, padding=1)
        with torch.no_grad():  # all voxels of a coarser one begin alike: arXiv:1707.02937
            for weights in self.last.parameters():
                weights.copy_(weights[:1].expand_as(weights))

    def forward(self, counts: Tensor) -> Tensor:
        """Predict the maps of a batch."""
        features = self.encoder[0](self.stem(counts))
        skipped = []
        for down, encoder in zip(self.down, self.encoder[1:], strict=True):
            skipped.append(features)
            features = encoder(down(features))
        for narrow, decoder, skip in zip(
            reversed(self.narrow), reversed(self.decoder), reversed(skipped), strict=True
        ):
            features = decoder(skip + functional.interpolate(narrow(features), scale_factor=2))
        mumap = _shuffled(self.last(features))
        return mumap if self.training else mumap.relu()


def _shuffled(features: Tensor) -> Tensor:
    """Eight channels become the eight voxels that lie in one: a channel of twice the grid."""
    batch, _, slices, rows, columns = features.shape
    parted = features.reshape(batch, 2, 2, 2, slices, rows, columns)
    return parted.permute(0, 4, 1, 5, 2, 6, 3).reshape(batch, 1, 2 * slices, 2 * rows, 2 * columns)


def parameters_of(network: nn.Module) -> int:
    """Number of weights."""
    return sum(weight.numel() for weight in network.parameters())


def best_device(wanted: str) -> torch.device:
    """The device of ``auto``, ``cpu`` or ``cuda``: CUDA where there is one, else the CPU.

    Raises:
        ConfigurationError: ``cuda-unavailable`` where CUDA was asked for.
    """
    has_cuda = torch.cuda.is_available()
    if wanted == "cuda" and not has_cuda:
        raise ConfigurationError("cuda-unavailable", ["expected a CUDA device, PyTorch finds none"])
    return torch.device("cuda" if has_cuda and wanted != "cpu" else "cpu")


def calculates_in_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 saves time there: GPUs since Ampere, CPUs with instructions for it."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu.get_capabilities().get("avx512_bf16"))
