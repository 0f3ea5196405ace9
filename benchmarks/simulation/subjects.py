"""Simulated patients to look at; everything here can be sent to another process."""

from dataclasses import dataclass

import numpy as np
from bodies import Body, drawn_body
from counts import Counted, counted

from mumap_node.imaging.volume import Quantity, Volume
from mumap_node.training.simulation.anatomy import paint
from mumap_node.training.simulation.case import PHYSICS_GRID, Case, observe
from mumap_node.training.simulation.patient import Patient, draw_patient
from mumap_node.training.simulation.tracer import Uptake, distribute, draw_uptake

SEED = 3
"""Of the patients that are measured and shown: neither training (1) nor test (2)."""


@dataclass(frozen=True, eq=False)
class Looked:
    """What was measured of a patient; the counts only where it was imaged."""

    index: int
    patient: Patient
    body: Body
    counted: Counted | None


@dataclass(frozen=True, eq=False)
class Portrait:
    """A patient in pictures: the activity on the grid of the physics, and the case."""

    activity: Volume
    case: Case


def drawn(seed: int, index: int) -> tuple[Patient, Uptake]:
    """The patient of a case, without painting anything."""
    body, tracer, _ = np.random.default_rng([seed, index]).spawn(3)
    patient = draw_patient(body)
    return patient, draw_uptake(patient, tracer)


def look_at(index: int, *, cases: int) -> Looked:
    """Measure a torso; the first `cases` are imaged too."""
    patient, uptake = drawn(SEED, index)
    anatomy = paint(patient, PHYSICS_GRID)
    seen = None
    if index < cases:
        imaging = np.random.default_rng([SEED, index]).spawn(3)[2]
        activity = distribute(anatomy, patient, uptake)
        seen = counted(observe(SEED, index, patient, uptake, anatomy, activity, imaging))
    return Looked(index, patient, drawn_body(anatomy), seen)


def portrait(index: int) -> Portrait:
    """Image a patient whose arrays are wanted."""
    patient, uptake = drawn(SEED, index)
    anatomy = paint(patient, PHYSICS_GRID)
    activity = distribute(anatomy, patient, uptake)
    imaging = np.random.default_rng([SEED, index]).spawn(3)[2]
    case = observe(SEED, index, patient, uptake, anatomy, activity, imaging, scatter_windows=False)
    return Portrait(Volume(activity, PHYSICS_GRID, Quantity.COUNTS), case)


def five_of(looked: list[Looked]) -> list[int]:
    """Five that differ: a light and a heavy woman, a usual and a heavy man, and one prone."""
    imaged = [one for one in looked if one.counted]

    def indices(position: str, sex: str) -> list[Looked]:
        return [
            one
            for one in imaged
            if (one.patient.position, one.patient.arms) == (position, "up")
            and one.patient.sex in sex
        ]

    def bmi(one: Looked) -> float:
        return one.patient.bmi

    women, men, prone = (
        indices(*kind) for kind in (("supine", "F"), ("supine", "M"), ("prone", "FM"))
    )
    usual = min(men, key=lambda one: abs(bmi(one) - 27))
    chosen = [min(women, key=bmi), max(women, key=bmi), usual, max(men, key=bmi), prone[0]]
    return [one.index for one in chosen]
