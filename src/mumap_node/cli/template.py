"""`template inspect`: how a workstation encodes the maps it makes itself."""

from pathlib import Path
from typing import Annotated

import typer

from mumap_node.cli.reporting import quieten
from mumap_node.errors import ConfigurationError

Map = Annotated[
    Path, typer.Argument(metavar="FILE", help="A map that the workstation made and exported.")
]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="Where the template goes.")
]


def build_app() -> typer.Typer:
    """The verb below `template`."""
    app = typer.Typer(help="Encode maps as a workstation's own ones.", no_args_is_help=True)
    app.callback()(lambda: None)  # one verb below a name of its own
    app.command("inspect")(inspect)
    return app


def inspect(file: Map, output: Output = None) -> None:
    """Explain how a map is encoded; write a template to be reviewed.

    Nothing that may tell who the patient is is shown or written. Private elements are listed in
    the template, and cloned only where a person allows them.
    """
    from mumap_node.dicom.inspecting import inspect_map
    from mumap_node.service.inputs import read

    quieten()
    inspected = inspect_map(read(file))
    for sentence in inspected.sentences:
        typer.echo(f"{sentence}.")
    if output is None:
        return
    try:
        with output.open("x", encoding="utf-8") as written:
            written.write(inspected.template)
    except FileExistsError:
        problem = f"{output}: expected a new file, found one; it may have been reviewed"
        raise ConfigurationError("template-exists", [problem]) from None
    except OSError as error:
        problem = f"expected to write {output}, found: {error.strerror}"
        raise ConfigurationError("output-not-writable", [problem]) from None
    typer.echo(f"\nTemplate: {output}. Read it, edit it, and name it in a destination.")
