"""An evaluation from its cases to the three files that tell of it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mumap_node.errors import ConfigurationError
from mumap_node.imaging import correction
from mumap_node.training.evaluation.evaluating import (
    CaseSource,
    OpenMethods,
    Rejected,
    evaluate,
)
from mumap_node.training.evaluation.pictures import Pictures, draw
from mumap_node.training.evaluation.report import render
from mumap_node.training.evaluation.results import Document, as_csv, assemble, shown_names
from mumap_node.training.evaluation.studies import CaseResult, study
from mumap_node.training.parallel import in_processes

Progress = Callable[[int, int], None]
"""Is told how many of how many are done."""

Watch = Callable[[str], Progress]
"""Begins to watch what is counted, named in the plural."""

RESULTS, CASES, REPORT = "results.json", "cases.csv", "report.html"

CORRECTION = (
    f"OSEM {correction.ITERATIONS} x {correction.SUBSETS} with attenuation, resolution and "
    f"scatter, Gaussian {correction.FILTER_FWHM_MM:g} mm, the slices within "
    f"{correction.SLAB_MARGIN_MM:g} mm of the heart, projections added up to pixels of at least "
    f"{correction.FINEST_MM:g} mm"
)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What to evaluate.

    Attributes:
        sources: The cases.
        rejected: Cases that were refused before.
        open_methods: Opens the models, in whatever process.
        correct: Whether to reconstruct where projections exist.
        about: What the report says of model and data: model, summary, data, is_simulated, facts.
    """

    sources: Sequence[CaseSource]
    rejected: Sequence[Rejected]
    open_methods: OpenMethods
    correct: bool
    about: Mapping[str, Any]


def run(evaluation: Evaluation, folder: Path, jobs: int, watch: Watch) -> Document:
    """Evaluate, and write ``results.json``, ``cases.csv`` and ``report.html``.

    Args:
        evaluation: What.
        folder: Where to; made where there is none.
        jobs: Processes.
        watch: Asked for somebody to tell of the cases, and then of the pictures.

    Returns:
        What ``results.json`` holds.

    Raises:
        ConfigurationError: ``output-not-writable``, or ``nothing-evaluated`` where no case could
            be answered.
    """
    results: list[CaseResult] = []
    rejected = list(evaluation.rejected)
    outcomes = evaluate(
        evaluation.sources, evaluation.open_methods, correct=evaluation.correct, jobs=jobs
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tell = watch("cases")
        for done, outcome in enumerate(outcomes, start=1):
            if isinstance(outcome, Rejected):
                rejected.append(outcome)
            else:
                results.append(outcome)
            tell(done, len(evaluation.sources))
        _require_results(results, rejected)
        document = assemble(results, rejected, {**evaluation.about, "correction": CORRECTION})
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
        (folder / RESULTS).write_text(text + "\n", encoding="utf-8")
        (folder / CASES).write_text(as_csv(results), encoding="utf-8")
        pictures = _draw_shown(evaluation, shown_names(document), jobs, watch("pictures"))
        html = render(document, results, pictures)
        (folder / REPORT).write_text(html, encoding="utf-8")
    except OSError as error:
        problem = f"expected to write below {folder}, found: {error.strerror}"
        raise ConfigurationError("output-not-writable", [problem]) from None
    return document


def _require_results(results: Sequence[CaseResult], rejected: Sequence[Rejected]) -> None:
    if not results:
        problems = [f"{case.name}: {case.reason}: {case.sentence}" for case in rejected[:10]]
        raise ConfigurationError(
            "nothing-evaluated", problems or ["expected a case to evaluate, found none"]
        )


def _draw_shown(
    evaluation: Evaluation, names: Sequence[str], jobs: int, tell: Progress
) -> dict[str, Pictures]:
    """Study the shown cases again, for their pictures: keeping all volumes would fill memory."""
    shown = [source for source in evaluation.sources if source.name in names]
    work = partial(draw_case, open_methods=evaluation.open_methods, correct=evaluation.correct)
    tell(0, len(shown))
    drawn = {}
    for done, (name, pictures) in enumerate(in_processes(work, shown, jobs), start=1):
        drawn[name] = pictures
        tell(done, len(shown))
    return drawn


def draw_case(
    source: CaseSource, *, open_methods: OpenMethods, correct: bool
) -> tuple[str, Pictures]:
    """Name and pictures of a case, in this process."""
    return source.name, draw(study(source.load(), open_methods(), correct=correct))
