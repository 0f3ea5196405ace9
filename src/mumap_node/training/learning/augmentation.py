"""What a site may vary, done to arrays: the same patient as another camera would have shown it.

Never mirrored: the heart lies on the left. Counts are changed as counts, whatever transform the
network's input has. Everything random comes from one generator, so that a seed decides it.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from mumap_node.imaging.resampling import FWHM_PER_SIGMA

PEAK_NOISE_FWHM_VOXELS = 1.5
"""Noise of a reconstruction is never white; the post-filter has smoothed it."""


Case = tuple[Tensor, Tensor, Tensor, Tensor]
"""Input, truth, where the source has voxels and where the truth is known as well, each
(1, slice, row, column)."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """How far each change may go; 0, or no more than 1 where it is a factor, leaves it out.

    Attributes:
        shift_voxels: To either side, along every axis; further where the grid goes on behind the
            source, so that it may lie anywhere between the network's strides.
        rotation_deg: About every axis, to either side.
        scale: Size of the patient, as a share to either side of 1.
        turned_share: Share of the cases that are turned and scaled; the others are only shifted,
            by whole voxels, and so stay as sharp as they are.
        blur_fwhm_voxels: Widest Gaussian of another post-filter.
        sharpen: Strongest unsharp mask, as a share of what the Gaussian takes away.
        noise: Standard deviation of additional noise where counts are those of the bright part,
            as a share of them.
        brightness: Standard deviation of the logarithm of one factor for all counts.
        bias: Standard deviation of the logarithm of a factor that varies slowly over the volume.
        truncated_share: Share of the cases that lose slices at their ends.
        truncated_voxels: The most they lose at one end.
        cropped_share: Share of the cases with a smaller transaxial field of view.
        cropped_voxels: The most it loses on each side.
    """

    shift_voxels: int = 2
    rotation_deg: float = 5.0
    scale: float = 0.06
    turned_share: float = 0.3
    blur_fwhm_voxels: float = 1.2
    sharpen: float = 0.5
    noise: float = 0.06
    brightness: float = 0.10
    bias: float = 0.06
    truncated_share: float = 0.25
    truncated_voxels: int = 12
    cropped_share: float = 0.15
    cropped_voxels: int = 8


class Augmentation:
    """Changes cases at random.

    Args:
        ranges: How far.
        is_sqrt: Whether the network's input is the square root of counts.
        seed: Decides every change that follows.
    """

    def __init__(self, ranges: Ranges, *, is_sqrt: bool, seed: int) -> None:
        self._ranges, self._is_sqrt = ranges, is_sqrt
        self._random = torch.Generator().manual_seed(seed)

    def __call__(self, given: Tensor, truth: Tensor, seen: Tensor, known: Tensor) -> Case:
        """Change one case.

        Args:
            given: Network input, shape (1, slice, row, column), on any device.
            truth: Network output as it should be.
            seen: 1 where the source has voxels; the input is 0 elsewhere.
            known: 1 where it has, and the truth is known; the truth is 0 elsewhere.

        Returns:
            The four, changed; input and truth are 0 outside their masks.
        """
        moved = self._move(torch.stack((given, truth, seen, known)))
        values, parts = moved[:2], moved[2:]  # of voxels at an edge, parts are of something
        (given, truth), masks = values / parts.clamp_min(0.5), (parts > 0.5).to(given.dtype)
        seen, known = masks * self._field_of_view(masks[0])
        counts = given.square() if self._is_sqrt else given
        counts = self._weigh(self._blemish(self._filter(counts))).clamp_min(0) * seen
        return (counts.sqrt() if self._is_sqrt else counts), truth * known, seen, known

    def _uniform(self, limit: float) -> float:
        return float((2 * torch.rand((), generator=self._random) - 1) * limit)

    def _happens(self, share: float) -> bool:
        return bool(torch.rand((), generator=self._random) < share)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self._random)

    def _move(self, stacked: Tensor) -> Tensor:
        """Shift, and sometimes turn and scale, input, truth and masks alike; zeros move in."""
        ranges = self._ranges
        shift = [self._shift(stacked[2], axis) for axis in (1, 2, 3)]
        if self._happens(ranges.turned_share):
            return _transformed(stacked, self._matrix(), shift)
        return _shifted(stacked, shift)

    def _shift(self, seen: Tensor, axis: int) -> int:
        """Whole voxels along an axis."""
        most = self._ranges.shift_voxels
        room = seen.shape[axis] - _occupied(seen, axis)[1] if most else 0
        return round(self._uniform(most + room / 2) + room / 2)

    def _matrix(self) -> Tensor:
        """A small rotation and scale; axes as ``affine_grid`` has them: column, row, slice."""
        matrix = torch.eye(3) * (1 + self._uniform(self._ranges.scale))
        for one, other in ((0, 1), (0, 2), (1, 2)):
            angle = math.radians(self._uniform(self._ranges.rotation_deg))
            turn = torch.eye(3)
            turn[one, one] = turn[other, other] = math.cos(angle)
            turn[one, other], turn[other, one] = -math.sin(angle), math.sin(angle)
            matrix = turn @ matrix
        return matrix

    def _field_of_view(self, mask: Tensor) -> Tensor:
        """1 in a smaller field of view, where there is one."""
        seen = torch.ones_like(mask)
        if self._happens(self._ranges.truncated_share):
            for end in self._lost(self._ranges.truncated_voxels, mask, axis=1):
                seen.narrow(1, *end).zero_()
        if self._happens(self._ranges.cropped_share):
            for axis in (2, 3):
                for end in self._lost(self._ranges.cropped_voxels, mask, axis=axis):
                    seen.narrow(axis, *end).zero_()
        return seen

    def _lost(self, most: int, within: Tensor, *, axis: int) -> list[tuple[int, int]]:
        """Start and length of what is cut off at the ends of the field of view along an axis."""
        first, end = _occupied(within, axis)
        if first == end:
            return []
        before, after = (int(abs(self._uniform(most))) for _ in range(2))
        size = within.shape[axis]
        before, after = min(first + before, size), max(end - after, 0)
        return [(0, before), (after, size - after)]

    def _filter(self, counts: Tensor) -> Tensor:
        """Another post-filter: smoother, or sharper."""
        fwhm = abs(self._uniform(self._ranges.blur_fwhm_voxels))
        blurred = _blurred(counts, fwhm)
        if self._happens(0.5):
            return blurred
        return counts + abs(self._uniform(self._ranges.sharpen)) * (counts - blurred)

    def _blemish(self, counts: Tensor) -> Tensor:
        """More noise: grows with the square root of counts, as Poisson's does."""
        deviation = abs(self._uniform(self._ranges.noise))
        noise = _blurred(self._normal(*counts.shape).to(counts.device), PEAK_NOISE_FWHM_VOXELS)
        noise = noise * (deviation / noise.std().clamp_min(1e-6))
        return counts + counts.clamp_min(0).sqrt() * noise

    def _weigh(self, counts: Tensor) -> Tensor:
        """Another reference for the same counts, and sensitivity that varies over the volume."""
        coarse = self._normal(1, 1, 3, 3, 3) * self._ranges.bias
        field = functional.interpolate(
            coarse, size=counts.shape[1:], mode="trilinear", align_corners=True
        )[0]
        logarithm = field + self._normal() * self._ranges.brightness
        return counts * logarithm.exp().to(counts.device)


def _occupied(mask: Tensor, axis: int) -> tuple[int, int]:
    """Where a mask of (1, slice, row, column) begins and ends along an axis; 0, 0 without any."""
    found = mask.amax([other for other in range(mask.ndim) if other != axis]).nonzero()
    return (int(found[0]), int(found[-1]) + 1) if len(found) else (0, 0)


def _shifted(stacked: Tensor, shift: list[int]) -> Tensor:
    """Moved by whole voxels along (slice, row, column)."""
    padding = [amount for voxels in reversed(shift) for amount in (voxels, -voxels)]
    return functional.pad(stacked, padding)


def _transformed(stacked: Tensor, matrix: Tensor, shift: list[int]) -> Tensor:
    sizes = torch.tensor(stacked.shape[2:]).flip(0)  # (column, row, slice)
    # affine_grid counts half the volume as 1 along every axis, whatever its length
    scaled = matrix * sizes[None, :] / sizes[:, None]
    offset = -2 * torch.tensor(shift).flip(0) / sizes
    theta = torch.cat((scaled, offset[:, None]), 1)[None].to(stacked)
    moving = stacked.transpose(0, 1)  # channels of one volume
    grid = functional.affine_grid(theta, list(moving.shape), align_corners=False)
    moved = functional.grid_sample(moving, grid, align_corners=False)
    return moved.transpose(0, 1)


def _blurred(counts: Tensor, fwhm_voxels: float) -> Tensor:
    """Gaussian smoothing along every axis of (1, slice, row, column)."""
    sigma = fwhm_voxels / FWHM_PER_SIGMA
    reach = max(math.ceil(3 * sigma), 1)
    distance = torch.arange(-reach, reach + 1, dtype=counts.dtype, device=counts.device)
    weights = torch.exp(-0.5 * (distance / max(sigma, 1e-3)) ** 2)
    weights /= weights.sum()
    for axis in (1, 2, 3):
        padding = [0, 0] * (3 - axis) + [reach, reach]
        padded = functional.pad(counts, padding)
        size = counts.shape[axis]
        counts = sum(
            (weight * padded.narrow(axis, start, size) for start, weight in enumerate(weights)),
            start=torch.zeros_like(counts),
        )
    return counts
