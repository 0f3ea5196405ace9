import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from cameras import camera, thing
from mumap_node.imaging.volume import Quantity
from mumap_node.training.simulation import case
from mumap_node.training.simulation.anatomy import Tissue
from mumap_node.training.simulation.case import (
    PHYSICS_GRID,
    TARGET_FWHM_MM,
    observe,
    simulate_case,
    target_map,
)

QUICK = 44
"""Index of a case with 30 views of 64 x 64, reconstructed by FBP."""


@pytest.fixture(scope="module")
def simulated():
    return simulate_case(11, QUICK)


@pytest.fixture(scope="module")
def anatomy(simulated):
    return case.paint(simulated.patient, PHYSICS_GRID)


def test_the_same_seed_and_index_give_the_same_case_and_others_another(simulated):
    again = simulate_case(11, QUICK, scatter_windows=False)
    np.testing.assert_array_equal(again.nac.voxels, simulated.nac.voxels)
    np.testing.assert_array_equal(again.lac.voxels, simulated.lac.voxels)
    assert asdict(again.strata) == asdict(simulated.strata)
    other = simulate_case(11, 43, scatter_windows=False)
    assert asdict(other.patient) != asdict(simulated.patient)


def test_scatter_windows_are_there_when_asked_for(simulated):
    assert simulated.acquired.lower is not None


def test_map_and_labels_lie_voxel_on_voxel_with_the_reconstruction(simulated):
    assert simulated.lac.geometry is simulated.nac.geometry
    assert simulated.labels.shape == simulated.segments.shape == simulated.nac.voxels.shape
    assert simulated.nac.quantity is Quantity.COUNTS
    assert simulated.lac.quantity is Quantity.LAC_PER_CM


def test_the_map_holds_water_and_lung_where_labels_say_so(simulated):
    lac, labels = simulated.lac.voxels, simulated.labels
    assert 0.145 < np.median(lac[labels == Tissue.LIVER]) < 0.170
    assert 0.025 < np.median(lac[labels == Tissue.LUNG]) < 0.075
    assert np.median(lac[labels == Tissue.AIR]) < 0.005
    assert lac.min() >= 0


def test_the_heart_is_the_hot_ring_of_the_reconstruction(simulated):
    wall = simulated.segments > 0
    assert set(np.unique(simulated.segments)) <= set(range(18))
    around = simulated.nac.voxels[simulated.labels > 0]
    assert simulated.nac.voxels[wall].mean() > 2 * np.median(around)
    index = np.argwhere(wall).mean(axis=0)
    place_mm = simulated.nac.geometry.to_patient(index)
    assert np.linalg.norm(place_mm - simulated.heart.centre_mm) < 20


def test_facts_of_a_case_are_plain_values(simulated):
    for part in ("patient", "uptake", "camera", "protocol", "strata", "heart"):
        json.dumps(asdict(getattr(simulated, part)))
    json.dumps(asdict(simulated.acquired.conditions))


def test_a_point_of_the_torso_stays_where_it_is_in_the_target_map():
    lac = np.zeros(PHYSICS_GRID.shape)
    place = (60, 70, 40)
    lac[place] = 1.0
    geometry = case.Geometry((50, 64, 64), np.array(
        [[0, 0, 6.6, -207.9], [0, 6.6, 0, -207.9], [6.6, 0, 0, -100.0], [0, 0, 0, 1.0]]
    ))  # fmt: skip
    target = target_map(thing(lac, PHYSICS_GRID), geometry)
    index = np.moveaxis(np.indices(geometry.shape), 0, -1)
    weights = target.voxels.ravel()
    points = geometry.to_patient(index).reshape(-1, 3)
    centre = np.average(points, axis=0, weights=weights)
    np.testing.assert_allclose(centre, PHYSICS_GRID.to_patient(place), atol=0.3)
    spread = np.sqrt(np.average((points - centre) ** 2, axis=0, weights=weights))
    assert np.all(2.3548 * spread > TARGET_FWHM_MM)
    assert np.all(2.3548 * spread < 1.5 * TARGET_FWHM_MM)


def strata(simulated, anatomy, field_mm=390.0, counts=7e6, **changes):
    acquired = simulated.acquired
    scaled = replace(
        acquired,
        photopeak=acquired.photopeak * np.float32(counts / acquired.photopeak.sum()),
        camera=camera(axial_field_mm=field_mm),
    )
    patient = replace(
        simulated.patient, **({"position": "supine", "arms": "up", "bmi": 27.0} | changes)
    )
    slices = int(field_mm / 6.6)
    affine = np.diag([0, 0, 0, 1.0])
    affine[:3, :3] = np.fliplr(np.eye(3)) * 6.6
    affine[:3, 3] = -207.9, -207.9, anatomy.heart.centre_mm[2] - (slices - 1) / 2 * 6.6
    return case._strata(patient, scaled, anatomy, case.Geometry((slices, 64, 64), affine))


@pytest.mark.parametrize(
    ("changes", "core"),
    [
        ({}, True),
        ({"position": "prone"}, False),
        ({"arms": "down"}, False),
        ({"bmi": 17.5}, False),
        ({"bmi": 36.0}, False),
        ({"counts": 2.5e6}, False),
        ({"counts": 16e6}, False),
        ({"field_mm": 100.0}, False),
    ],
)
def test_the_core_stratum_is_the_one_fixed_beforehand(simulated, anatomy, changes, core):
    assert strata(simulated, anatomy, **changes).core is core


def test_a_heart_at_the_edge_is_not_in_the_field(simulated, anatomy):
    assert strata(simulated, anatomy).heart_in_field
    assert not strata(simulated, anatomy, field_mm=100.0).heart_in_field


def test_another_camera_may_look_at_the_same_patient(simulated, anatomy):
    activity = case.distribute(anatomy, simulated.patient, simulated.uptake)
    other = observe(
        11, QUICK, simulated.patient, simulated.uptake, anatomy, activity,
        np.random.default_rng(32), scatter_windows=False,
    )  # fmt: skip
    assert asdict(other.patient) == asdict(simulated.patient)
    assert asdict(other.camera) != asdict(simulated.camera)
    assert asdict(other.heart) == asdict(simulated.heart)
