"""From the figures of the cases to those of the groups: what results.json and cases.csv hold."""

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from mumap_node.imaging.definitions import METRICS
from mumap_node.imaging.polar import SEGMENT_NAMES
from mumap_node.imaging.statistics import agreement, summarise
from mumap_node.training.evaluation.evaluating import Rejected
from mumap_node.training.evaluation.methods import MODEL
from mumap_node.training.evaluation.studies import CaseResult

SUBGROUP_METRICS = (
    "nmae_range", "nmae_body", "acf_mean_percent",
    "lv_bias_percent", "segment_mean_normalised_percent", "polar_distance",
)  # fmt: skip

WORST_SHOWN = 5

Document = dict[str, Any]
"""What JSON can hold; numbers that are not finite are None."""


def assemble(
    results: Sequence[CaseResult], rejected: Sequence[Rejected], about: Mapping[str, Any]
) -> Document:
    """The figures of all groups.

    Args:
        results: Of all cases that were answered, at least one.
        rejected: Those that could not be.
        about: What was evaluated, with what and when.
    """
    ordered = sorted(results, key=lambda result: result.name)
    strata = {name: kept for name, kept in _strata(ordered) if kept}
    document = {
        "about": dict(about),
        "definitions": {name: asdict(metric) for name, metric in METRICS.items()},
        "strata": {name: _summaries(kept) for name, kept in strata.items()},
        "subgroups": _subgroups(ordered),
        "segments": {name: _segments(kept) for name, kept in strata.items()},
        "checks": _checks(ordered),
        "rejected": [asdict(case) for case in sorted(rejected, key=lambda case: case.name)],
        "shown": _shown(next(iter(strata.values()))),
    }
    finite: Document = _finite(document)
    return finite


def shown_names(document: Document) -> list[str]:
    """The cases worth a picture: the typical one, then the worst."""
    return [document["shown"]["typical"], *document["shown"]["worst"]]


def as_csv(results: Sequence[CaseResult]) -> str:
    """One row a case and method; a figure nobody could measure is empty.

    Patients are numbered: what tells them apart elsewhere is derived from who they are.
    """
    results = sorted(results, key=lambda result: result.name)
    numbers = {name: n for n, name in enumerate(dict.fromkeys(r.patient for r in results), 1)}
    groups = sorted({group for result in results for group in result.groups})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["case", "patient", "core", *groups, "failed", "warned", "method", *METRICS])
    for result in results:
        core = "" if result.is_core is None else int(result.is_core)
        who = [result.name, numbers[result.patient], core]
        which = [result.groups.get(group, "") for group in groups]
        checks = [" ".join(result.failed), " ".join(result.warned)]
        for method, errors in result.errors.items():
            figures = [_cell(errors.get(name)) for name in METRICS]
            writer.writerow([*who, *which, *checks, method, *figures])
    return text.getvalue()


def corrected_with(results: Iterable[CaseResult]) -> list[str]:
    """Methods whose hearts were compared, in their order; not every case shows a whole heart."""
    return list(dict.fromkeys(method for result in results for method in result.segments))


def normalised_segments(
    results: Iterable[CaseResult], method: str
) -> tuple[np.ndarray, np.ndarray]:
    """Found and true perfusion, (case, segment), in percent of the mean of each map's segments."""
    pairs = [
        (result.segments[method], result.true_segments)
        for result in results
        if method in result.segments
    ]
    found, truth = (
        np.array([100 * pair[which] / pair[which].mean() for pair in pairs]).reshape(-1, 17)
        for which in (0, 1)
    )
    return found, truth


def _strata(results: Sequence[CaseResult]) -> Iterable[tuple[str, list[CaseResult]]]:
    if any(result.is_core is None for result in results):
        return [("all", list(results))]
    return [
        ("core", [result for result in results if result.is_core]),
        ("rest", [result for result in results if not result.is_core]),
        ("all", list(results)),
    ]


def _summaries(results: Sequence[CaseResult], metrics: Iterable[str] = METRICS) -> Document:
    methods = list(dict.fromkeys(method for result in results for method in result.errors))
    return {
        "cases": len(results),
        "patients": len({result.patient for result in results}),
        "methods": {
            method: dict(_summaries_of(results, method, list(metrics))) for method in methods
        },
    }


def _summaries_of(
    results: Sequence[CaseResult], method: str, metrics: Sequence[str]
) -> Iterable[tuple[str, Document]]:
    patients = [result.patient for result in results]
    for metric in metrics:
        values = [result.errors.get(method, {}).get(metric, math.nan) for result in results]
        summary = summarise(values, patients)
        if summary is not None:
            yield metric, asdict(summary)


def _subgroups(results: Sequence[CaseResult]) -> Document:
    """The model's figures by subgroup, then by value."""
    values: dict[str, dict[str, list[CaseResult]]] = {}
    for result in results:
        for group, value in result.groups.items():
            values.setdefault(group, {}).setdefault(value, []).append(result)
    return {
        group: {
            value: {
                "cases": len(kept),
                **dict(_summaries_of(kept, MODEL, SUBGROUP_METRICS)),
            }
            for value, kept in sorted(by_value.items(), key=lambda item: _by_size(item[0]))
        }
        for group, by_value in sorted(values.items())
    }


def _by_size(value: str) -> tuple[float, str]:
    """Sorts classes such as "below 25", "25 to 30" and "64" by their numbers, words by letters."""
    number = re.search(r"[0-9.]+", value)
    if number is None:
        return 0.0, value
    return float(number[0]) - value.startswith("below") / 2, value


def _segments(results: Sequence[CaseResult]) -> Document:
    """Bland and Altman's bias and limits of the mean-normalised segments, by method."""
    document: Document = {}
    for method in corrected_with(results):
        found, truth = normalised_segments(results, method)
        differences = found - truth
        document[method] = {
            "all segments": asdict(agreement(differences.ravel())),
            **{
                name: asdict(agreement(differences[:, number]))
                for number, name in enumerate(SEGMENT_NAMES)
            },
        }
    return document


def _checks(results: Sequence[CaseResult]) -> Document:
    """How many maps the node would have kept back or warned of, and for which check."""

    def count(checks: Callable[[CaseResult], tuple[str, ...]]) -> Document:
        names = Counter(name for result in results for name in set(checks(result)))
        return {"cases": sum(bool(checks(result)) for result in results), "checks": dict(names)}

    return {
        "failed": count(lambda result: result.failed),
        "warned": count(lambda result: result.warned),
    }


def _shown(results: Sequence[CaseResult]) -> Document:
    """Names of the typical case, whose NMAE is the median, and of the worst, worst first."""
    by_error = sorted(results, key=lambda result: result.errors[MODEL]["nmae_range"])
    return {
        "typical": by_error[(len(by_error) - 1) // 2].name,
        "worst": [result.name for result in by_error[: -WORST_SHOWN - 1 : -1]],
    }


def _cell(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.6g}"


def _finite(content: Any) -> Any:
    match content:
        case dict():
            return {key: _finite(value) for key, value in content.items()}
        case list() | tuple():
            return [_finite(value) for value in content]
        case float():
            return float(content) if math.isfinite(content) else None
    return content
