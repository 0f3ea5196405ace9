import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mumap_node.report.canvas import Canvas, wrapped
from mumap_node.report.colours import DIVERGING, HOT_IRON, PAGE, coloured, over


def test_a_text_is_wrapped_between_words():
    lines = wrapped("at most 10 %, fails above 50 %, none on the left", 13, 120)

    assert len(lines) > 1
    assert " ".join(lines) == "at most 10 %, fails above 50 %, none on the left"


@given(st.text("abcdefgh ", max_size=60), st.integers(20, 200))
def test_no_line_is_wider_than_its_column(text, width):
    for line in wrapped(text, 13, width):
        canvas = Canvas(width + 40, 24, (0, 0, 0))
        canvas.write(line, 0, 4, 13)
        assert not canvas.picture[:, width + 2 :].any()


def test_what_the_font_lacks_is_written_as_a_question_mark():
    pages = [Canvas(60, 30, PAGE) for _ in range(2)]
    for canvas, text in zip(pages, ("5 \N{MICRO SIGN}", "5 ?"), strict=True):
        canvas.write(text, 2, 2, 15)

    np.testing.assert_array_equal(pages[0].picture, pages[1].picture)


@pytest.mark.parametrize(
    ("palette", "value", "colour"),
    [
        (HOT_IRON, 0, (0, 0, 0)),
        (HOT_IRON, 50, (255, 0, 0)),
        (HOT_IRON, 100, (255, 255, 255)),
        (HOT_IRON, 140, (255, 255, 255)),
        (DIVERGING, 50, (247, 247, 247)),
        (DIVERGING, -3, (33, 102, 172)),
    ],
)
def test_values_have_the_colours_of_their_palette(palette, value, colour):
    assert tuple(coloured(np.array([[value]]), palette, (0.0, 100.0))[0, 0]) == colour


def test_opacity_mixes_colours():
    grey = np.full((1, 3, 3), 100, np.uint8)

    mixed = over(grey, (200, 0, 100), np.array([[0.0, 0.5, 1.0]]))

    assert mixed.tolist() == [[[100, 100, 100], [150, 50, 100], [200, 0, 100]]]
