"""`demo`: a camera, a node and a workstation on one machine, for a first look."""

from pathlib import Path
from typing import Annotated

import typer

from mumap_node.cli.reporting import ExitCode

Output = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where files go.")]


def demo(output: Output = Path("demo-output")) -> None:
    """Play a camera and a workstation around a real node, and check the map that comes back."""
    from mumap_node.demo.tour import play

    if not play(output, typer.echo):
        raise typer.Exit(ExitCode.FAILED)
