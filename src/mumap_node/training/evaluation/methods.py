"""Ways to a map for a nAC reconstruction: the model under test, and what it has to beat."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from mumap_node.imaging import resampling
from mumap_node.imaging.acquisition import Reconstruction
from mumap_node.imaging.findings import Finding
from mumap_node.imaging.volume import Geometry, Quantity, Volume
from mumap_node.pipeline import Model, predict_map

MODEL = "model"
WATER = "uniform water"
MEAN_MAP = "mean map"
NO_MAP = "no map"
"""Names of the methods; the last is the reconstruction without attenuation correction."""

MEAN_SHAPE, MEAN_SPACING_MM = (80, 80, 80), 6.8
"""Grid of the mean map: as large as the largest field of view."""


@dataclass(frozen=True, eq=False, slots=True)
class Answer:
    """What a method says of one nAC.

    Attributes:
        mumap: LAC in 1/cm on the grid of the nAC.
        findings: The checks a node would make of input and map; empty for a method without card.
    """

    mumap: Volume
    findings: tuple[Finding, ...] = ()


Method = Callable[[Reconstruction], Answer]
Methods = Mapping[str, Method]


def of_model(model: Model) -> Method:
    """Answer as the node does, by the same code; a failed check does not keep the map back.

    So every case counts, and how many maps the node would have sent is reported beside it.
    """

    def answer(source: Reconstruction) -> Answer:
        return Answer(*predict_map(source, model, lambda findings: findings))

    return answer


def open_methods(models: Mapping[str, Callable[[], Model]], mean: Volume | None) -> Methods:
    """Open the models by the names of their methods, and add the mean map where there is one."""
    methods = {name: of_model(open_model()) for name, open_model in models.items()}
    return methods if mean is None else {**methods, MEAN_MAP: of_mean_map(mean)}


def of_mean_map(mean: Volume) -> Method:
    """Answer every nAC with the same map, laid on the middle of the volume."""

    def answer(source: Reconstruction) -> Answer:
        centred = _at(mean, source.volume.geometry)
        return Answer(resampling.onto(centred, source.volume.geometry))

    return answer


def mean_map(truths: Iterable[Volume]) -> Volume:
    """Mean of the true maps of a training set, their middles laid on each other.

    Each voxel is the mean of the maps that have it: fields of view differ.

    Raises:
        ValueError: There are none.
    """
    affine = np.eye(4)
    affine[:3, :3] = resampling.UPRIGHT * MEAN_SPACING_MM
    grid = Geometry(MEAN_SHAPE, affine)
    total, number = np.zeros(MEAN_SHAPE), np.zeros(MEAN_SHAPE)
    for truth in truths:
        onto = _at_middle_of(truth.geometry, grid)
        lac = resampling.onto(truth, onto, outside=float("nan")).voxels
        total += np.nan_to_num(lac)
        number += np.isfinite(lac)
    if not number.any():
        raise ValueError("expected maps to take the mean of, found none")
    mean = (total / np.maximum(number, 1)).astype(np.float32)
    return Volume(mean, grid, Quantity.LAC_PER_CM)


def _at(mean: Volume, place: Geometry) -> Volume:
    return Volume(mean.voxels, _at_middle_of(place, mean.geometry), mean.quantity)


def _at_middle_of(place: Geometry, grid: Geometry) -> Geometry:
    affine = grid.affine.copy()
    affine[:3, 3] += place.centre_mm - grid.centre_mm
    return Geometry(grid.shape, affine, place.frame_of_reference_uid)
