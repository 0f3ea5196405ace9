"""Whom a network learned from, in words and numbers that may be told: nothing of a patient."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mumap_node.errors import ConfigurationError
from mumap_node.training.pairs.sources import PairSource

POPULATION_FILE = "population.json"


@dataclass(frozen=True, slots=True)
class Population:
    """The pairs of a run.

    Attributes:
        learned: Pairs learned from.
        validated: Pairs of other patients, that the best weights were chosen by.
        refused: Pairs that were not used.
        simulated_patients: Patients of both that a simulator made.
        site_patients: Patients of both that are people.
        seeds: Of the cohorts.
        strata: Name and how it is distributed, of the simulated patients learned from.
        cohorts: What tells a cohort from others: seed, cases that are used, version.
    """

    learned: int
    validated: int
    refused: int
    simulated_patients: int
    site_patients: int
    seeds: tuple[int, ...] = ()
    strata: tuple[tuple[str, str], ...] = ()
    cohorts: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """For the card."""
        people = [
            f"{count} {kind} patients"
            for count, kind in (
                (self.simulated_patients, "simulated"),
                (self.site_patients, "real"),
            )
            if count
        ]
        cohorts = f" ({'; '.join(self.cohorts)})" if self.cohorts else ""
        return (
            f"{' and '.join(people)}{cohorts}: {self.learned} pairs to learn from, "
            f"{self.validated} of other patients to choose the weights by"
        )


def describe(
    learned: Sequence[PairSource], validated: Sequence[PairSource], refused: int
) -> Population:
    """Count the patients of a run."""
    every = (*learned, *validated)
    simulated = [source for source in every if source.is_simulated]
    cohorts = _cohorts(simulated)
    site = [source for source in every if not source.is_simulated]
    return Population(
        len(learned),
        len(validated),
        refused,
        len({source.patient for source in simulated}),
        len({source.patient for source in site}),
        tuple(sorted({cohort.seed for cohort in cohorts})),
        tuple(_strata([source for source in learned if source.is_simulated])),
        tuple(map(str, cohorts)),
    )


def write_population(population: Population, run: Path) -> None:
    """Write it into the folder of its run."""
    text = json.dumps(asdict(population), indent=2)
    (run / POPULATION_FILE).write_text(text + "\n", encoding="utf-8")


def read_population(run: Path) -> Population:
    """Read the population of a run.

    Raises:
        ConfigurationError: ``no-such-run``.
    """
    try:
        content = json.loads((run / POPULATION_FILE).read_text(encoding="utf-8"))
        content |= {key: tuple(content[key]) for key in ("seeds", "cohorts")}
        content["strata"] = tuple((name, value) for name, value in content["strata"])
        return Population(**content)
    except (OSError, ValueError, TypeError, KeyError) as error:
        problem = f"{run}: expected {POPULATION_FILE} of a run: {type(error).__name__}"
        raise ConfigurationError("no-such-run", [problem]) from error


@dataclass(frozen=True, order=True, slots=True)
class _Cohort:
    """What is told of a cohort."""

    seed: int
    cases: int
    version: str
    torsos: int

    def __str__(self) -> str:
        torsos = f", torsos of {self.torsos} CTs" if self.torsos else ""
        return f"seed {self.seed}, {self.cases} cases, version {self.version}{torsos}"


def _cohorts(simulated: Iterable[PairSource]) -> list[_Cohort]:
    """Those whose manifest says what they are, with the number of cases that are used."""
    used = Counter(source.nac.parents[1] for source in simulated)
    manifests = [(_json(folder / "manifest.json"), cases) for folder, cases in used.items()]
    return sorted(
        _Cohort(
            manifest["seed"],
            cases,
            manifest.get("software_version", "unknown"),
            len(manifest.get("volumes", ())),
        )
        for manifest, cases in manifests
        if isinstance(manifest.get("seed"), int)
    )


def _strata(simulated: Iterable[PairSource]) -> Iterable[tuple[str, str]]:
    """How the patients are distributed over every stratum their ``case.json`` states."""
    cases = [_json(source.nac.with_name("case.json")).get("strata", {}) for source in simulated]
    for name in dict.fromkeys(key for case in cases for key in case):
        values = [case[name] for case in cases if name in case]
        if all(isinstance(value, float) for value in values):
            low, middle, high = np.percentile(values, (5, 50, 95)).tolist()
            yield name, f"{middle:.4g} (5 to 95 %: {low:.4g} to {high:.4g})"
        else:
            counted = Counter(map(str, values)).most_common()
            yield name, ", ".join(f"{value}: {count / len(values):.0%}" for value, count in counted)


def _json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
