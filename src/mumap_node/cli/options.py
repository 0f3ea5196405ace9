"""Options several verbs share."""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_SETTINGS = Path("mumap-node.toml")
"""The settings file where none is named: the one in the working directory."""

SettingsFile = Annotated[
    Path, typer.Option("-c", "--config", metavar="FILE", help="Settings file.", dir_okay=False)
]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
