"""`models list` and `models verify`: the models the node can run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mumap_node.cli.options import AsJson
from mumap_node.cli.reporting import ExitCode, quieten, report
from mumap_node.cli.tables import as_json, as_table
from mumap_node.errors import ConfigurationError

if TYPE_CHECKING:
    from mumap_node.settings.tables import Settings

ModelsOf = Annotated[
    Path | None,
    typer.Option("-c", "--config", metavar="FILE", help="Settings file; for its models_dir."),
]
Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[MODEL]...", help="Names, folders of a model or of models; all where left out."
    ),
]
Folder = Annotated[
    Path | None,
    typer.Argument(
        metavar="[DIR]", help="Of a model or of models; models_dir where left out.", exists=True
    ),
]


def build_app() -> typer.Typer:
    """The verbs below `models`."""
    app = typer.Typer(help="List and verify models.", no_args_is_help=True)
    app.command("list")(list_models)
    app.command("verify")(verify)
    return app


def list_models(folder: Folder = None, config: ModelsOf = None, json: AsJson = False) -> None:
    """List the models, and what each was made for."""
    from mumap_node.service.models import describe_models

    models = describe_models(_settings(config), folder)
    typer.echo(as_json(models) if json else as_table(models))


def verify(names: Names = None, config: ModelsOf = None, json: AsJson = False) -> None:
    """Verify checksum and golden answer of models; exit code 2 where one is wrong."""
    from mumap_node.service.models import verify_models

    rows, is_wrong = [], False
    for name, found in verify_models(_settings(config), names or ()):
        if isinstance(found, ConfigurationError):
            is_wrong = True
            report(found)
        said = found.reason if isinstance(found, ConfigurationError) else found
        rows.append({"model": name, "found": said})
    typer.echo(as_json(rows) if json else as_table(rows))
    if is_wrong:
        raise typer.Exit(ExitCode.SETTINGS_WRONG)


def _settings(config: Path | None) -> "Settings":
    from mumap_node.settings.loading import load_settings, settings_without_file

    quieten()
    return load_settings(config) if config else settings_without_file()
