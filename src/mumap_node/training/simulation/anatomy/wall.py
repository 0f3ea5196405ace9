"""Skin, fat, muscles, breasts, neck and arms: what surrounds the cage."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from mumap_node.training.simulation.anatomy.cage import Cage, one_height
from mumap_node.training.simulation.anatomy.painting import Layer, solid
from mumap_node.training.simulation.anatomy.shapes import Ellipsoid, Outline, Tube, smooth_union
from mumap_node.training.simulation.anatomy.space import Box, Field, Space, profile
from mumap_node.training.simulation.anatomy.tissues import LAC_PER_CM, Tissue
from mumap_node.training.simulation.patient import Vector

SKIN_MM = 2.0
"""Thickness of the skin."""

CREASE_MM = 20.0
"""Over which the crease between trunk and breast or arm is rounded."""

PRESSED_MM = 9.0
"""How far the table presses into the body."""

LOBE_MM = 13.0
"""Half of the width of a lobe of the breast's gland."""

# Muscle over the cage in mm, by height above the right dome in a body of 170 cm.
_SIDES = ((-260, 20), (-190, 12), (-120, 11), (0, 13), (50, 17), (90, 28), (120, 46), (150, 70),
          (172, 70), (190, 58), (208, 48), (225, 46), (260, 46))  # fmt: skip
_FRONT = ((-260, 9), (-60, 9), (0, 8), (50, 12), (95, 20), (130, 22), (160, 22), (185, 30),
          (210, 42), (260, 42))  # fmt: skip
_BACK = ((-260, 48), (-190, 44), (-120, 32), (-40, 22), (40, 22), (110, 27), (150, 36), (185, 44),
         (210, 44), (260, 42))  # fmt: skip


def fascia_outline(cage: Cage, z_mm: Field) -> Outline:
    """The outer surface of the muscles at the given heights."""
    z = z_mm / np.float32(cage.stretch)
    scale = np.float32(cage.patient.thorax.wall_scale)
    return cage.outline(z_mm).grown(
        scale * profile(z, _SIDES),
        scale * profile(z, _FRONT),
        (0.5 + 0.5 * scale) * profile(z, _BACK),
    )


def skin_outline(cage: Cage, z_mm: Field) -> Outline:
    """The skin of the trunk and the neck, without breasts and arms."""
    z = z_mm / np.float32(cage.stretch)
    fat = cage.patient.fat
    chest, belly, hip = fat.chest_mm, fat.abdomen_mm, fat.hip_mm
    sides = ((-230, 0.85 * belly + hip), (-90, 0.8 * belly), (40, chest), (150, 0.9 * chest),
             (215, 0.5 * chest))  # fmt: skip
    front = ((-230, belly), (-90, belly), (40, 0.8 * chest), (150, 0.6 * chest),
             (215, 0.4 * chest))  # fmt: skip
    back = ((-230, 0.8 * belly + 0.3 * hip), (-90, 0.75 * belly), (40, chest), (150, 1.1 * chest),
            (215, 0.9 * chest))  # fmt: skip
    return fascia_outline(cage, z_mm).grown(
        *(profile(z, layer) + np.float32(SKIN_MM + 1) for layer in (sides, front, back))
    )


def trunk_mm(cage: Cage) -> Outline:
    """The skin between waist and armpits, at heights that do not depend on a grid."""
    heights = np.linspace(-160, 120, 29, dtype=np.float32) * np.float32(cage.stretch)
    return skin_outline(cage, heights[:, None, None])


def contact_mm(cage: Cage) -> float:
    """Position (y) of the surface the patient lies on."""
    trunk = trunk_mm(cage)
    if cage.patient.position == "supine":
        return float(trunk.back.max()) - PRESSED_MM
    return PRESSED_MM - float(trunk.front.max())


def arm_paths(cage: Cage) -> list[tuple[Vector, Vector, Vector]]:
    """Shoulder, elbow and wrist of the right and the left arm."""
    shoulder = cage.width_mm + 42
    if cage.patient.arms == "up":
        joints = ((shoulder, 8.0, 158.0), (shoulder + 12, -25.0, 300.0),
                  (shoulder - 60, -30.0, 480.0))  # fmt: skip
    else:
        beside = float(trunk_mm(cage).half_width.max()) + 46
        joints = ((shoulder + 18, 12.0, 142.0), (max(shoulder + 45, beside), 22.0, -120.0),
                  (max(shoulder + 20, beside - 15), -10.0, -350.0))  # fmt: skip
    right, left = (tuple((side * x, y, z * cage.stretch) for x, y, z in joints) for side in (-1, 1))
    return [right, left]  # type: ignore[list-item]  # three joints each


@dataclass(frozen=True, eq=False, slots=True)
class Wall:
    """The surfaces between the hollow and the air, on one grid.

    Attributes:
        inside_mm: Distance outside the hollow.
        fascia_mm: Distance outside the muscles of the trunk.
        skin_mm: Distance outside the skin.
        breasts: Right and left, none in most men.
        limbs: Right and left arm.
    """

    inside_mm: Field
    fascia_mm: Field
    skin_mm: Field
    breasts: list[Ellipsoid]
    limbs: list[Tube]


def build_wall(space: Space, cage: Cage) -> Wall:
    """Lay the patient's surfaces on the grid."""
    skin = skin_outline(cage, space.z_mm).distance_mm(space.x_mm, space.y_mm)
    breasts, limbs = _breasts(cage), _limbs(cage)
    shapes: list[Ellipsoid | Tube] = [*breasts, *limbs]
    for shape in shapes:
        low, high = shape.bounds()
        box = space.box(low - CREASE_MM, high + CREASE_MM)
        skin[box] = smooth_union(skin[box], shape.distance_mm(*space.at(box)), CREASE_MM)
    side = np.float32(1 if cage.patient.position == "supine" else -1)
    pressed = side * (space.y_mm - np.float32(contact_mm(cage)))
    return Wall(
        inside_mm=cage.outline(space.z_mm).distance_mm(space.x_mm, space.y_mm),
        fascia_mm=fascia_outline(cage, space.z_mm).distance_mm(space.x_mm, space.y_mm),
        skin_mm=np.maximum(skin, pressed),
        breasts=breasts,
        limbs=limbs,
    )


def wall_layers(space: Space, cage: Cage, wall: Wall) -> list[Layer]:
    """From outside in: skin, fat, muscle, then glands and the muscles of the arms."""
    rng = np.random.default_rng([cage.patient.seed, 3])
    under_skin = space.coverage(wall.skin_mm + np.float32(SKIN_MM))
    muscle = np.minimum(space.coverage(wall.fascia_mm), under_skin)
    layers = [
        Layer(Tissue.SKIN, space.whole, space.coverage(wall.skin_mm)),
        Layer(Tissue.FAT, space.whole, under_skin),
        Layer(Tissue.MUSCLE, space.whole, muscle, _marbled(space, cage, rng)),
    ]
    if cage.patient.sex == "F":
        for breast in wall.breasts:
            core = Ellipsoid(breast.centre_mm, 0.7 * np.asarray(breast.radii_mm))
            box = space.box(*core.bounds())
            inside = space.coverage(core.distance_mm(*space.at(box)))
            gland = _lobes(space, cage, box, rng)
            gland *= inside * np.minimum(1 - muscle[box], under_skin[box])
            layers.append(Layer(Tissue.GLAND, box, gland))
    for limb in wall.limbs:
        flesh = Tube(limb.points_mm, 0.78 * np.asarray(limb.radii_mm))
        layers.append(solid(space, Tissue.MUSCLE, flesh))
    return layers


def _lobes(space: Space, cage: Cage, box: Box, rng: np.random.Generator) -> Field:
    """Coverage by lobes of the gland, which lie in fat and have its share of the breast."""
    least = np.float32(ndtri(1 - cage.patient.thorax.breast_gland))
    coverage: Field = np.clip(2.5 * (space.noise(LOBE_MM, rng, box) - least) + 0.5, 0, 1)
    return coverage


def _marbled(space: Space, cage: Cage, rng: np.random.Generator) -> Field:
    """What the fat between its fibres makes of the LAC of muscle."""
    fat = cage.patient.fat
    lost = np.float32(1 - fat.lac_per_cm / LAC_PER_CM[Tissue.MUSCLE])
    share = np.float32(fat.in_muscle) * (1 + space.noise(14.0, rng))
    lac_share: Field = 1 - lost * np.clip(share, 0, 0.7)
    return lac_share


def _breasts(cage: Cage) -> list[Ellipsoid]:
    """Half ellipsoids on the chest; on the back they flatten and fall to the sides."""
    thorax = cage.patient.thorax
    if thorax.breast_ml <= 0:
        return []
    size = (thorax.breast_ml * 1e3 / 1.94) ** (1 / 3)  # of a half ellipsoid with the radii below
    height = 42 * cage.stretch - thorax.ptosis_mm
    skin = skin_outline(cage, one_height(height))
    fall = 0.12 * size if cage.patient.position == "supine" else 0.0
    across = 0.56 * float(skin.half_width.item()) + fall
    front = skin.front_at(across / float(skin.half_width.item()))
    radii = np.array((1.12, 0.72, 1.15)) * size
    return [Ellipsoid((side * across, 0.15 * size - front, height), radii) for side in (-1, 1)]


def _limbs(cage: Cage) -> list[Tube]:
    plump = 36 + 0.55 * (cage.patient.bmi - 22)
    return [Tube(path, (plump + 8, plump, 0.75 * plump)) for path in arm_paths(cage)]
