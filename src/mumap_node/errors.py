"""Why something stops, told apart by what must happen next.

NodeError
├── ConfigurationError   correct the settings; the node does not start
├── InputRejected        these images cannot be answered; they are kept for a person
└── TransientError       wait and try again
"""

from collections.abc import Iterator, Sequence
from types import TracebackType


class NodeError(Exception):
    """Something stopped, for a reason people can look up; it may travel between processes.

    Attributes:
        reason: Stable lower-case code with a heading of its own in docs/operations.md.
        sentence: What was wrong, expected and found; never patient data, no full stop.
    """

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(reason, sentence)  # what pickle makes it anew from
        self.reason = reason
        self.sentence = sentence

    def __str__(self) -> str:
        return f"{self.reason}: {self.sentence}"


class ConfigurationError(NodeError):
    """The settings, a model or the data directory must be corrected by an administrator.

    Attributes:
        problems: Every problem found, one sentence each, so that one look mends all.
    """

    def __init__(self, reason: str, problems: Sequence[str]) -> None:
        super().__init__(reason, "; ".join(problems))
        self.problems = tuple(problems)
        self.args = (reason, self.problems)


class InputRejected(NodeError):  # noqa: N818  (says what happened to the input; nothing is in error)
    """These images cannot be answered, now or later; a person must look."""


class TransientError(NodeError):
    """The world did not cooperate; the same action may succeed later."""


def place_of(error: BaseException) -> str:
    """Kind of an exception and the line of ours it came through, without its text.

    The text of a foreign exception may quote what it choked on, and so a patient's data; this
    is what may be logged and stored of it.
    """
    lines = [
        (frame.tb_frame.f_globals.get("__name__", ""), frame.tb_lineno)
        for frame in _frames(error.__traceback__)
    ]
    ours = [line for line in lines if line[0].partition(".")[0] == __name__.partition(".")[0]]
    module, number = (ours or lines or [("an unknown place", 0)])[-1]
    return f"{type(error).__name__} at {module}:{number}"


def _frames(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next
