"""Diaphragm, lungs with their vessels, pleural fluid, and the mediastinum beside the heart."""

import numpy as np
from numpy.typing import NDArray

from mumap_node.training.simulation.anatomy.cage import Cage
from mumap_node.training.simulation.anatomy.chambers import GreatVessels
from mumap_node.training.simulation.anatomy.heart import LeftVentricle
from mumap_node.training.simulation.anatomy.painting import Layer, solid
from mumap_node.training.simulation.anatomy.shapes import Ellipsoid, Tube, joined
from mumap_node.training.simulation.anatomy.space import Box, Field, Space
from mumap_node.training.simulation.anatomy.tissues import Tissue

RECESS_BACK_MM = 95.0
RECESS_FRONT_MM = 38.0
RECESS_SIDE_MM = 42.0
"""How far the diaphragm falls from a dome to its edge."""

DOME_SLOPE = 0.8
"""Cosine of the diaphragm's usual slope, which turns heights into distances."""

APEX_MM = 190.0
"""Height of the apex of the lungs above the usual right dome, in a body of 170 cm."""

LUNG_BRANCHES = 14
"""Vessels drawn in each lung."""


def diaphragm_mm(cage: Cage, heart: LeftVentricle, x: Field, y: Field) -> Field:
    """Height of the diaphragm at each point: two domes, and between them the bed of the heart."""
    v = y / np.float32(cage.depth_mm) + np.float32(0.12)
    fall = np.where(v > 0, np.float32(RECESS_BACK_MM), np.float32(RECESS_FRONT_MM)) * v * v
    domes = []
    for side, dome_mm in ((-1, cage.right_dome_mm), (1, cage.left_dome_mm)):
        u = x / np.float32(0.54 * cage.width_mm) - np.float32(side * 0.85)
        uu = u * u
        steeper = np.float32(0.35) + np.float32(0.65) * np.minimum(uu, 4)
        domes.append(np.float32(dome_mm) - np.float32(RECESS_SIDE_MM) * uu * steeper - fall)
    lowest_mm = heart.centre_mm[2] + 0.5 * (heart.length_mm * heart.axis[2] - heart.radius_mm)
    middle = np.array(heart.centre_mm) + 0.1 * heart.length_mm * np.array(heart.axis)
    u, v = (x - np.float32(middle[0])) / 62, (y - np.float32(middle[1])) / 50
    bed = np.float32(lowest_mm) - np.float32(22) * (u * u + v * v)
    return np.asarray(np.maximum.reduce([*domes, bed]))


def lung_layers(space: Space, cage: Cage, heart: LeftVentricle) -> list[Layer]:
    """Lungs over all that lies above the diaphragm, then fluid, vessels and nodule in them.

    The lungs get their density (``lung_density``) once all that lies in them is painted.
    """
    rng = np.random.default_rng([cage.patient.seed, 1])
    reach = np.array((1.6 * cage.width_mm, 1.5 * cage.depth_mm))
    lowest = min(cage.right_dome_mm, cage.left_dome_mm) - RECESS_BACK_MM - RECESS_SIDE_MM
    box = space.box((*-reach, lowest), (*reach, APEX_MM * cage.stretch))
    x, y, z = space.at(box)
    below_mm = diaphragm_mm(cage, heart, x, y) - z
    lung = Layer(Tissue.LUNG, box, space.coverage(np.float32(DOME_SLOPE) * below_mm))
    layers = [lung, *_fluid(space, cage, lung)]
    layers += [solid(space, Tissue.LUNG_VESSEL, tube) for tube in _branches(cage, heart, rng)]
    nodule_mm = cage.patient.lungs.nodule_mm
    if nodule_mm > 0:
        at = cage.place(rng.choice((-0.6, 0.62)), rng.uniform(-0.3, 0.5), rng.uniform(25, 120))
        layers.append(solid(space, Tissue.NODULE, Ellipsoid(at, (nodule_mm,) * 3)))
    return layers


def lung_density(space: Space, cage: Cage, box: Box, inside: NDArray[np.bool_]) -> Field:
    """g/cm³ in a box: rises towards the table, uneven, denser at hila and fissures.

    ``inside`` says which voxels are lung: over them mean and rise are those of the patient.
    """
    lungs = cage.patient.lungs
    rng = np.random.default_rng([cage.patient.seed, 5])
    x, y, z = space.at(box)
    uneven = space.noise(22.0, rng, box) + space.noise(9.0, rng, box)
    relative = np.float32(0.7 * lungs.texture) * uneven
    from_hilum = np.abs(np.abs(x) / np.float32(cage.width_mm) - np.float32(0.3))
    relative += np.float32(0.25) * np.clip(1 - 2.5 * from_hilum, 0, 1)
    fissure_mm = _fissure_mm(x, y, z, np.float32(rng.normal(60, 10) * cage.stretch))
    relative += np.float32(0.35) * np.clip(1 - fissure_mm / np.float32(space.edge_mm + 1), 0, 1)
    dependent = y if cage.patient.position == "supine" else -y
    where = dependent[inside]
    slope, _ = np.polyfit(where, relative[inside], 1)
    relative += np.float32(lungs.gradient / np.ptp(where) - slope) * dependent
    relative += np.float32(1) - relative[inside].mean()
    density: Field = np.float32(lungs.density_g_per_cm3) * np.clip(relative, 0.4, 2.6)
    return density


def _fissure_mm(x: Field, y: Field, z: Field, height_mm: np.float32) -> Field:
    """Distance from the oblique fissures and, on the right in front, from the horizontal one."""
    level = z - height_mm + np.float32(6) * np.sin(x / 40)
    oblique = np.abs(level - np.float32(0.9) * y)  # falls from the upper back to the lower front
    return np.where((x < 0) & (y < 0), np.minimum(oblique, np.abs(level)), oblique)


def _fluid(space: Space, cage: Cage, lung: Layer) -> list[Layer]:
    """A pleural effusion lies where gravity takes it, less high up."""
    x, y, z = space.at(lung.box)
    outline = cage.outline(z)
    lungs = cage.patient.lungs
    layers = []
    for side, deep_mm in ((-1, lungs.effusion_right_mm), (1, lungs.effusion_left_mm)):
        if deep_mm > 0:
            deep = np.float32(deep_mm) * np.clip(2 - z / np.float32(60 * cage.stretch), 0, 1)
            supine = cage.patient.position == "supine"
            above = outline.back - deep - y if supine else y + outline.front - deep
            this_side = space.coverage(np.float32(-side) * x)
            fluid = np.minimum(space.coverage(above), this_side)
            layers.append(Layer(Tissue.FLUID, lung.box, np.minimum(fluid, lung.coverage)))
    return layers


def _branches(cage: Cage, heart: LeftVentricle, rng: np.random.Generator) -> list[Tube]:
    """From both hila into the lungs, thinner with every step."""
    tubes = []
    for side in (-1, 1):
        hilum = np.array((side * 0.36 * cage.width_mm, 0.12 * cage.depth_mm, heart.base_mm[2] + 22))
        for _ in range(LUNG_BRANCHES):
            aim = rng.normal((side * 0.8, 0.1, 0), (0.35, 0.7, 0.9))
            aim /= np.linalg.norm(aim)
            bend = hilum + aim * rng.uniform(20, 32)
            end = bend + (aim + rng.normal(0, 0.35, 3)) * rng.uniform(22, 42)
            radius = rng.uniform(3.5, 5.5)
            tubes.append(Tube((hilum, bend, end), (radius, 0.65 * radius, 0.25 * radius)))
    return tubes


def mediastinum_layers(space: Space, cage: Cage, vessels: GreatVessels) -> list[Layer]:
    """The fat round the great vessels, behind the sternum and in front of the spine."""
    at, fat = cage.place, 4 + cage.patient.fat.cardiac_mm
    shares = (0.4, 0.25, 0.15, 0.1, 0.1, 0.4)
    shapes = [
        tube.grown(share * fat) for tube, share in zip(vessels.tubes[:-1], shares, strict=True)
    ]
    behind_sternum = (at(0, -0.72, 35), at(0.02, -0.60, 70), at(0, -0.40, 118), at(0, -0.15, 165))
    before_spine = (at(0, 0.3, 185), at(0, 0.3, 130), at(0.02, 0.32, 60), at(0.04, 0.28, -10))
    shapes.append(Tube(behind_sternum, (6 + fat, 5 + fat, 8 + fat, 16)))
    shapes.append(Tube(before_spine, (24, 23, 19, 15)))
    box, distance = joined(space, shapes, 26.0)
    return [Layer(Tissue.FAT, box, space.coverage(distance))]


def vessel_and_airway_layers(space: Space, cage: Cage, vessels: GreatVessels) -> list[Layer]:
    """Oesophagus, great vessels, trachea and main bronchi."""
    at = cage.place
    oesophagus = Tube((at(0.03, 0.20, 190), at(0.06, 0.26, 90), at(0.10, 0.24, 20),
                       at(0.16, 0.12, -12)), (7, 7, 8, 9))  # fmt: skip
    layers = [solid(space, Tissue.OESOPHAGUS, oesophagus)]
    layers += [solid(space, Tissue.BLOOD, tube) for tube in vessels.tubes]
    carina = np.array((0.02 * cage.width_mm, 0.10 * cage.depth_mm, vessels.arch_mm - 28))
    airways = (
        Tube((at(0, 0.02, 240), carina), (8.5, 8.5)),
        Tube((carina, carina + np.array((-36, 6, -22))), (7, 5.5)),
        Tube((carina, carina + np.array((40, 8, -26))), (6.5, 5)),
    )
    for airway in airways:
        layers.append(solid(space, Tissue.CARTILAGE, airway.grown(2)))
        layers.append(solid(space, Tissue.AIRWAY, airway))
    return layers
