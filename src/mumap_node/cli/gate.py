"""`gate`: teaches a model which inputs are unlike its training, and tries how many it stops."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mumap_node.cli.options import AsJson
from mumap_node.cli.reporting import quieten
from mumap_node.cli.tables import as_json, as_table

if TYPE_CHECKING:
    from mumap_node.training.pairs.sources import PairSource

ModelFolder = Annotated[
    Path,
    typer.Option("--model", metavar="DIR", help="Folder of the model.", exists=True, dir_okay=True),
]
CohortFolders = Annotated[
    list[Path] | None,
    typer.Option("--cohort", metavar="DIR", help="Simulated patients it was trained with."),
]
PairsFolders = Annotated[
    list[Path] | None,
    typer.Option("--pairs", metavar="DIR", help="DICOM pairs it was trained with."),
]
TestFolder = Annotated[
    Path | None,
    typer.Option("--test", metavar="DIR", help="Simulated patients to try the gate with."),
]
BadFolders = Annotated[
    list[Path] | None,
    typer.Option("--bad", metavar="DIR", help="Real objects that should be stopped."),
]
Output = Annotated[
    Path, typer.Option("-o", "--output", metavar="DIR", help="Of gate.json, gate.csv and gate.md.")
]
Jobs = Annotated[int, typer.Option(min=1, metavar="J", help="Processes, a core each.")]


def gate(
    model: ModelFolder,
    cohort: CohortFolders = None,
    pairs: PairsFolders = None,
    test: TestFolder = None,
    bad: BadFolders = None,
    output: Output = Path(),
    jobs: Jobs = 1,
    json: AsJson = False,
) -> None:
    """Give a model the gate that stops inputs unlike its training, or try the one it has.

    With --cohort or --pairs typicality.npz and its limits are written into the model's folder.
    With --test the gate is tried on simulated patients it never saw, and on bad inputs made of
    them; with --bad on real objects too.
    """
    from mumap_node.cli.progress import Progress
    from mumap_node.service.evaluation import find_model
    from mumap_node.settings.loading import settings_without_file
    from mumap_node.training.gate import table, trial
    from mumap_node.training.gate.making import make_gate
    from mumap_node.training.simulation.cohort import Cohort

    if not (cohort or pairs or test):
        raise typer.BadParameter("expected --cohort, --pairs or --test", param_hint="--cohort")
    quieten()
    _, open_model = find_model(str(model), settings_without_file())
    if cohort or pairs:
        sources = _sources(cohort or [], pairs or [])
        make_gate(model, open_model(), sources, jobs, Progress("pairs").tell)
        typer.echo(f"{model / 'typicality.npz'} written, and its limits into model.toml", err=True)
    if test:
        told = Progress("cases").tell
        outcomes = trial.try_gate(open_model, Cohort.open(test), bad or [], jobs, told)
        rows = table.tabulate(outcomes)
        table.write(rows, output)
        typer.echo(as_json(rows) if json else as_table([row.shown() for row in rows]))


def _sources(cohorts: list[Path], pairs: list[Path]) -> "list[PairSource]":
    from mumap_node.training.pairs.sources import of_cohort, of_site

    sources = [source for folder in cohorts for source in of_cohort(folder)]
    if pairs:
        sources += of_site(pairs)[0]
    return sources
