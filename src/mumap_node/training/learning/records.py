"""What a run leaves behind for people: a table of its epochs, and their curve."""

import csv
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

METRICS_FILE = "metrics.csv"
CURVE_FILE = "curve.png"


@dataclass(frozen=True, slots=True)
class Epoch:
    """What came of an epoch.

    Attributes:
        epoch: Counted from 1.
        step: Steps made so far.
        seconds: Time the run took so far, without preparing its cases.
        learning_rate: At the end of the epoch.
        loss: Mean over the epoch's steps, of which the two terms below are part.
        l1: Of values, in network units.
        gradient: Of gradients, in network units.
        deception: Of the discriminator; 0 without one.
        nmae: Of the validation cases, see ``validation.Errors``.
        body: Likewise.
        bias_per_cm: Likewise.
    """

    epoch: int
    step: int
    seconds: float
    learning_rate: float
    loss: float
    l1: float
    gradient: float
    deception: float
    nmae: float
    body: float
    bias_per_cm: float


def read_epochs(run: Path) -> list[Epoch]:
    """The epochs of a run so far."""
    try:
        with (run / METRICS_FILE).open(encoding="utf-8", newline="") as file:
            return [_epoch(row) for row in csv.DictReader(file)]
    except FileNotFoundError:
        return []


def _epoch(row: Mapping[str, str]) -> Epoch:
    counts = {key: int(row[key]) for key in ("epoch", "step")}
    values = {key: float(value) for key, value in row.items() if key not in counts}
    return Epoch(**counts, **values)  # type: ignore[arg-type]  # a csv knows no types


def write_epochs(run: Path, epochs: list[Epoch]) -> None:
    """Write table and curve anew."""
    with (run / METRICS_FILE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Epoch)])
        writer.writeheader()
        writer.writerows(
            {key: f"{value:.6g}" for key, value in asdict(epoch).items()} for epoch in epochs
        )
    _draw(run / CURVE_FILE, epochs)


def _draw(path: Path, epochs: list[Epoch]) -> None:
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    losses, errors = figure.subplots(1, 2)
    minutes = [epoch.seconds / 60 for epoch in epochs]
    losses.plot(minutes, [epoch.l1 for epoch in epochs], label="L1")
    losses.plot(minutes, [epoch.gradient for epoch in epochs], label="L1 of gradients")
    errors.plot(minutes, [epoch.nmae for epoch in epochs], label="NMAE (range)")
    errors.plot(minutes, [epoch.body for epoch in epochs], label="inside the body, / maximum")
    for axes, title in ((losses, "training"), (errors, "validation")):
        axes.set(title=title, xlabel="minutes", yscale="log")
        axes.grid(visible=True, which="both", alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=110)
