"""Makes cohorts: cases in parallel, each complete or absent, the same whenever it is made."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813  (its name everywhere)
from numpy.typing import NDArray
from pydicom import Dataset

from mumap_node import __version__
from mumap_node.dicom.orientation import Side
from mumap_node.errors import ConfigurationError
from mumap_node.imaging.volume import Geometry
from mumap_node.training.parallel import in_processes
from mumap_node.training.simulation.case import Case, simulate_case
from mumap_node.training.simulation.cohort import (
    FACTS,
    LABELS,
    MANIFEST,
    MAP,
    NAC,
    PROJECTIONS,
    SEGMENTS,
    Cohort,
    Plan,
)
from mumap_node.training.simulation.ct.case import find_torsos, simulate_ct_case
from mumap_node.training.simulation.objects.examination import Examination
from mumap_node.training.simulation.objects.projections import Projections, encode_projections
from mumap_node.training.simulation.objects.scan import Scan
from mumap_node.training.simulation.objects.volumes import (
    encode_map,
    encode_reconstruction,
    whole_counts,
)

Simulate = Callable[[int, int], Case]
"""Seed and index to a case; importable by name, as other processes call it."""

Progress = Callable[[int, int], None]
"""Is told how many cases of how many are complete."""

FIRST_EXAMINATION = datetime(2000, 1, 1, tzinfo=UTC)
BETWEEN_EXAMINATIONS = timedelta(minutes=30)
"""Dates follow from the index, so that the same case is the same file on any day."""


def _keep_silent(_done: int, _total: int) -> None:
    """Where nobody watches."""


def make_cohort(
    folder: Path,
    indices: range,
    *,
    seed: int,
    jobs: int = 1,
    projections: bool = True,
    ct: Path | None = None,
    progress: Progress = _keep_silent,
) -> Cohort:
    """Make cases of a cohort, and keep those that are complete already.

    Args:
        folder: Of the cohort; made where there is none, continued where it is the same one.
        indices: Numbers of the cases.
        seed: Of the patients.
        jobs: Processes at once; the files do not depend on it.
        projections: Whether to keep them.
        ct: Folder of CTs to take the anatomy from; None draws it.
        progress: Told at the start, and after every case.

    Raises:
        ConfigurationError: ``cohort-mismatch``, ``no-cohort`` or ``output-not-writable``.
        InputRejected: A reason of ``find_torsos``.
    """
    torsos = () if ct is None else find_torsos(ct)
    draw = partial(simulate_ct_case, torsos) if torsos else simulate_case
    plan = Plan(seed, __version__, projections, tuple(torso.name for torso in torsos))
    simulate = partial(draw, scatter_windows=projections)
    return run(folder, plan, indices, simulate, jobs, progress)


def run(
    folder: Path,
    plan: Plan,
    indices: range,
    simulate: Simulate,
    jobs: int = 1,
    progress: Progress = _keep_silent,
) -> Cohort:
    """Make the cases that are missing, by any simulation; otherwise as ``make_cohort``."""
    try:
        cohort = _begin(folder, plan)
        missing = [index for index in indices if not cohort.case_folder(index).exists()]
        kept = len(indices) - len(missing)
        progress(kept, len(indices))
        made = in_processes(partial(_make_case, cohort, simulate), missing, jobs)
        for done, _ in enumerate(made, kept + 1):
            progress(done, len(indices))
    except OSError as error:
        problem = f"expected to write below {folder}, found: {error.strerror}"
        raise ConfigurationError("output-not-writable", [problem]) from None
    return cohort


def _begin(folder: Path, plan: Plan) -> Cohort:
    """Open or make the folder; what an interrupted run left half made is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / MANIFEST).exists():
        if any(folder.glob("case-*")):
            Cohort.open(folder)  # says that there is no manifest
        Cohort(folder, plan).write_manifest()
    cohort = Cohort.open(folder)
    if cohort.plan != plan:
        differing = ", ".join(
            f"{name} {wanted} (there: {asdict(cohort.plan)[name]})"
            for name, wanted in asdict(plan).items()
            if wanted != asdict(cohort.plan)[name]
        )
        problem = f"{folder}: expected an empty folder or one of the same cohort, not {differing}"
        raise ConfigurationError("cohort-mismatch", [problem])
    for partly in folder.glob(".case-*"):
        shutil.rmtree(partly)
    return cohort


def _make_case(cohort: Cohort, simulate: Simulate, index: int) -> None:
    folder = cohort.case_folder(index)
    write_case(simulate(cohort.plan.seed, index), folder, cohort.plan)


def write_case(case: Case, folder: Path, plan: Plan) -> None:
    """Write the files of a case; the folder appears at once, when all of them are there.

    Args:
        case: What to write.
        folder: That does not exist yet.
        plan: Of its cohort.
    """
    draft = folder.with_name(f".{folder.name}")
    draft.mkdir()
    for name, dataset in encode_case(case, plan).items():
        dataset.save_as(draft / name, enforce_file_format=True)
    _write_labels(draft / LABELS, case.labels, case.nac.geometry)
    _write_labels(draft / SEGMENTS, case.segments, case.nac.geometry)
    facts = json.dumps(_facts(case, plan), default=_plain, indent=1)
    (draft / FACTS).write_text(facts + "\n", encoding="utf-8")
    draft.rename(folder)


def encode_case(case: Case, plan: Plan) -> dict[str, Dataset]:
    """The DICOM objects of a case, by the names of their files.

    Args:
        case: What to encode.
        plan: Of its cohort.
    """
    examination, scan = _examination(case, plan), _scan(case)
    objects = {
        NAC: encode_reconstruction(
            examination,
            scan,
            whole_counts(case.nac),
            description=f"SIMULATED SPECT NAC {case.protocol.describe()}"[:64],
        ),
        MAP: encode_map(examination, scan, case.lac),
    }
    if plan.projections:
        objects[PROJECTIONS] = encode_projections(examination, _projections(case, scan))
    return objects


def _examination(case: Case, plan: Plan) -> Examination:
    patient = case.patient
    was_measured = not plan.volumes  # of whom a CT shows, nobody knows height and weight
    return Examination(
        key=(plan.software_version, *plan.volumes, str(case.seed), str(case.index)),
        patient_name=f"SIMULATED^{case.seed}-{case.index:05d}",
        patient_id=f"SIM-{case.seed}-{case.index:05d}",
        sex=case.strata.sex,
        side=Side(patient.position),
        at=FIRST_EXAMINATION + case.index * BETWEEN_EXAMINATIONS,
        description="SIMULATED myocardial perfusion SPECT",
        height_m=patient.height_cm / 100 if was_measured else 0.0,
        weight_kg=patient.weight_kg if was_measured else 0.0,
    )


def _scan(case: Case) -> Scan:
    camera = case.camera
    windows_kev = {
        "photopeak": camera.photopeak_kev,
        "lower": camera.lower_kev if case.acquired.lower is not None else None,
        "upper": camera.upper_kev if case.acquired.upper is not None else None,
    }
    return Scan(
        orbit=case.acquired.orbit,
        heads=camera.heads,
        windows_kev={name: limits for name, limits in windows_kev.items() if limits},
        collimator=camera.collimator,
        tracer=f"Tc-99m {case.uptake.tracer}",
        seconds_per_view=camera.seconds_per_view,
    )


def _projections(case: Case, scan: Scan) -> Projections:
    acquired = case.acquired
    counts = np.stack([getattr(acquired, window) for window in scan.windows_kev])
    return Projections(scan, counts, acquired.slice_mm, acquired.bin_mm)


def _write_labels(file: Path, labels: NDArray[np.uint8], geometry: Geometry) -> None:
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing(geometry.spacing_mm[::-1])
    image.SetOrigin(geometry.to_patient((0, 0, 0)).tolist())
    sitk.WriteImage(image, file, useCompression=True)


def _facts(case: Case, plan: Plan) -> dict[str, object]:
    return {
        "seed": case.seed,
        "index": case.index,
        "anatomy": plan.anatomy_of(case.index),
        "patient": case.patient,
        "uptake": case.uptake,
        "camera": case.camera,
        "conditions": case.acquired.conditions,
        "scatter_to_primary": case.acquired.scatter_to_primary,
        "protocol": case.protocol,
        "heart": case.heart,
        "strata": case.strata,
    }


def _plain(value: object) -> Any:
    """What JSON does not know: values of ours, and NumPy's."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"expected something JSON knows, found {type(value).__name__}")
