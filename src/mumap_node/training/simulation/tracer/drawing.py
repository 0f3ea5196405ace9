"""Uptake of Tc-99m sestamibi and tetrofosmin, drawn at random.

Concentrations are relative to normal myocardium at the time of imaging. Ranges follow what is
known of the two tracers: little in the lungs, much in liver, kidneys and gallbladder, tetrofosmin
clears faster from the liver, exercise takes blood from the gut to heart and muscle (shares of the
injected activity by organ: Wackers 1989, J Nucl Med 30:301-311). They are drawn wide on purpose
and are not fitted to patients.
"""

from collections.abc import Mapping

import numpy as np

from mumap_node.training.simulation.anatomy import Tissue
from mumap_node.training.simulation.anatomy.abdomen import colon, duodenum, jejunum, stomach
from mumap_node.training.simulation.anatomy.cage import Cage
from mumap_node.training.simulation.anatomy.shapes import Tube
from mumap_node.training.simulation.anatomy.wall import arm_paths
from mumap_node.training.simulation.patient import Patient
from mumap_node.training.simulation.tracer.uptake import Defect, HotSpot, State, Tracer, Uptake

Range = tuple[float, float]

# Least and greatest concentration; drawn evenly on a logarithmic scale.
_RATIOS: Mapping[Tissue, Range] = {
    Tissue.SKIN: (0.02, 0.06),
    Tissue.FAT: (0.012, 0.05),
    Tissue.MUSCLE: (0.05, 0.16),
    Tissue.GLAND: (0.05, 0.14),
    Tissue.VISCERAL_FAT: (0.02, 0.07),
    Tissue.LUNG: (0.025, 0.09),
    Tissue.LUNG_VESSEL: (0.05, 0.14),
    Tissue.FLUID: (0.01, 0.06),
    Tissue.BLOOD: (0.05, 0.14),
    Tissue.ATRIUM: (0.07, 0.18),
    Tissue.RIGHT_MYOCARDIUM: (0.3, 0.65),
    Tissue.OESOPHAGUS: (0.06, 0.15),
    Tissue.LIVER: (0.3, 1.2),
    Tissue.GALLBLADDER: (0.3, 10.0),
    Tissue.SPLEEN: (0.25, 0.8),
    Tissue.PANCREAS: (0.15, 0.4),
    Tissue.KIDNEY: (0.7, 2.6),
    Tissue.KIDNEY_PELVIS: (0.5, 3.0),
    Tissue.STOMACH_WALL: (0.12, 0.5),
    Tissue.STOMACH_CONTENT: (0.01, 0.08),
    Tissue.DUODENUM: (0.15, 1.2),
    Tissue.SMALL_BOWEL: (0.10, 0.7),
    Tissue.COLON_WALL: (0.10, 0.45),
    Tissue.COLON_CONTENT: (0.03, 0.25),
    Tissue.SPONGY_BONE: (0.08, 0.22),
    Tissue.RIB: (0.03, 0.10),
    Tissue.CORTICAL_BONE: (0.01, 0.04),
    Tissue.CARTILAGE: (0.01, 0.04),
    Tissue.DISC: (0.01, 0.04),
    Tissue.NODULE: (0.15, 0.9),
}

# How a state multiplies the ratios above: exercise empties the gut, dilates the muscles.
_STATES: Mapping[State, Mapping[Tissue, float]] = {
    "rest": {Tissue.LIVER: 1.15, Tissue.LUNG: 1.1},
    "exercise": {Tissue.LIVER: 0.55, Tissue.MUSCLE: 1.5, Tissue.SPLEEN: 0.6, Tissue.KIDNEY: 0.7,
                 Tissue.SMALL_BOWEL: 0.7, Tissue.BLOOD: 0.8, Tissue.ATRIUM: 0.85},
    "pharmacologic": {Tissue.LIVER: 1.05, Tissue.SMALL_BOWEL: 1.1},
}  # fmt: skip

_TETROFOSMIN: Mapping[Tissue, float] = {
    Tissue.LIVER: 0.75,
    Tissue.LUNG: 0.9,
    Tissue.GALLBLADDER: 1.2,
    Tissue.DUODENUM: 1.15,
}


def draw_uptake(patient: Patient, rng: np.random.Generator) -> Uptake:
    """Draw a study of the patient; a third is free of defects."""
    tracer: Tracer = "sestamibi" if rng.random() < 0.5 else "tetrofosmin"
    state: State = "rest"
    if rng.random() < 0.5:
        state = "exercise" if rng.random() < 0.45 else "pharmacologic"
    count = int(rng.choice((0, 1, 2, 3), p=(0.34, 0.36, 0.2, 0.1)))
    return Uptake(
        tracer=tracer,
        state=state,
        ratios=_draw_ratios(tracer, state, rng),
        unevenness=float(rng.uniform(0.02, 0.10)),
        lung_unevenness=float(rng.uniform(0.15, 0.25)),
        lung_exponent=float(rng.uniform(0.3, 1.0)),
        lateral_gain=float(rng.normal(0.03, 0.04)),
        defects=tuple(_draw_defect(rng) for _ in range(count)),
        hot_spots=_draw_hot_spots(patient, rng),
    )


def _draw_ratios(tracer: Tracer, state: State, rng: np.random.Generator) -> dict[str, float]:
    ratios = {}
    for tissue, (low, high) in _RATIOS.items():
        ratio = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        ratio *= _STATES[state].get(tissue, 1.0)
        ratio *= _TETROFOSMIN.get(tissue, 1.0) if tracer == "tetrofosmin" else 1.0
        ratios[tissue.name] = ratio
    if rng.random() < 0.08:  # raised uptake of the lungs, as with a failing ventricle
        ratios[Tissue.LUNG.name] = float(rng.uniform(0.12, 0.20))
    return ratios


def _draw_defect(rng: np.random.Generator) -> Defect:
    """In the territory of the LAD, the circumflex or the right coronary artery."""
    angle, along = ((-20, 0.72), (100, 0.5), (185, 0.45))[rng.choice(3, p=(0.42, 0.24, 0.34))]
    return Defect(
        angle_deg=float(rng.normal(angle, 22) % 360),
        along=float(np.clip(rng.normal(along, 0.18), 0.1, 1.0)),
        half_width_deg=float(rng.uniform(18, 60)),
        half_length=float(rng.uniform(0.12, 0.42)),
        transmurality=float(rng.uniform(0.4, 1.0)),
        severity=float(rng.uniform(0.2, 0.95)),
    )


def _draw_hot_spots(patient: Patient, rng: np.random.Generator) -> tuple[HotSpot, ...]:
    cage = Cage(patient)
    candidates = (
        (0.25, "duodenum", _part(duodenum(cage), rng), (0.6, 3.0), True),
        (0.22, "jejunum", _part(jejunum(cage), rng), (0.6, 2.5), True),
        (0.10, "duodenogastric reflux", _part(stomach(cage), rng), (0.4, 1.8), True),
        (0.10, "colon", _part(colon(cage), rng), (0.4, 2.0), True),
        (0.04 if patient.sex == "F" else 0, "breast", _breast_focus(cage, rng), (0.3, 0.8), False),
        (0.06, "vein", _vein(cage, rng), (0.4, 2.5), False),
    )
    return tuple(
        _hot_spot(kind, tube, ratio, moves, rng)
        for chance, kind, tube, ratio, moves in candidates
        if rng.random() < chance
    )


def _hot_spot(
    kind: str,
    tube: Tube,
    ratio: Range,
    moves: bool,  # noqa: FBT001  (a column of the table above)
    rng: np.random.Generator,
) -> HotSpot:
    points = tuple((float(x), float(y), float(z)) for x, y, z in tube.points_mm)
    radius_mm = float(rng.uniform(0.45, 0.8) * np.mean(tube.radii_mm))
    return HotSpot(kind, points, radius_mm, float(np.exp(rng.uniform(*np.log(ratio)))), moves)


def _part(tube: Tube, rng: np.random.Generator) -> Tube:
    """Two or three neighbouring joints of a tube."""
    joints = len(tube.points_mm)
    first = int(rng.integers(0, joints - 1))
    last = min(first + int(rng.integers(2, 4)), joints)
    return Tube(tube.points_mm[first:last], tube.radii_mm[first:last])


def _breast_focus(cage: Cage, rng: np.random.Generator) -> Tube:
    side = rng.choice((-1, 1))
    point = np.array(cage.place(0.62 * side, -1.15, 30)) + rng.normal(0, 10, 3)
    return Tube((point, point + 1), (14, 14))


def _vein(cage: Cage, rng: np.random.Generator) -> Tube:
    """What stuck to the vein of the injection, from the elbow to below the collar bone."""
    side = int(rng.integers(2))
    shoulder, elbow, _ = np.array(arm_paths(cage)[side])
    inner = cage.place(0.7 * (2 * side - 1), -0.3, 150)
    return Tube((0.3 * shoulder + 0.7 * elbow, shoulder, inner), (5, 5, 5))
