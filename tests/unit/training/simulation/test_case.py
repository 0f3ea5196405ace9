import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy.ndimage import shift

from cameras import camera
from mumap_node.imaging.volume import Quantity
from mumap_node.training.simulation import acquisition, case
from mumap_node.training.simulation.anatomy import Tissue
from mumap_node.training.simulation.case import (
    PHYSICS_GRID,
    observe,
    simulate_case,
)
from mumap_node.training.simulation.conditions import Conditions, Motion
from mumap_node.training.simulation.patient import draw_patient

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


def test_the_truth_of_who_moved_lies_where_the_patient_was_on_average(
    simulated, anatomy, monkeypatch
):
    motion = Motion("step", begins=0.5, lateral_mm=-10.0, axial_mm=12.0)
    moving = Conditions(scatter_amplitude=1.0, nonuniformity=0.0, motion=motion)
    activity = case.distribute(anatomy, simulated.patient, simulated.uptake)

    def seen(conditions):
        monkeypatch.setattr(acquisition, "draw_conditions", lambda _: conditions)
        return observe(
            11, QUICK, simulated.patient, simulated.uptake, anatomy, activity,
            np.random.default_rng(5), scatter_windows=False,
        )  # fmt: skip

    still, moved = seen(replace(moving, motion=None)), seen(moving)
    way_mm = np.subtract(moved.heart.centre_mm, still.heart.centre_mm)
    np.testing.assert_allclose(way_mm, (-5, 0, 6), atol=0.5)
    # Views count differently for where a hot spot comes to lie: not to a voxel, but no other way.
    np.testing.assert_allclose(hottest_mm(moved) - hottest_mm(still), way_mm, atol=2.5)
    np.testing.assert_allclose(segments_mm(moved) - segments_mm(still), way_mm, atol=1.5)
    there = shift(still.lac.voxels, way_mm[::-1] / still.lac.geometry.spacing_mm, mode="nearest")
    inner = (slice(3, -3),) * 3
    left, at_first = (
        np.abs(moved.lac.voxels - lac)[inner].mean() for lac in (there, still.lac.voxels)
    )
    assert left < 0.2 * at_first
    assert moved.strata.moved
    assert not still.strata.moved


def centroid_mm(weights, geometry):
    index = np.argwhere(weights)
    return geometry.to_patient(np.average(index, axis=0, weights=weights[tuple(index.T)]))


def hottest_mm(one):
    counts = one.nac.voxels * (one.segments > 0)
    return centroid_mm(np.maximum(counts - 0.3 * counts.max(), 0), one.nac.geometry)


def segments_mm(one):
    return centroid_mm((one.segments > 0).astype(float), one.nac.geometry)


def test_no_arm_is_cut_off_at_the_sides_of_the_grid():
    drawn = [draw_patient(np.random.default_rng([7, index])) for index in range(400)]
    widest = sorted(
        (patient for patient in drawn if patient.arms == "down"), key=lambda one: -one.bmi
    )
    for patient in widest[:4]:
        lac = case.paint(patient, PHYSICS_GRID).lac_per_cm
        assert lac[:, :, [0, -1]].max() < 0.03


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
    field = case.Geometry((slices, 64, 64), affine)
    in_field = case._is_heart_in_field(anatomy.segments, anatomy.geometry, field)
    return case._strata(patient, scaled, in_field=in_field)


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
