"""How well the measurement check parts right maps from wrong ones.

Right maps are a model's own, of a simulated cohort whose projections were kept; wrong ones are made
of them::

    python benchmarks/measurement.py --cohort DIR [--cases 66] [--model FOLDER] [--jobs 2]

With scatter windows, and as if there were none. A case takes some 30 seconds of one core. The
tables are those of docs/quality.md.
"""

import argparse
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from receive import machine
from scipy import ndimage

from mumap_node.dicom.files import read_dataset
from mumap_node.imaging import postprocess, regions, resampling
from mumap_node.imaging.correction import scatter_of
from mumap_node.imaging.findings import Relaxable, Verdict, worst
from mumap_node.imaging.measurement import Fit, check_measurement, measure
from mumap_node.imaging.model_card import FitLimits
from mumap_node.imaging.volume import Quantity, Volume, Voxels
from mumap_node.node.model import DEFAULT_MODEL, open_model
from mumap_node.pipeline import Model, Request, Source, predict_map, read_source
from mumap_node.training.parallel import in_processes
from mumap_node.training.simulation.cohort import Cohort, CohortCase

MODELS = Path(__file__).parents[1] / "models"

OTHERS = 12
"""Patients of whom one has the most similar outline."""

WATER_PER_CM = 0.154
RIGHT, TRUE, OTHER, SIMILAR = "right", "true", "other", "similar"

ROWS: Mapping[str, tuple[str, Sequence[str]]] = {
    "mirrored left to right": ("over_mirrored", ["mirrored"]),
    "another patient's, body on body and heart at the heart's height": ("distance_mm", [OTHER]),
    f"the same, of {OTHERS} patients the one with the most similar outline": (
        "distance_mm", [SIMILAR],
    ),
    "2 voxels to the head or the feet": ("to_head_mm", ["0-2", "0+2"]),
    "2 voxels to the back or the front": ("to_back_mm", ["1-2", "1+2"]),
    "2 voxels to the left or the right": ("to_left_mm", ["2-2", "2+2"]),
    "scaled by 0.8": ("scale", ["x0.8"]),
    "scaled by 1.2": ("scale", ["x1.2"]),
    "uniform water in the outline": ("spared", ["uniform"]),
}  # fmt: skip
"""By kind of wrong map: the number that tells it, and the maps."""

STRATA: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "all": lambda _: True,
    "180°": lambda facts: facts["camera"]["arc_deg"] == 180,
    "360°": lambda facts: facts["camera"]["arc_deg"] == 360,
    "below 25 kg/m²": lambda facts: facts["patient"]["bmi"] < 25,
    "from 30 kg/m² on": lambda facts: facts["patient"]["bmi"] >= 30,
}

BOOTSTRAPS = 200


@dataclass(frozen=True, eq=False)
class Predicted:
    """A case and the model's map of it, on the slices that a detector saw."""

    case: CohortCase
    mumap: Volume


@dataclass(frozen=True)
class Tried:
    """What the check says of every map of a case, with scatter windows and without."""

    facts: Mapping[str, Any]
    fits: Mapping[bool, Mapping[str, Fit]]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cohort", type=Path, required=True)
    arguments.add_argument("--cases", type=int, default=66)
    arguments.add_argument("--model", type=Path, default=MODELS / DEFAULT_MODEL)
    arguments.add_argument("--jobs", type=int, default=1)
    parsed = arguments.parse_args()
    folder, jobs = parsed.model.resolve(), parsed.jobs
    limits = opened(folder).card.measurement
    if limits is None:
        raise SystemExit(f"{folder.name}: expected a card with limits of the measurement")
    cases = list(Cohort.open(parsed.cohort))[: parsed.cases]
    predicted = sorted(
        in_processes(partial(predict, folder), cases, jobs), key=lambda made: made.case.index
    )
    neighbours = [
        [predicted[(number + step) % len(predicted)] for step in range(min(OTHERS + 1, len(cases)))]
        for number in range(len(predicted))
    ]
    tried = list(in_processes(partial(try_maps, folder), neighbours, jobs))
    identity = opened(folder).card.identity
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}; {identity}, {len(tried)} patients\n")
    print_parted(tried, limits)
    print_strata(tried, limits)
    print_stopped(tried, limits)


@cache
def opened(folder: Path) -> Model:
    """The model, once in each process."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    return open_model(folder.parent, folder.name, "cpu", 1).model


def read(folder: Path, case: CohortCase) -> Source:
    dataset = read_dataset((case.folder / "projections.dcm").read_bytes())
    request = Request(assume_parallel_holes=True, relax=frozenset(Relaxable))
    return read_source(dataset, opened(folder).card, request)


def predict(folder: Path, case: CohortCase) -> Predicted:
    """The model's map, whatever the checks say of it."""
    source = read(folder, case)
    mumap, _ = predict_map(source.reconstruction, opened(folder), lambda findings: findings)
    return Predicted(case, mumap)


def try_maps(folder: Path, cases: Sequence[Predicted]) -> Tried:
    """Hold the maps of a case against its projections; the other cases lend theirs."""
    own, *others = cases
    source = read(folder, own.case)
    here = own.mumap.geometry
    true = resampling.onto(own.case.mumap(), here, outside=np.nan).voxels
    is_known = np.isfinite(true)  # some cases keep the slices of the heart alone
    maps = {RIGHT: own.mumap.voxels, TRUE: np.where(is_known, true, own.mumap.voxels)}
    maps |= wrong(own.mumap.voxels) | lent(own, others)
    wholes = {
        name: postprocess.on_whole_grid(Volume(lac, here, Quantity.LAC_PER_CM), source.grid)
        for name, lac in maps.items()
    }
    measured = source.projections
    if measured is None:
        raise SystemExit(f"{own.case.folder}: expected projections")
    fits = {}
    for has_windows in (True, False):
        scatter = scatter_of(measured) if has_windows else None
        fits[has_windows] = {
            name: measure(measured, whole, scatter) for name, whole in wholes.items()
        }
    return Tried(own.case.facts(), fits)


def wrong(lac: Voxels) -> dict[str, Voxels]:
    """Changes of a map: mirrored about its body, moved, scaled, or water all through."""
    middle, columns = centre(lac)[2], lac.shape[2]
    outline = regions.filled(regions.body(lac)).astype(np.float32)
    found = {
        "mirrored": moved(lac[:, :, ::-1], (0, 0, 2 * middle - (columns - 1))),
        "x0.8": lac * np.float32(0.8),
        "x1.2": lac * np.float32(1.2),
        "uniform": ndimage.gaussian_filter(WATER_PER_CM * outline, (0, 0.5, 0.5)),
    }
    for axis in range(3):
        for by in (-2, 2):
            found[f"{axis}{by:+d}"] = moved(lac, by * np.eye(3)[axis])
    return found


def lent(own: Predicted, others: Sequence[Predicted]) -> dict[str, Voxels]:
    """The next patient's map, and the one whose outline is most like this patient's."""
    body = regions.body(own.mumap.voxels)
    fitted = [laid_on(own, other) for other in others]
    similar = max(fitted, key=lambda lac: regions.dice(regions.body(lac), body))
    return {OTHER: fitted[0], SIMILAR: similar}


def laid_on(own: Predicted, other: Predicted) -> Voxels:
    """Another patient's map in true size, body on body and heart at the heart's height."""
    here, there = own.mumap.geometry, other.mumap.geometry
    scales = np.array(here.spacing_mm) / there.spacing_mm
    offset = landmark(other) - scales * landmark(own)
    laid: Voxels = ndimage.affine_transform(
        other.mumap.voxels, scales, offset, here.shape, order=1, mode="nearest"
    )
    return laid


def landmark(of: Predicted) -> np.ndarray:
    """Index of the middle of the body, at the height of the heart."""
    x, y, _ = of.mumap.geometry.centre_mm
    height_mm = of.case.facts()["heart"]["centre_mm"][2]
    place = centre(of.mumap.voxels)
    place[0] = of.mumap.geometry.to_index((x, y, height_mm))[0]
    return place


def centre(lac: Voxels) -> np.ndarray:
    return np.array(ndimage.center_of_mass(regions.body(lac)))


def moved(lac: Voxels, by: Sequence[float] | np.ndarray) -> Voxels:
    shifted: Voxels = ndimage.shift(lac, by, order=1, mode="nearest")
    return shifted


def print_parted(tried: Sequence[Tried], limits: FitLimits) -> None:
    """Areas under the ROC curve, with their 95 % intervals over patients."""
    print("| wrong map | told by | with scatter windows | without |\n|---|---|---|---|")
    rows = [(kind, number, names) for kind, (number, names) in ROWS.items()]
    rows += [("the true map", number, [TRUE]) for number in sorted({row[1] for row in rows})]
    for kind, number, names in rows:
        cells = [with_interval(numbers_of(tried, limits, number, names, has_windows=mode))
                 for mode in (True, False)]  # fmt: skip
        print(f"| {kind} | `{number}` | {' | '.join(cells)} |")


def print_strata(tried: Sequence[Tried], limits: FitLimits) -> None:
    """The same in parts of the cohort, with scatter windows."""
    print("\n| wrong map |", " | ".join(STRATA), "|\n|---|" + "---|" * len(STRATA))
    parts = [[one for one in tried if holds(one.facts)] for holds in STRATA.values()]
    print("| patients |", " | ".join(str(len(part)) for part in parts), "|")
    for kind, (number, names) in ROWS.items():
        areas = [area(numbers_of(part, limits, number, names, has_windows=True)) for part in parts]
        print(f"| {kind} |", " | ".join(f"{found:.2f}" for found in areas), "|")


def print_stopped(tried: Sequence[Tried], limits: FitLimits) -> None:
    """What the limits of the card warn of or stop, and what they stop, in percent."""
    print("\n| map | with scatter windows: found | stopped | without: found | stopped |")
    print("|---|---|---|---|---|")
    kinds = {"right": [RIGHT], "true": [TRUE], **{kind: names for kind, (_, names) in ROWS.items()}}
    for kind, names in kinds.items():
        shares: list[str] = []
        for mode in (True, False):
            verdicts = [
                worst(tuple(check_measurement(one.fits[mode][name], limits)))
                for one in tried
                for name in names
            ]
            stopped = verdicts.count(Verdict.FAIL)
            found = stopped + verdicts.count(Verdict.WARN)
            shares += [f"{100 * count / len(verdicts):.0f}" for count in (found, stopped)]
        print(f"| {kind} |", " | ".join(shares), "|")


def numbers_of(
    tried: Sequence[Tried],
    limits: FitLimits,
    number: str,
    names: Sequence[str],
    *,
    has_windows: bool,
) -> np.ndarray:
    """How wrong each case's right map and wrong ones look: [map, case], the right one first."""
    return np.array(
        [
            [wrongness(one.fits[has_windows][name], number, limits) for one in tried]
            for name in (RIGHT, *names)
        ]
    )


def wrongness(fit: Fit, number: str, limits: FitLimits) -> float:
    """How far a number is from the middle of its limits, or from their good end."""
    directions = ("to_head_mm", "to_back_mm", "to_left_mm")
    if number.startswith("over_"):
        return -float(getattr(fit, number))
    if number in ("distance_mm", "spared"):
        return float(getattr(fit, number))
    value = fit.shift_mm[directions.index(number)] if number in directions else fit.scale
    return np.nan if value is None else abs(value - float(np.mean(getattr(limits, number))))


def area(numbers: np.ndarray) -> float:
    """Chance that a wrong map looks worse than a right one; half of it where they look alike."""
    if not numbers.size or np.isnan(numbers).any():
        return np.nan
    differences = numbers[1:, :, None] - numbers[0]
    return float((differences > 0).mean() + (differences == 0).mean() / 2)


def with_interval(numbers: np.ndarray) -> str:
    found, cases = area(numbers), numbers.shape[1]
    if not np.isfinite(found):
        return "not judged"
    rng = np.random.default_rng(0)
    drawn = [area(numbers[:, rng.integers(cases, size=cases)]) for _ in range(BOOTSTRAPS)]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return f"{found:.2f} ({low:.2f}-{high:.2f})"


if __name__ == "__main__":
    main()
