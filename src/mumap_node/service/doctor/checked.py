"""What one look of `check` gives."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a check concludes."""

    OK = "ok"
    WARNING = "warning"  #: the node starts, but it may not be what was meant
    WRONG = "wrong"


class Area(StrEnum):
    """What a check is about; decides the exit code."""

    NODE = "node"
    PEER = "peer"


@dataclass(frozen=True, slots=True)
class Checked:
    """What one look gave.

    Attributes:
        area: The node itself, or a peer.
        name: What was looked at.
        verdict: What is concluded.
        sentence: Expected and found.
        reason: Stable code of docs/operations.md; empty where all is well.
    """

    area: Area
    name: str
    verdict: Verdict
    sentence: str
    reason: str = ""
