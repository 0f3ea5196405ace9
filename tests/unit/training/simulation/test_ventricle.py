from dataclasses import replace

import numpy as np
import pytest

from mumap_node.imaging.polar import polar_map
from mumap_node.imaging.volume import Quantity, Volume
from mumap_node.training.simulation.anatomy import paint
from mumap_node.training.simulation.anatomy.heart import beating
from torsos import grid, patient

NEIGHBOURS_OF_APEX = (13, 14, 15, 16)


@pytest.fixture(scope="module", params=range(4))
def anatomy(request):
    someone = patient(request.param)
    straight = replace(someone.placement, roll_deg=0.0, lean=0.0, nod=0.0)
    return paint(replace(someone, placement=straight), grid(4, (280, 380, 440)))


@pytest.fixture
def middles(anatomy):
    """Middle of each segment relative to that of the ventricle, LPS in mm."""
    where = {
        number: anatomy.geometry.to_patient(np.argwhere(anatomy.segments == number)).mean(axis=0)
        for number in range(1, 18)
    }
    return {number: place - anatomy.heart.centre_mm for number, place in where.items()}


def test_all_segments_are_there_and_of_similar_size(anatomy):
    sizes = np.bincount(anatomy.segments.ravel(), minlength=18)[1:]

    assert (sizes > 0).all()
    for level in (slice(0, 6), slice(6, 12), slice(12, 16)):
        assert sizes[level].max() < 2.2 * sizes[level].min()


def test_segments_lie_where_the_aha_says(anatomy, middles):
    lateral, anterior, apex = anatomy.heart.directions
    for number, direction in {
        1: anterior, 7: anterior, 13: anterior,
        4: -anterior, 10: -anterior, 15: -anterior,
        16: lateral, 14: -lateral, 17: apex,
    }.items():  # fmt: skip
        across = middles[number] - (middles[number] @ apex) * apex * (number != 17)
        assert across @ direction > 0.8 * np.linalg.norm(across)
    for septal, free in ((2, 6), (3, 5), (8, 12), (9, 11)):
        assert middles[septal] @ lateral < -5
        assert middles[free] @ lateral > 5


def test_anterior_is_up_septal_right_and_the_apex_left_and_forward(middles):
    assert middles[7][2] > middles[10][2] + 25
    assert middles[14][0] < middles[16][0] - 15
    assert middles[17][0] > 10
    assert middles[17][1] < -10


@pytest.mark.parametrize("seed", range(4))
def test_the_polar_map_finds_the_same_segments(seed):
    """The wall is no cylinder with a half sphere, so rays stray at the apex and at borders."""
    someone = patient(seed, deformation_mm=0.0)
    torso = paint(someone, grid(4, (280, 380, 440)))
    found = []
    for number in range(1, 18):
        wall = np.float32(torso.segments == number)
        volume = Volume(wall, torso.geometry, Quantity.COUNTS)
        found.append(polar_map(volume, torso.heart, along_ray="mean").segments())
    shares = np.diag(found) / np.sum(found, axis=0)

    assert shares[:16].min() > 0.82
    assert shares[16] > 0.45
    assert shares.mean() > 0.87


def test_the_apex_is_a_small_cap_beyond_the_cavity(anatomy):
    sizes = np.bincount(anatomy.segments.ravel(), minlength=18)[1:]

    assert 0.015 < sizes[16] / sizes.sum() < 0.06


def test_rings_follow_from_base_to_apex(anatomy, middles):
    along = [np.mean([middles[number] @ anatomy.heart.axis for number in ring])
             for ring in (range(1, 7), range(7, 13), range(13, 17), (17,))]  # fmt: skip

    assert (np.diff(along) > 8).all()


def test_the_wall_weighs_what_a_heart_does(anatomy):
    grams = (anatomy.segments > 0).sum() * np.prod(anatomy.geometry.spacing_mm) / 1e3 * 1.05

    assert 70 < grams < 260


def test_a_beating_heart_keeps_its_wall_and_loses_its_stroke_volume(anatomy):
    heart = anatomy.heart
    walls, cavities = [], []
    for systole in (0.0, 1.0):
        outer, inner, shortening = beating(heart, systole)
        length = heart.length_mm - shortening
        walls.append((outer**2 - inner**2) * length)
        cavities.append(inner**2 * length)

    assert walls[1] == pytest.approx(walls[0])
    assert 1 - cavities[1] / cavities[0] == pytest.approx(heart.ejection)


def off_axis_mm(deformation_mm, seed):
    """Mean way of the painted wall, but for the apex, from the stated long axis."""
    anatomy = paint(patient(seed, deformation_mm=deformation_mm), grid(6.0))
    wall = np.argwhere((anatomy.segments > 0) & (anatomy.segments < 13))
    from_centre = anatomy.geometry.to_patient(wall) - anatomy.heart.centre_mm
    along = from_centre @ anatomy.heart.axis
    return (from_centre - np.outer(along, anatomy.heart.axis)).mean(axis=0)


@pytest.mark.parametrize("seed", range(4))
def test_the_stated_ventricle_follows_the_deformation_of_the_painted_one(seed):
    assert np.linalg.norm(off_axis_mm(4.5, seed) - off_axis_mm(0.0, seed)) < 2.5
