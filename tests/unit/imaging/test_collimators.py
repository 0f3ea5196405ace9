import pytest

from mumap_node.imaging.collimators import resolution_of


@pytest.mark.parametrize("name", ["LEHR", "lehr", " LEHR ", "NM/LEHR-PARA", "LEHR_1"])
def test_a_high_resolution_collimator_is_known_by_its_name(name):
    assert resolution_of(name).fwhm_mm(100) == pytest.approx(7.0, abs=0.2)


@pytest.mark.parametrize("name", ["LEGP", "LEAP"])
def test_a_general_purpose_collimator_sees_less_sharply(name):
    assert 7.5 < resolution_of(name).fwhm_mm(100) < 9


@pytest.mark.parametrize("name", ["", "UNKNOWN", "MEGP", "LEHRS", "LEUHR", "LEHR/LEGP"])
def test_of_another_name_nothing_is_assumed(name):
    assert resolution_of(name) is None
