"""`train`: a network that learns from simulated patients, or from a site's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mumap_node.cli.progress import Progress
from mumap_node.cli.reporting import quieten
from mumap_node.errors import ConfigurationError

if TYPE_CHECKING:
    from mumap_node.training.learning.plan import Plan
    from mumap_node.training.pairs.sources import Doubtful

Run = Annotated[Path, typer.Option("-o", "--output", metavar="RUN", help="Folder of the run.")]
Cohorts = Annotated[
    list[Path] | None, typer.Option("--cohort", metavar="DIR", help="Cohort of `simulate`.")
]
Pairs = Annotated[
    list[Path] | None,
    typer.Option("--pairs", metavar="DIR", help="DICOM folders with nAC series and maps or CTs."),
]
CtDescription = Annotated[
    str,
    typer.Option(metavar="TEXT", help="Of several CTs, that whose Series Description holds it."),
]
Epochs = Annotated[int | None, typer.Option(min=1, metavar="N", help="Times to see every case.")]
Hours = Annotated[
    float | None, typer.Option(min=0.001, metavar="H", help="Learn for so long, not for epochs.")
]
Spacing = Annotated[float, typer.Option(min=1.0, metavar="MM", help="Voxels of the model's grid.")]
Transform = Annotated[Literal["sqrt", "identity"], typer.Option(help="Of relative counts.")]
Batch = Annotated[int, typer.Option(min=1, metavar="N", help="Cases a step.")]
LearningRate = Annotated[float, typer.Option(metavar="R", help="At its highest.")]
GradientWeight = Annotated[float, typer.Option(metavar="W", help="Of the loss of gradients.")]
Adversarial = Annotated[
    float, typer.Option(metavar="W", help="Weight of a discriminator; 0 for none.")
]
Augmentation = Annotated[
    bool, typer.Option("--augmentation/--no-augmentation", help="Whether to change cases.")
]
Validation = Annotated[
    float, typer.Option(min=0, max=0.5, metavar="SHARE", help="Patients never learned from.")
]
Seed = Annotated[int, typer.Option(min=0, metavar="S", help="Of everything random.")]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to compute.")]
Threads = Annotated[int | None, typer.Option(min=1, metavar="N", help="On the CPU.")]
Jobs = Annotated[int, typer.Option(min=1, metavar="J", help="Processes that prepare cases.")]
CacheFolder = Annotated[
    Path | None, typer.Option("--cache", metavar="DIR", help="Of prepared cases; RUN/cache.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where RUN stopped, as it was set.")]


GOES_ON_WITH = frozenset(("run", "epochs", "hours", "device", "threads", "jobs", "cache", "resume"))
"""Options that `--resume` allows: how long to learn, and what changes nothing but the time."""


def train(
    context: typer.Context,
    run: Run,
    cohort: Cohorts = None,
    pairs: Pairs = None,
    ct_description: CtDescription = "",
    epochs: Epochs = None,
    hours: Hours = None,
    spacing: Spacing = 6.6,
    transform: Transform = "sqrt",
    batch: Batch = 1,
    learning_rate: LearningRate = 1e-3,
    gradient_weight: GradientWeight = 0.3,
    adversarial: Adversarial = 0.0,
    augmentation: Augmentation = True,
    validation: Validation = 0.1,
    seed: Seed = 0,
    device: Device = "auto",
    threads: Threads = None,
    jobs: Jobs = 1,
    cache: CacheFolder = None,
    resume: Resume = False,
) -> None:
    """Train a network on pairs of a nAC reconstruction and its true attenuation map.

    Patients are parted into those to learn from and those to validate with. Pairs that cannot be
    believed are listed in RUN/doubtful.csv and not used. `export` makes a model of the run.
    """
    quieten()
    try:
        from mumap_node.training.learning.plan import extended, make_plan, read_plan
        from mumap_node.training.learning.session import Session, Where
    except ModuleNotFoundError as error:
        problem = f"expected what the extra train installs, found no {error.name}"
        raise ConfigurationError("extra-missing", [problem]) from None

    plan: Plan
    if resume:
        _require_as_it_was_set(context)
        plan = extended(read_plan(run), epochs, hours)
    else:
        given: dict[str, Any] = {
            "cohorts": cohort or (),
            "pairs": pairs or (),
            "ct_description": ct_description,
            "input": {
                "spacing_mm": (spacing,) * 3,
                "normalisation": {"transform": transform},
            },
            "hours": hours,
            "batch": batch,
            "learning_rate": learning_rate,
            "gradient_weight": gradient_weight,
            "adversarial_weight": adversarial,
            "augmentation": augmentation,
            "validation_share": validation,
            "seed": seed,
        }
        plan = make_plan({**given, **({"epochs": epochs} if epochs else {})})
    where = Where(run, cache or run / "cache", device, threads, jobs)
    session = Session(plan, where, resume=resume)
    doubtful = session.prepare(Progress("pairs").tell)
    _tell_doubtful(doubtful)
    typer.echo(f"{session.population.sentence}")
    last = session.train(typer.echo)
    typer.echo(
        f"{run}: {last.epoch} epochs, {last.step} steps, best validation NMAE "
        f"{session.lowest:.4f}; next: mumap-node export {run}"
    )


def _require_as_it_was_set(context: typer.Context) -> None:
    """Refuse options that a run that goes on would not heed."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    named = [
        f"--{name.replace('_', '-')}"
        for name, source in sources.items()
        if source and source.name == "COMMANDLINE" and name not in GOES_ON_WITH
    ]
    if named:
        problem = f"expected none of {', '.join(sorted(named))} with --resume: a run stays as set"
        raise ConfigurationError("training-settings", [problem])


def _tell_doubtful(doubtful: "list[Doubtful]") -> None:
    for pair in doubtful:
        typer.echo(f"not used: {pair.reason}: {pair.sentence} [{pair.key}]", err=True)
