"""A case whose torso comes from a CT: a left ventricle and uptake are put into it.

What a CT does not show is taken from a drawn patient: the ventricle, and where bowel may be hot.
It is one moment: nothing breathes. There is no table. Beyond the slab that was scanned its end
slices go on, so that nothing is half seen at its ends, where the case ends too.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from mumap_node.errors import InputRejected
from mumap_node.imaging.resampling import onto
from mumap_node.imaging.volume import Geometry, Matrix, Quantity, Volume, Voxels
from mumap_node.training.simulation.anatomy import Anatomy
from mumap_node.training.simulation.anatomy.heart import (
    LeftVentricle,
    segment_of,
    short_axis,
    ventricle,
    ventricle_layers,
)
from mumap_node.training.simulation.anatomy.painting import Layer, Painting
from mumap_node.training.simulation.anatomy.space import Space
from mumap_node.training.simulation.anatomy.tissues import LAC_PER_CM, Tissue
from mumap_node.training.simulation.case import HEART_MARGIN_MM, PHYSICS_GRID, Case, observe
from mumap_node.training.simulation.ct.torso import (
    Mask,
    Torso,
    between_lungs,
    classify,
    find_torso,
    place_heart,
)
from mumap_node.training.simulation.ct.volumes import find_volumes, read_lac
from mumap_node.training.simulation.patient import Patient, Placement, draw_patient
from mumap_node.training.simulation.tracer import distribute, draw_uptake

BMI_PER_M2 = 350.0
"""Body mass index per area of a transverse section: a body of 1.7 m, 0.6 m³ per m² of section and
m of height, has 25 kg/m² at 0.07 m²."""

BMI_RANGE = (17.0, 45.0)

ARMS_DOWN_MM = 450.0
"""A body that is wider has its arms beside it."""

UPRIGHT_PLACEMENT = Placement((0.0, 0.0, 0.0), 0.0, 0.0, 0.0, 0.0, 0.0)

VENTRICLE_VOXELS = 41
"""Edge of the cube that holds the largest ventricle; odd, so that its centre is a voxel."""


def find_torsos(folder: Path) -> tuple[Path, ...]:
    """Every volume of a folder, each looked at: better now than hours later.

    Raises:
        InputRejected: A reason of ``find_volumes`` or ``read_lac``; ``no-room-for-a-heart`` where
            one shows no soft tissue between two lungs.
    """
    paths = find_volumes(folder)
    for path in paths:
        if not between_lungs(find_torso(read_lac(path), PHYSICS_GRID.spacing_mm[0])).any():
            sentence = f"{path.name}: expected a chest, found no soft tissue between two lungs"
            raise InputRejected("no-room-for-a-heart", sentence)
    return paths


def simulate_ct_case(
    paths: tuple[Path, ...], seed: int, index: int, *, scatter_windows: bool = True
) -> Case:
    """Draw and image a patient with the torso of a CT.

    Args:
        paths: Volumes of ``find_torsos``, taken in turn: case 0 has the first.
        seed: Of the cohort.
        index: Of the case in it.
        scatter_windows: As ``simulate_case`` has it.
    """
    body, tracer, imaging = np.random.default_rng([seed, index]).spawn(3)
    torso = find_torso(read_lac(paths[index % len(paths)]), PHYSICS_GRID.spacing_mm[0])
    patient = describe(torso, draw_patient(body))
    anatomy, slab_mm = insert_heart(torso, patient)
    uptake = draw_uptake(patient, tracer)
    activity = distribute(anatomy, patient, uptake)
    activity *= anatomy.lac_per_cm > 0  # a drawn hot spot may lie beyond this body
    case = observe(
        seed, index, patient, uptake, anatomy, activity, imaging, scatter_windows=scatter_windows
    )
    way_mm = case.heart.centre_mm[2] - anatomy.heart.centre_mm[2]  # of a patient who moved
    return within_slab(case, (slab_mm[0] + way_mm, slab_mm[1] + way_mm))


def describe(torso: Torso, drawn: Patient) -> Patient:
    """The drawn patient with what the CT tells of this one."""
    voxel_m2 = (torso.geometry.spacing_mm[0] / 1000) ** 2
    section_m2 = torso.body.sum(axis=(1, 2)).max() * voxel_m2
    wide_mm = np.ptp(np.nonzero(torso.body)[2]) * torso.geometry.spacing_mm[2]
    density = float(torso.lac_per_cm[torso.lungs].mean()) / LAC_PER_CM[Tissue.LUNG]
    return replace(
        drawn,
        bmi=float(np.clip(BMI_PER_M2 * section_m2, *BMI_RANGE)),
        position="supine",
        arms="down" if wide_mm > ARMS_DOWN_MM else "up",
        device="none",
        deformation_mm=0.0,
        lungs=replace(drawn.lungs, density_g_per_cm3=density),
        placement=UPRIGHT_PLACEMENT,
    )


def insert_heart(torso: Torso, patient: Patient) -> tuple[Anatomy, tuple[float, float]]:
    """Put the patient's ventricle into the torso, and both into the camera.

    Returns:
        The anatomy on PHYSICS_GRID, with the middle of the ventricle at z = 0; and z of the lowest
        and the highest slice there that was scanned.
    """
    mask = _ventricle_mask(patient)
    centre_mm, _ = place_heart(torso, mask)
    row, column = torso.middle
    x, y, _ = torso.geometry.to_patient((0, row, column)).tolist()
    shift_mm = _onto_physics_grid(torso.geometry, np.array((-x, -y, -centre_mm[2])))
    low_mm, high_mm = (end + float(shift_mm[2]) for end in torso.slab_mm)
    ends = PHYSICS_GRID.to_index([(0, 0, low_mm), (0, 0, high_mm)])[:, 0]
    going_on = np.clip(np.arange(PHYSICS_GRID.shape[0]), *np.rint(ends).astype(int))
    lac = _moved(torso.lac_per_cm, torso.geometry, shift_mm)[going_on]
    labels = _moved(classify(torso).astype(np.float32), torso.geometry, shift_mm)[going_on]

    origin_mm = np.array((x, y, torso.dome_mm)) + shift_mm  # of the torso's own frame
    heart = _ventricle(patient, np.array(centre_mm) + shift_mm)
    own_heart = _ventricle(patient, heart.centre_mm - origin_mm)
    space = Space(PHYSICS_GRID, patient, tuple(origin_mm.tolist()))
    place = short_axis(space, own_heart)
    heart_layers = ventricle_layers(space, place, own_heart)
    for layer in heart_layers:
        part = lac[layer.box]
        part += layer.coverage * (np.float32(LAC_PER_CM[layer.tissue]) - part)
    painting = Painting(
        space,
        cavity=np.ones(PHYSICS_GRID.shape, np.float32),
        breathing=np.eye(PHYSICS_GRID.shape[0], dtype=np.float32),
        inner=[*_tissue_layers(space, labels, lac), *heart_layers],
    )
    painted = painting.labels()
    segments = np.zeros_like(painted)
    in_wall = painted[place.box] == Tissue.MYOCARDIUM
    segments[place.box] = np.where(in_wall, segment_of(place, own_heart), 0)
    anatomy = Anatomy(
        geometry=PHYSICS_GRID,
        lac_per_cm=lac,
        table_per_cm=np.zeros_like(lac),
        labels=painted,
        segments=segments,
        heart=heart,
        painting=painting,
        short_axis=place,
    )
    return anatomy, (low_mm, high_mm)


def within_slab(case: Case, slab_mm: tuple[float, float]) -> Case:
    """The case without slices that were not scanned."""
    z_mm = case.nac.geometry.to_patient(
        np.pad(np.arange(case.nac.geometry.shape[0])[:, None], ((0, 0), (0, 2)))
    )[:, 2]
    scanned = np.flatnonzero((z_mm >= slab_mm[0]) & (z_mm <= slab_mm[1]))
    kept = slice(int(scanned[0]), int(scanned[-1]) + 1)
    reach_mm = 0.5 * case.heart.length_mm + HEART_MARGIN_MM
    middle_mm = case.heart.centre_mm[2]
    in_field = slab_mm[0] <= middle_mm - reach_mm and middle_mm + reach_mm <= slab_mm[1]
    return replace(
        case,
        nac=_slices(case.nac, kept),
        lac=_slices(case.lac, kept),
        labels=case.labels[kept],
        segments=case.segments[kept],
        strata=replace(
            case.strata,
            sex="O",
            heart_in_field=case.strata.heart_in_field and in_field,
            core=case.strata.core and in_field,
        ),
    )


def _slices(volume: Volume, kept: slice) -> Volume:
    voxels = volume.voxels[kept].copy()
    affine = volume.geometry.affine.copy()
    affine[:3, 3] = volume.geometry.to_patient((kept.start, 0, 0))
    shape = (len(voxels), *volume.geometry.shape[1:])
    return Volume(voxels, Geometry(shape, affine), volume.quantity)


def _ventricle(patient: Patient, centre_mm: Matrix) -> LeftVentricle:
    drawn = patient.heart
    left, down = np.deg2rad((drawn.leftward_deg, drawn.downward_deg))
    axis = (np.sin(left) * np.cos(down), -np.cos(left) * np.cos(down), -np.sin(down))
    x, y, z = centre_mm.tolist()
    return LeftVentricle(
        (x, y, z),
        (float(axis[0]), float(axis[1]), float(axis[2])),
        drawn.length_mm,
        drawn.radius_mm,
        drawn.wall_mm,
        drawn.ejection,
    )


def _ventricle_mask(patient: Patient) -> Mask:
    """The patient's ventricle, wall and cavity, in the middle of a cube of voxels."""
    edge_mm = PHYSICS_GRID.spacing_mm[0]
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(np.eye(3)) * edge_mm
    affine[:3, 3] = -(VENTRICLE_VOXELS // 2) * edge_mm
    cube = Geometry((VENTRICLE_VOXELS,) * 3, affine)
    place = short_axis(Space(cube, patient, (0.0, 0.0, 0.0)), _ventricle(patient, np.zeros(3)))
    mask = np.zeros(cube.shape, np.bool_)
    outside_mm = ventricle(place, patient.heart.length_mm, patient.heart.radius_mm)
    mask[place.box] = (outside_mm < 0) & (place.along_mm > 0)
    return mask


def _onto_physics_grid(geometry: Geometry, shift_mm: Matrix) -> Matrix:
    """The nearest shift that brings voxels onto voxels, so that nothing is interpolated."""
    first = PHYSICS_GRID.to_index(geometry.to_patient((0, 0, 0)) + shift_mm)
    whole: Matrix = PHYSICS_GRID.to_patient(np.rint(first)) - geometry.to_patient((0, 0, 0))
    return whole


def _moved(voxels: Voxels, geometry: Geometry, shift_mm: Matrix) -> Voxels:
    affine = geometry.affine.copy()
    affine[:3, 3] += shift_mm
    moved = Volume(voxels.copy(), Geometry(geometry.shape, affine), Quantity.LAC_PER_CM)
    return onto(moved, PHYSICS_GRID).voxels.copy()


def _tissue_layers(space: Space, labels: Voxels, lac_per_cm: Voxels) -> list[Layer]:
    """A layer for each tissue of the CT; lung has the density of every voxel as its texture."""
    density = lac_per_cm / np.float32(LAC_PER_CM[Tissue.LUNG])
    return [
        Layer(
            tissue,
            space.whole,
            (labels == tissue).astype(np.float32),
            density if tissue is Tissue.LUNG else 1.0,
        )
        for tissue in Tissue
        if tissue is not Tissue.AIR and (labels == tissue).any()
    ]
