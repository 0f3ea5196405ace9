"""`health`: whether the node, or one process of it, is alive; what a container's check runs."""

from enum import StrEnum
from typing import Annotated

import typer

from mumap_node.cli.options import DEFAULT_SETTINGS, SettingsFile


class Process(StrEnum):
    """A process of the node, called as its container is."""

    RECEIVER = "receiver"
    WORKER = "worker"
    DELIVERER = "deliverer"
    WEB = "web"
    FETCHER = "fetcher"


Which = Annotated[
    Process | None, typer.Argument(metavar="[PROCESS]", help="One of them; all where left out.")
]


def health(process: Which = None, config: SettingsFile = DEFAULT_SETTINGS) -> None:
    """Tell whether the processes of the node live; quick enough to be asked every few seconds."""
    from mumap_node.service.presence import missing

    gone = missing([str(process)] if process else [], config)
    for name in gone:
        typer.echo(f"process-missing: {name} is not running", err=True)
    if gone:
        raise typer.Exit(1)
