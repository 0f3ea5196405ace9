"""What is not anatomy: the table, and implanted generators with their leads."""

import numpy as np

from mumap_node.imaging.volume import Voxels
from mumap_node.training.simulation.anatomy.cage import Cage, one_height
from mumap_node.training.simulation.anatomy.heart import LeftVentricle
from mumap_node.training.simulation.anatomy.painting import Layer, solid
from mumap_node.training.simulation.anatomy.shapes import Ellipsoid, Tube
from mumap_node.training.simulation.anatomy.space import Space
from mumap_node.training.simulation.anatomy.tissues import Tissue
from mumap_node.training.simulation.anatomy.wall import contact_mm, fascia_outline

PALLET_MM = 22.0
"""Thickness of the table."""

MATTRESS_MM = 12.0
"""Between body and table."""

TABLE_CURVE_MM = 25.0
"""How much the edges of the table rise above its middle."""

GENERATOR_RADII_MM = {"pacemaker": (23, 4, 23), "defibrillator": (30, 6, 32)}

GENERATOR_SHARE = 0.8
"""LAC of a generator relative to that of solid titanium."""


def table_lac(space: Space, cage: Cage) -> Voxels:
    """LAC in 1/cm of the table below the patient; level, however the patient lies on it."""
    placement = cage.patient.placement
    _, y, x = space.level_mm
    upward = np.float32(1 if cage.patient.position == "supine" else -1)
    from_surface = upward * (y - np.float32(contact_mm(cage))) - np.float32(MATTRESS_MM)
    across = x / np.float32(placement.table_width_mm / 2)
    depth = from_surface[:, None] + np.float32(TABLE_CURVE_MM) * across * across
    slab = np.abs(depth - np.float32(PALLET_MM / 2)) - np.float32(PALLET_MM / 2)
    beside = (np.abs(across) - 1) * np.float32(placement.table_width_mm / 2)
    section = space.coverage(slab) * space.coverage(beside)
    lac = section * np.float32(placement.table_integral / (PALLET_MM / 10))
    return np.repeat(lac[None], space.shape[0], axis=0).astype(np.float32)


def device_layers(space: Space, cage: Cage, heart: LeftVentricle) -> list[Layer]:
    """A generator under the left collar bone, its lead in the apex of the right ventricle."""
    device = cage.patient.device
    if device == "none":
        return []
    height = 118 * cage.stretch
    muscle = fascia_outline(cage, one_height(height))
    across = 0.62 * cage.width_mm
    pocket = (across, 4 - muscle.front_at(across / float(muscle.half_width.item())), height)
    lateral, anterior, apex = heart.directions
    tip = np.array(heart.centre_mm) - 18 * lateral - 8 * anterior + 28 * apex
    lead = (pocket, cage.place(0.3, -0.4, 158), cage.place(-0.2, -0.15, 120),
            heart.base_mm - (42, 0, 0), tip)  # fmt: skip
    generator = Ellipsoid(pocket, GENERATOR_RADII_MM[device])
    return [
        solid(space, Tissue.METAL, generator, GENERATOR_SHARE),
        solid(space, Tissue.METAL, Tube(lead, (1.2, 1.2, 1.2, 1.2, 1.8))),
    ]
