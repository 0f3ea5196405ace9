"""One simulated patient from the draw to the nAC volume and the true attenuation map."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mumap_node.imaging import resampling
from mumap_node.imaging.polar import LeftVentricle
from mumap_node.imaging.reconstruction import gaussian
from mumap_node.imaging.volume import Geometry, Quantity, Volume, Voxels
from mumap_node.training.simulation.acquisition import Acquired, acquire
from mumap_node.training.simulation.anatomy import paint
from mumap_node.training.simulation.camera import Camera, draw_camera
from mumap_node.training.simulation.expectation import Attenuator
from mumap_node.training.simulation.patient import Patient, draw_patient
from mumap_node.training.simulation.protocol import (
    ReconstructionProtocol,
    draw_protocol,
    reconstruct,
)
from mumap_node.training.simulation.tracer import Uptake, distribute, draw_uptake

TARGET_FWHM_MM = 10.0
"""Of the Gaussian that brings the true map to about the resolution of SPECT, as sites smooth CT
maps. The table is not in the map: an uncorrected reconstruction does not show it."""

HEART_MARGIN_MM = 20.0
"""Around the left ventricle, for the heart to count as inside the axial field of view."""

CORE_BMI = (18.0, 35.0)
CORE_COUNTS = (3.0e6, 15.0e6)
"""Of the core stratum, fixed before anything was trained: body mass index in kg/m², and counts
in the photopeak."""


def _physics_grid() -> Geometry:
    shape, edge_mm = (96, 104, 128), 4.8
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(np.eye(3)) * edge_mm
    affine[:3, 3] = -(np.array(shape[::-1]) - 1) / 2 * edge_mm
    return Geometry(shape, affine)


PHYSICS_GRID = _physics_grid()
"""Upright, 461 x 499 x 614 mm round the middle of the field of view; what lies beyond does not
exist. The acquisition has pixels of its own."""


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
        counts: In the photopeak.
        heart_in_field: Whether the left ventricle and 2 cm round it lie in the axial field.
        core: Supine, arms up, BMI 18-35, the heart in the field, 3 to 15 million counts.
    """

    sex: str
    bmi: float
    position: str
    arms: str
    matrix: int
    counts: float
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
        heart: The left ventricle in LPS mm.
        nac: Reconstruction without attenuation correction, counts.
        lac: The true map on the grid of ``nac``, 1/cm at 140.5 keV, narrow beam, without the
            table, smoothed with ``TARGET_FWHM_MM``.
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
    return Case(
        seed=seed,
        index=index,
        patient=patient,
        uptake=uptake,
        camera=camera,
        protocol=protocol,
        heart=anatomy.heart,
        nac=nac,
        lac=target_map(anatomy, nac.geometry),
        labels=_nearest(anatomy.labels, anatomy.geometry, nac.geometry),
        segments=_nearest(anatomy.segments, anatomy.geometry, nac.geometry),
        acquired=acquired,
        strata=_strata(patient, acquired, anatomy, nac.geometry),
    )


def target_map(anatomy: Attenuator, geometry: Geometry) -> Volume:
    """The map a network should give on a grid: smoothed, without the table."""
    smooth = gaussian(anatomy.lac_per_cm, anatomy.geometry.spacing_mm, TARGET_FWHM_MM)
    return resampling.onto(Volume(smooth, anatomy.geometry, Quantity.LAC_PER_CM), geometry)


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


def _strata(patient: Patient, acquired: Acquired, anatomy: Torso, field: Geometry) -> Strata:
    counts = float(acquired.photopeak.sum(dtype=np.float64))
    in_field = _is_heart_in_field(anatomy, field)
    return Strata(
        sex=patient.sex,
        bmi=patient.bmi,
        position=patient.position,
        arms=patient.arms,
        matrix=acquired.camera.matrix,
        counts=counts,
        heart_in_field=in_field,
        core=(
            patient.position == "supine"
            and patient.arms == "up"
            and CORE_BMI[0] <= patient.bmi <= CORE_BMI[1]
            and in_field
            and CORE_COUNTS[0] <= counts <= CORE_COUNTS[1]
        ),
    )


def _is_heart_in_field(anatomy: Torso, field: Geometry) -> bool:
    """Whether the whole left ventricle, with a margin, lies between the outer slices' faces."""
    slices = np.flatnonzero(anatomy.segments.any(axis=(1, 2)))
    if not slices.size:
        return False
    index = np.zeros((2, 3))
    index[:, 0] = slices[[0, -1]]
    lowest_mm, highest_mm = anatomy.geometry.to_patient(index)[:, 2]
    index[:, 0] = -0.5, field.shape[0] - 0.5
    floor_mm, ceiling_mm = field.to_patient(index)[:, 2]
    return bool(
        floor_mm <= lowest_mm - HEART_MARGIN_MM and highest_mm + HEART_MARGIN_MM <= ceiling_mm
    )
