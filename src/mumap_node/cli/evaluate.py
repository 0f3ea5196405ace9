"""`evaluate`: how good a model is, on simulated patients or on a site's own."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mumap_node.cli.options import AsJson
from mumap_node.cli.reporting import quieten
from mumap_node.cli.tables import as_json, as_table
from mumap_node.errors import ConfigurationError

if TYPE_CHECKING:
    from mumap_node.imaging.model_card import ModelCard
    from mumap_node.imaging.volume import Volume
    from mumap_node.training.evaluation.evaluating import CaseSource, Rejected
    from mumap_node.training.evaluation.results import Document

ModelName = Annotated[str, typer.Option("--model", metavar="NAME", help="Name or folder.")]
Output = Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Of the report.")]
CohortFolder = Annotated[
    Path | None, typer.Option("--cohort", metavar="DIR", help="Simulated patients, by `simulate`.")
]
PairsFolder = Annotated[
    Path | None,
    typer.Option("--pairs", metavar="DIR", help="DICOM files: nAC series with maps or CTs."),
]
MeanMapOf = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Training cohort; its mean map is a baseline too."),
]
Jobs = Annotated[int, typer.Option(min=1, metavar="J", help="Processes, a core each.")]
Correction = Annotated[
    bool, typer.Option("--correction/--no-correction", help="Whether to reconstruct with the maps.")
]
Limit = Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N cases.")]
ModelsOf = Annotated[
    Path | None,
    typer.Option("-c", "--config", metavar="FILE", help="Settings file; for its models_dir."),
]


def evaluate(
    model: ModelName,
    output: Output,
    cohort: CohortFolder = None,
    pairs: PairsFolder = None,
    mean_map_of: MeanMapOf = None,
    jobs: Jobs = 1,
    correction: Correction = True,
    limit: Limit = None,
    config: ModelsOf = None,
    json: AsJson = False,
) -> None:
    """Compare a model's maps with the truth, and what they do to the corrected heart.

    Writes results.json, cases.csv and report.html below DIR, beside uniform water and no map.
    Cases that cannot be answered are named in the report and count nowhere.
    """
    if (cohort is None) == (pairs is None):
        raise typer.BadParameter("expected either --cohort or --pairs", param_hint="--cohort")
    quieten()
    try:
        from mumap_node.training.evaluation.methods import MODEL, WATER, open_methods
        from mumap_node.training.evaluation.run import Evaluation, run
    except ModuleNotFoundError as error:
        problem = f"expected what the extra train installs, found no {error.name}"
        raise ConfigurationError("extra-missing", [problem]) from None
    from mumap_node.cli.progress import Progress
    from mumap_node.service.evaluation import baseline, find_model
    from mumap_node.settings.loading import load_settings, settings_without_file

    settings = load_settings(config) if config else settings_without_file()
    card, open_model = find_model(model, settings)
    sources, rejected = _cases(cohort, pairs)
    models = {MODEL: open_model, WATER: baseline()}
    evaluation = Evaluation(
        sources=sources[:limit],
        rejected=rejected,
        open_methods=partial(open_methods, models, _mean_map(mean_map_of)),
        correct=correction,
        about=_about(card, cohort, mean_map_of),
    )
    if evaluation.about["was_trained_on"]:
        typer.echo(
            f"{card.identity} was trained on the patients of {cohort}: its figures mean nothing",
            err=True,
        )
    document = run(evaluation, output, jobs, lambda noun: Progress(noun).tell)
    if json:
        typer.echo(as_json(document))
    else:
        _tell(document, output)


def _cases(cohort: Path | None, pairs: Path | None) -> tuple[list["CaseSource"], list["Rejected"]]:
    from mumap_node.training.evaluation import cases

    if cohort is not None:
        return cases.of_cohort(cohort), []
    return cases.of_site(pairs or Path())


def _mean_map(cohort: Path | None) -> "Volume | None":
    from mumap_node.training.evaluation.methods import mean_map
    from mumap_node.training.simulation.cohort import Cohort

    return None if cohort is None else mean_map(case.mumap() for case in Cohort.open(cohort))


def _about(card: "ModelCard", cohort: Path | None, mean_map_of: Path | None) -> dict[str, Any]:
    import numpy as np
    import onnxruntime

    from mumap_node import __version__
    from mumap_node.training.simulation.cohort import Cohort

    facts = {
        "model": card.identity,
        "SHA-256 of its network": card.sha256,
        "trained on": card.training_population,
        "intended use": card.intended_use,
        "emission energy": f"{card.output.emission_energy_kev:g} keV, {card.output.beam} beam",
    }
    was_trained_on = False
    if cohort is not None:
        plan = Cohort.open(cohort).plan
        was_trained_on = plan.seed in card.training_seeds
        anatomy = f"anatomy of {', '.join(plan.volumes)}" if plan.volumes else "drawn anatomy"
        facts["cohort"] = (
            f"{cohort.resolve().name}, seed {plan.seed}, {anatomy}, "
            f"by mumap-node {plan.software_version}"
        )
    if mean_map_of is not None:
        facts["mean map of"] = mean_map_of.resolve().name
    facts["software"] = (
        f"mumap-node {__version__}, onnxruntime {onnxruntime.__version__}, NumPy {np.__version__}"
    )
    facts["evaluated"] = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    return {
        "model": card.identity,
        "summary": card.summary,
        "data": "simulated patients" if cohort is not None else "a site's own examinations",
        "is_simulated": cohort is not None,
        "was_trained_on": was_trained_on,
        "facts": facts,
    }


def _tell(document: "Document", output: Path) -> None:
    """The first stratum's headline figures, a row a method."""
    from mumap_node.imaging.definitions import METRICS
    from mumap_node.training.evaluation.report import HEADLINE

    name, stratum = next(iter(document["strata"].items()))
    rows = [
        {
            "method": method,
            **{
                METRICS[metric].heading: f"{summaries[metric]['mean']:.{METRICS[metric].digits}f}"
                if metric in summaries
                else None
                for metric in HEADLINE
            },
        }
        for method, summaries in stratum["methods"].items()
    ]
    typer.echo(f"{name}, {stratum['cases']} cases, means")
    typer.echo(as_table(rows))
    if document["rejected"]:
        typer.echo(f"{len(document['rejected'])} cases were rejected; the report names them")
    typer.echo(f"{output / 'report.html'} written")
