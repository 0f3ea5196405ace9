"""How long a model takes between reading and writing: onto its grid, through it, and back.

Opens the model as the node does and lets it answer an analytic torso on grids that sites use::

    python benchmarks/inference.py [--model FOLDER] [--threads 2] [--rounds 10]
"""

import argparse
import logging
import statistics
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import structlog
from receive import machine

from mumap_node.imaging import postprocess, preprocess
from mumap_node.imaging.volume import Volume
from mumap_node.node.model import DEFAULT_MODEL, open_model
from mumap_node.pipeline import Model
from mumap_node.training.torso import analytic_torso

MODELS = Path(__file__).parents[1] / "models"

GRIDS = (((64, 64, 64), 6.4), ((100, 128, 128), 3.3), ((80, 128, 128), 4.8))
"""Slices, rows and columns of the sources, and the edge of their voxels in mm."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--model", type=Path, default=MODELS / DEFAULT_MODEL)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--rounds", type=int, default=10)
    parsed = arguments.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    folder = parsed.model.resolve()
    loaded = open_model(folder.parent, folder.name, "cpu", parsed.threads)
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {machine()}; {loaded.model.card.identity}, "
        f"{loaded.runtime}, {parsed.threads} threads; medians of {parsed.rounds} rounds\n"
    )
    print("| source | prepare | network | back onto the source's grid | together |")
    print("|---|---|---|---|---|")
    for shape, spacing_mm in GRIDS:
        nac = analytic_torso(shape, spacing_mm).emission
        measured = [measure(nac, loaded.model) for _ in range(parsed.rounds + 1)]
        print_row(shape, spacing_mm, measured[1:])  # the first warms up


def measure(nac: Volume, model: Model) -> tuple[float, ...]:
    """Seconds to prepare a source, to ask the network and to bring its answer back."""
    moments = [time.perf_counter()]
    prepared = preprocess.prepare(nac, model.card)
    moments.append(time.perf_counter())
    output = prepared.with_voxels(model.predict(prepared.voxels))
    moments.append(time.perf_counter())
    postprocess.to_attenuation_map(output, model.card, onto=nac.geometry)
    moments.append(time.perf_counter())
    return tuple(np.diff(moments).tolist())


def print_row(
    shape: tuple[int, int, int], spacing_mm: float, measured: Sequence[tuple[float, ...]]
) -> None:
    medians = [statistics.median(part) for part in zip(*measured, strict=True)]
    together = statistics.median(map(sum, measured))
    grid = f"{' x '.join(map(str, shape[::-1]))}, {spacing_mm:g} mm"
    seconds = [f"{part:.3f} s" for part in (*medians, together)]
    print("|", " | ".join((grid, *seconds)), "|", flush=True)


if __name__ == "__main__":
    main()
