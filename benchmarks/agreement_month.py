"""A month of a site in shadow mode, with a drift put in: whether the agreement record finds it.

Lays studies of a simulated cohort (by `mumap-node simulate`, with their true maps) into the inbox
of a fresh node as if they had come over a month, each with its true map as what was measured. From
one study on the site smooths its reconstructions more. A worker makes and compares the maps, and
sends none; then the table is printed, and page and CSV are written::

    python benchmarks/agreement_month.py --cohort DIR -o agreement.html [--blur-mm 20]
"""

import argparse
import os
import secrets
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import numpy as np
from pydicom import Dataset
from scipy.ndimage import gaussian_filter

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the command line of the tests

from commands import run
from mumap_node.cli.reporting import quieten
from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.errors import ConfigurationError
from mumap_node.imaging.resampling import FWHM_PER_SIGMA
from mumap_node.node.spool.files import Spool, read_record
from mumap_node.node.spool.records import Agreement, Outcome, Result
from mumap_node.node.worker.process import Worker
from mumap_node.service import building
from mumap_node.service.agreement import read_site_record
from mumap_node.service.working import opener, worker_options
from mumap_node.settings.loading import load_settings
from mumap_node.settings.tables import Settings

MONTH = timedelta(days=30)

LOOK_SECONDS = 10.0
"""Between two looks at how far the worker is."""

SETTINGS = """
[node]
data_dir = "data"
timezone = "UTC"
models_dir = {models}

[[routes]]
name = "measured"
action = "compare"
match = {{ ImageType = "TRANSMISSION" }}

[[routes]]
name = "shadow"
assume_nac = true
assume_parallel_holes = true
model = "{model}"
deliver = false
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cohort", type=Path, required=True)
    arguments.add_argument("-o", "--output", type=Path, required=True)
    arguments.add_argument("--model", default="reference-tc99m")
    arguments.add_argument("--models", type=Path, default=Path(__file__).parents[1] / "models")
    arguments.add_argument("--studies", type=int, default=100)
    arguments.add_argument("--changed-from", type=int, default=61, help="counts from 1")
    arguments.add_argument("--blur-mm", type=float, default=20.0, help="FWHM; 0 for no drift")
    arguments.add_argument("--projections", action="store_true")
    parsed = arguments.parse_args()
    quieten()
    source = "projections.dcm" if parsed.projections else "nac.dcm"
    cases = list(islice(sorted(parsed.cohort.glob("case-*")), parsed.studies))
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:  # a real disk, not a tmpfs
        config = write_settings(Path(name), parsed.models.resolve(), parsed.model)
        settings = load_settings(config)
        spool = building.open_spool(settings)
        begin = datetime.now(UTC) - MONTH
        times = [begin + (number + 0.5) / len(cases) * MONTH for number in range(len(cases))]
        for number, (case, at) in enumerate(zip(cases, times, strict=True), start=1):
            blur_mm = parsed.blur_mm if number >= parsed.changed_from else 0.0
            lay_in(spool, case / "map.dcm", at)
            lay_in(spool, case / source, at, blur_mm)
        work(settings, spool, len(cases))
        print(f"{len(cases)} studies; results: {dict(outcomes(spool))}")
        if parsed.blur_mm and parsed.changed_from <= len(cases):
            changed = times[parsed.changed_from - 1]
            print(f"smoothed by {parsed.blur_mm:g} mm more since {changed:%Y-%m-%d}\n")
        print(run("agreement", "-c", config).stdout)
        found = read_site_record(settings)
        parsed.output.write_text(found.as_html(), encoding="utf-8")
        parsed.output.with_suffix(".csv").write_bytes(found.as_csv().encode())


def write_settings(folder: Path, models: Path, model: str) -> Path:
    """Settings of a node that makes and compares, and sends nothing."""
    path = folder / "mumap-node.toml"
    path.write_text(SETTINGS.format(models=f'"{models}"', model=model), encoding="utf-8")
    return path


def lay_in(spool: Spool, file: Path, at: datetime, blur_mm: float = 0.0) -> Path:
    """Put a file into the inbox under the name it would have had, had it come then."""
    content = file.read_bytes()
    if blur_mm:
        content = to_bytes(smoothed(read_dataset(content), blur_mm))
    name = f"{int(at.timestamp() * 1e9):020d}-{secrets.token_hex(4)}.dcm"
    path = spool.inbox / name
    path.write_bytes(content)
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def smoothed(dataset: Dataset, fwhm_mm: float) -> Dataset:
    """The same instance after a further Gaussian; of projections within each view."""
    voxels = dataset.pixel_array
    rows_mm, columns_mm = (float(spacing) for spacing in dataset.PixelSpacing)
    is_volume = "RECON TOMO" in dataset.ImageType
    slices_mm = abs(float(dataset.SpacingBetweenSlices)) if is_volume else np.inf
    sigmas = [fwhm_mm / FWHM_PER_SIGMA / spacing for spacing in (slices_mm, rows_mm, columns_mm)]
    blurred = gaussian_filter(voxels.astype(np.float64), sigmas, mode="nearest")
    dataset.PixelData = np.rint(blurred).astype(voxels.dtype).tobytes()
    return dataset


def work(settings: Settings, spool: Spool, studies: int) -> None:
    """Run a worker until every study is compared, or cannot be."""
    options = replace(
        worker_options(settings), reconcile_seconds=2.0, settle_seconds=0.0, head_start_seconds=0.0
    )
    engine = building.engine_options(settings, spool.run)
    with Worker(options, spool, engine, opener(settings)):
        while (done := finished(spool)) < studies:
            print(f"{done} of {studies}", file=sys.stderr)
            time.sleep(LOOK_SECONDS)


def finished(spool: Spool) -> int:
    """Jobs with nothing left to do, and sources that became none."""
    jobs = list(spool.job_ids())
    results = [read_record(Result, spool.result_file(job_id)) for job_id in jobs]
    compared = [read_record(Agreement, spool.agreement_file(job_id)) for job_id in jobs]
    ended = [
        found is not None or (result is not None and result.outcome is not Outcome.MADE)
        for result, found in zip(results, compared, strict=True)
    ]
    sources = sum(1 for _ in spool.instance_ids())
    return sum(ended) + sources - len(jobs)


def outcomes(spool: Spool) -> Counter[str]:
    """How the jobs ended."""
    results = (read_record(Result, spool.result_file(job_id)) for job_id in spool.job_ids())
    return Counter(f"{r.outcome} {r.reason}".strip() for r in results if r is not None)


if __name__ == "__main__":
    try:
        main()
    except ConfigurationError as error:
        raise SystemExit("\n".join(error.problems)) from None
