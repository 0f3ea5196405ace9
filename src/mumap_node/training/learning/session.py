"""One run from its pairs to its weights: what `train` does, without a command line."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from mumap_node.errors import ConfigurationError
from mumap_node.training.learning.card import draft_card
from mumap_node.training.learning.loop import Cases, Tell, train
from mumap_node.training.learning.network import best_device
from mumap_node.training.learning.plan import PLAN_FILE, Plan, write_plan
from mumap_node.training.learning.records import Epoch
from mumap_node.training.learning.run import LAST, Training
from mumap_node.training.pairs import cache, sources
from mumap_node.training.pairs.population import Population, describe, write_population
from mumap_node.training.pairs.sources import Doubtful, PairSource
from mumap_node.training.pairs.splitting import split

DOUBTFUL_FILE = "doubtful.csv"
CASES_FILE = "cases.json"


@dataclass(frozen=True, slots=True)
class Where:
    """What does not change the weights.

    Attributes:
        run: Folder of the run.
        cache: Folder of prepared cases; runs may share it.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: On the CPU; None for PyTorch's choice.
        jobs: Processes that prepare cases.
    """

    run: Path
    cache: Path
    device: str
    threads: int | None
    jobs: int


class Session:
    """A run that is prepared and then trained.

    Attributes:
        population: Whom it learns from, once prepared.
    """

    population: Population

    def __init__(self, plan: Plan, where: Where, *, resume: bool) -> None:
        """Look at the folder of the run; nothing is written before its pairs are found.

        Raises:
            ConfigurationError: ``run-exists`` or ``no-such-run``, ``cuda-unavailable``.
        """
        is_there = (where.run / PLAN_FILE).exists()
        if is_there and not resume:
            problem = f"{where.run}: expected no run yet; --resume goes on with it"
            raise ConfigurationError("run-exists", [problem])
        self._plan, self._where, self._resume = plan, where, resume
        if where.threads:
            torch.set_num_threads(where.threads)
        self._training = Training(plan, where.run, best_device(where.device))
        if (where.run / LAST).exists():
            self._training.restore()

    @property
    def lowest(self) -> float:
        """Best NMAE of the validation so far."""
        return self._training.lowest

    def prepare(self, tell: Callable[[int, int], None]) -> list[Doubtful]:
        """Find the pairs, bring them onto the model's grid, and part the patients.

        Returns:
            The pairs that are not used.

        Raises:
            ConfigurationError: ``no-pairs``; ``pairs-changed`` where a run that is resumed began
                with others.
        """
        run = self._where.run
        found, doubtful = _find(self._plan)
        run.mkdir(parents=True, exist_ok=True)
        prepared, refused = cache.build(
            self._where.cache, found, draft_card(self._plan), jobs=self._where.jobs, tell=tell
        )
        doubtful += refused
        usable = [source for index, source in enumerate(found) if prepared.usable[index]]
        learned, validated = split(usable, self._plan.validation_share)
        parts = {
            "learned": [source.key for source in learned],
            "validated": [source.key for source in validated],
        }
        if self._resume:
            _require_same(run, parts)
        self._cases = Cases(
            prepared.load, prepared.indices_of(learned), prepared.indices_of(validated)
        )
        self.population = describe(learned, validated, len(doubtful))
        _write_doubtful(run / DOUBTFUL_FILE, doubtful)
        write_population(self.population, run)
        (run / CASES_FILE).write_text(json.dumps(parts, indent=1) + "\n", encoding="utf-8")
        write_plan(self._plan, run)  # comes last and vouches for the others
        return doubtful

    def train(self, tell: Tell) -> Epoch:
        """Learn to the end of the schedule; the last epoch."""
        return train(self._training, self._cases, tell=tell)


def _find(plan: Plan) -> tuple[list[PairSource], list[Doubtful]]:
    found = [source for folder in plan.cohorts for source in sources.of_cohort(folder)]
    doubtful: list[Doubtful] = []
    if plan.pairs:
        of_site, doubtful = sources.of_site(plan.pairs, plan.ct_description)
        found += of_site
    kept, again = sources.once(found)
    return kept, doubtful + again


def _require_same(run: Path, parts: Mapping[str, Sequence[str]]) -> None:
    """Refuse to go on with other pairs than the run began with, or parted otherwise."""
    try:
        before = json.loads((run / CASES_FILE).read_text(encoding="utf-8"))
        changes = [
            f"{len(set(before[part]) - set(keys))} fewer and "
            f"{len(set(keys) - set(before[part]))} more {part}"
            for part, keys in parts.items()
            if before[part] != keys
        ]
    except (OSError, ValueError, KeyError) as error:
        problem = f"{run}: expected {CASES_FILE} of a run: {type(error).__name__}"
        raise ConfigurationError("no-such-run", [problem]) from None
    if changes:
        problem = f"{run}: expected the pairs it began with, found {'; '.join(changes)}"
        raise ConfigurationError("pairs-changed", [problem])


def _write_doubtful(path: Path, doubtful: Sequence[Doubtful]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("pair", "reason", "found"))
        writer.writerows((pair.key, pair.reason, pair.sentence) for pair in doubtful)
