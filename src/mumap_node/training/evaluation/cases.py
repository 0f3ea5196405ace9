"""Cases to evaluate on: simulated cohorts, and a site's own pairs of nAC and map."""

from bisect import bisect
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mumap_node.imaging.acquisition import Reconstruction
from mumap_node.imaging.correction import Measurement, estimate_scatter
from mumap_node.imaging.heart import for_polar_map
from mumap_node.imaging.polar import LeftVentricle
from mumap_node.imaging.projections import ScatterWindow
from mumap_node.training.evaluation.evaluating import CaseSource, Rejected
from mumap_node.training.evaluation.studies import Case
from mumap_node.training.pairs import sources
from mumap_node.training.pairs.sources import PairSource
from mumap_node.training.simulation.anatomy import Tissue
from mumap_node.training.simulation.camera import Camera
from mumap_node.training.simulation.cohort import CohortCase

BMI_LIMITS = (25.0, 30.0, 35.0)
COUNT_LIMITS_MILLION = (3.0, 6.0, 10.0, 15.0)
"""Between the classes of the subgroups; 3 and 15 million are the ends of the core stratum."""

TISSUES = {
    "lung": (Tissue.LUNG, Tissue.LUNG_VESSEL),
    "bone": (Tissue.SPONGY_BONE, Tissue.CORTICAL_BONE, Tissue.RIB),
}
"""Whose bias is told by the labels: in a smoothed map the rim of gas attenuates like lung, that of
a device like bone."""


def of_cohort(folder: Path) -> list[CaseSource]:
    """The cases of a simulated cohort.

    Raises:
        ConfigurationError: ``no-pairs`` where there are none.
    """
    return [
        CaseSource(source.nac.parent.name, partial(load_simulated, source))
        for source in sources.of_cohort(folder)
    ]


def of_site(folder: Path) -> tuple[list[CaseSource], list[Rejected]]:
    """The pairs below a folder of DICOM files, and what found no partner.

    Raises:
        ConfigurationError: ``no-pairs`` where there is no reconstruction at all.
    """
    found, doubtful = sources.of_site([folder])
    rejected = [Rejected(pair.key, pair.reason, pair.sentence) for pair in doubtful]
    return [CaseSource(pair.key, partial(load_pair, pair)) for pair in found], rejected


def load_pair(source: PairSource) -> Case:
    """Read a site's pair: no strata, no place of the heart, no projections.

    Raises:
        InputRejected: It cannot be read, or its parts do not lie on each other.
    """
    pair = source.load()
    return Case(
        name=source.key,
        patient=source.patient,
        source=Reconstruction(pair.nac, pair.acquisition),
        truth=pair.lac,
        groups={"matrix": str(pair.nac.geometry.shape[1])},
    )


def load_simulated(source: PairSource) -> Case:
    """Read a simulated patient with all that is known of it.

    Raises:
        InputRejected: A file cannot be read.
    """
    pair, simulated = source.load(), CohortCase(source.nac.parent)
    facts, labels = simulated.facts(), simulated.labels()
    return Case(
        name=source.nac.parent.name,
        patient=source.patient,
        source=Reconstruction(pair.nac, pair.acquisition),
        truth=pair.lac,
        groups=_groups(facts),
        tissues={name: np.isin(labels, kinds) for name, kinds in TISSUES.items()},
        is_core=facts["strata"]["core"],
        heart=_heart(facts["heart"]),
        measurement=_measurement(simulated, facts) if simulated.has_projections() else None,
    )


def _groups(facts: Mapping[str, Any]) -> dict[str, str]:
    strata = facts["strata"]
    return {
        "sex": strata["sex"],
        "BMI": _class(strata["bmi"], BMI_LIMITS),
        "position": strata["position"],
        "arms": strata["arms"],
        "counts (million)": _class(strata["counts"] / 1e6, COUNT_LIMITS_MILLION),
        "matrix": str(strata["matrix"]),
        "in-plane field": "below 400 mm" if strata["field_mm"] < 400 else "400 mm and more",
        "patient motion": "yes" if strata["moved"] else "no",
        "collimator": facts["camera"]["collimator"],
        "arc": f"{facts['camera']['arc_deg']:.0f}°",
        "reconstruction": facts["protocol"]["method"],
        "device": "none" if facts["patient"]["device"] == "none" else "implanted",
        "heart": "whole in the field" if strata["heart_in_field"] else "cut off",
    }


def _class(value: float, limits: Sequence[float]) -> str:
    place = bisect(limits, value)
    if place == 0:
        return f"below {limits[0]:g}"
    if place == len(limits):
        return f"{limits[-1]:g} and more"
    return f"{limits[place - 1]:g} to {limits[place]:g}"


def _heart(stated: Mapping[str, Any]) -> LeftVentricle:
    """The ventricle of the files, which state it at the end of diastole."""
    fields = ("centre_mm", "axis", "length_mm", "radius_mm")
    (x, y, z), (u, v, w), length_mm, radius_mm = (stated[field] for field in fields)
    return for_polar_map(LeftVentricle((x, y, z), (u, v, w), length_mm, radius_mm))


def _measurement(simulated: CohortCase, facts: Mapping[str, Any]) -> Measurement:
    read, camera = simulated.projections(), Camera(**facts["camera"])
    undecayed = (read.counts / camera.decay[:, None, None]).astype(np.float32)
    photopeak_kev, *others_kev = read.scan.windows_kev.values()
    windows = list(map(ScatterWindow, undecayed[1:], others_kev))
    return Measurement(
        photopeak=undecayed[0],
        scatter=estimate_scatter(windows, photopeak_kev, (read.slice_mm, read.bin_mm)),
        orbit=read.scan.orbit,
        resolution=camera.resolution,
        bin_mm=read.bin_mm,
        slice_mm=read.slice_mm,
    )
