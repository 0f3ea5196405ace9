"""Alert rules, dashboard and their documents say what the node exposes."""

import json
import re
from datetime import UTC, datetime
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from monitoring import PROJECT, RULES, promtool
from mumap_node.node.jobs.survey import Survey
from mumap_node.node.spool.files import Spool
from mumap_node.node.web.health import Watch
from mumap_node.node.web.metrics import PREFIX, NodeMetrics, Sources
from records import MemoryEngine

OPERATIONS = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
TESTS = RULES.with_name("alerts.test.yml")
ALERTS = re.findall(r"- alert: (\w+)", RULES.read_text())
DASHBOARD: dict[str, Any] = json.loads((PROJECT / "deploy/grafana/mumap-node.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]
ENDINGS = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",)}


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, frozenset[str]]:
    """Labels by name, as they are stored, of every metric of a node that has just been set up."""
    spool = Spool(tmp_path_factory.mktemp("spool"))
    watch = Watch(spool, min_free_bytes=0, check_engine=lambda: None)
    survey, now = Survey(spool, MemoryEngine()), partial(datetime.now, UTC)
    collected = NodeMetrics(Sources(watch, survey, (), (), "1.2.3", now)).collect()
    return {
        metric.name + ending: frozenset(metric._labelnames)  # type: ignore[attr-defined]
        for metric in collected
        for ending in ENDINGS.get(metric.type, ("",))
    }


def test_the_rules_are_valid_and_fire_when_they_should() -> None:
    checked, tested = promtool("check", "rules", RULES), promtool("test", "rules", TESTS)
    assert (checked.returncode, tested.returncode) == (0, 0), checked.stderr + tested.stdout


def test_rules_that_do_not_fire_when_they_should_are_found(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(RULES.read_text().replace("> 900", "> 90000"))
    tests = tmp_path / TESTS.name
    tests.write_text(TESTS.read_text())
    told = promtool("test", "rules", tests)
    assert told.returncode == 1
    assert "MumapNodeQueueStuck" in told.stdout + told.stderr


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_is_tested_explained_and_leads_to_its_explanation(alert: str) -> None:
    assert f'ALERTS{{alertname="{alert}",alertstate="firing",severity=' in TESTS.read_text()
    assert f"\n### `{alert}`\n" in OPERATIONS
    rule = RULES.read_text().partition(f"- alert: {alert}\n")[2].partition("- alert:")[0]
    assert f'/operations#{alert.lower()}"' in rule
    assert re.search(r"severity: (critical|warning|info)\n", rule)
    assert all(f"{annotation}: " in rule for annotation in ("summary", "description"))


def test_no_alert_is_explained_that_does_not_exist() -> None:
    assert re.findall(r"^### `(MumapNode\w+)`$", OPERATIONS, re.MULTILINE) == ALERTS


def test_every_metric_is_documented_with_its_labels(exposed: dict[str, frozenset[str]]) -> None:
    text = (PROJECT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| ([a-z0-9_`, ]*?) ?\| ", text, re.MULTILINE)
    documented = {
        PREFIX + name: frozenset(re.findall(r"\w+", labels))
        for names, labels in rows
        for name in re.findall(r"\w+", names)
    }
    histogram = re.compile(r"_(bucket|sum|count)$")
    assert documented == {histogram.sub("", name): labels for name, labels in exposed.items()}


def test_rules_and_dashboard_ask_for_what_is_exposed(exposed: dict[str, frozenset[str]]) -> None:
    for text in (RULES.read_text(), *EXPRESSIONS):
        assert set(re.findall(rf"\b{PREFIX}\w+", text)) - exposed.keys() == set(), text


def test_every_metric_is_on_the_dashboard(exposed: dict[str, frozenset[str]]) -> None:
    shown = set(re.findall(rf"\b{PREFIX}\w+", " ".join(EXPRESSIONS)))
    unseen = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exposed.keys() - shown}
    seen = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
    assert unseen - seen == set()


def test_the_dashboards_expressions_are_valid(tmp_path: Path) -> None:
    filled = [text.replace("$__rate_interval", "5m") for text in EXPRESSIONS]
    rules = [{"record": "a:panel", "expr": text} for text in dict.fromkeys(filled)]
    file = tmp_path / "panels.yml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    told = promtool("check", "rules", file)
    assert told.returncode == 0, told.stderr


def test_the_dashboard_asks_for_the_nodes_that_were_chosen() -> None:
    names = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = {name for text in EXPRESSIONS for name in re.findall(r"\$(\w+)", text)}
    assert names == {"datasource", "instance"}
    assert used == {"instance", "__rate_interval"}
    assert all('instance=~"$instance"' in text for text in EXPRESSIONS)
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"${datasource}"}


def test_no_panel_lies_on_another() -> None:
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)
