"""Figures are shown alike wherever people read them."""

import pytest

from mumap_node.imaging.definitions import METRICS


@pytest.mark.parametrize(
    ("value", "shown"), [(-0.04, "+0.0"), (0.06, "+0.1"), (-3.0, "\N{MINUS SIGN}3.0")]
)
def test_figures_are_shown_with_a_sign_but_never_as_minus_nothing(value, shown):
    assert METRICS["lv_bias_percent"].shown(value) == shown


def test_a_heading_names_the_unit_where_there_is_one():
    assert METRICS["psnr_db"].heading == "PSNR (dB)"
    assert METRICS["ssim"].heading == "SSIM"
