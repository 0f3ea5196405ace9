"""`retention`: what the node will remove, before it does."""

from dataclasses import asdict
from typing import Annotated

import typer

from mumap_node.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile
from mumap_node.cli.reporting import quieten
from mumap_node.cli.tables import as_json, as_table

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would go; there is no other.")]
SpoolDays = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Instead of retention.spool_days.")
]
JobsDays = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Instead of retention.jobs_days.")
]

BYTES_PER_MB = 10**6


def retention(
    dry_run: DryRun = False,
    spool_days: SpoolDays = None,
    jobs_days: JobsDays = None,
    config: SettingsFile = DEFAULT_SETTINGS,
    json: AsJson = False,
) -> None:
    """Show what the node's next clean-up will remove; other days may be tried before they are set.

    Nothing is removed by this: the worker alone does that, every six hours.
    """
    from mumap_node.service.retaining import what_is_due
    from mumap_node.settings.loading import load_settings

    quieten()
    if not dry_run:
        message = "expected --dry-run: the worker alone removes, by the days in the settings"
        raise typer.BadParameter(message)
    rows = what_is_due(load_settings(config), spool_days, jobs_days)
    if json:
        typer.echo(as_json(rows))
        return
    if rows:
        typer.echo(as_table([asdict(row) for row in rows]))
    files, size_mb = sum(row.files for row in rows), sum(row.bytes for row in rows) / BYTES_PER_MB
    typer.echo(f"would be removed: {files} files, {size_mb:.1f} MB; nothing was")
