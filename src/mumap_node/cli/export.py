"""`export`: from a training run to a model the node can run."""

from pathlib import Path
from typing import Annotated

import typer

from mumap_node.cli.reporting import quieten
from mumap_node.errors import ConfigurationError

Run = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of `train`.")]
Models = Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder of models.")]
Name = Annotated[str, typer.Option(metavar="NAME", help="Lower case, such as my-site-tc99m.")]
Version = Annotated[str, typer.Option(metavar="VERSION", help="Such as 1.0.")]
Card = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="TOML whose tables and texts go before the defaults."),
]
Evaluation = Annotated[
    Path | None, typer.Option(metavar="FILE", help="results.json of `evaluate`, for the README.")
]


def export(
    run: Run,
    name: Name,
    output: Models = Path("models"),
    version: Version = "1.0",
    card: Card = None,
    evaluation: Evaluation = None,
) -> None:
    """Write the best network of a run as DIR/NAME-VERSION: network, card, golden pair, README.

    The network is compared with its source in several grids first. A model of the same version is
    only written again where its network stays the same.
    """
    quieten()
    try:
        from mumap_node.training.learning.export import Order, write_model
    except ModuleNotFoundError as error:
        problem = f"expected what the extra train installs, found no {error.name}"
        raise ConfigurationError("extra-missing", [problem]) from None

    written = write_model(Order(run, output, name, version, card, evaluation))
    typer.echo(
        f"{written.folder}: {written.bytes_of_network / 1e6:.1f} MB, within "
        f"{written.difference:.1e} of torch; next: mumap-node models verify {written.folder}"
    )
