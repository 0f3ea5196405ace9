"""`init` and `--version`: the first steps."""

from pathlib import Path
from typing import Annotated

import typer

from mumap_node.errors import ConfigurationError

Target = Annotated[Path, typer.Argument(metavar="[FILE]", help="Where to write the example.")]


def _tell_version(wanted: bool) -> None:
    if wanted:
        from mumap_node import __version__

        typer.echo(f"mumap-node {__version__}")
        raise typer.Exit


def init(target: Target = Path("mumap-node.toml")) -> None:
    """Write a commented example of the settings file; never overwrites one."""
    from mumap_node.settings.example import example_settings

    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(example_settings())
    except FileExistsError:
        problem = f"{target}: expected no such file yet; choose another name or move it away"
        raise ConfigurationError("settings-exist", [problem]) from None
    except OSError as error:
        problem = f"{target}: cannot be written: {error.strerror}"
        raise ConfigurationError("settings-not-writable", [problem]) from None
    typer.echo(f"{target} written; edit it, then: mumap-node check -c {target}")


def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and end.", is_eager=True, callback=_tell_version
        ),
    ] = False,
) -> None:
    """A DICOM node that answers a SPECT reconstruction with a synthetic attenuation map."""
