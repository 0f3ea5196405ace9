"""How many inputs of each kind were stopped, as JSON, CSV and Markdown."""

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mumap_node.training.gate.trial import GOOD, Outcome

ALL_BAD = "all bad inputs"


@dataclass(frozen=True, slots=True)
class Row:
    """Inputs of one kind.

    Attributes:
        kind: Of the inputs.
        inputs: How many there were.
        stopped: How many of them failed at least one check.
        by_check: How many failed each check; an input may fail several.
    """

    kind: str
    inputs: int
    stopped: int
    by_check: Mapping[str, int]

    def shown(self) -> dict[str, str]:
        """For people: shares in percent, the checks that stopped most first."""
        most = sorted(self.by_check.items(), key=lambda item: -item[1])
        return {
            "input": self.kind,
            "inputs": str(self.inputs),
            "stopped": _percent(self.stopped, self.inputs),
            "by": ", ".join(f"{check} {_percent(count, self.inputs)}" for check, count in most),
        }


def tabulate(outcomes: Iterable[Outcome]) -> list[Row]:
    """A row for each kind, the good ones first, and one for all bad inputs at the end."""
    by_kind: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_kind[outcome.kind].append(outcome)
    kinds = sorted(by_kind, key=lambda kind: kind != GOOD)
    bad = [outcome for kind in kinds if kind != GOOD for outcome in by_kind[kind]]
    return [*(_row(kind, by_kind[kind]) for kind in kinds), _row(ALL_BAD, bad)]


def write(rows: Sequence[Row], folder: Path) -> None:
    """Write gate.json, gate.csv and gate.md."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps([asdict(row) for row in rows], indent=1) + "\n"
    (folder / "gate.json").write_text(text, encoding="utf-8")
    shown = [row.shown() for row in rows]
    headings = list(shown[0])
    with (folder / "gate.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, headings)
        writer.writeheader()
        writer.writerows(shown)
    lines = [headings, ["---"] * len(headings), *(list(row.values()) for row in shown)]
    markdown = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    (folder / "gate.md").write_text(markdown, encoding="utf-8")


def _row(kind: str, outcomes: Sequence[Outcome]) -> Row:
    by_check = Counter(check for outcome in outcomes for check in outcome.stopped_by)
    stopped = sum(bool(outcome.stopped_by) for outcome in outcomes)
    return Row(kind, len(outcomes), stopped, dict(by_check))


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.1f} %"
