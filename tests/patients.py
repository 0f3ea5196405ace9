"""Toy patients to evaluate models with: the analytic torso, seen by a small camera."""

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import cache

import numpy as np
import SimpleITK as sitk  # noqa: N813  (its name everywhere)

import cameras
from mumap_node.dicom.orientation import Side
from mumap_node.errors import InputRejected
from mumap_node.imaging.acquisition import Acquisition, Reconstruction
from mumap_node.imaging.correction import Measurement
from mumap_node.imaging.polar import LeftVentricle
from mumap_node.imaging.reconstruction import Orbit, Projector, Resolution
from mumap_node.training.evaluation.methods import MODEL, WATER, Answer, Methods
from mumap_node.training.evaluation.studies import Case
from mumap_node.training.simulation.anatomy import Tissue
from mumap_node.training.simulation.camera import Camera
from mumap_node.training.simulation.cohort import (
    FACTS,
    LABELS,
    MAP,
    NAC,
    PROJECTIONS,
    Cohort,
    Plan,
)
from mumap_node.training.simulation.objects import projections as simulated
from mumap_node.training.simulation.objects.examination import Examination
from mumap_node.training.simulation.objects.projections import encode_projections
from mumap_node.training.simulation.objects.scan import Scan
from mumap_node.training.simulation.objects.volumes import (
    encode_map,
    encode_reconstruction,
    whole_counts,
)
from mumap_node.training.simulation.protocol import ReconstructionProtocol
from mumap_node.training.torso import analytic_torso

SHAPE, SPACING_MM = (40, 40, 40), 10.0

PROTOCOL = ReconstructionProtocol(
    method="OSEM", iterations=2, subsets=4, resolution_recovery=False, post_filter="gaussian",
    fwhm_mm=12.0, cutoff_per_cm=0.0, order=0.0, axial_range_mm=None,
)  # fmt: skip

TECHNETIUM = Acquisition("Tc-99m", True, 140.511, (126.5, 154.6), "PARA", "LEHR")

AXIS = tuple(np.array((0.68, -0.6, -0.42)) / np.linalg.norm((0.68, -0.6, -0.42)))
HEART = LeftVentricle(tuple(np.array((45.0, -30.0, 5.0)) + 14.5 * np.array(AXIS)), AXIS, 79.0, 34.0)
"""The ventricle of the torso: 54 mm from its middle to the apex, cut off 25 mm towards the base."""


@cache
def torso(seed=0):
    return analytic_torso(SHAPE, SPACING_MM, seed)


@cache
def measurement(seed=0, views=16):
    made = torso(seed)
    angles_deg = np.linspace(45, 225, views)
    orbit = Orbit(angles_deg, np.full(views, 220.0))
    resolution = Resolution(3.8, 1.5, 33.0)
    projector = Projector(
        SHAPE, (SPACING_MM,) * 3, orbit, bins=SHAPE[2], bin_mm=SPACING_MM,
        resolution=resolution, lac_per_cm=made.lac.voxels,
    )  # fmt: skip
    activity = np.where(made.body, made.emission.voxels, 0).astype(np.float32)
    counts = projector.forward(activity / activity.max() * 50)
    photopeak = np.random.default_rng(seed).poisson(counts).astype(np.float32)
    return Measurement(photopeak, None, orbit, resolution, SPACING_MM, SPACING_MM)


def case(seed=0, **changes):
    """A patient; every third is not of the core stratum."""
    made = Case(
        name=f"case-{seed:05d}",
        patient=f"patient-{seed}",
        source=Reconstruction(torso(seed).emission, TECHNETIUM),
        truth=torso(seed).lac,
        groups={"sex": "FM"[seed % 2], "matrix": "64"},
        is_core=seed % 3 != 2,
        heart=HEART,
        measurement=measurement(seed),
    )
    return replace(made, **changes)


def broken():
    raise InputRejected("unreadable", "not DICOM")


def scaled(factor):
    """A model whose maps are the truth, times a factor; the truth is the same for every seed."""

    def answer(source):
        truth = torso().lac
        return Answer(truth.with_voxels((factor * truth.voxels).astype(np.float32)))

    return answer


def scaled_models(model=1.0, water=0.9) -> Methods:
    """A model under test and a baseline, as evaluations open them."""
    return {MODEL: scaled(model), WATER: scaled(water)}


def write_cohort(folder, cases=2, protocol=PROTOCOL):
    """A cohort of toy patients, laid out as `mumap-node simulate` does."""
    plan = Plan(seed=7, software_version="0.0", projections=True)
    cohort = Cohort(folder, plan)
    for index in range(cases):
        case_folder = cohort.case_folder(index)
        case_folder.mkdir(parents=True)
        for name, dataset in objects(index).items():
            dataset.save_as(case_folder / name, enforce_file_format=True)
        (case_folder / FACTS).write_text(json.dumps(_facts(index, protocol)))
        sitk.WriteImage(sitk.GetImageFromArray(labels(index)), case_folder / LABELS)
    cohort.write_manifest()
    return folder


def labels(index):
    """Lung and muscle only."""
    lac = torso(index).lac.voxels
    tissues = np.where(lac > 0.1, Tissue.MUSCLE, np.where(lac > 0.02, Tissue.LUNG, Tissue.AIR))
    return tissues.astype(np.uint8)


def objects(index=0, unseen=0):
    """The files of one examination; so many slices at either end lay before no detector."""
    examination = Examination(
        key=("toy", str(index)),
        patient_name="SIMULATED^TOY",
        patient_id=f"TOY-{index}",
        sex="F",
        side=Side.SUPINE,
        at=datetime(2000, 1, 1, tzinfo=UTC),
        description="SIMULATED TOY",
        height_m=1.7,
        weight_kg=70.0,
    )
    seen = measurement(index)
    windows_kev = {"photopeak": (126.5, 154.5), "lower": (120.5, 126.5)}
    scan = Scan(seen.orbit, 1, windows_kev, "LEHR", "Tc-99m toy", 20.0)
    counts = np.stack([seen.photopeak, np.rint(0.1 * seen.photopeak)]).astype(np.float32)
    counts[:, :, :unseen] = counts[:, :, SHAPE[0] - unseen :] = 0
    return {
        NAC: encode_reconstruction(
            examination, scan, whole_counts(torso(index).emission), description="SIMULATED TOY"
        ),
        MAP: encode_map(examination, scan, torso(index).lac),
        PROJECTIONS: encode_projections(
            examination, simulated.Projections(scan, counts, SPACING_MM, SPACING_MM)
        ),
    }


def _facts(index, protocol):
    camera = Camera(**(cameras.ORDINARY | {"arc_deg": 180.0, "views": 16}))
    strata = {
        "sex": "F", "bmi": 24.9 + index, "position": "supine", "arms": "up", "matrix": 64,
        "field_mm": 400.0, "counts": 5e6, "moved": False, "heart_in_field": True,
        "core": index % 2 == 0,
    }  # fmt: skip
    return {
        "seed": 7,
        "index": index,
        "camera": asdict(camera),
        "protocol": asdict(protocol),
        "heart": asdict(HEART) | {"wall_mm": 12.0, "ejection": 0.6},
        "patient": {"device": ("none", "pacemaker")[index % 2]},
        "strata": strata,
    }
