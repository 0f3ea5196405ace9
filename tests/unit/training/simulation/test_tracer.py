import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from mumap_node.training.simulation.anatomy import Tissue, paint
from mumap_node.training.simulation.tracer import Defect, HotSpot, distribute, draw_uptake
from torsos import grid, patient


@pytest.fixture(scope="module")
def someone():
    drawn = patient(8, position="supine", arms="up", deformation_mm=0.0)
    return replace(drawn, lungs=replace(drawn.lungs, breathing_mm=0.0))


@pytest.fixture(scope="module")
def anatomy(someone):
    return paint(someone, grid(6, (360, 400, 480)))


@pytest.fixture(scope="module")
def healthy(someone):
    drawn = draw_uptake(someone, np.random.default_rng(1))
    return replace(drawn, defects=(), hot_spots=(), unevenness=0.0, lateral_gain=0.0)


@pytest.fixture(scope="module")
def normal(anatomy, someone, healthy):
    return distribute(anatomy, someone, healthy)


def of_segments(anatomy, activity):
    return np.array([activity[anatomy.segments == number].mean() for number in range(1, 18)])


def test_the_same_generator_gives_the_same_uptake(someone):
    one, other = (draw_uptake(someone, np.random.default_rng(5)) for _ in range(2))

    assert one == other
    assert json.loads(json.dumps(asdict(one)))["ratios"] == one.ratios


def test_every_tissue_but_air_and_metal_has_a_ratio(healthy):
    named = {Tissue[name] for name in healthy.ratios}
    silent = set(Tissue) - named

    assert silent == {Tissue.AIR, Tissue.AIRWAY, Tissue.GAS, Tissue.METAL, Tissue.MYOCARDIUM}


def test_normal_myocardium_is_one_and_the_air_is_empty(anatomy, normal):
    assert normal.dtype == np.float32
    assert np.percentile(normal[anatomy.segments > 0], 90) == pytest.approx(1, abs=0.12)
    assert normal[anatomy.painting.wall[0].coverage == 0].max() < 1e-3


def test_organs_have_their_ratios(anatomy, normal, healthy):
    for tissue in (Tissue.LIVER, Tissue.SPLEEN, Tissue.LUNG):
        inside = normal[anatomy.labels == tissue]
        assert np.median(inside) == pytest.approx(healthy.ratios[tissue.name], rel=0.25)


@pytest.fixture(scope="module")
def lungs():
    """LAC, concentration and the voxels inside the lungs of some patients."""
    seen = []
    for seed in range(40, 52):
        someone = patient(seed, position="supine")
        torso = paint(someone, grid(6, (360, 400, 480)))
        uptake = draw_uptake(someone, np.random.default_rng(seed))
        activity = distribute(torso, someone, replace(uptake, hot_spots=()))
        inside = binary_erosion(torso.labels == Tissue.LUNG, iterations=2)
        seen.append((torso.lac_per_cm, activity, inside))
    return seen


def test_the_lungs_take_up_more_where_they_are_dense_but_do_not_tell_their_density(lungs):
    alike = [np.corrcoef(lac[inside], activity[inside])[0, 1] for lac, activity, inside in lungs]

    assert 0.1 < np.mean(alike) < 0.5
    assert max(alike) < 0.7


def test_the_fine_texture_of_a_lung_does_not_show_in_its_uptake():
    alike = []
    for seed in range(40, 46):
        someone = patient(seed, position="supine")
        uptake = draw_uptake(someone, np.random.default_rng(seed))
        torsos, activities = [], []
        for texture in (0.0, 0.14):
            textured = replace(someone, lungs=replace(someone.lungs, texture=texture))
            torsos.append(paint(textured, grid(6, (360, 400, 480))))
            activities.append(distribute(torsos[-1], textured, uptake))
        inside = binary_erosion(torsos[0].labels == Tissue.LUNG, iterations=2)
        fine = (torsos[1].lac_per_cm - torsos[0].lac_per_cm)[inside]
        alike.append(np.corrcoef(fine, activities[1][inside])[0, 1])
        np.testing.assert_allclose(activities[1][inside], activities[0][inside], rtol=0.06)

    assert abs(np.mean(alike)) < 0.15  # smooth fields are alike by chance


def test_perfusion_of_the_lungs_is_uneven_by_a_sixth_to_a_quarter(anatomy, someone, healthy):
    even = replace(healthy, lung_exponent=0.0)
    inside = binary_erosion(anatomy.labels == Tissue.LUNG, iterations=2)
    flat, uneven = (
        distribute(anatomy, someone, replace(even, lung_unevenness=spread))[inside]
        for spread in (0.0, 0.2)
    )

    assert np.std(uneven / flat) == pytest.approx(0.2, abs=0.05)
    assert 0.15 <= healthy.lung_unevenness <= 0.25
    assert 0.3 <= healthy.lung_exponent <= 1.0


@pytest.mark.parametrize(
    ("angle_deg", "hit", "spared"), [(0, 7, 10), (180, 10, 7), (60, 12, 9), (240, 9, 12)]
)
def test_a_defect_lowers_uptake_where_it_says(
    anatomy, someone, healthy, normal, angle_deg, hit, spared
):
    defect = Defect(angle_deg, 0.5, 35, 0.2, transmurality=1.0, severity=0.8)
    sick = distribute(anatomy, someone, replace(healthy, defects=(defect,)))
    ratio = of_segments(anatomy, sick) / of_segments(anatomy, normal)

    assert ratio[hit - 1] < 0.55
    assert ratio[spared - 1] > 0.97


def test_an_inner_defect_costs_less_than_a_whole_one(anatomy, someone, healthy):
    losses = []
    for transmurality in (0.4, 1.0):
        defect = Defect(0, 0.5, 40, 0.25, transmurality, severity=0.9)
        sick = distribute(anatomy, someone, replace(healthy, defects=(defect,)))
        losses.append(1 - of_segments(anatomy, sick)[6])

    assert losses[0] < 0.75 * losses[1]


def test_a_hot_spot_is_hot_where_it_says(anatomy, someone, healthy, normal):
    path = ((60.0, -20.0, -110.0), (80.0, 0.0, -110.0))
    spot = HotSpot("jejunum", path, radius_mm=9.0, ratio=3.0, moves=True)
    seen = distribute(anatomy, someone, replace(healthy, hot_spots=(spot,)))
    z, y, x = np.unravel_index(np.argmax(seen - normal), seen.shape)
    middle = anatomy.painting.space.in_patient(np.mean(path, axis=0))

    assert np.linalg.norm(anatomy.geometry.to_patient((z, y, x)) - middle) < 25
    assert (seen - normal).max() > 1.5


def test_breathing_smears_the_dome_of_the_liver_along_the_body(someone, healthy):
    edges = []
    for way_mm in (0.0, 24.0):
        breathing = replace(someone, lungs=replace(someone.lungs, breathing_mm=way_mm))
        torso = paint(breathing, grid(6, (360, 400, 480)))
        liver = replace(healthy, ratios={**healthy.ratios, "LIVER": 1.0})
        edges.append(np.abs(np.diff(distribute(torso, breathing, liver), axis=0)).max())

    assert edges[1] < 0.85 * edges[0]


def test_breathing_keeps_the_activity(someone, healthy):
    totals = []
    for way_mm in (0.0, 20.0):
        breathing = replace(someone, lungs=replace(someone.lungs, breathing_mm=way_mm))
        torso = paint(breathing, grid(8, (420, 400, 480)))
        heart = replace(healthy, ratios={"LIVER": 1.0})
        totals.append(distribute(torso, breathing, heart).sum())

    assert totals[1] == pytest.approx(totals[0], rel=0.03)


def test_studies_differ_as_they_do_in_patients(someone):
    studies = [draw_uptake(someone, np.random.default_rng([3, n])) for n in range(200)]
    liver = {state: np.median([s.ratios["LIVER"] for s in studies if s.state == state])
             for state in ("rest", "exercise")}  # fmt: skip

    assert liver["exercise"] < 0.75 * liver["rest"]
    assert {s.tracer for s in studies} == {"sestamibi", "tetrofosmin"}
    assert {len(s.defects) for s in studies} == {0, 1, 2, 3}
    assert 0.3 < np.mean([bool(s.hot_spots) for s in studies]) < 0.8
    assert max(s.ratios["LUNG"] for s in studies) > 0.12
