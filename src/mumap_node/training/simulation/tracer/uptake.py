"""What is known of a study's tracer: where it is, and what the heart misses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mumap_node.training.simulation.patient import Vector

Tracer = Literal["sestamibi", "tetrofosmin"]
State = Literal["rest", "exercise", "pharmacologic"]


@dataclass(frozen=True, slots=True)
class Defect:
    """A region of the left ventricle with less uptake, its border some 6 mm wide.

    Attributes:
        angle_deg: Middle round the axis: 0 anterior, 90 lateral, 180 inferior, 270 septal.
        along: Middle along the axis: 0 base, 1 apex.
        half_width_deg: To either side of the middle, at half the length.
        half_length: The same along the axis, as a share of the length.
        transmurality: Share of the wall from the inside outwards.
        severity: Share of the uptake that is missing, 0-1.
    """

    angle_deg: float
    along: float
    half_width_deg: float
    half_length: float
    transmurality: float
    severity: float


@dataclass(frozen=True, slots=True)
class HotSpot:
    """Uptake outside the heart where an organ's mean does not tell it.

    Attributes:
        kind: What it is, for reports.
        path_mm: Points in the torso's frame (see ``anatomy.shapes``).
        radius_mm: Of the tube along them.
        ratio: Concentration relative to normal myocardium.
        moves: With breathing.
    """

    kind: str
    path_mm: tuple[Vector, ...]
    radius_mm: float
    ratio: float
    moves: bool


@dataclass(frozen=True, slots=True)
class Uptake:
    """Where the tracer is.

    Attributes:
        tracer: Which.
        state: At rest, or the kind of stress.
        ratios: Concentration by name of the tissue.
        unevenness: Spread of the concentration within a tissue, outside myocardium and lungs.
        lung_unevenness: The same in the lungs.
        lung_exponent: Their perfusion rises with this power of the smooth rise of their density.
        lateral_gain: Relative gain of the lateral over the septal wall, half each way.
        defects: Of the left ventricle.
        hot_spots: Outside the heart.
    """

    tracer: Tracer
    state: State
    ratios: Mapping[str, float]
    unevenness: float
    lung_unevenness: float
    lung_exponent: float
    lateral_gain: float
    defects: tuple[Defect, ...]
    hot_spots: tuple[HotSpot, ...]
