import numpy as np
import pytest

from mumap_node.imaging.statistics import agreement, summarise

NAMES = [f"patient-{number}" for number in range(40)]
VALUES = np.random.default_rng(5).normal(3.0, 2.0, 40).tolist()


def test_a_summary_by_hand():
    found = summarise([1.0, 2.0, 6.0], ["a", "b", "c"])

    assert (found.n, found.mean, found.median) == (3, 3.0, 2.0)
    assert found.sd == pytest.approx(np.sqrt(7))


def test_the_interval_is_about_that_of_the_normal_distribution():
    found = summarise(VALUES, NAMES)

    half = 1.96 * found.sd / np.sqrt(found.n)
    assert found.low == pytest.approx(found.mean - half, abs=0.15)
    assert found.high == pytest.approx(found.mean + half, abs=0.15)


def test_the_same_values_give_the_same_interval():
    assert summarise(VALUES, NAMES) == summarise(VALUES, NAMES)


def test_cases_of_one_patient_make_the_interval_no_narrower():
    once = summarise(VALUES, NAMES)
    often = summarise(VALUES * 4, NAMES * 4)

    assert (often.mean, often.n) == (pytest.approx(once.mean), 160)
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_what_is_not_finite_is_left_out():
    found = summarise([1.0, np.nan, 3.0, np.inf], ["a", "b", "c", "d"])

    assert (found.n, found.mean) == (2, 2.0)
    assert summarise([np.nan], ["a"]) is None


def test_one_case_has_no_spread():
    found = summarise([2.0], ["a"])

    assert found.mean == 2.0
    assert np.isnan([found.sd, found.low, found.high]).all()


def test_fewer_than_five_patients_have_no_interval():
    four, five = ([f"patient-{number}" for number in range(n)] for n in (4, 5))
    few = summarise(VALUES[:4] * 3, four * 3)
    enough = summarise(VALUES[:5], five)

    assert np.isnan([few.low, few.high]).all()
    assert min(VALUES[:5]) <= enough.low < enough.mean < enough.high <= max(VALUES[:5])


def test_agreement_by_hand():
    found = agreement([-1.0, 0.0, 4.0])

    assert found.bias == 1.0
    assert found.upper - found.bias == pytest.approx(1.96 * np.sqrt(7))
    assert found.bias - found.lower == pytest.approx(1.96 * np.sqrt(7))
    assert np.isnan(agreement([2.0]).upper)
