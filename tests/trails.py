"""Audit trails as tests read them: lines after RFC 5424, each with its message."""

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

SCHEMA = Path(__file__).parent / "audit-message.rng"

_LINE = re.compile(
    r"<(?P<priority>\d+)>1 (?P<time>\S+) \S+ mumap-node (?P<key>[0-9a-f]{32}) DICOM\+RFC3881 - "
    "\ufeff(?P<xml><.+>)"
)


@dataclass(frozen=True)
class Told:
    """A line of a trail.

    Attributes:
        priority: Of syslog.
        time: Of syslog.
        key: PROCID.
        xml: The message.
    """

    priority: int
    time: str
    key: str
    xml: str

    @property
    def root(self) -> ElementTree.Element:
        return parsed(self.xml)

    @property
    def event(self) -> str:
        """Code meaning of what happened, and of its kind where it has one."""
        found = [
            self.root.find(f"EventIdentification/{name}") for name in ("EventID", "EventTypeCode")
        ]
        return ", ".join(one.attrib["originalText"] for one in found if one is not None)

    @property
    def outcome(self) -> str:
        return self.of("EventIdentification", "EventOutcomeIndicator")[0]

    def of(self, element: str, attribute: str) -> list[str]:
        """Values of an attribute wherever an element has it."""
        found = (one.get(attribute) for one in self.root.iter(element))
        return [value for value in found if value is not None]

    def names(self) -> list[str]:
        """Names of its objects."""
        return [one.text or "" for one in self.root.iter("ParticipantObjectName")]


def parsed(message: str) -> ElementTree.Element:
    """A message of our own as XML."""
    return ElementTree.fromstring(message)  # noqa: S314  (nobody else's)


def told(lines: Iterable[bytes]) -> list[Told]:
    """What lines of a trail say."""
    found = []
    for line in lines:
        match = _LINE.fullmatch(line.decode())
        assert match, line
        found.append(Told(int(match["priority"]), match["time"], match["key"], match["xml"]))
    return found


def trail(data: Path) -> list[Told]:
    """The trail of a node, oldest first.

    Args:
        data: Its data directory.
    """
    days = sorted((data / "audit").glob("*.log"))
    return told(line for day in days for line in day.read_bytes().splitlines())


def invalid(messages: Iterable[str], folder: Path) -> str:
    """What xmllint says of messages that are not as PS3.15 A.5.1 has them; empty where all are.

    Args:
        messages: XML.
        folder: For files.
    """
    folder.mkdir()
    for number, message in enumerate(messages):
        (folder / f"{number:04}.xml").write_text(message)
    files = sorted(map(str, folder.iterdir()))
    assert files
    command = ["xmllint", "--noout", "--relaxng", str(SCHEMA), *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr
