"""What a person sees on the page."""

from dataclasses import replace

import numpy as np
import pytest

from hearts import grid, heart, torso
from mumap_node.imaging.change import Change
from mumap_node.imaging.findings import Finding, Verdict
from mumap_node.imaging.polar import PolarMap
from mumap_node.imaging.volume import Quantity, Volume
from mumap_node.report import page
from mumap_node.report.colours import AMBER, CYAN, GREEN, PAGE, RED
from mumap_node.report.page import HEIGHT, RIGHT_X, WIDTH, Report, draw_report

GRID = grid(8.0)
NAC = torso(GRID, heart())
LAC = Volume((1.5 * NAC.voxels.clip(0, 0.1)).astype(np.float32), GRID, Quantity.LAC_PER_CM)
CHECKS = [
    Finding(f"check-{number}", verdict, "0.5 /cm", "at most 1 /cm", relaxed=number == 1)
    for number, verdict in enumerate([Verdict.PASS] * 3 + [Verdict.WARN, Verdict.FAIL])
]


def change(**kwargs):
    uncorrected, corrected = np.full((24, 72), 70.0), np.full((24, 72), 75.0)
    corrected[18:, :6] = 90
    physics = {"models_resolution": True, "corrects_scatter": True} | kwargs
    return Change(heart(), PolarMap(uncorrected), PolarMap(corrected), **physics)


def report(**changes):
    given = {
        "nac": NAC, "lac": LAC, "change": change(), "findings": CHECKS, "model": "test-1",
        "sha256": "0" * 64, "software_version": "0.1.0", "emission_energy_kev": 140.511,
    }  # fmt: skip
    return Report(**(given | changes))


@pytest.fixture(scope="module")
def drawn():
    return draw_report(report())


def count(picture, colour):
    return int((picture == colour).all(axis=-1).sum())


def written(made):
    """All that the page says."""
    texts = []
    write = page.Canvas.write

    def listen(self, text, *args, **kwargs):
        texts.append(text)
        write(self, text, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page.Canvas, "write", listen)
        draw_report(made)
    return " ".join(texts)


@pytest.fixture(scope="module")
def said():
    return written(report())


def test_the_page_has_one_size_and_eight_bits(drawn):
    assert drawn.shape == (HEIGHT, WIDTH, 3)
    assert drawn.dtype == np.uint8


def test_the_same_report_is_the_same_picture(drawn):
    np.testing.assert_array_equal(draw_report(report()), drawn)


def test_the_page_says_at_both_ends_that_it_is_not_for_diagnosis(drawn, said):
    assert (drawn[2, :] == AMBER).all()
    assert (drawn[-2, :] == AMBER).all()
    assert said.count("RESEARCH - SYNTHETIC - NOT FOR DIAGNOSIS") == 2


def test_the_page_names_model_hash_and_software(said):
    assert "Model test-1   SHA-256 " + "0" * 64 in said
    assert "mumap-node 0.1.0" in said
    assert "140.5 keV" in said


def test_the_segments_that_change_most_are_named(said):
    """Half of segment 1 rises by 20 points, all others by 5."""
    assert "Most up: +12 points, basal anterior (segment 1)" in said
    assert "Least up: +5 points" in said
    assert said.count("+5") >= 16


@pytest.mark.parametrize(
    ("others", "words"),
    [
        (65.0, ("Most up: +8 points", "Most down: -5 points")),
        (45.0, ("Least down: -2 points", "Most down: -25 points")),
        (70.0, ("Most up: +10 points", "Least up: +0 points")),
    ],
)
def test_a_fall_is_called_a_fall_and_a_rise_a_rise(others, words):
    corrected = np.full((24, 72), others)
    corrected[18:, :6] = 90
    made = replace(change(), corrected=PolarMap(corrected))

    said = written(report(change=made))

    for word in words:
        assert word in said


def test_the_verdicts_have_colours_and_the_gravest_comes_first(drawn):
    beside = drawn[:, RIGHT_X]
    rows = {name: np.flatnonzero((beside == colour).all(axis=-1))
            for name, colour in (("fail", RED), ("warn", AMBER), ("pass", GREEN))}  # fmt: skip
    warned = rows["warn"][(rows["warn"] > 100) & (rows["warn"] < 1100)]

    assert rows["fail"].max() < warned.min() <= warned.max() < rows["pass"].min()


def test_of_equal_checks_the_last_comes_first(said):
    assert said.index("check-2") < said.index("check-0")


def test_what_a_route_relaxed_says_so(said):
    assert "(relaxed)" in said


def test_checks_without_room_are_counted():
    many = [Finding(f"check-{n}", Verdict.PASS, "1", "2") for n in range(60)]

    said = written(report(findings=[*CHECKS, *many]))

    assert "more, none graver than: pass" in said
    assert "63 passed, 1 warned, 1 failed" in said


@pytest.mark.parametrize(
    ("physics", "words"),
    [
        ({}, "resolution modelled, scatter corrected."),
        ({"models_resolution": False}, "resolution not modelled, scatter corrected."),
        ({"corrects_scatter": False}, "may come out too bright"),
    ],
)
def test_the_physics_of_the_reconstructions_is_told(physics, words):
    said = " ".join(written(report(change=change(**physics))).split())

    assert words in said


def test_without_a_ventricle_the_page_says_so_and_draws_none(drawn):
    made = report(change=None)

    assert "No left ventricle to compare" in written(made)
    assert count(draw_report(made), CYAN) == 0 < count(drawn, CYAN)


def test_the_planes_show_the_ventricle_with_the_brightness_of_the_heart(drawn):
    """A liver ten times as hot does not darken it."""
    hot = draw_report(report(nac=torso(GRID, heart(), liver=10.0)))

    white = (drawn[530:800, 24:360] > 250).all(axis=-1)
    assert (hot[530:800, 24:360][white].mean(axis=-1) > 200).mean() > 0.9


@pytest.mark.parametrize("value", [0.0, 0.15])
def test_an_empty_map_or_volume_is_drawn_too(value):
    empty = Volume(np.zeros(GRID.shape, np.float32), GRID, Quantity.COUNTS)
    even = Volume(np.full(GRID.shape, value, np.float32), GRID, Quantity.LAC_PER_CM)

    assert draw_report(report(nac=empty, lac=even, change=None)).shape == (HEIGHT, WIDTH, 3)


def test_the_page_is_dark_so_that_images_stand_out(drawn):
    assert count(drawn, PAGE) > 0.5 * drawn.shape[0] * drawn.shape[1]
