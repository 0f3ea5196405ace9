from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from mumap_node.demo.picture import GAP, overlay, png

ORANGE = (1.0, 0.6, 0.0)


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


def test_the_spect_is_grey_above_and_the_map_is_coloured_below() -> None:
    emission = torso_with_a_hot_spot((10, 15, 20))
    lac = np.where(emission > 0, 0.154, 0.0)

    drawn = overlay(emission, lac, (5.0, 5.0, 5.0))

    height, width, _ = drawn.shape
    above, below = drawn[: (height - GAP) // 2, : width - 80], drawn[(height + GAP) // 2 :]
    assert (np.ptp(above, axis=-1) == 0).all()
    assert np.ptp(below[:, : width - 80], axis=-1).max() > 60


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
    widths = [round(n * 5 * 0.62) for n in (40, 40, 30)]
    heights = [round(n * 5 * 0.62) for n in (30, 20, 20)]
    left = sum(widths[:panel]) + panel * GAP

    drawn = overlay(emission, np.zeros_like(emission), (5.0, 5.0, 5.0))

    view = drawn[: heights[panel], left : left + widths[panel], 0]
    row, column = np.argwhere(view == 254).mean(axis=0)  # 254: full white; the marks have 230
    assert ("upper" if row < heights[panel] / 2 else "lower") == vertical
    assert ("left" if column < widths[panel] / 2 else "right") == horizontal
