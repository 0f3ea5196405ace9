"""Attempts: what the engine is asked to run, named so that asking twice is asking once."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self


class Kind(StrEnum):
    """What an attempt tries; begins its workflow's id."""

    MAP = "map"  #: to make one map
    DELIVER = "deliver"  #: to deliver one map to one destination
    NOTE = "note"  #: to tell one destination that the map is retracted
    COMPARE = "compare"  #: to compare one map with what was measured in its study
    COMMIT = "commit"  #: to report to a peer which of its objects are kept


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at one piece of work; one workflow of the engine.

    Holds identifiers only: it is what the engine's database gets to know.

    Attributes:
        kind: What is tried.
        job_id: The job it belongs to; of a report to a peer, the key of its transaction.
        number: Counts from 1.
        destination: Name of the destination; empty where nothing is sent.
        wait_seconds: Time to let pass before it begins.
        measured: Digest of the measured files; empty but for a comparison.
    """

    kind: Kind
    job_id: str
    number: int = 1
    destination: str = ""
    wait_seconds: float = 0.0
    measured: str = ""

    @property
    def workflow_id(self) -> str:
        """Same piece of work and number: same id, and so the same workflow."""
        return f"{self.series}{self.number}"

    @property
    def series(self) -> str:
        """What the ids of all attempts at this piece of work begin with."""
        parts = (self.kind, self.job_id, self.destination, self.measured)
        return "/".join(part for part in parts if part) + "/"

    def to_json(self) -> dict[str, Any]:
        """As the engine keeps it."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """From what the engine kept."""
        return cls(**{**fields, "kind": Kind(fields["kind"])})
