"""Spine, ribs, sternum and shoulder girdle, with the muscles beside the spine."""

from dataclasses import replace

import numpy as np

from mumap_node.training.simulation.anatomy.cage import Cage
from mumap_node.training.simulation.anatomy.painting import Layer, solid
from mumap_node.training.simulation.anatomy.shapes import Ellipsoid, Tube, ellipse_mm
from mumap_node.training.simulation.anatomy.space import Field, Space, profile
from mumap_node.training.simulation.anatomy.tissues import Tissue
from mumap_node.training.simulation.anatomy.wall import Wall, arm_paths

CORTEX_MM = 1.6
"""Thickness of the cortex of vertebrae and sternum; thinner than a voxel, so it is bone and
marrow by 85 to 15."""

CORTEX_SHARE = 0.85

DISC_SHARE = 0.26
"""Height of a disc relative to the distance between vertebrae."""

RIB_MM = 8.0
"""Thickness of a rib."""

RIB_PITCH_MM = 24.5
"""Between neighbouring ribs, in a body of 170 cm."""

RIB_SHARE = 0.5
"""Height of a rib relative to that."""

FIRST_RIB_MM = 200.0
"""Height of the head of the first rib above the right dome, in a body of 170 cm."""

LEAST_DEPTH_MM = 4.0
"""Of bone below the surface of the skin."""

RIB_BONE = ((0.5, 0), (1, 0.88), (7, 0.86), (10, 0.76), (11, 0.5), (12, 0.35), (12.5, 0))
"""How far round the chest bone reaches, by number of the rib; the rest is cartilage."""


def skeleton_layers(space: Space, cage: Cage, wall: Wall) -> list[Layer]:
    """What does not move with breathing and lies over the rest; nothing comes near the skin."""
    under_skin = space.coverage(wall.skin_mm + np.float32(LEAST_DEPTH_MM))
    layers = [
        *_muscles(space, cage),
        *_spine(space, cage),
        *_ribs(space, cage, wall),
        *_sternum(space, cage),
        *_shoulders(space, cage),
    ]
    return [replace(layer, coverage=layer.coverage * under_skin[layer.box]) for layer in layers]


def _muscles(space: Space, cage: Cage) -> list[Layer]:
    """Psoas and the square muscle of the loins on both sides."""
    at = cage.place
    layers = []
    for side in (-1, 1):
        psoas = (at(side * 0.2, 0.5, -55), at(side * 0.3, 0.48, -130), at(side * 0.4, 0.42, -260))
        loin = (at(side * 0.42, 0.72, -90), at(side * 0.5, 0.66, -260))
        layers.append(solid(space, Tissue.MUSCLE, Tube(psoas, (7, 17, 25))))
        layers.append(solid(space, Tissue.MUSCLE, Tube(loin, (10, 20))))
    return layers


def _spine(space: Space, cage: Cage) -> list[Layer]:
    """Vertebral bodies with a cortical rim, discs between them, arches and processes behind."""
    scale = cage.patient.thorax.bone_scale
    box = space.box((-75, 0.1 * cage.depth_mm, -600), (75, 2.2 * cage.depth_mm, 600))
    x, y, z = space.at(box)
    height = z / np.float32(cage.stretch)
    middle_x, middle_y = cage.spine_mm(z)
    x, y = x - middle_x, y - middle_y
    wide = profile(height, ((-260, 24), (200, 13.5)))
    deep = profile(height, ((-260, 18.5), (200, 11.5)))
    pitch, off = _vertebrae(height)
    disc = space.coverage((off - np.float32(DISC_SHARE / 2)) * pitch * np.float32(cage.stretch))
    # Arches and processes are strongest at the middle of a vertebra.
    arched = np.clip(2.4 - 8 * np.abs(off - np.float32(0.4)), 0, 1)
    body = ellipse_mm(x, y, wide, deep)
    around = ellipse_mm(x, y - 4, wide + 7, deep + 6)
    canal = ellipse_mm(x, y - deep - 9, 10.0, 8.5)
    arch = ellipse_mm(x, y - deep - 9, 14.0, 12.5)
    spinous = ellipse_mm(x, y - deep - 30, 4.0, 18.0)
    side = np.abs(x)
    transverse = ellipse_mm(side - wide, y - deep - 12 - side / 4, 18.0, 6.0)
    whole = space.coverage(body)
    return [
        Layer(Tissue.MUSCLE, box, space.coverage(around)),
        Layer(Tissue.SPONGY_BONE, box, space.coverage(transverse, 12) * arched, 1.12 * scale),
        Layer(Tissue.SPONGY_BONE, box, space.coverage(spinous, 8) * arched, 1.15 * scale),
        Layer(Tissue.RIB, box, space.coverage(arch) * (0.55 + 0.45 * arched), scale),
        Layer(Tissue.MUSCLE, box, space.coverage(canal)),
        Layer(Tissue.CORTICAL_BONE, box, whole, CORTEX_SHARE * scale),
        Layer(Tissue.SPONGY_BONE, box, space.coverage(body + np.float32(CORTEX_MM)), scale),
        Layer(Tissue.DISC, box, whole * disc),
    ]


def _vertebrae(height: Field) -> tuple[Field, Field]:
    """Distance between vertebrae in mm, and how far, as a share of it, the nearest disc is."""
    levels = np.linspace(-400, 400, 801)
    pitches = np.interp(levels, (-210, 120), (36, 22))
    passed = np.interp(height, levels, np.cumsum(1 / pitches))
    pitch = np.interp(height, levels, pitches).astype(np.float32)
    return pitch, np.abs(passed - np.round(passed)).astype(np.float32)


def _ribs(space: Space, cage: Cage, wall: Wall) -> list[Layer]:
    """Twelve pairs in the shell round the hollow, each falling from its head to its front end."""
    thorax, stretch = cage.patient.thorax, cage.stretch
    reach = np.array((1.35 * cage.width_mm, 1.5 * cage.depth_mm))
    box = space.box((*-reach, -150 * stretch), (*reach, 215 * stretch))
    x, y, z = space.at(box)
    outline = cage.outline(z)
    forward = np.clip((outline.back - y) / (outline.back + outline.front), 0, 1)
    drop = np.float32(thorax.rib_drop_mm) * np.sqrt(forward) * (1.5 - 0.5 * forward)
    number = 1 + (FIRST_RIB_MM - (z + drop) / np.float32(stretch)) / np.float32(RIB_PITCH_MM)
    rib = np.round(number)
    height_mm = RIB_SHARE * RIB_PITCH_MM * stretch
    off_mm = np.abs(number - rib) * np.float32(RIB_PITCH_MM * stretch)
    shell_mm = np.abs(wall.inside_mm[box] - np.float32(RIB_MM / 2)) - np.float32(RIB_MM / 2)
    covered = space.coverage(shell_mm, RIB_MM)
    covered *= space.coverage(off_mm - np.float32(height_mm / 2), height_mm)
    numbers, ends = np.array(RIB_BONE).T
    bone_to = np.interp(rib, numbers, ends).astype(np.float32)
    bone = np.clip(25 * (bone_to - forward) + np.float32(0.5), 0, 1)
    side_mm = np.abs(x - outline.middle_x)
    beside_spine = np.clip((side_mm - 20) / 6, 0, 1)
    stiff = (1 - bone) * ((rib >= 1) & (rib <= 10) & (side_mm > 14))
    bone *= beside_spine * ((rib >= 1) & (rib <= 12))
    return [
        Layer(Tissue.CARTILAGE, box, covered * stiff),
        Layer(Tissue.RIB, box, covered * bone, thorax.bone_scale),
    ]


def _sternum(space: Space, cage: Cage) -> list[Layer]:
    """From the xiphoid to the handle, just in front of the hollow."""
    heights, widths = (18, 60, 100, 132, 158), (6, 17, 16, 20, 27)
    scale = cage.patient.thorax.bone_scale
    fronts = [cage.front_mm(height) - 6 for height in heights]
    box = space.box((-35, min(fronts) - 10, heights[0] * cage.stretch),
                    (35, max(fronts) + 10, heights[-1] * cage.stretch))  # fmt: skip
    x, y, z = space.at(box)
    level = z / np.float32(cage.stretch)
    middle = np.interp(level, heights, fronts).astype(np.float32)
    half = np.interp(level, heights, widths).astype(np.float32)
    layers = []
    for tissue, inward, share in ((Tissue.CORTICAL_BONE, 0.0, CORTEX_SHARE),
                                  (Tissue.SPONGY_BONE, CORTEX_MM, 1.0)):  # fmt: skip
        outside = ellipse_mm(x, y - middle, half - np.float32(inward), 6.5 - inward)
        layers.append(
            Layer(tissue, box, space.coverage(outside, 2 * (6.5 - inward)), share * scale)
        )
    return layers


def _shoulders(space: Space, cage: Cage) -> list[Layer]:
    """Collar bones, shoulder blades and upper arms, which follow the arms."""
    scale, raised = cage.patient.thorax.bone_scale, cage.patient.arms == "up"
    layers = []
    for side, path in zip((-1, 1), arm_paths(cage), strict=True):
        tip = np.array(path[0]) + np.array((-side * 18, -6, 22 if raised else 16))
        collar = Tube(((side * 20, cage.front_mm(158) - 8, 163 * cage.stretch),
                       cage.place(side * 0.55, -0.42, 176), tip), (7, 6, 6))  # fmt: skip
        layers += [
            solid(space, Tissue.RIB, collar, scale),
            solid(space, Tissue.RIB, _shoulder_blade(cage, side), 0.95 * scale),
            solid(space, Tissue.CORTICAL_BONE, Tube(path[:2], (20, 11)), 0.9 * scale),
            solid(space, Tissue.SPONGY_BONE, Tube(path[:2], (18.5, 6.5)), scale),
        ]
    return layers


def _shoulder_blade(cage: Cage, side: int) -> Ellipsoid:
    """Flat on the back of the ribs; raised arms turn it to the side."""
    raised = cage.patient.arms == "up"
    centre = cage.place(side * 0.92, 0.74, 98) if raised else cage.place(side * 0.78, 1.06, 98)
    turn, lean = np.deg2rad((-48 * side, 38 * side) if raised else (-25 * side, 8 * side))
    turned = np.array(((np.cos(turn), np.sin(turn), 0), (-np.sin(turn), np.cos(turn), 0),
                       (0, 0, 1)))  # fmt: skip
    leaned = np.array(((np.cos(lean), 0, -np.sin(lean)), (0, 1, 0),
                       (np.sin(lean), 0, np.cos(lean))))  # fmt: skip
    return Ellipsoid(centre, (40, 4, 62 * cage.stretch), leaned @ turned)
