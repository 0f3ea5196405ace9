"""`check`: whether everything a node needs is there, before it is needed."""

import typer

from mumap_node.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile
from mumap_node.cli.reporting import quieten
from mumap_node.cli.tables import as_json

COLOURS = {"ok": "green", "warning": "yellow", "wrong": "red"}


def check(config: SettingsFile = DEFAULT_SETTINGS, json: AsJson = False) -> None:
    """Check settings, models, data directory, engine and every destination (C-ECHO).

    Exit code 2 where the node could not start, 4 where only a destination did not answer.
    """
    from mumap_node.service.checking import check_node, exit_code_of
    from mumap_node.settings.loading import load_settings

    quieten()
    checks = []
    for found in check_node(load_settings(config)):
        checks.append(found)
        if not json:
            verdict = typer.style(f"{found.verdict:8}", fg=COLOURS[found.verdict])
            reason = f"{found.reason}: " if found.reason else ""
            typer.echo(f"{verdict} {found.name:28} {reason}{found.sentence}")
    if json:
        typer.echo(as_json(checks))
    raise typer.Exit(exit_code_of(checks))
