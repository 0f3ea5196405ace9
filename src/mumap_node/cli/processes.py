"""`serve`, `receive`, `work`, `deliver`, `web`, `watch`: the processes of a node."""

from pathlib import Path
from typing import Annotated

import typer

from mumap_node.cli.options import DEFAULT_SETTINGS, SettingsFile

Supervised = Annotated[bool, typer.Option("--supervised", hidden=True)]
"""Standard input is the supervisor's pipe: stop when it closes."""


def serve(config: SettingsFile = DEFAULT_SETTINGS) -> None:
    """Run the whole node; its processes are restarted when they die. SIGTERM drains."""
    from mumap_node.service.processes import serve as run

    raise typer.Exit(run(config))


def receive(config: SettingsFile = DEFAULT_SETTINGS, supervised: Supervised = False) -> None:
    """Receive images (Storage and Verification SCP)."""
    _run("receive", config, supervised)


def work(config: SettingsFile = DEFAULT_SETTINGS, supervised: Supervised = False) -> None:
    """Admit received images and make their maps."""
    _run("work", config, supervised)


def deliver(config: SettingsFile = DEFAULT_SETTINGS, supervised: Supervised = False) -> None:
    """Deliver maps to their destinations (Storage SCU)."""
    _run("deliver", config, supervised)


def web(config: SettingsFile = DEFAULT_SETTINGS, supervised: Supervised = False) -> None:
    """Serve the page with jobs and health."""
    _run("web", config, supervised)


def watch(config: SettingsFile = DEFAULT_SETTINGS, supervised: Supervised = False) -> None:
    """Ask archives for new studies and have them sent (Query/Retrieve SCU)."""
    _run("watch", config, supervised)


def _run(verb: str, config: Path, supervised: bool) -> None:
    from mumap_node.service.processes import run

    run(verb, config, supervised=supervised)
