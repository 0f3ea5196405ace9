"""One simulated patient from the draw to the nAC volume and the true attenuation map."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mumap_node.imaging.polar import LeftVentricle
from mumap_node.imaging.target import at_target_resolution
from mumap_node.imaging.volume import Geometry, Quantity, Volume, Voxels
from mumap_node.training.simulation.acquisition import Acquired, acquire
from mumap_node.training.simulation.anatomy import paint
from mumap_node.training.simulation.camera import Camera, draw_camera
from mumap_node.training.simulation.expectation import Attenuator
from mumap_node.training.simulation.patient import Patient, Vector, draw_patient
from mumap_node.training.simulation.pixels import mean_way_mm
from mumap_node.training.simulation.protocol import (
    ReconstructionProtocol,
    draw_protocol,
    reconstruct,
)
from mumap_node.training.simulation.tracer import Uptake, distribute, draw_uptake

HEART_MARGIN_MM = 20.0
"""Around the left ventricle, for the heart to count as inside the axial field of view."""

CORE_BMI = (18.0, 35.0)
CORE_COUNTS = (3.0e6, 15.0e6)
"""Of the core stratum, fixed before anything was trained: kg/m², and counts in the photopeak."""


def _physics_grid() -> Geometry:
    shape, edge_mm = (96, 104, 160), 4.8
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(np.eye(3)) * edge_mm
    affine[:3, 3] = -(np.array(shape[::-1]) - 1) / 2 * edge_mm
    return Geometry(shape, affine)


PHYSICS_GRID = _physics_grid()
"""Upright, 461 x 499 x 768 mm round the middle of the field of view: the widest arms drawn reach
362 mm to a side. What lies beyond does not exist. The acquisition has pixels of its own."""


class Torso(Attenuator, Protocol):
    """What a case takes from an anatomy."""

    @property
    def labels(self) -> NDArray[np.uint8]:
        """Tissue of each voxel."""

    @property
    def segments(self) -> NDArray[np.uint8]:
        """AHA segment 1-17 in the left ventricle's wall, 0 elsewhere."""

    @property
    def heart(self) -> LeftVentricle:
        """The left ventricle in LPS mm."""


@dataclass(frozen=True, slots=True)
class Strata:
    """What results are broken down by.

    Attributes:
        sex: "F" or "M".
        bmi: In kg/m².
        position: "supine" or "prone".
        arms: "up" or "down".
        matrix: 64 or 128.
        field_mm: Edge of the square field in the plane of a slice.
        counts: In the photopeak.
        moved: Whether the patient did, during the acquisition.
        heart_in_field: Whether the left ventricle and 2 cm round it lie in the axial field.
        core: Supine, arms up, BMI 18-35, the heart in the field, 3 to 15 million counts.
    """

    sex: str
    bmi: float
    position: str
    arms: str
    matrix: int
    field_mm: float
    counts: float
    moved: bool
    heart_in_field: bool
    core: bool


@dataclass(frozen=True, eq=False, slots=True)
class Case:
    """A simulated examination and the truth behind it.

    Attributes:
        seed: Of the cohort.
        index: Of the case in it; both together give the same case anywhere.
        patient: Who was imaged.
        uptake: Where the tracer went.
        camera: What imaged.
        protocol: How it was reconstructed.
        heart: The left ventricle in LPS mm. It, map, labels and segments lie where the patient
            was on average over the views: where ``nac`` shows one who moved.
        nac: Reconstruction without attenuation correction, counts.
        lac: The true map on the grid of ``nac``, 1/cm at 140.5 keV, narrow beam, at the
            resolution of ``at_target_resolution``. The table is not in it: an uncorrected
            reconstruction does not show it.
        labels: Tissue of each voxel of ``nac``.
        segments: AHA segment 1-17 of each voxel of ``nac``, 0 elsewhere.
        acquired: The projections.
        strata: Groups the case belongs to.
    """

    seed: int
    index: int
    patient: Patient
    uptake: Uptake
    camera: Camera
    protocol: ReconstructionProtocol
    heart: LeftVentricle
    nac: Volume
    lac: Volume
    labels: NDArray[np.uint8]
    segments: NDArray[np.uint8]
    acquired: Acquired
    strata: Strata


def simulate_case(seed: int, index: int, *, scatter_windows: bool = True) -> Case:
    """Draw and image a patient.

    Args:
        seed: Of the cohort.
        index: Of the case in it.
        scatter_windows: False leaves out the windows beside the photopeak, which is faster and
            changes nothing else.
    """
    rng = np.random.default_rng([seed, index])
    body, tracer, imaging = rng.spawn(3)
    patient = draw_patient(body)
    uptake = draw_uptake(patient, tracer)
    anatomy = paint(patient, PHYSICS_GRID)
    activity = distribute(anatomy, patient, uptake)
    return observe(
        seed, index, patient, uptake, anatomy, activity, imaging, scatter_windows=scatter_windows
    )


def observe(
    seed: int,
    index: int,
    patient: Patient,
    uptake: Uptake,
    anatomy: Torso,
    activity: Voxels,
    rng: np.random.Generator,
    *,
    scatter_windows: bool = True,
) -> Case:
    """Image a patient whose anatomy and activity are known.

    Args:
        seed: Of the cohort.
        index: Of the case in it.
        patient: Who it is.
        uptake: What led to the activity.
        anatomy: On ``PHYSICS_GRID``.
        activity: Of the same voxels, in any scale.
        rng: Source of camera, protocol and noise, each from a stream of its own.
        scatter_windows: As ``simulate_case`` has it.
    """
    devices, settings, physics = rng.spawn(3)
    camera = draw_camera(devices, patient)
    protocol = draw_protocol(settings, camera, anatomy.heart.centre_mm[2])
    acquired = acquire(anatomy, activity, camera, physics, scatter_windows=scatter_windows)
    nac = reconstruct(acquired, protocol)
    place, heart = _on_average(anatomy, mean_way_mm(camera, acquired.conditions.motion))
    in_field = _is_heart_in_field(anatomy.segments, place, nac.geometry)
    lac = Volume(anatomy.lac_per_cm, place, Quantity.LAC_PER_CM)
    return Case(
        seed=seed,
        index=index,
        patient=patient,
        uptake=uptake,
        camera=camera,
        protocol=protocol,
        heart=heart,
        nac=nac,
        lac=at_target_resolution(lac, nac.geometry),
        labels=_nearest(anatomy.labels, place, nac.geometry),
        segments=_nearest(anatomy.segments, place, nac.geometry),
        acquired=acquired,
        strata=_strata(patient, acquired, in_field=in_field),
    )


def _on_average(anatomy: Torso, way_mm: Vector) -> tuple[Geometry, LeftVentricle]:
    """Grid and ventricle of a patient who was away by ``way_mm`` on average."""
    affine = anatomy.geometry.affine.copy()
    affine[:3, 3] += way_mm
    x, y, z = np.add(anatomy.heart.centre_mm, way_mm).tolist()
    return replace(anatomy.geometry, affine=affine), replace(anatomy.heart, centre_mm=(x, y, z))


def _nearest(labels: NDArray[np.uint8], source: Geometry, target: Geometry) -> NDArray[np.uint8]:
    """Labels of the nearest voxels; both grids are upright, 0 outside of the source."""
    corners = source.to_index([target.to_patient((0, 0, 0)), target.to_patient(target.shape)])
    result = np.zeros(target.shape, np.uint8)
    taken, filled = [], []
    for (first, beyond), size, count in zip(corners.T, labels.shape, target.shape, strict=True):
        index = np.rint(np.linspace(first, beyond, count, endpoint=False)).astype(int)
        inside = (index >= 0) & (index < size)
        taken.append(index[inside])
        filled.append(np.flatnonzero(inside))
    result[np.ix_(*filled)] = labels[np.ix_(*taken)]
    return result


def _strata(patient: Patient, acquired: Acquired, *, in_field: bool) -> Strata:
    counts = float(acquired.photopeak.sum(dtype=np.float64))
    return Strata(
        sex=patient.sex,
        bmi=patient.bmi,
        position=patient.position,
        arms=patient.arms,
        matrix=acquired.camera.matrix,
        field_mm=acquired.camera.matrix * acquired.bin_mm,
        counts=counts,
        moved=acquired.conditions.motion is not None,
        heart_in_field=in_field,
        core=(
            patient.position == "supine"
            and patient.arms == "up"
            and CORE_BMI[0] <= patient.bmi <= CORE_BMI[1]
            and in_field
            and CORE_COUNTS[0] <= counts <= CORE_COUNTS[1]
        ),
    )


def _is_heart_in_field(segments: NDArray[np.uint8], place: Geometry, field: Geometry) -> bool:
    """Whether the whole left ventricle, with a margin, lies between the outer slices' faces."""
    slices = np.flatnonzero(segments.any(axis=(1, 2)))
    if not slices.size:
        return False
    ends, faces = np.zeros((2, 2, 3))
    ends[:, 0], faces[:, 0] = slices[[0, -1]], (-0.5, field.shape[0] - 0.5)
    lowest_mm, highest_mm = place.to_patient(ends)[:, 2] + (-HEART_MARGIN_MM, HEART_MARGIN_MM)
    floor_mm, ceiling_mm = field.to_patient(faces)[:, 2]
    return bool(floor_mm <= lowest_mm and highest_mm <= ceiling_mm)
