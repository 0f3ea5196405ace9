"""What people are shown of a comparison."""

from mumap_node.node.jobs.figures import compared_with, figures_of
from records import agreement


def test_errors_have_their_title_unit_and_sign() -> None:
    found = agreement(figures={"nmae_range": 0.03214, "bias_body_per_cm": -0.0012, "ssim": 0.9})
    assert compared_with(found) == "a CT"
    assert figures_of(found)[:-1] == [
        ("NMAE", "0.0321"),
        ("bias, body (/cm)", "\N{MINUS SIGN}0.0012"),
    ]


def test_the_registration_is_told_in_the_patients_directions() -> None:
    title, value = figures_of(agreement(dice=0.934, shift_mm=(-9.0, 0.0, 4.5)))[-1]
    assert title == "registration"
    assert value.startswith("Dice 0.93; ")
    assert "-9 mm to the head, 0 mm to the back and 4.5 mm to the left" in value
    assert "Dice unknown" in figures_of(agreement(dice=None))[-1][1]


def test_what_lies_elsewhere_does_not_count() -> None:
    assert "does not count" in compared_with(agreement(kind="map", is_registered=False))


def test_where_nothing_was_compared_the_reason_is_told() -> None:
    found = agreement(kind="", reason="ct-series", sentence="expected axial slices", figures={})
    assert compared_with(found) == "nothing"
    assert figures_of(found) == [("ct-series", "expected axial slices")]
