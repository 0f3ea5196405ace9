"""How far predicted maps are from true ones, on patients nothing was learned from."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mumap_node.imaging.regions import LUNG_PER_CM

BODY_ABOVE_PER_CM = LUNG_PER_CM[0]


@dataclass(frozen=True, slots=True)
class Errors:
    """Means over cases, on the model's grid, inside the field of view of the source.

    Attributes:
        nmae: Mean absolute error over the range (maximum - minimum) of the true map.
        body: Mean absolute error inside the body over the maximum of the true map.
        bias_per_cm: Mean error inside the body.
    """

    nmae: float
    body: float
    bias_per_cm: float


def errors_of(
    network: nn.Module, cases: Iterable[tuple[Tensor, Tensor, Tensor]], lac_per_cm_per_unit: float
) -> Errors:
    """Let the network answer cases, in float32 as it will be exported.

    Args:
        network: In evaluation mode.
        cases: Input, truth and mask, each (1, slice, row, column).
        lac_per_cm_per_unit: LAC in 1/cm of a network unit.
    """
    rows = []
    with torch.inference_mode():
        for given, truth, mask in cases:
            lac = network(given[None])[0] * lac_per_cm_per_unit
            rows.append(_errors(lac, truth * lac_per_cm_per_unit, mask > 0))
    nmae, body, bias = torch.tensor(rows, dtype=torch.float64).mean(0).tolist()
    return Errors(nmae, body, bias)


def _errors(lac: Tensor, truth: Tensor, seen: Tensor) -> tuple[float, float, float]:
    error, true = (lac - truth)[seen], truth[seen]
    in_body = error[true > BODY_ABOVE_PER_CM]
    highest, lowest = true.max(), true.min()
    return (
        float(error.abs().mean() / (highest - lowest).clamp_min(1e-6)),
        float(in_body.abs().mean() / highest.clamp_min(1e-6)) if len(in_body) else 0.0,
        float(in_body.mean()) if len(in_body) else 0.0,
    )
