"""Organs below the diaphragm; the lungs, painted after them, cut them off at the diaphragm."""

import numpy as np

from mumap_node.training.simulation.anatomy.cage import Cage
from mumap_node.training.simulation.anatomy.painting import Layer, solid
from mumap_node.training.simulation.anatomy.shapes import Ellipsoid, Tube, joined
from mumap_node.training.simulation.anatomy.space import Numbers, Space
from mumap_node.training.simulation.anatomy.tissues import LAC_PER_CM, Tissue

HOLLOW_WALL_MM = 4.0
"""Of stomach and colon."""


def abdomen_layers(space: Space, cage: Cage) -> list[Layer]:
    """Fat with small bowel, then the organs from the back to the front."""
    rng = np.random.default_rng([cage.patient.seed, 2])
    layers = [
        Layer(Tissue.VISCERAL_FAT, space.whole, np.ones((1, 1, 1), np.float32)),
        _small_bowel(space, cage, rng),
        *_kidneys(space, cage),
        solid(space, Tissue.SPLEEN, spleen(cage)),
        solid(space, Tissue.PANCREAS, pancreas(cage)),
        solid(space, Tissue.DUODENUM, duodenum(cage)),
        _liver(space, cage),
        *_colon(space, cage, rng),
        *_hollow(space, cage, stomach(cage), Tissue.STOMACH_WALL, Tissue.STOMACH_CONTENT,
                 cage.patient.abdomen.stomach_gas),
    ]  # fmt: skip
    if cage.patient.abdomen.gallbladder_scale > 0:
        layers.append(solid(space, Tissue.GALLBLADDER, gallbladder(cage)))
    return layers


def _small_bowel(space: Space, cage: Cage, rng: np.random.Generator) -> Layer:
    """Loops in the visceral fat: the leaner the patient, the denser they lie."""
    width, depth = cage.width_mm, cage.depth_mm
    box = space.box((-1.2 * width, -2 * depth, -600), (1.2 * width, 2 * depth,
                                                      cage.right_dome_mm - 25))  # fmt: skip
    middle = Ellipsoid(cage.place(0.05, -0.15, -215), (0.8 * width, 0.75 * depth, 110))
    central = np.clip(-middle.distance_mm(*space.at(box)) / 30, -1, 1)
    lean = np.float32(-0.55 - 5 * cage.patient.fat.visceral)
    loops = space.noise(15.0, rng, box) + lean + np.float32(1.2) * central
    return Layer(Tissue.SMALL_BOWEL, box, np.clip(2.5 * loops, 0, 1))


def _kidneys(space: Space, cage: Cage) -> list[Layer]:
    """The right one lies lower; their upper poles lean to the spine."""
    layers = []
    for side, height in ((-1, -118), (1, -103)):
        tilt = np.deg2rad(14 * side)
        axes = np.array(((np.cos(tilt), 0, np.sin(tilt)), (0, 1, 0),
                         (-np.sin(tilt), 0, np.cos(tilt))))  # fmt: skip
        centre = np.array(cage.place(side * 0.50, 0.40, height))
        radii = np.array((26, 23, 53)) * cage.patient.abdomen.kidney_scale
        layers.append(solid(space, Tissue.KIDNEY, Ellipsoid(centre, radii, axes)))
        pelvis = Ellipsoid(centre - (side * 8, 3, 0), 0.38 * radii, axes)
        layers.append(solid(space, Tissue.KIDNEY_PELVIS, pelvis))
    return layers


def spleen(cage: Cage) -> Ellipsoid:
    """Under the left dome at the back."""
    turn = np.deg2rad(35)
    axes = np.array(((np.cos(turn), np.sin(turn), 0), (-np.sin(turn), np.cos(turn), 0), (0, 0, 1)))
    x, y, _ = cage.place(0.64, 0.38, 0)
    radii = np.array((28, 50, 60)) * cage.patient.abdomen.spleen_scale
    return Ellipsoid((x, y, cage.left_dome_mm - 60), radii, axes)


def pancreas(cage: Cage) -> Tube:
    """From the duodenum to the spleen."""
    at = cage.place
    return Tube((at(-0.22, -0.05, -120), at(0.05, -0.12, -100), at(0.48, 0.2, -82)), (15, 11, 10))


def duodenum(cage: Cage) -> Tube:
    """From the bulb round the head of the pancreas to the first loop of the jejunum."""
    at = cage.place
    points = (at(-0.16, -0.35, -92), at(-0.36, -0.12, -108), at(-0.36, -0.02, -158),
              at(0.02, 0.0, -166), at(0.24, -0.1, -128))  # fmt: skip
    return Tube(points, (13, 13, 12, 12, 13))


def jejunum(cage: Cage) -> Tube:
    """The first loops of the small bowel, below the stomach and not far from the heart."""
    at = cage.place
    points = (at(0.24, -0.1, -128), at(0.50, -0.25, -105), at(0.62, -0.1, -135),
              at(0.35, -0.3, -160))  # fmt: skip
    return Tube(points, (13, 14, 14, 13))


def _liver(space: Space, cage: Cage) -> Layer:
    """Its right lobe fills the right dome; the left one crosses the midline below the heart."""
    abdomen, dome = cage.patient.abdomen, cage.right_dome_mm
    width, depth, scale = cage.width_mm, cage.depth_mm, abdomen.liver_scale
    right = Ellipsoid((-0.50 * width, -0.02 * depth, dome - 60),
                      np.array((0.54 * width, 0.88 * depth, 78)) * scale)  # fmt: skip
    tip = Ellipsoid((-0.68 * width, 0.05 * depth, dome - 112),
                    np.array((0.27 * width, 0.55 * depth, 58)) * scale)  # fmt: skip
    reach = abdomen.left_lobe
    left = Ellipsoid(((0.12 * reach - 0.02) * width, -0.48 * depth, dome - 50),
                     (0.52 * width * reach, 0.42 * depth * scale, 44 * scale))  # fmt: skip
    box, distance = joined(space, (right, tip, left), 28.0)
    lost = 1 - cage.patient.fat.lac_per_cm / LAC_PER_CM[Tissue.LIVER]
    return Layer(Tissue.LIVER, box, space.coverage(distance), 1 - lost * abdomen.liver_fat)


def stomach(cage: Cage) -> Tube:
    """From the fundus under the left dome to the pylorus right of the midline."""
    at, dome = cage.place, cage.left_dome_mm
    scale = cage.patient.abdomen.stomach_scale
    points = ((0.46 * cage.width_mm, 0.12 * cage.depth_mm, dome - 8 - 34 * scale**0.5),
              (0.52 * cage.width_mm, -0.22 * cage.depth_mm, dome - 72),
              at(0.36, -0.48, -105), at(0.05, -0.52, -112), at(-0.14, -0.40, -96))  # fmt: skip
    return Tube(points, np.array((33, 30, 25, 19, 13)) * scale)


def colon(cage: Cage) -> Tube:
    """Ascending, right flexure, transverse with its sag, left flexure, descending."""
    at, abdomen = cage.place, cage.patient.abdomen
    sag = abdomen.transverse_sag_mm
    flexure = (0.74 * cage.width_mm, 0.05 * cage.depth_mm, min(cage.left_dome_mm - 62, -60))
    points = (at(-0.72, 0.1, -260), at(-0.72, 0.05, -175), at(-0.58, -0.3, -150),
              at(-0.25, -0.66, -150 - 0.7 * sag), at(0.15, -0.7, -148 - sag),
              at(0.5, -0.55, -120 - 0.5 * sag), flexure, at(0.76, 0.3, -150),
              at(0.76, 0.25, -260))  # fmt: skip
    return Tube(points, np.array((26, 24, 22, 19, 19, 19, 20, 16, 15)) * abdomen.colon_scale)


def _colon(space: Space, cage: Cage, rng: np.random.Generator) -> list[Layer]:
    """Part by part, each with content, some with gas."""
    points, radii = colon(cage).points_mm, np.asarray(colon(cage).radii_mm)
    layers = []
    for part in range(len(points) - 1):
        tube = Tube(points[part : part + 2], radii[part : part + 2] * rng.uniform(0.85, 1.15))
        has_gas = rng.random() < cage.patient.abdomen.colon_gas
        gas = rng.uniform(0.3, 0.9) if has_gas else 0.0
        layers += _hollow(space, cage, tube, Tissue.COLON_WALL, Tissue.COLON_CONTENT, gas)
    return layers


def _hollow(space: Space, cage: Cage, outer: Tube, wall: Tissue, content: Tissue,
            gas: float) -> list[Layer]:  # fmt: skip
    """A wall round content, with gas above a level surface: in front on the back, behind prone."""
    inner = outer.grown(-HOLLOW_WALL_MM)
    filled = solid(space, content, inner)
    layers = [solid(space, wall, outer), filled]
    if gas > 0:
        front, back = (float(corner[1]) for corner in inner.bounds())
        y = space.y_mm[filled.box]
        if cage.patient.position == "supine":
            below = y - np.float32(front + gas * (back - front))
        else:
            below = np.float32(back - gas * (back - front)) - y
        layers.append(
            Layer(Tissue.GAS, filled.box, np.minimum(space.coverage(below), filled.coverage))
        )
    return layers


def gallbladder(cage: Cage) -> Ellipsoid:
    """Under the right lobe of the liver, in front."""
    x, y, _ = cage.place(-0.36, -0.55, 0)
    radii: Numbers = np.array((15, 19, 31)) * cage.patient.abdomen.gallbladder_scale
    return Ellipsoid((x, y, cage.right_dome_mm - 120), radii)
