"""`status`: how the node stands, on one screen; its exit code is for whatever else watches."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from mumap_node.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile
from mumap_node.cli.reporting import quieten
from mumap_node.cli.tables import as_json, shown_time

if TYPE_CHECKING:
    from rich.console import Console, Group

    from mumap_node.service.status import Line, Status

STYLES = {"ok": "green", "warning": "yellow", "critical": "bold red"}
"""By level."""

WIDEST = 1000
"""Columns where there is no terminal to fit into: one line for each thing to know."""

EVERY_SECONDS = 2.0
"""Between two looks with --watch."""

Watching = Annotated[
    bool, typer.Option("--watch", help="Look again every two seconds, until Ctrl-C.")
]


def status(
    config: SettingsFile = DEFAULT_SETTINGS, watch: Watching = False, json: AsJson = False
) -> None:
    """Show how the node stands: processes, queue, what waits for a person, peers, destinations.

    Exit code 0 where all is well, 1 where somebody should look, 2 where the node cannot do its
    work.
    """
    if watch and json:
        raise typer.BadParameter("--watch is for people and --json for scripts; choose one")
    from rich.console import Console

    from mumap_node.service.status import StatusReader
    from mumap_node.settings.loading import load_settings

    quieten()
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDEST
    with StatusReader(load_settings(config)) as reader:
        found = _watch(reader.read, console) if watch else reader.read()
    if json:
        typer.echo(as_json(found))
    else:
        _print(_screen(found), console)
    raise typer.Exit(found.level.exit_code)


def _watch(read: "Callable[[], Status]", console: "Console") -> "Status":
    """Show it again and again; the last that was seen."""
    from rich.live import Live

    found = read()
    with Live(_screen(found), console=console, screen=True, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(EVERY_SECONDS)
                found = read()
                live.update(_screen(found), refresh=True)
        except KeyboardInterrupt:
            return found


def _print(screen: "Group", console: "Console") -> None:
    """Print it; what is no terminal gets no spaces at the ends of lines."""
    if console.is_terminal:
        console.print(screen)
        return
    with console.capture() as printed:
        console.print(screen)
    typer.echo("\n".join(line.rstrip() for line in printed.get().splitlines()))


def _screen(status: "Status") -> "Group":
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    title = f"{status.ae_title}, mumap-node {status.version}, {shown_time(status.at)}"
    table = Table.grid(padding=(0, 2))
    area = ""
    for line in status.lines:
        if line.area != area:
            area = line.area
            table.add_row("", Text(f"\n{area}", "bold"), "")
        sentence = f"{line.reason}: {line.sentence}" if line.reason else line.sentence
        told = Text(f"{sentence} {_when(line, status.at)}".rstrip())
        table.add_row(Text(line.level, STYLES[line.level]), Text(line.name), told)
    return Group(Text.assemble((status.level, STYLES[status.level]), "  ", (title, "bold")), table)


def _when(line: "Line", now: datetime) -> str:
    """When it was, or will be, and how far that is from now."""
    if line.at is None:
        return ""
    away = _in_words(abs((line.at - now).total_seconds()))
    return f"{shown_time(line.at)}, {away} {'ago' if line.at <= now else 'from now'}"


def _in_words(seconds: float) -> str:
    """A duration in the largest unit of which it has at least two."""
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
