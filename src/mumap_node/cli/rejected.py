"""`rejected`: who was turned away and what is held, with the settings that would admit them."""

from typing import TYPE_CHECKING

import typer

from mumap_node.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile
from mumap_node.cli.reporting import quieten
from mumap_node.cli.tables import as_json, shown_time

if TYPE_CHECKING:
    from mumap_node.node.jobs.views import JobView
    from mumap_node.node.rejections import Rejection

MOST_HELD = 20
"""Held images that are shown; `jobs list --state held` shows all."""


def rejected(config: SettingsFile = DEFAULT_SETTINGS, json: AsJson = False) -> None:
    """Show who was turned away and what is held, with the settings lines that would admit them."""
    from mumap_node.node.jobs.admitting import settings_for
    from mumap_node.node.jobs.states import JobState
    from mumap_node.node.rejections import read_rejections
    from mumap_node.service.building import open_spool
    from mumap_node.service.handling import open_jobs
    from mumap_node.settings.loading import load_settings

    quieten()
    settings = load_settings(config)
    refused = read_rejections(open_spool(settings).run)
    with open_jobs(settings) as jobs:
        held = jobs.list_jobs(states=[JobState.HELD], limit=MOST_HELD)
    lines = [settings_for(view) for view in held]
    if json:
        facts = [_facts(view, wanted) for view, wanted in zip(held, lines, strict=True)]
        typer.echo(as_json({"refused": refused, "held": facts}))
        return
    _heading(f"Associations turned away: {len(refused) or 'none'}")
    for rejection in refused:
        _tell_refused(rejection)
    _heading(f"\nImages held: {len(held) or 'none'}")
    for view, wanted in zip(held, lines, strict=True):
        _tell_held(view, wanted)


def _facts(view: "JobView", settings: str) -> dict[str, object]:
    return {
        "id": view.id,
        "received_at": view.received_at,
        "calling_ae_title": view.calling_ae_title,
        "reason": view.reason,
        "sentence": view.sentence,
        "seen": view.seen,
        "settings": settings,
    }


def _tell_refused(found: "Rejection") -> None:
    caller = f"{found.calling_ae_title or '(not said)'} at {found.address}"
    called = f", called {found.called_ae_title}" if found.called_ae_title else ""
    times = "once" if found.count == 1 else f"{found.count} times"
    _entry(
        f"{caller}{called}", f"{times}, last {shown_time(found.last_at)}", found.reason,
        found.sentence, found.settings,
    )  # fmt: skip


def _tell_held(view: "JobView", settings: str) -> None:
    caller = view.calling_ae_title or "a file"
    _entry(
        f"{view.id[:12]} from {caller}", shown_time(view.received_at), view.reason, view.sentence,
        settings,
    )  # fmt: skip


def _heading(text: str) -> None:
    typer.echo(typer.style(text, bold=True))


def _entry(who: str, when: str, reason: str, sentence: str, settings: str) -> None:
    typer.echo(f"\n{who}  {typer.style(when, dim=True)}\n  {reason}: {sentence}")
    for line in settings.splitlines():
        typer.echo(typer.style(f"    {line}", fg="green"))
