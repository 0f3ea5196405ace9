from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from mumap_node.demo.picture import GAP, PIXELS_PER_MM, overlay, png

SPACING_MM = (8.0, 8.0, 8.0)
BODY = np.zeros((20, 30, 40), np.float32)
BODY[:, 8:22, 10:30] = 0.154


def torso_with_a_hot_spot(index: tuple[int, int, int]) -> np.ndarray:
    emission = np.zeros((20, 30, 40))
    emission[4:16, 8:22, 10:30] = 10.0
    emission[tuple(slice(i - 2, i + 3) for i in index)] = 100.0
    return emission


def test_another_program_reads_the_png_pixel_by_pixel() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (13, 7, 3)).astype(np.uint8)

    with Image.open(BytesIO(png(colours))) as picture:
        assert picture.mode == "RGB"
        assert np.array_equal(np.asarray(picture), colours)


def test_below_the_grey_spect_both_maps_are_in_colour() -> None:
    emission = torso_with_a_hot_spot((10, 15, 20))

    drawn = overlay(emission, BODY, 1.2 * BODY, SPACING_MM, (10, 15, 20))

    height = (drawn.shape[0] - 2 * GAP) // 3
    spect, synthetic, true = (
        drawn[row * (height + GAP) :][:height, :-80].astype(int) for row in range(3)
    )
    assert (np.ptp(spect, axis=-1) == 0).all()
    assert np.ptp(synthetic, axis=-1).max() > 60
    assert true.sum() > synthetic.sum()


def test_the_air_round_the_body_is_left_out() -> None:
    emission = torso_with_a_hot_spot((10, 15, 20))
    wide = np.pad(emission, ((0, 0), (0, 20), (0, 20)))
    around = np.pad(BODY, ((0, 0), (0, 20), (0, 20)))

    drawn, of_wide = (
        overlay(counts, lac, lac, SPACING_MM, (10, 15, 20))
        for counts, lac in ((emission, BODY), (wide, around))
    )

    assert of_wide.shape == drawn.shape


@pytest.mark.parametrize(
    ("index", "panel", "vertical", "horizontal"),
    [
        # Each plane is looked at as people do: head or front up, patient's left on the right.
        ((10, 9, 12), 0, "upper", "left"),  # front and right, in the transaxial plane
        ((14, 15, 28), 1, "upper", "right"),  # head and left, in the coronal plane
        ((5, 20, 20), 2, "lower", "right"),  # foot and back, in the sagittal plane
    ],
)
def test_the_hot_spot_lies_where_a_reader_expects_it(
    index: tuple[int, int, int], panel: int, vertical: str, horizontal: str
) -> None:
    emission = torso_with_a_hot_spot(index)
    rows, columns = 14 + 2 * 3, 20 + 2 * 3  # the body and 25 mm round it
    widths = [round(n * 8 * PIXELS_PER_MM) for n in (columns, columns, rows)]
    heights = [round(n * 8 * PIXELS_PER_MM) for n in (rows, 20, 20)]
    left = sum(widths[:panel]) + panel * GAP

    drawn = overlay(emission, BODY, BODY, SPACING_MM, index)

    view = drawn[: heights[panel], left : left + widths[panel], 0]
    row, column = np.argwhere(view == 254).mean(axis=0)  # 254: full white; the marks have 230
    assert ("upper" if row < heights[panel] / 2 else "lower") == vertical
    assert ("left" if column < widths[panel] / 2 else "right") == horizontal
