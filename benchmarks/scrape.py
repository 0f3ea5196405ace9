"""What a scrape of `/metrics` costs a node that keeps many jobs.

Lays jobs into a fresh spool as if they had been made and delivered, one in a hundred held, and
lets the web process's collector answer, first with nothing remembered::

    python benchmarks/scrape.py [--jobs 10000] [--rounds 10]
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median

from prometheus_client.exposition import generate_latest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the spools of the tests

from mumap_node.imaging.findings import Finding, Verdict
from mumap_node.node.engine.client import EngineClient
from mumap_node.node.engine.database import EngineOptions, embedded_database
from mumap_node.node.jobs.survey import Survey
from mumap_node.node.spool.files import Spool
from mumap_node.node.spool.records import MapFile, Outcome, Result
from mumap_node.node.web.health import Watch
from mumap_node.node.web.metrics import NodeMetrics, Sources
from spools import NOW, put_instance, put_job

FINDINGS = tuple(
    Finding(f"check-{number}", Verdict.PASS, "0.154 1/cm", "0.14 to 0.17 1/cm")
    for number in range(20)
)
MADE = Result(
    outcome=Outcome.MADE, attempt=1, reason="", sentence="", findings=FINDINGS,
    files={"standard": (MapFile("map.dcm", "0" * 64, "2.25.1"),)}, runtime="numpy",
    software_version="1.2.3", seconds={"read": 0.01, "line": 1.5}, finished_at=NOW,
)  # fmt: skip


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--jobs", type=int, default=10_000)
    arguments.add_argument("--rounds", type=int, default=10)
    parsed = arguments.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:  # a real disk, not a tmpfs
        spool = Spool(Path(name))
        lay_in(spool, parsed.jobs)
        engine = EngineClient(EngineOptions(embedded_database(spool.root), spool.run))
        watch = Watch(spool, min_free_bytes=0, check_engine=lambda: None)
        survey = Survey(spool, engine)
        now = partial(type(NOW).now, NOW.tzinfo)
        metrics = NodeMetrics(Sources(watch, survey, ("camera",), ("archive",), "1.2.3", now))
        before = memory_mb()
        times = [timed(metrics) for _ in range(parsed.rounds + 1)]
    print(f"{parsed.jobs} jobs: first scrape {times[0]:.3f} s, median of the next ", end="")
    print(f"{parsed.rounds} {median(times[1:]):.3f} s, {memory_mb() - before} MB more memory")


def lay_in(spool: Spool, jobs: int) -> None:
    """Fill a spool; nothing of it has to survive a power cut."""
    sync, os.fsync = os.fsync, lambda _descriptor: None
    try:
        for number in range(1, jobs + 1):
            if number % 100:
                put_job(spool, number, result=MADE)
            else:
                put_instance(spool, number)
    finally:
        os.fsync = sync
    time.sleep(3)  # what was written this very moment is read again


def timed(metrics: NodeMetrics) -> float:
    """Seconds of one scrape."""
    began = time.perf_counter()
    generate_latest(metrics)
    return time.perf_counter() - began


def memory_mb() -> int:
    """The most this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
