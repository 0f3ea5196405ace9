"""Projections of a torso tell its map from a moved, scaled, mirrored or filled one."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import phantoms
from measured import projections
from mumap_node.imaging.findings import Verdict, worst
from mumap_node.imaging.measurement import Fit, check_measurement, measure
from mumap_node.imaging.model_card import FitLimits, WarnFail
from mumap_node.imaging.reconstruction import Orbit, Projector
from mumap_node.imaging.volume import Geometry, Quantity, Volume

COUNTS = 4e6
ORBIT = Orbit(np.linspace(225, 45, 32, endpoint=False), np.full(32, 250.0))
"""180°, right anterior to left posterior: as usual for hearts, without opposite views."""


def project(activity, lac, orbit=ORBIT, spacing_mm=13.0):
    """Expected counts in bins as wide as the voxels."""
    edges_mm = (spacing_mm,) * 3
    projector = Projector(
        activity.shape, edges_mm, orbit, bins=activity.shape[2], bin_mm=spacing_mm, lac_per_cm=lac
    )
    return projector.forward(activity)


def counted(expected, orbit=ORBIT, spacing_mm=13.0):
    level = COUNTS / max(expected.sum(dtype=np.float64), 1)
    counts = np.random.default_rng(0).poisson(level * expected).astype(np.float32)
    return projections(counts, orbit, (spacing_mm, spacing_mm))


def mumap(lac, spacing_mm=13.0):
    matrix = phantoms.affine(np.eye(3)[::-1], spacing_mm)
    return Volume(np.array(lac, dtype=np.float32), Geometry(lac.shape, matrix), Quantity.LAC_PER_CM)


def moved(lac, *by):
    return ndimage.shift(lac, by, order=1, mode="nearest")


def thorax(shape, spacing_mm):
    """LAC and activity of an oval body with a large lung and a small one, a liver and a heart."""
    middles = [(np.arange(size) - (size - 1) / 2) * spacing_mm for size in shape]
    head, back, left = np.meshgrid(*middles, indexing="ij")
    lac, activity = np.zeros((2, *shape), np.float32)
    body = (left / 175) ** 2 + (back / 115) ** 2 < 1
    for (x, y, z), (wide, deep, high), coefficient, uptake in (
        ((0, 0, 0), (175, 115, 1e9), 0.151, 0.1),
        ((-80, 0, 60), (55, 75, 130), 0.04, 0.05),
        ((90, 10, 70), (45, 70, 110), 0.04, 0.05),
        ((-70, -5, -110), (85, 85, 75), 0.151, 0.5),
        ((45, -35, 0), (40, 35, 40), 0.151, 1.0),
    ):
        places = ((left - x) / wide) ** 2 + ((back - y) / deep) ** 2 + ((head - z) / high) ** 2
        organ = body & (places < 1)
        lac[organ], activity[organ] = coefficient, uptake
    return lac, activity


LAC, ACTIVITY = thorax((10, 28, 28), 13.0)
EXPECTED = project(ACTIVITY, LAC)
MEASURED = counted(EXPECTED)
NO_SCATTER = np.zeros_like(EXPECTED)


def fit(lac, measured=MEASURED, scatter=NO_SCATTER, spacing_mm=13.0):
    return measure(measured, mumap(lac, spacing_mm), scatter)


@pytest.fixture(scope="module")
def right():
    return fit(LAC)


def test_the_right_map_explains_the_counts_best_where_it_lies_and_as_it_is(right):
    np.testing.assert_allclose(right.shift_mm, 0, atol=3.0)
    assert right.scale == pytest.approx(1, abs=0.05)
    assert right.distance_mm < 4.0
    assert right.spared < 0.15
    assert min(right.over_air, right.over_mirrored, right.over_filled) > 0.3


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("by", [-1, 1])
def test_a_map_that_lies_elsewhere_is_asked_to_come_back(axis, by):
    shift = by * np.eye(3)[axis]

    found = fit(moved(LAC, *shift))

    assert 8.0 < -by * found.shift_mm[axis] <= 26.0


def test_a_map_that_lies_elsewhere_in_every_direction_and_is_too_strong_is_far_away(right):
    found = fit(1.2 * moved(LAC, 1, -1, 1))

    assert found.distance_mm > 10.0
    assert found.spared > 5 * right.spared


def test_a_map_far_away_is_said_to_be_at_the_end_of_the_reach():
    assert fit(moved(LAC, 0, -4, 0)).shift_mm[1] == 26.0


@pytest.mark.parametrize("scale", [0.85, 1.15])
def test_a_scaled_map_is_asked_to_be_scaled_back(scale):
    assert fit(LAC * scale).scale == pytest.approx(1 / scale, abs=0.06)


def test_scatter_that_nobody_subtracts_asks_for_coefficients_of_a_broad_beam():
    """Here what broad-beam coefficients let through beyond narrow ones is the scatter."""
    primary, broad = project(ACTIVITY, LAC), project(ACTIVITY, np.float32(0.8) * LAC)
    level = np.float32(COUNTS / broad.sum())
    measured = counted(level * broad)

    known, ignored = (
        fit(LAC, measured, scatter) for scatter in (level * (broad - primary), NO_SCATTER)
    )

    assert known.scale == pytest.approx(1, abs=0.06)
    assert ignored.scale < 0.85


def test_without_scatter_windows_nothing_is_said_of_the_scale():
    found = fit(LAC, scatter=None)

    assert found.scale is None
    np.testing.assert_allclose(found.shift_mm, 0, atol=3.0)


def test_a_mirrored_map_explains_the_counts_worse_than_its_mirror_image(right):
    assert fit(LAC[:, :, ::-1]).over_mirrored == pytest.approx(-right.over_mirrored, rel=0.2)


def test_a_map_of_water_explains_the_counts_no_better_than_its_filled_outline(right):
    water = np.where(LAC > 0.02, np.float32(0.151), np.float32(0))

    assert fit(water).over_filled == pytest.approx(0, abs=0.02 * right.over_filled)


def test_a_map_in_the_wrong_unit_explains_the_counts_worse_than_air():
    assert fit(10 * LAC).over_air < 0


def test_a_body_that_goes_on_alike_says_nothing_of_its_height():
    lac, activity = (np.repeat(voxels[5:6], 6, axis=0) for voxels in (LAC, ACTIVITY))

    found = fit(lac, counted(project(activity, lac)), np.zeros((32, 6, 28), np.float32))

    assert found.shift_mm[0] == 0
    np.testing.assert_allclose(found.shift_mm[1:], 0, atol=3.0)


@settings(max_examples=2, deadline=None)
@given(order=st.permutations(range(32)))
def test_the_order_of_the_views_does_not_matter(right, order):
    measured = replace(
        MEASURED, photopeak=MEASURED.photopeak[order], orbit=MEASURED.orbit.select(list(order))
    )

    assert fit(LAC, measured).shift_mm == pytest.approx(right.shift_mm, abs=0.05)


@pytest.mark.parametrize(
    ("size", "spacing_mm", "views"), [(64, 6.5, 64), (66, 6.4, 20), (63, 6.6, 30), (98, 4.3, 12)]
)
def test_fine_bins_many_views_and_odd_numbers_give_the_same_answer(size, spacing_mm, views):
    orbit = Orbit(225 - np.arange(views) * 180.0 / views, np.full(views, 250.0))
    lac, activity = thorax((6, size, size), spacing_mm)
    measured = counted(project(activity, lac, orbit, spacing_mm), orbit, spacing_mm)

    found = fit(moved(lac, 0, 0, 13.0 / spacing_mm), measured, None, spacing_mm)

    assert -26.0 <= found.shift_mm[2] < -8.0


def test_slices_the_detector_does_not_reach_say_nothing(right):
    def beyond(voxels, axis):
        return np.pad(voxels, [(2, 3) if this == axis else (0, 0) for this in range(3)])

    measured = replace(MEASURED, photopeak=beyond(MEASURED.photopeak, 1))

    found = fit(beyond(LAC, 0), measured, beyond(NO_SCATTER, 1))

    assert found == right


@pytest.mark.parametrize("slices", [1, 3])
def test_a_few_thin_slices_are_enough_to_find_a_map_aside(slices):
    lac, activity = thorax((slices, 140, 140), 2.6)
    measured = counted(project(activity, lac, spacing_mm=2.6), spacing_mm=2.6)
    aside = moved(lac, 0, 0, 5)

    found = fit(aside, measured, None, spacing_mm=2.6)

    assert found.shift_mm[2] < -5.0


@pytest.mark.parametrize(
    ("measured", "map_", "scatter", "words"),
    [
        (MEASURED, mumap(LAC[1:]), None, "expected a map of"),
        (MEASURED, mumap(LAC, 12.0), None, "expected an upright map"),
        (MEASURED, mumap(0 * LAC), None, "expected a map with a body"),
        (MEASURED, mumap(LAC), NO_SCATTER[1:], "expected scatter of shape"),
        (counted(NO_SCATTER), mumap(LAC), None, "expected counts"),
    ],
)
def test_what_cannot_be_compared_is_refused(measured, map_, scatter, words):
    with pytest.raises(ValueError, match=words):
        measure(measured, map_, scatter)


# Findings

SIDE = (-6.0, 6.0)
LIMITS = FitLimits(
    to_head_mm=SIDE,
    to_back_mm=SIDE,
    to_left_mm=SIDE,
    scale=(0.85, 1.15),
    distance_mm=WarnFail(warn=8.0, fail=15.0),
    spared=WarnFail(warn=0.3),
    over_air=WarnFail(warn=1.0, fail=0.0),
    over_mirrored=WarnFail(warn=0.5, fail=0.0),
    over_filled=WarnFail(warn=0.2),
)
GOOD = Fit(
    shift_mm=(1.0, 2.0, -3.0),
    scale=0.95,
    distance_mm=4.0,
    spared=0.1,
    over_air=20,
    over_mirrored=3,
    over_filled=1,
)


def checked(found, **changes):
    findings = check_measurement(replace(found, **changes), LIMITS)
    return {finding.check: str(finding.verdict) for finding in findings}


def test_a_map_that_fits_passes():
    findings = tuple(check_measurement(GOOD, LIMITS))

    assert worst(findings) is Verdict.PASS
    assert str(findings[0]) == "fit-head pass: 1 mm (limit -6 to 6 mm)"


@pytest.mark.parametrize(
    ("changes", "check", "verdict"),
    [
        ({"shift_mm": (-7.0, 0, 0)}, "fit-head", "warn"),
        ({"shift_mm": (0, 13.0, 0)}, "fit-back", "warn"),
        ({"shift_mm": (0, 0, -13.0)}, "fit-left", "warn"),
        ({"scale": 1.2}, "fit-scale", "warn"),
        ({"distance_mm": 16.0}, "fit-distance", "fail"),
        ({"spared": 0.5}, "fit-spared", "warn"),
        ({"over_air": -1.0}, "fit-air", "fail"),
        ({"over_mirrored": -0.1}, "fit-mirrored", "fail"),
        ({"over_filled": -0.1}, "fit-filled", "warn"),
    ],
)
def test_a_map_that_does_not_fit_is_found(changes, check, verdict):
    verdicts = checked(GOOD, **changes)

    assert verdicts.pop(check) == verdict
    assert set(verdicts.values()) == {"pass"}


def test_without_scatter_windows_no_finding_speaks_of_the_scale():
    assert checked(GOOD).keys() - checked(GOOD, scale=None).keys() == {"fit-scale"}
