"""`map`: the physicist's door, files in and files out."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mumap_node.cli.options import AsJson
from mumap_node.cli.reporting import ExitCode, quieten
from mumap_node.cli.tables import as_json
from mumap_node.errors import ConfigurationError
from mumap_node.imaging.findings import Relaxable, Verdict

if TYPE_CHECKING:
    from mumap_node.service.mapping import Answer
    from mumap_node.settings.tables import Settings

Inputs = Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Files or folders.")]
Output = Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Where maps go.")]
Model = Annotated[
    str, typer.Option(metavar="NAME", help="Name or folder; then FILE's routes do not count.")
]
Profile = Annotated[str, typer.Option(metavar="NAME", help="Output profile.")]
Template = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Encodes as a station's own maps: `template inspect`."),
]
AssumeNac = Annotated[bool, typer.Option("--assume-nac", help="Silent input is uncorrected.")]
AssumeParallelHoles = Annotated[
    bool, typer.Option("--assume-parallel-holes", help="Projections are of parallel holes.")
]
Relax = Annotated[
    list[Relaxable] | None,
    typer.Option(metavar="NAME", help=f"Limit that only warns: {', '.join(Relaxable)}."),
]
Report = Annotated[
    bool, typer.Option("--report", help="Of projections: a page on what the map would change.")
]
Config = Annotated[
    Path | None,
    typer.Option("-c", "--config", metavar="FILE", help="Settings; the first route that matches."),
]


def map_files(
    inputs: Inputs,
    output: Output,
    model: Model = "",
    profile: Profile = "",
    template: Template = None,
    assume_nac: AssumeNac = False,
    assume_parallel_holes: AssumeParallelHoles = False,
    relax: Relax = None,
    report: Report = False,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Make the maps of files, without network or node.

    With --model the options alone decide; without it the first matching route of FILE does, to
    which the options add, else the default model. A map that failed its checks is written below
    DIR/held. Exit code 3 where any input was rejected or any map failed. What is not DICOM in a
    folder is only counted.
    """
    from mumap_node.service.inputs import find_inputs
    from mumap_node.service.mapping import Mapper, Outcome, Wish
    from mumap_node.settings.templates import read_template

    if profile and template:
        raise typer.BadParameter("expected --profile or --template, found both")
    quieten()
    settings = _settings(config, profile)
    relaxed = frozenset(relax or ())
    wish = Wish(
        model,
        profile,
        assume_nac,
        assume_parallel_holes,
        relaxed,
        report,
        read_template(template) if template else None,
    )
    mapper = Mapper(settings, wish, output)
    answers = []
    for source in find_inputs(inputs):
        answer = mapper.answer(source)
        answers.append(answer)
        if answer.outcome is Outcome.NOT_DICOM:
            continue
        if not json:
            _tell(answer)
        if answer.outcome is not Outcome.MADE:
            typer.echo(f"{answer.reason}: {answer.sentence} [{answer.source}]", err=True)
    if all(answer.outcome is Outcome.NOT_DICOM for answer in answers):
        folders = ", ".join(map(str, inputs))
        found = f"{len(answers)} other" if answers else "none"
        raise ConfigurationError("no-input", [f"expected DICOM files in {folders}, found {found}"])
    outcomes = Counter(answer.outcome for answer in answers)
    if json:
        typer.echo(as_json(answers))
    else:
        typer.echo(", ".join(f"{outcomes[outcome]} {outcome}" for outcome in Outcome))
    if outcomes[Outcome.REJECTED] or outcomes[Outcome.FAILED_CHECKS]:
        raise typer.Exit(ExitCode.INPUT_REJECTED)


def _settings(config: Path | None, profile: str) -> "Settings":
    from mumap_node.dicom.writing import PROFILES, encoding
    from mumap_node.settings.loading import load_settings, settings_without_file
    from mumap_node.settings.suggestions import did_you_mean

    try:
        encoding(profile or "standard")
    except ValueError as error:
        problem = f"{error}{did_you_mean(profile, PROFILES)}"
        raise ConfigurationError("unknown-profile", [problem]) from None
    return load_settings(config) if config else settings_without_file()


def _tell(answer: "Answer") -> None:
    typer.echo(f"{answer.source}: {answer.outcome}")
    for path in answer.files:
        typer.echo(f"  {path}")
    for finding in answer.findings:
        colour = {Verdict.PASS: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}
        verdict = typer.style(f"{finding.verdict:4}", fg=colour[finding.verdict])
        note = ", relaxed" if finding.relaxed else ""
        typer.echo(f"  {verdict}  {finding.check}: {finding.found} (limit {finding.limit}{note})")
