"""Prometheus' own tool on what the node exposes."""

import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

PROJECT = Path(__file__).parents[1]
RULES = PROJECT / "deploy" / "prometheus" / "alerts.yml"
TARGET = {"instance": "node:8080", "job": "mumap-node"}

QUIET_MINUTES = 90
"""Longer than any alert looks back, but for those that look back for a day."""

TOLD_MINUTES = 12
"""Longer than alerts wait of which people are to be told soon."""


def promtool(*arguments: object, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run it to its end, with something on its standard input."""
    command = ["promtool", *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, text=True, check=False)


def samples_of(exposition: str) -> list[Sample]:
    """Every sample of a scrape."""
    families = text_string_to_metric_families(exposition)
    return [sample for family in families for sample in family.samples]


def fired(folder: Path, before: str, now: str, at: float) -> set[str]:
    """Alerts Prometheus fires where what a node exposes changes.

    Args:
        folder: For the files promtool wants.
        before: What it exposed for QUIET_MINUTES.
        now: What it has exposed since, for TOLD_MINUTES.
        at: Unix time at the end.
    """
    end_minutes = QUIET_MINUTES + TOLD_MINUTES
    times = {True: before, False: now}
    values: dict[tuple[tuple[str, str], ...], dict[bool, float]] = {}
    for is_first, exposition in times.items():
        for sample in (*samples_of(exposition), Sample("up", {}, 1.0)):
            labels = {"__name__": sample.name, **sample.labels, **TARGET}
            shift = at - end_minutes * 60 if "timestamp" in sample.name else 0.0
            values.setdefault(tuple(labels.items()), {})[is_first] = sample.value - shift
    series = [
        {"series": _series(dict(labels)), "values": " ".join(_lasting(found))}
        for labels, found in values.items()
    ]
    names = [line.split()[-1] for line in RULES.read_text().splitlines() if "- alert:" in line]
    checks = [
        {
            "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}})',
            "eval_time": f"{end_minutes}m",
        }
        for name in names
    ]
    test = {"interval": "1m", "input_series": series, "promql_expr_test": checks}
    file = folder / "fired.yml"
    content = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}
    file.write_text(json.dumps(content))  # which is YAML too
    said = promtool("test", "rules", file)
    told = said.stdout + said.stderr
    assert said.returncode == 0 or "got:" in told, told
    # Nothing is expected: what is told as wrong is what fires.
    failed = [line for line in told.splitlines() if line.strip().startswith("expr: ")]
    return {name for name in names for line in failed if f'alertname=\\"{name}\\"' in line}


def _series(labels: Mapping[str, str]) -> str:
    name = labels["__name__"]
    others = ",".join(f"{k}={json.dumps(v)}" for k, v in labels.items() if k != "__name__")
    return f"{name}{{{others}}}"


def _lasting(found: Mapping[bool, float]) -> Iterable[str]:
    """In promtool's words: a value that lasts, or none."""
    for is_first, minutes in ((True, QUIET_MINUTES), (False, TOLD_MINUTES + 1)):
        value = found.get(is_first)
        yield f"_x{minutes}" if value is None else f"{value}x{minutes - 1}"
