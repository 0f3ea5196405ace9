"""Digital torsos: a patient's numbers painted on a grid."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mumap_node.imaging.volume import Geometry, Voxels
from mumap_node.training.simulation.anatomy.abdomen import abdomen_layers
from mumap_node.training.simulation.anatomy.cage import Cage, one_height
from mumap_node.training.simulation.anatomy.chambers import (
    great_vessels,
    heart_layers,
    place_heart,
)
from mumap_node.training.simulation.anatomy.equipment import device_layers, table_lac
from mumap_node.training.simulation.anatomy.heart import (
    LeftVentricle,
    ShortAxis,
    segment_of,
    short_axis,
)
from mumap_node.training.simulation.anatomy.painting import (
    Layer,
    Painting,
    Value,
    breathing_matrix,
)
from mumap_node.training.simulation.anatomy.skeleton import skeleton_layers
from mumap_node.training.simulation.anatomy.space import Space
from mumap_node.training.simulation.anatomy.thorax import (
    lung_density,
    lung_layers,
    mediastinum_layers,
    vessel_and_airway_layers,
)
from mumap_node.training.simulation.anatomy.tissues import LAC_PER_CM, Tissue
from mumap_node.training.simulation.anatomy.wall import build_wall, skin_outline, wall_layers
from mumap_node.training.simulation.patient import Patient, Vector

__all__ = ["Anatomy", "LeftVentricle", "Tissue", "paint"]


@dataclass(frozen=True, eq=False, slots=True)
class Anatomy:
    """A torso on a grid; all arrays have the shape of ``geometry``, which is upright.

    Attributes:
        geometry: The grid; its origin is the camera's centre of rotation.
        lac_per_cm: LAC at 140.5 keV, narrow beam, mean over a breath, without the table.
        table_per_cm: LAC of the table alone.
        labels: ``Tissue`` of each voxel at mid breath.
        segments: AHA segment 1-17 in the left ventricle's wall, 0 elsewhere.
        heart: The left ventricle in LPS mm of the grid.
        painting: The layers behind it.
        short_axis: The voxels near the left ventricle in its own coordinates.
    """

    geometry: Geometry
    lac_per_cm: Voxels
    table_per_cm: Voxels
    labels: NDArray[np.uint8]
    segments: NDArray[np.uint8]
    heart: LeftVentricle
    painting: Painting
    short_axis: ShortAxis


def paint(patient: Patient, geometry: Geometry) -> Anatomy:
    """Paint a patient on an upright grid; the same patient and grid give the same torso.

    Raises:
        ValueError: The grid is not upright.
    """
    cage = Cage(patient)
    own_heart = place_heart(cage)
    space = Space(geometry, patient, _origin_mm(cage, own_heart))
    place = short_axis(space, own_heart)
    painting = _painting(space, cage, own_heart, place)
    labels = painting.labels()
    painting = _with_density(painting, cage, labels)
    body = painting.wall[0].coverage
    return Anatomy(
        geometry=geometry,
        lac_per_cm=painting.filled(_lac_of(patient)),
        table_per_cm=(table_lac(space, cage) * (1 - body)).astype(np.float32),
        labels=labels,
        segments=_segments(labels, place, own_heart),
        heart=_in_patient(own_heart, space),
        painting=painting,
        short_axis=place,
    )


def _painting(space: Space, cage: Cage, heart: LeftVentricle, place: ShortAxis) -> Painting:
    """All layers, in the order of painting."""
    vessels = great_vessels(cage, heart)
    wall = build_wall(space, cage)
    return Painting(
        space,
        cavity=space.coverage(wall.inside_mm),
        breathing=breathing_matrix(space, cage.right_dome_mm, cage.patient.lungs.breathing_mm),
        wall=wall_layers(space, cage, wall),
        inner=[
            *abdomen_layers(space, cage),
            *lung_layers(space, cage, heart),
            *mediastinum_layers(space, cage, vessels),
            *vessel_and_airway_layers(space, cage, vessels),
            *heart_layers(space, cage, heart, place),
        ],
        bones=[*skeleton_layers(space, cage, wall), *device_layers(space, cage, heart)],
    )


def _with_density(painting: Painting, cage: Cage, labels: NDArray[np.uint8]) -> Painting:
    def dense(layer: Layer) -> Layer:
        inside = labels[layer.box] == Tissue.LUNG
        if layer.tissue is not Tissue.LUNG or not inside.any():
            return layer
        return replace(layer, texture=lung_density(painting.space, cage, layer.box, inside))

    return replace(painting, inner=[dense(layer) for layer in painting.inner])


def _lac_of(patient: Patient) -> Value:
    fat = patient.fat.lac_per_cm
    table = {**LAC_PER_CM, Tissue.FAT: fat, Tissue.VISCERAL_FAT: fat}
    return lambda layer: table[layer.tissue] * layer.texture


def _segments(
    labels: NDArray[np.uint8], place: ShortAxis, heart: LeftVentricle
) -> NDArray[np.uint8]:
    segments = np.zeros_like(labels)
    is_wall = labels[place.box] == Tissue.MYOCARDIUM
    segments[place.box] = np.where(is_wall, segment_of(place, heart), 0)
    return segments


def _in_patient(heart: LeftVentricle, space: Space) -> LeftVentricle:
    """From the torso's frame to LPS."""
    base, middle = space.in_patient(heart.base_mm), space.in_patient(heart.centre_mm)
    axis = (middle - base) / np.linalg.norm(middle - base)
    x, y, z = middle.tolist()
    u, v, w = axis.tolist()
    return replace(heart, centre_mm=(x, y, z), axis=(u, v, w))


def _origin_mm(cage: Cage, heart: LeftVentricle) -> Vector:
    """Where the torso's origin lies so that midline, depth and heart are where they should be."""
    x, y, z = cage.patient.placement.offset_mm
    skin = skin_outline(cage, one_height(heart.centre_mm[2]))
    mid_depth = 0.5 * float((skin.back - skin.front).item())
    return (x, y - mid_depth, z - heart.centre_mm[2])
