"""The demo's story: a camera sends a reconstruction, a workstation receives its map.

Everything is real but the patient: the installed node in processes of its own, DICOM
associations on the loopback address, files on disk.
"""

import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pydicom import Dataset, dcmread

from mumap_node.demo import camera, checks, picture, site
from mumap_node.demo.workstation import Workstation
from mumap_node.imaging.findings import Finding, Verdict, worst
from mumap_node.imaging.volume import Voxels
from mumap_node.node.spool.files import Spool, read_record
from mumap_node.node.spool.records import Result
from mumap_node.training.simulation.case import Case

Say = Callable[[str], None]

START_SECONDS = 60.0
ANSWER_SECONDS = 120.0
"""How long the node may take to start, and to answer, before the demo calls it a failure."""

FOUND_WIDTH = 42
"""Column of the values; a longer one pushes its limit to the right."""

BOLD, DIM, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"
COLOURS = {Verdict.PASS: "\x1b[32m", Verdict.WARN: "\x1b[33m", Verdict.FAIL: "\x1b[31m"}


def play(output: Path, say: Say) -> bool:
    """Run the demo and tell each step with its time.

    Args:
        output: Folder for what was sent, the map, the picture, settings and log; created, and
            files of an earlier demo replaced.
        say: Prints a line. Lines carry terminal colours; click.echo drops them for a pipe.

    Returns:
        True where the map came back and no check failed.
    """
    output.mkdir(parents=True, exist_ok=True)
    log = output / "node.log"
    say(f"{BOLD}mumap-node demo{PLAIN}: SPECT in, attenuation map out\n")
    try:
        with TemporaryDirectory(prefix="mumap-node-demo-") as data, Workstation() as workstation:
            answer, findings = _ask(output, Path(data), workstation, _Steps(say))
    except OSError as error:  # no connection, no answer in time, no space
        say(f"\n{COLOURS[Verdict.FAIL]}the demo failed: {error}{PLAIN}\nwhat the node said: {log}")
        return False
    own = checks.check(answer)
    for title, group in (("what the node checked", findings), ("what the demo checked", own)):
        say(f"\n{BOLD}{title}{PLAIN}")
        for line in _table(group):
            say(line)
    say(f"\nmap received   {BOLD}{output / 'map.dcm'}{PLAIN}")
    say(f"picture        {BOLD}{output / 'overlay.png'}{PLAIN}")
    say(f"{DIM}what was sent, what is true, the settings and the node's log lie beside them{PLAIN}")
    return worst((*findings, *own)) is not Verdict.FAIL


class _Steps:
    """Says what was done and how long it took."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._began = time.monotonic()

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Say a step once it is done, with the seconds since the demo began and its own."""
        began = time.monotonic()
        yield
        now = time.monotonic()
        total, own = now - self._began, now - began
        self._say(f"{total:6.2f} s  {text} {DIM}({own:.2f} s){PLAIN}")


def _ask(
    output: Path, data: Path, workstation: Workstation, steps: _Steps
) -> tuple[checks.Answer, tuple[Finding, ...]]:
    """Let the camera ask and the workstation get its answer; gives it with the node's findings."""
    spool = Spool(data)
    settings = output / "mumap-node.toml"
    node = site.write_settings(settings, data, workstation.port)
    with site.running_node(settings, output / "node.log") as process:
        with steps.step(
            "camera: a simulated patient, Tc-99m, reconstructed without attenuation correction"
        ):
            case, source, truth = camera.examine()
            source.save_as(output / "reconstruction.dcm", enforce_file_format=True)
            truth.save_as(output / "truth.dcm", enforce_file_format=True)
        with steps.step(
            f"node: receiver, worker, deliverer and web run; it answers C-ECHO on port {node.port}"
        ):
            _wait(process, START_SECONDS, lambda: camera.echo(node))
        with steps.step("camera: sent, and told that the node has it (0x0000)"):
            _send(source, node)
        with steps.step("workstation: the map arrived"):
            _wait(process, ANSWER_SECONDS, lambda: workstation.received)
        with steps.step("camera: sent the same object once more"):
            _send(source, node)
            _wait(process, ANSWER_SECONDS, lambda: not spool.arrivals())
        with steps.step("node: drained and stopped"):
            exit_code = site.stop(process)
    (output / "map.dcm").write_bytes(workstation.received[0])
    mumap = dcmread(BytesIO(workstation.received[0]))
    jobs = list(spool.job_ids())
    with steps.step("picture: the map and the truth over the SPECT, in three planes"):
        _draw(output / "overlay.png", case, checks.read_lac(mumap))
    answer = checks.Answer(
        source, mumap, len(workstation.received), len(jobs), case.lac.voxels, exit_code
    )
    return answer, tuple(_findings(spool, jobs))


def _send(source: Dataset, node: camera.Node) -> None:
    status = camera.send(source, node)
    if status != 0x0000:
        raise ConnectionError(f"expected the node to answer 0x0000, found 0x{status:04X}")


def _wait(
    process: subprocess.Popen[bytes], seconds: float, condition: Callable[[], object]
) -> None:
    """Poll until the condition holds.

    Raises:
        TimeoutError: It did not, or the node ended meanwhile.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None:
            raise TimeoutError(f"the node ended with exit code {process.returncode}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"the node was given {seconds:.0f} s")
        time.sleep(0.05)


def _findings(spool: Spool, jobs: Iterable[str]) -> Iterator[Finding]:
    for job in jobs:
        result = read_record(Result, spool.result_file(job))
        if result is not None:
            yield from result.findings


def _draw(file: Path, case: Case, lac_per_cm: Voxels) -> None:
    grid = case.nac.geometry
    heart = np.rint(grid.to_index(case.heart.centre_mm)).astype(int).tolist()
    drawn = picture.overlay(
        case.nac.voxels, lac_per_cm, case.lac.voxels, grid.spacing_mm, through=heart
    )
    file.write_bytes(picture.png(drawn))


def _table(findings: Iterable[Finding]) -> Iterator[str]:
    rows = list(findings)
    name_width = max((len(row.check) for row in rows), default=0)
    for row in rows:
        verdict = f"{COLOURS[row.verdict]}{row.verdict.upper():4}{PLAIN}"
        line = f"  {verdict}  {row.check:{name_width}}  {row.found:{FOUND_WIDTH}}"
        if len(row.found) > FOUND_WIDTH:  # the limit goes below, so that the columns stand
            yield line
            line = " " * (10 + name_width + FOUND_WIDTH)
        yield f"{line}  {DIM}{row.limit}{PLAIN}"
