"""How long a map takes: from the answer to a C-STORE to the map at its destination, in its parts.

Runs `mumap-node serve` as installed, with a destination on this machine, and sends one object after
the other: a toy reconstruction to the baseline model, or copies of a file. Needs dcmtk::

    python benchmarks/turnaround.py [--objects 10] [--source FILE --model NAME]
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the peers of the tests

from receive import machine

import peers
from builders import nac_file, torso_counts
from commands import SETTINGS, Running, running, write_settings
from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.node.spool.files import Spool, read_record
from mumap_node.node.spool.records import Result
from waiting import wait_until

SHAPE = (64, 128, 128)
"""Slices, rows and columns of a usual reconstruction; 2 MB."""

PARTS = ("admission", "start", "read", "infer", "rest of the line", "store", "delivery")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--objects", type=int, default=10)
    arguments.add_argument("--source", type=Path)
    arguments.add_argument("--model", default="uniform-body")
    parsed = arguments.parse_args()
    count: int = parsed.objects
    of = parsed.source.read_bytes() if parsed.source else nac_file(voxels=torso_counts(SHAPE) + 2)
    text = SETTINGS.replace("uniform-body-1.0", parsed.model)
    text = text.replace("assume_nac = true", "assume_nac = true\nassume_parallel_holes = true")
    arrivals: list[datetime] = []

    def answer(_: peers.Received) -> int:
        arrivals.append(datetime.now(UTC))
        return 0x0000

    with (
        tempfile.TemporaryDirectory(dir=Path.cwd()) as name,  # a real disk, not a tmpfs
        peers.RecordingScp(answer=answer) as archive,
        running(
            "serve", "-c", write_settings(Path(name), archive.port, text), log=Path(name, "log")
        ) as node,
    ):
        node.wait_for("executor.started", "deliverer")
        measured = [measure(node, of, Path(name), number, arrivals) for number in range(count + 1)]
        node.stop()
    print_table(measured[1:])  # the first waits for everything to warm up


def measure(
    node: Running, of: bytes, folder: Path, number: int, arrivals: Sequence[datetime]
) -> dict[str, float]:
    """Seconds by part of one object, and their total."""
    file = folder / f"{number}.dcm"
    dataset = read_dataset(of)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"2.25.{number + 1}"
    file.write_bytes(to_bytes(dataset))
    sent = peers.store(int(node.wait_for("receiver.started")["port"]), file, called="MUMAP")
    if peers.answers(sent) != ["Success"]:
        raise SystemExit("the object was not received")
    wait_until(lambda: len(arrivals) > number, 120)
    # Logged immediately before the answer to the C-STORE.
    stored, admitted, started = (
        datetime.fromisoformat(node.events(event)[number]["timestamp"])
        for event in ("instance.stored", "instance.admitted", "job.started")
    )
    result = latest_result(Spool(folder / "data"))
    seconds = result.seconds
    return {
        "admission": (admitted - stored).total_seconds(),
        "start": (started - admitted).total_seconds(),
        "read": seconds["read"],
        "infer": seconds["infer"],
        "rest of the line": seconds["line"] - seconds["infer"],
        "store": seconds["store"],
        "delivery": (arrivals[number] - result.finished_at).total_seconds(),
        "total": (arrivals[number] - stored).total_seconds(),
    }


def latest_result(spool: Spool) -> Result:
    results = [read_record(Result, spool.result_file(job_id)) for job_id in spool.job_ids()]
    return max((r for r in results if r is not None), key=lambda result: result.finished_at)


def print_table(measured: Sequence[dict[str, float]]) -> None:
    median = {part: statistics.median(m[part] for m in measured) for part in measured[0]}
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}; medians of {len(measured)} objects\n")
    print("| part | seconds |\n|---|---|")
    for part in PARTS:
        print(f"| {part} | {median[part]:.3f} |")
    print(f"| **from C-STORE response to map at destination** | {median['total']:.3f} |")
    of_the_node = statistics.median(m["total"] - m["read"] - m["infer"] for m in measured)
    print(f"| without reading and inference | {of_the_node:.3f} |")
    of_the_engine = statistics.median(
        m["admission"] + m["start"] + m["store"] + m["delivery"] for m in measured
    )
    print(f"| admission, start, store and delivery alone | {of_the_engine:.3f} |")


if __name__ == "__main__":
    main()
