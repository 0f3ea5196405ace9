"""`check`: whether everything a node needs is there, before it is needed."""

import shutil
import sys
import textwrap
from collections import Counter

import typer

from mumap_node.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile
from mumap_node.cli.reporting import quieten
from mumap_node.cli.tables import as_json

COLOURS = {"ok": "green", "warning": "yellow", "wrong": "red"}

INDENT = 38
"""Columns of verdict and name before a sentence."""


def check(config: SettingsFile = DEFAULT_SETTINGS, json: AsJson = False) -> None:
    """Check settings, models, data directory, engine, machine and network.

    Asks the node's own port and every destination by C-ECHO. Exit code 2 where the node could not
    start, 4 where only a destination did not answer.
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
            typer.echo(f"{verdict} {found.name:28} {_wrapped(reason + found.sentence)}")
    if json:
        typer.echo(as_json(checks))
    else:
        counts = Counter(str(found.verdict) for found in checks)
        typer.echo("\n" + ", ".join(f"{counts[kind]} {kind}" for kind in COLOURS if counts[kind]))
    raise typer.Exit(exit_code_of(checks))


def _wrapped(text: str) -> str:
    """A sentence beside verdict and name, in lines of the terminal; whole where there is none."""
    if not sys.stdout.isatty():
        return text
    room = max(shutil.get_terminal_size().columns - INDENT, 30)
    lines = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
    return ("\n" + " " * INDENT).join(lines)
