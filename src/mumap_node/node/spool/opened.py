"""Which models the worker verified, and what runs them: a small file in the spool's `run/`.

It is for people, and may be lost: the next worker writes it anew.
"""

import contextlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mumap_node.errors import NodeError
from mumap_node.node.spool.files import read_record, write_record

NAME = "models.json"


@dataclass(frozen=True, slots=True)
class OpenedModel:
    """A model whose checksum and golden answer were right.

    Attributes:
        model: Its identity.
        sha256: Of its network.
        runtime: What runs it, such as "onnxruntime 1.31.1 CPUExecutionProvider".
        opened_at: UTC.
    """

    model: str
    sha256: str
    runtime: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class OpenedModels:
    """Those of one worker, in the order they were opened."""

    models: tuple[OpenedModel, ...]


def write_opened(run: Path, models: tuple[OpenedModel, ...]) -> None:
    """Write down what was opened; a disk that is full or broken forgets it.

    Args:
        run: Folder of the file (`Spool.run`).
        models: All that this worker opened.
    """
    with contextlib.suppress(OSError):
        write_record(run / NAME, OpenedModels(models))


def read_opened(run: Path) -> tuple[OpenedModel, ...]:
    """What the worker that started last opened; nothing where the file cannot be read."""
    with contextlib.suppress(OSError, NodeError):
        found = read_record(OpenedModels, run / NAME)
        return found.models if found else ()
    return ()
