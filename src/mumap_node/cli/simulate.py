"""`simulate`: a cohort of simulated patients, for training, evaluation and tests."""

from pathlib import Path
from typing import Annotated

import typer

from mumap_node.cli.progress import Progress
from mumap_node.cli.reporting import quieten

Cases = Annotated[int, typer.Option(min=1, metavar="N", help="Number of cases.")]
Seed = Annotated[
    int, typer.Option(min=0, metavar="S", help="Of the patients; another one gives others.")
]
Output = Annotated[
    Path, typer.Option("-o", "--output", metavar="DIR", help="Of the cohort; made or continued.")
]
First = Annotated[int, typer.Option(min=0, metavar="K", help="Number of the first case.")]
Jobs = Annotated[int, typer.Option(min=1, metavar="J", help="Processes, a core each.")]
Projections = Annotated[
    bool, typer.Option("--projections/--no-projections", help="Whether to keep them.")
]
Ct = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Insert hearts and uptake into these CTs.")
]


def simulate(
    cases: Cases,
    seed: Seed,
    output: Output,
    first: First = 0,
    jobs: Jobs = 1,
    projections: Projections = True,
    ct: Ct = None,
) -> None:
    """Make simulated patients with their true attenuation maps, as NM DICOM.

    The same seed gives the same files, whatever the number of processes. A run
    that was interrupted goes on where it stopped; another seed needs another folder.
    """
    from mumap_node.training.simulation.making import make_cohort

    quieten()
    cohort = make_cohort(
        output,
        range(first, first + cases),
        seed=seed,
        jobs=jobs,
        projections=projections,
        ct=ct,
        progress=Progress("cases").tell,
    )
    typer.echo(f"{output}: {len(cohort)} cases of seed {seed}")
