"""What `check` says of the data directory: who can reach what lies in it."""

import stat
from collections.abc import Iterator
from pathlib import Path

from mumap_node.errors import ConfigurationError
from mumap_node.service.building import require_restored
from mumap_node.service.doctor.checked import Area, Checked, Verdict

OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""Rights of everybody but the node's own user."""


def look(folder: Path) -> Iterator[Checked]:
    """Look at a data directory; nothing where there is none yet."""
    try:
        require_restored(folder)
    except ConfigurationError as error:
        yield Checked(Area.NODE, "restore", Verdict.WRONG, error.sentence, error.reason)
    if not folder.exists():
        return
    # Nobody gets at anything below a folder that is closed, whatever rights it has itself.
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & OTHERS:
        sentence = f"expected {folder} open to the node alone (mode 0700), found 0{mode:o}"
        yield Checked(Area.NODE, "permissions", Verdict.WARNING, sentence, reason="data-dir-open")
    else:
        yield Checked(Area.NODE, "permissions", Verdict.OK, "open to the node's user alone")
