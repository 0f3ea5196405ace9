"""`backup` and `restore`: everything the node holds, in one file and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mumap_node.cli.options import DEFAULT_SETTINGS, SettingsFile
from mumap_node.cli.reporting import quieten
from mumap_node.cli.tables import shown_time

if TYPE_CHECKING:
    from mumap_node.node.backup.contents import Manifest

NewFile = Annotated[
    Path, typer.Option("-o", "--output", metavar="FILE", help="A new file; - for standard output.")
]
Backup = Annotated[str, typer.Argument(metavar="FILE", help="A backup; - for standard input.")]

BYTES_PER_MB = 10**6


def backup(output: NewFile, config: SettingsFile = DEFAULT_SETTINGS) -> None:
    """Write everything the node holds into one file, while it runs. It holds patient data."""
    from mumap_node.service.backups import back_up
    from mumap_node.settings.loading import load_settings

    quieten()
    manifest = back_up(load_settings(config), config, str(output))
    _tell("holds", manifest)
    _say("It has all that was received, made, sent and said until then; of what came later, some.")
    _say("Not in it: the engine's database, which is made anew; locks; models, certificates, keys,")
    _say("tokens and passwords. A restored node needs beside it:")
    for model, sha256 in manifest.header.models.items():
        _say(f"  model {model}, SHA-256 {sha256[:12]}")
    for setting, path in manifest.header.left_out.items():
        _say(f"  {setting}: {path}")


def restore(file: Backup, config: SettingsFile = DEFAULT_SETTINGS) -> None:
    """Make the data directory of a node, which must be empty, from a backup.

    Interrupted, the node refuses to start until the same command was given again.
    """
    from mumap_node.service.backups import missing_models, restore
    from mumap_node.settings.loading import load_settings

    quieten()
    settings = load_settings(config)
    manifest = restore(settings, file)
    _tell("restored", manifest)
    _say("What was received later is lost here: have the cameras send it again. What was delivered")
    _say("later is sent again, with the same UIDs. Start the node; it takes up what is open.")
    for model in missing_models(settings, manifest):
        _say(f"model-missing: {model} is not here as it was there; jobs that need it will stop")


def _tell(did: str, manifest: "Manifest") -> None:
    until = shown_time(manifest.header.begun_at)
    size_mb = manifest.size / BYTES_PER_MB
    _say(
        f"{did} {manifest.instances} instances, {manifest.jobs} jobs, {len(manifest.files)} files, "
        f"{size_mb:.1f} MB; reaches until {until}"
    )


def _say(line: str) -> None:
    """On standard error: standard output may be the backup."""
    typer.echo(line, err=True)
