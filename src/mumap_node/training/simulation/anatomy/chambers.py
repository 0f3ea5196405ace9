"""Where the heart lies in the chest, its other chambers, and the great vessels."""

from dataclasses import dataclass

import numpy as np

from mumap_node.training.simulation.anatomy.cage import Cage
from mumap_node.training.simulation.anatomy.heart import (
    LeftVentricle,
    ShortAxis,
    ventricle_layers,
)
from mumap_node.training.simulation.anatomy.painting import Layer, solid
from mumap_node.training.simulation.anatomy.shapes import Ellipsoid, Tube, joined
from mumap_node.training.simulation.anatomy.space import Space
from mumap_node.training.simulation.anatomy.tissues import Tissue

USUAL_RADIUS_MM = 33.0
"""Of the left ventricle for which the places of the other chambers are written."""

APEX_CLEARANCE_MM = 7.0
"""Between the outer surface of the left ventricle and the ribs."""

RIGHT_WALL_MM = 4.0
"""Thickness of the right ventricle's wall."""


def place_heart(cage: Cage) -> LeftVentricle:
    """The patient's left ventricle in the torso's frame.

    It rests on the diaphragm between the domes, a third of the half width left of the midline,
    and is moved inward where the ribs are in its way.
    """
    heart = cage.patient.heart
    left, down = np.deg2rad((heart.leftward_deg, heart.downward_deg))
    axis = np.array((np.sin(left) * np.cos(down), -np.cos(left) * np.cos(down), -np.sin(down)))
    hang = 0.5 * heart.length_mm * np.sin(down) + 0.72 * heart.radius_mm * np.cos(down)
    bed = 0.5 * (cage.right_dome_mm + cage.left_dome_mm) - 6
    prone = 4.0 if cage.patient.position == "prone" else 0.0
    centre = np.array((0.36 * cage.width_mm, -0.29 * cage.depth_mm - prone, bed + hang))
    centre += heart.shift_mm
    wide = APEX_CLEARANCE_MM + 0.7 * heart.radius_mm
    for _ in range(6):
        for share, clearance in ((0.5, APEX_CLEARANCE_MM), (0.28, wide)):
            point = centre + share * heart.length_mm * axis
            excess = cage.distance_mm(point) + clearance
            if excess > 0:
                centre[:2] -= excess * point[:2] / np.hypot(*point[:2])
    x, y, z = centre.tolist()
    u, v, w = axis.tolist()
    return LeftVentricle((x, y, z), (u, v, w), heart.length_mm, heart.radius_mm,
                         heart.wall_mm, heart.ejection)  # fmt: skip


def heart_layers(space: Space, cage: Cage, heart: LeftVentricle, place: ShortAxis) -> list[Layer]:
    """Fat round the heart, atria, right ventricle and left ventricle, in the order of painting."""
    lateral, anterior, apex = heart.directions
    centre, base = np.array(heart.centre_mm), heart.base_mm
    size = heart.radius_mm / USUAL_RADIUS_MM
    other = cage.patient.heart.right_scale * size
    right = Ellipsoid(centre - 31 * other * lateral - 3 * size * anterior - 5 * apex,
                      np.array((23, 33, 41)) * other, heart.directions)  # fmt: skip
    left_atrium = Ellipsoid(base + np.array((-6, 22, 6)) * size, np.array((33, 21, 26)) * other)
    right_atrium = Ellipsoid(base + np.array((-47, 2, -8)) * size, np.array((25, 29, 32)) * other)
    fat = cage.patient.fat.cardiac_mm
    left = Ellipsoid(centre + 2 * apex, (heart.radius_mm, heart.radius_mm, 0.5 * heart.length_mm),
                     heart.directions)  # fmt: skip
    # Fat fills the corner between apex, diaphragm and sternum.
    corner = Ellipsoid(
        (0.30 * cage.width_mm, -0.72 * cage.depth_mm, centre[2] - 0.4 * heart.length_mm),
        (20 + 3 * fat, 12, 16),
    )
    chambers = (left, right, left_atrium, right_atrium, corner)
    sac, distance = joined(space, [chamber.grown(fat) for chamber in chambers], 30.0)
    return [
        Layer(Tissue.FAT, sac, space.coverage(distance)),
        solid(space, Tissue.ATRIUM, left_atrium),
        solid(space, Tissue.ATRIUM, right_atrium),
        solid(space, Tissue.RIGHT_MYOCARDIUM, right),
        solid(space, Tissue.BLOOD, right.grown(-RIGHT_WALL_MM)),
        *ventricle_layers(space, place, heart),
    ]


@dataclass(frozen=True, eq=False, slots=True)
class GreatVessels:
    """The large vessels in the torso's frame."""

    aorta: Tube
    right_pulmonary_artery: Tube
    left_pulmonary_artery: Tube
    right_pulmonary_vein: Tube
    left_pulmonary_vein: Tube
    upper_caval_vein: Tube
    lower_caval_vein: Tube

    @property
    def arch_mm(self) -> float:
        """Height of the aortic arch."""
        return float(self.aorta.points_mm[3][2])

    @property
    def tubes(self) -> list[Tube]:
        """All of them."""
        return [self.aorta, self.right_pulmonary_artery, self.left_pulmonary_artery,
                self.right_pulmonary_vein, self.left_pulmonary_vein,
                self.upper_caval_vein, self.lower_caval_vein]  # fmt: skip


def great_vessels(cage: Cage, heart: LeftVentricle) -> GreatVessels:
    """Aorta, pulmonary arteries and veins, and the caval veins."""
    size = heart.radius_mm / USUAL_RADIUS_MM
    base, at = heart.base_mm, cage.place
    root = base + np.array((-14, -8, 10)) * size
    trunk = base + np.array((4, -26, 20)) * size
    arch = 0.5 * root[2] + 82 * cage.stretch
    hilum = base[2] + 30 * size

    def level(across: float, back: float, height_mm: float) -> tuple[float, float, float]:
        """Shares of the half width and depth, with a height that is not stretched again."""
        return (across * cage.width_mm, back * cage.depth_mm, height_mm)

    aorta = (root, root + np.array((-12, -14, 30)), (root[0] - 6, root[1] - 4, arch - 12),
             level(0.05, -0.02, arch), level(0.19, 0.28, arch - 12), level(0.20, 0.38, arch - 45),
             at(0.16, 0.31, 20), at(0.05, 0.18, -50), at(0.02, 0.06, -190))  # fmt: skip
    narrowing = np.array((1, 1, 0.95, 0.9, 0.85, 0.78, 0.75, 0.65, 0.55))
    return GreatVessels(
        aorta=Tube(aorta, narrowing * cage.patient.heart.aorta_mm),
        right_pulmonary_artery=Tube(
            (trunk - np.array((0, 0, 25)), trunk, level(0.06, -0.12, hilum + 6),
             level(-0.32, 0.05, hilum - 4)), (14, 13, 11, 9)),
        left_pulmonary_artery=Tube((trunk, level(0.34, 0.10, hilum + 6)), (13, 9)),
        right_pulmonary_vein=Tube(
            (base + np.array((-10, 26, 6)), level(-0.40, 0.16, hilum - 26)), (11, 7)),
        left_pulmonary_vein=Tube(
            (base + np.array((0, 26, 6)), level(0.42, 0.22, hilum - 24)), (11, 7)),
        upper_caval_vein=Tube(
            (level(-0.24, -0.16, arch + 30), base + np.array((-46, -2, 12)) * size), (8.5, 9.5)),
        lower_caval_vein=Tube(
            (base + np.array((-46, 4, -20)) * size, at(-0.2, 0.1, -60), at(-0.18, 0.14, -200)),
            (11, 11, 10)),
    )  # fmt: skip
