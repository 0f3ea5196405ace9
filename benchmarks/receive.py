"""How fast objects are received, against DCMTK's storescp and Orthanc.

Sends 100 NM objects of 1 MB with DCMTK's storescu over one association, and over four at once, to
each receiver in turn, round after round, and prints the medians. Needs dcmtk and orthanc::

    python benchmarks/receive.py [--rounds 5] [--tls]
"""

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TextIO, cast

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, NuclearMedicineImageStorage, generate_uid

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the peers of the tests

import peers
from authorities import make_authority, options
from mumap_node.node.tls.files import TlsFiles
from receivers import receiving_process

OBJECTS = 100
ASSOCIATIONS = (1, 4)
SHAPE = (32, 128, 128)  # of 16 bit numbers: 1 MB


STOCK = """
import sys
from pynetdicom import AE, evt
ae = AE("STOCK")
ae.add_supported_context("1.2.840.10008.5.1.4.1.1.20")
handlers = [(evt.EVT_C_STORE, lambda _: 0)]
server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
print(server.socket.getsockname()[1], flush=True)
sys.stdin.read()
ae.shutdown()
"""
"""pynetdicom as it comes, which answers Success and forgets the object."""


@dataclass(frozen=True)
class Contestant:
    """A receiver to be measured.

    Attributes:
        name: For the table.
        called: Its AE title.
        start: Starts it with a folder of its own; yields its port.
        sender_has_nagle: Whether the sender is left as DCMTK comes, with Nagle's algorithm.
        options: More of the sender's.
    """

    name: str
    called: str
    start: Callable[[Path], AbstractContextManager[int]]
    sender_has_nagle: bool = False
    options: Sequence[str] = ()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--tls", action="store_true", help="what TLS costs, instead")
    given = arguments.parse_args()
    rounds: int = given.rounds
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:  # a real disk, not a tmpfs
        folder = Path(name)
        files = make_objects(folder / "objects")
        contestants = by_tls(folder) if given.tls else CONTESTANTS
        seconds: dict[tuple[str, int], list[float]] = defaultdict(list)
        for _ in range(rounds):
            for contestant in contestants:
                for associations in ASSOCIATIONS:
                    taken = measure(contestant, folder / "run", files, associations)
                    seconds[contestant.name, associations].append(taken)
    medians = {key: statistics.median(values) for key, values in seconds.items()}
    print_table(medians, rounds, contestants)


def measure(contestant: Contestant, folder: Path, files: list[Path], associations: int) -> float:
    """Seconds until every object is acknowledged, shared among so many senders."""

    def send(number: int) -> list[str]:
        mine = files[number::associations]
        no_delay = not contestant.sender_has_nagle
        sent = peers.store(
            port, *mine, called=contestant.called, options=contestant.options,
            no_delay=no_delay, seconds=300,
        )  # fmt: skip
        return peers.answers(sent)

    try:
        with contestant.start(folder) as port, ThreadPoolExecutor(associations) as senders:
            began = time.perf_counter()
            answers = list(senders.map(send, range(associations)))
            taken = time.perf_counter() - began
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if [answer for some in answers for answer in some] != ["Success"] * len(files):
        raise SystemExit(f"{contestant.name} did not store everything")
    return taken


def print_table(
    seconds: dict[tuple[str, int], float], rounds: int, contestants: Sequence[Contestant]
) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}; medians of {rounds} rounds\n")
    print("| receiver | 1 association | ratio | 4 associations | ratio |")
    print("|---|---|---|---|---|")
    for contestant in contestants:
        cells = [contestant.name]
        for associations in ASSOCIATIONS:
            taken = seconds[contestant.name, associations]
            cells += [f"{taken:.2f} s", f"{taken / seconds[contestants[0].name, associations]:.2f}"]
        print(f"| {' | '.join(cells)} |")


def machine() -> str:
    return (
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, loopback, "
        f"Python {platform.python_version()}, Linux {platform.release()}"
    )


@contextmanager
def mumap_node(folder: Path, tls: TlsFiles | None = None) -> Iterator[int]:
    with receiving_process(folder, log=subprocess.DEVNULL, tls=tls) as node:
        yield node.tls_port or node.port


@contextmanager
def orthanc(folder: Path) -> Iterator[int]:
    with peers.orthanc(folder, {}) as pacs:
        yield pacs.port


@contextmanager
def stock_pynetdicom(_: Path) -> Iterator[int]:
    command = [sys.executable, "-c", STOCK]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        yield int(cast(TextIO, process.stdout).readline())
        process.communicate("")


@contextmanager
def storescp(folder: Path, *, no_delay: bool, more: Sequence[str] = ()) -> Iterator[int]:
    with peers.dcmtk_storescp(folder, "--fork", *more, no_delay=no_delay) as port:
        yield port


CONTESTANTS = (
    Contestant("storescp, TCP_NODELAY", "STORESCP", partial(storescp, no_delay=True)),
    Contestant("mumap-node", "MUMAP", mumap_node),
    Contestant("pynetdicom, discarding", "STOCK", stock_pynetdicom),
    Contestant("Orthanc", "PACS", orthanc),
    Contestant(
        "storescp as it comes", "STORESCP", partial(storescp, no_delay=False), sender_has_nagle=True
    ),
    Contestant("mumap-node, sender as it comes", "MUMAP", mumap_node, sender_has_nagle=True),
)
"""The first is what the others are compared with."""


def by_tls(folder: Path) -> tuple[Contestant, ...]:
    """The node and storescp with TLS, beside the node without."""
    (folder / "authority").mkdir()
    files = make_authority(folder / "authority").issue("benchmark")
    speaking = options(files)
    return (
        CONTESTANTS[1],
        Contestant("mumap-node, TLS", "MUMAP", partial(mumap_node, tls=files), options=speaking),
        Contestant(
            "storescp, TCP_NODELAY, TLS", "STORESCP",
            partial(storescp, no_delay=True, more=speaking), options=speaking,
        ),
    )  # fmt: skip


def make_objects(folder: Path) -> list[Path]:
    """Make the objects to send."""
    folder.mkdir()
    files = [folder / f"{number:03d}.dcm" for number in range(OBJECTS)]
    for file in files:
        write_object(file)
    return files


def write_object(path: Path) -> None:
    dataset, meta = Dataset(), FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = NuclearMedicineImageStorage
    dataset.SOPClassUID = NuclearMedicineImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.PatientID, dataset.Modality = "BENCHMARK", "NM"
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = SHAPE
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    noise = np.random.default_rng(int.from_bytes(path.stem.encode()))
    dataset.PixelData = noise.integers(0, 500, SHAPE).astype("<u2").tobytes()
    dataset.file_meta = meta
    dataset.save_as(path, enforce_file_format=True)


if __name__ == "__main__":
    main()
