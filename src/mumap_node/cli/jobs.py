"""`jobs`: see what the node has received, and say what becomes of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mumap_node.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile
from mumap_node.cli.reporting import quieten
from mumap_node.cli.tables import as_json, as_table, shown_time

if TYPE_CHECKING:
    from mumap_node.node.jobs.verbs import Jobs
    from mumap_node.node.jobs.views import JobView
    from mumap_node.node.spool.records import Agreement, Delivery

Which = Annotated[str, typer.Argument(metavar="JOB", help="Id, or any unique beginning of it.")]
DestinationName = Annotated[
    str, typer.Option("--destination", metavar="NAME", help="Only the delivery to this one.")
]
States = Annotated[
    list[str] | None, typer.Option("--state", metavar="STATE", help="Only jobs in this state.")
]
Limit = Annotated[int | None, typer.Option(min=1, metavar="N", help="At most so many.")]

SHORT_ID = 12


def build_app() -> typer.Typer:
    """The verbs below `jobs`."""
    app = typer.Typer(help="See and handle jobs.", no_args_is_help=True)
    app.command("list")(list_jobs)
    for verb in (show, retry, rerun, cancel, retract, discard):
        app.command()(verb)
    return app


def list_jobs(
    states: States = None,
    limit: Limit = None,
    config: SettingsFile = DEFAULT_SETTINGS,
    json: AsJson = False,
) -> None:
    """List jobs and held, ignored and quarantined images; the last to arrive first."""
    from mumap_node.node.jobs.states import JobState

    unknown = set(states or ()) - set(JobState)
    if unknown:
        message = f"expected a state of {', '.join(JobState)}; found {', '.join(sorted(unknown))}"
        raise typer.BadParameter(message, param_hint="--state")
    with _jobs(config) as jobs:
        views = jobs.list_jobs(states=[JobState(state) for state in states or ()], limit=limit)
    typer.echo(as_json(views) if json else as_table([_row(view) for view in views]))


def show(which: Which, config: SettingsFile = DEFAULT_SETTINGS, json: AsJson = False) -> None:
    """Show everything about one job."""
    with _jobs(config) as jobs:
        _tell(jobs.show(which), as_json_=json)


def retry(
    which: Which,
    destination: DestinationName = "",
    config: SettingsFile = DEFAULT_SETTINGS,
    json: AsJson = False,
) -> None:
    """Try again now: the decision, the map, or the deliveries that are not accepted.

    With --destination that one is sent again even where it was accepted before.
    """
    with _jobs(config) as jobs:
        view = jobs.retry(which, destination)
    _tell(view, as_json_=json)
    if not json and view.id == view.instance_id:
        typer.echo("\nDecided on again, by the routes the node was started with; see `jobs show`.")


def rerun(which: Which, config: SettingsFile = DEFAULT_SETTINGS, json: AsJson = False) -> None:
    """Make another map of the same images, as a new object, by today's settings."""
    with _jobs(config) as jobs:
        run = jobs.rerun(which)
    typer.echo(as_json({"run": run}) if json else f"run {run} was asked for")


def cancel(
    which: Which,
    destination: DestinationName = "",
    config: SettingsFile = DEFAULT_SETTINGS,
    json: AsJson = False,
) -> None:
    """Do nothing more for a job, or for one of its destinations; retry takes it back."""
    with _jobs(config) as jobs:
        _tell(jobs.cancel(which, destination), as_json_=json)


def retract(
    which: Which,
    reason: Annotated[str, typer.Option(help="quality, safety or worklist.")],
    comment: Annotated[str, typer.Option(help="In your words; sent to nobody.")] = "",
    config: SettingsFile = DEFAULT_SETTINGS,
    json: AsJson = False,
) -> None:
    """Take a map back: rejection notes go to where it is and notes are taken."""
    from mumap_node.dicom.rejection_note import REASONS

    if reason not in REASONS:
        message = f"expected {', '.join(REASONS)}; found {reason}"
        raise typer.BadParameter(message, param_hint="--reason")
    with _jobs(config) as jobs:
        _tell(jobs.retract(which, reason, comment), as_json_=json)


def discard(
    which: Which,
    destination: DestinationName = "",
    config: SettingsFile = DEFAULT_SETTINGS,
    json: AsJson = False,
) -> None:
    """Put aside what was held, quarantined or cancelled, so that it is removed with time."""
    with _jobs(config) as jobs:
        _tell(jobs.discard(which, destination), as_json_=json)


@contextmanager
def _jobs(config: Path) -> "Iterator[Jobs]":
    from mumap_node.service.handling import open_jobs
    from mumap_node.settings.loading import load_settings

    quieten()
    with open_jobs(load_settings(config)) as jobs:
        yield jobs


def _row(view: "JobView") -> dict[str, object]:
    return {
        "received": shown_time(view.received_at or view.changed_at),
        "state": f"{view.state}, superseded" if view.superseded_by else str(view.state),
        "id": view.id[:SHORT_ID],
        "from": view.peer,
        "route": view.route,
        "reason": view.reason,
        "destinations": [f"{d.destination} {d.state}" for d in view.deliveries],
    }


def _tell(view: "JobView", *, as_json_: bool) -> None:
    if as_json_:
        typer.echo(as_json(view))
        return
    for name, value in _described(view):
        typer.echo(f"{typer.style(f'{name:14}', dim=True)} {value}")


def _described(view: "JobView") -> Iterator[tuple[str, str]]:
    yield "id", view.id
    yield "state", str(view.state)
    if view.reason:
        yield "why", f"{view.reason}: {view.sentence}"
    yield "received", f"{shown_time(view.received_at)} from {view.peer or '-'}"
    yield "route", f"{view.route or '-'}, model {view.model or '-'}, run {view.run}"
    if view.superseded_by:
        yield "superseded by", view.superseded_by
    if view.replaces:
        yield "replaces", f"{view.replaces}; where its map may be used no more: jobs retract"
    for delivery in view.deliveries:
        yield "delivery", _delivered(delivery)
    if view.retraction:
        yield "retracted", f"{view.retraction.reason}, {shown_time(view.retraction.at)}"
        if view.retraction.comment:
            yield "", view.retraction.comment
    for note in view.notes:
        yield "rejection note", _delivered(note)
    for left in view.by_hand:
        yield "by hand", f"at {left.destination} delete {left.series}"
    for finding in view.findings:
        yield "finding", str(finding)
    if view.agreement:
        yield from _compared(view.agreement)
    for attribute, value in (view.seen or {}).items():
        yield "looked at", f"{attribute} = {value}"


def _compared(agreement: "Agreement") -> "Iterator[tuple[str, str]]":
    from mumap_node.node.jobs.figures import compared_with, figures_of

    yield "compared", f"{compared_with(agreement)}, {shown_time(agreement.compared_at)}"
    for title, value in figures_of(agreement):
        yield "", f"{title}: {value}"


def _delivered(delivery: "Delivery") -> str:
    text = (
        f"{delivery.destination} {delivery.state}, attempts {delivery.attempts}, "
        f"last {shown_time(delivery.last_attempt_at)}, next {shown_time(delivery.next_attempt_at)}"
    )
    return f"{text}, {delivery.reason}: {delivery.sentence}" if delivery.reason else text
