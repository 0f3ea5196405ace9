"""The chart of drift, on made-up figures whose changes are known."""

import numpy as np
import pytest

from mumap_node.imaging.drift import Direction, find_alarms

NMAE, BIAS = "nmae_body", "bias_body_per_cm"
STUDIES = 100
SITES = 300
"""Simulated sites; of each the figures of STUDIES comparisons."""

LOG_NMAE_SD, BIAS_SD_PER_CM = 0.3, 0.002
CHANGED_FROM = 60


def site(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Standard normal scores of NMAE and bias, without any change."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal(STUDIES), rng.standard_normal(STUDIES)


def figures(nmae: np.ndarray, bias: np.ndarray) -> list[dict[str, float]]:
    """Comparisons with these scores: NMAE around 0.02, bias around 0.001 /cm."""
    return [
        {
            NMAE: float(0.02 * np.exp(LOG_NMAE_SD * one)),
            BIAS: float(0.001 + BIAS_SD_PER_CM * other),
        }
        for one, other in zip(nmae, bias, strict=True)
    ]


def test_without_a_change_hardly_any_chart_rings():
    """3 directions of 100 values at one in 7000 each: at most 4.3 % of the sites."""
    rang = sum(bool(find_alarms(figures(*site(seed)))) for seed in range(SITES))
    assert rang / SITES <= 3 * STUDIES / 7000


def test_errors_that_grow_by_one_and_a_half_standard_deviations_are_found():
    found = 0
    for seed in range(50):
        nmae, bias = site(seed)
        nmae[CHANGED_FROM:] += 1.5
        alarms = [a for a in find_alarms(figures(nmae, bias)) if a.rang >= CHANGED_FROM]
        found += any(alarm.figure == NMAE for alarm in alarms)
    assert found >= 49


@pytest.mark.parametrize("direction", Direction)
def test_a_bias_is_found_in_either_direction(direction):
    nmae, bias = site(1)
    bias[CHANGED_FROM:] += direction * 2
    (alarm,) = find_alarms(figures(nmae, bias))
    assert (alarm.figure, alarm.direction) == (BIAS, direction)


def test_maps_that_agree_better_do_not_ring():
    nmae, bias = site(1)
    nmae[CHANGED_FROM:] -= 3
    assert find_alarms(figures(nmae, bias)) == ()


def test_an_alarm_tells_when_the_change_began_and_how_large_it_is():
    nmae, bias = np.tile([-1.0, 1.0], STUDIES // 2), np.tile([1.0, -1.0], STUDIES // 2)
    nmae[CHANGED_FROM:] += 3
    given = figures(nmae, bias)
    alarm, *_ = find_alarms(given)
    assert abs(alarm.began - CHANGED_FROM) <= 1
    assert CHANGED_FROM < alarm.rang <= CHANGED_FROM + 6
    assert alarm.studies == alarm.rang - alarm.began + 1
    values = [one[NMAE] for one in given]
    assert alarm.before == pytest.approx(np.mean(values[: alarm.began]))
    assert alarm.since == pytest.approx(np.mean(values[alarm.began : alarm.rang + 1]))


def test_one_outlier_after_the_other_never_rings():
    """Each alone, however large, and whatever it does to the spread afterwards."""
    nmae, bias = site(2)
    nmae[10::10] += 50
    bias[15::10] -= 50
    assert find_alarms(figures(nmae, bias)) == ()


def test_two_outliers_in_a_row_do_not_ring_and_three_do():
    nmae, bias = np.tile([-1.0, 1.0], 25), np.tile([1.0, -1.0], 25)
    nmae[40:42] += 50
    assert find_alarms(figures(nmae, bias)) == ()
    nmae[40:43] += 50
    assert len(find_alarms(figures(nmae, bias))) == 1


def test_outliers_do_not_hide_a_change_that_comes_later():
    found = 0
    for seed in range(50):
        nmae, bias = site(seed)
        nmae[20] += 8
        nmae[CHANGED_FROM:] += 1.5
        alarms = find_alarms(figures(nmae, bias))
        found += any(a.figure == NMAE and a.rang >= CHANGED_FROM for a in alarms)
    assert found >= 45


@pytest.mark.parametrize("count", range(5))
def test_too_few_values_never_ring(count):
    """Two say what is usual, and no two more can be enough, however large they are."""
    given = [{NMAE: 0.02 * 10**n, BIAS: 10.0**n} for n in range(count)]
    assert find_alarms(given) == ()


def test_a_chart_begins_anew_after_its_alarm():
    """What comes after a change is the new usual, and a second change rings again."""
    nmae, bias = np.tile([-1.0, 1.0], STUDIES // 2), np.tile([1.0, -1.0], STUDIES // 2)
    nmae[30:] += 4
    nmae[70:] += 4
    first, second = find_alarms(figures(nmae, bias))
    assert first.began == pytest.approx(30, abs=1)
    assert second.began == pytest.approx(70, abs=1)
    assert second.before == pytest.approx(first.since, rel=0.25)


def test_the_alarms_of_all_figures_come_in_the_order_they_rang():
    nmae, bias = site(3)
    nmae[70:] += 4
    bias[40:] += 4
    assert [alarm.figure for alarm in find_alarms(figures(nmae, bias))] == [BIAS, NMAE]


def test_values_that_are_all_the_same_do_not_ring_until_they_change():
    given = [{NMAE: 0.02, BIAS: 0.001}] * 20
    assert find_alarms(given) == ()
    (alarm,) = find_alarms([*given, *[{NMAE: 0.02, BIAS: 0.002}] * 20])
    assert (alarm.figure, alarm.began) == (BIAS, 20)


def test_comparisons_without_a_figure_are_passed_over():
    """Indexes are those of the comparisons, also where some could not measure the figure."""
    nmae, bias = site(1)
    bias[CHANGED_FROM:] += 3
    whole = figures(nmae, bias)
    (without,) = find_alarms(whole)
    holey = [entry for one in whole for entry in ({}, one | {NMAE: 0.0})]
    (alarm,) = find_alarms(holey)
    assert (alarm.began, alarm.rang) == (2 * without.began + 1, 2 * without.rang + 1)
    assert (alarm.before, alarm.since) == (without.before, without.since)
