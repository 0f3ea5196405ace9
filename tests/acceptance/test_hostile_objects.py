"""Hostile objects through the installed command and a live node: told why; nothing falls over."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian

from builders import nac_file, torso_counts
from commands import Running, run, running, write_settings
from mutations import good_files, mutated
from peers import RecordingScp, association, dataset_bytes, send_encoded
from waiting import wait_until

HOSTILE = 100
GOOD_EVERY = 10
MOST_MEMORY_KIB = 300 << 10
"""How much the worker may grow over a hundred of them."""


def good(number: int) -> bytes:
    return nac_file(voxels=torso_counts() + 2, SOPInstanceUID=f"2.25.77{number}")


def memory_kib(pid: int) -> int:
    """Memory a process holds."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


@pytest.fixture
def archive() -> Iterator[RecordingScp]:
    with RecordingScp() as scp:
        yield scp


@pytest.fixture
def node(tmp_path: Path, archive: RecordingScp) -> Iterator[Running]:
    settings = write_settings(tmp_path, archive.port)
    with running("serve", "-c", settings, log=tmp_path / "log") as serving:
        yield serving
        assert serving.stop() == 0


def test_a_live_node_answers_the_good_among_the_hostile(node, archive, tmp_path):
    port = int(node.wait_for("receiver.started")["port"])
    worker = int(node.wait_for("process.started", "worker")["pid"])
    node.wait_for("executor.started", "worker")
    before = memory_kib(worker)
    source, sent = good_files(), 0
    with association(port, called="MUMAP") as opened:
        for seed in range(HOSTILE):
            _, file = mutated(source, seed)
            encoded = dataset_bytes(file) if len(file) > 200 else file
            if not encoded:
                continue  # nothing at all is not a C-STORE
            uid = f"2.25.66{seed}"
            status = send_encoded(opened, ExplicitVRLittleEndian, encoded, sop_instance_uid=uid)
            assert status == 0x0000, f"seed {seed}"  # stored as it came; judged later
            sent += 1
            if seed % GOOD_EVERY == 0:
                dataset = dataset_bytes(good(seed))
                assert send_encoded(opened, ExplicitVRLittleEndian, dataset) == 0x0000
    wanted = {f"2.25.77{seed}" for seed in range(0, HOSTILE, GOOD_EVERY)}
    wait_until(lambda: wanted <= set(sources(archive)), 120)
    wait_until(lambda: not list((tmp_path / "data" / "inbox").glob("*.dcm")), 60)
    assert sorted(uid for uid in sources(archive) if uid in wanted) == sorted(wanted)
    assert sent > HOSTILE / 2
    assert not node.events("process.died")
    assert "Traceback" not in node.log.read_text()
    assert memory_kib(worker) - before < MOST_MEMORY_KIB


def sources(archive: RecordingScp) -> list[str]:
    """Source of every map the archive has."""
    datasets = [received.dataset() for received in archive.received]
    return [str(d.SourceImageSequence[0].ReferencedSOPInstanceUID) for d in datasets]


def test_map_tells_of_each_hostile_file_why(tmp_path):
    source, folder = good_files(), tmp_path / "in"
    folder.mkdir()
    for seed in range(HOSTILE):
        (folder / f"{seed:03}.dcm").write_bytes(mutated(source, seed)[1])
    (folder / "good.dcm").write_bytes(good(1))
    answer = run("map", folder, "-o", tmp_path / "out", "--assume-nac", "--json",
                 "--model", "uniform-body",
                 *(f"--relax={name}" for name in
                   ("collimator", "field-of-view", "truncation", "matrix", "spacing")))  # fmt: skip
    assert answer.returncode == 3
    assert "Traceback" not in answer.stderr
    told = json.loads(answer.stdout)
    outcomes = {Path(item["source"]).name: item for item in told}
    assert len(outcomes) == HOSTILE + 1
    assert outcomes["good.dcm"]["outcome"] == "made"
    assert all(item["reason"] for item in outcomes.values() if item["outcome"] == "rejected")
