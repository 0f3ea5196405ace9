"""Colours of the report, and values turned into them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating[Any]]
Picture = NDArray[np.uint8]
"""Rows x columns x (red, green, blue)."""

Colour = tuple[int, int, int]

PAGE: Colour = (16, 18, 22)
PANEL: Colour = (0, 0, 0)
WORDS: Colour = (236, 238, 240)
FAINT: Colour = (150, 157, 166)
RULE: Colour = (52, 57, 65)
AMBER: Colour = (255, 179, 0)
RED: Colour = (229, 72, 77)
GREEN: Colour = (76, 175, 104)
CYAN: Colour = (64, 224, 240)

GREY = ((0.0, (0, 0, 0)), (1.0, (255, 255, 255)))
HOT_IRON = (
    (0.0, (0, 0, 0)),
    (0.5, (255, 0, 0)),
    (0.75, (255, 128, 0)),
    (1.0, (255, 255, 255)),
)
"""The standard's palette of that name (PS3.6 B.1.1), which nuclear medicine is used to."""

DIVERGING = (
    (0.0, (33, 102, 172)),
    (0.25, (146, 197, 222)),
    (0.5, (247, 247, 247)),
    (0.75, (244, 165, 130)),
    (1.0, (178, 24, 43)),
)
"""Blue over white to red; told apart with any colour vision (ColorBrewer RdBu)."""

Palette = tuple[tuple[float, Colour], ...]


def coloured(values: Values, palette: Palette, limits: tuple[float, float]) -> Picture:
    """The colour of each value; beyond the limits that of the limit."""
    lowest, highest = limits
    level = (values - lowest) / (highest - lowest)
    stops = [stop for stop, _ in palette]
    channels = zip(*(colour for _, colour in palette), strict=True)
    picture = np.stack([np.interp(level, stops, channel) for channel in channels], axis=-1)
    return as_picture(picture)


def over(picture: Picture, colours: Picture | Colour, opacity: Values) -> Picture:
    """A picture with another one, or one colour, laid over it; opacity 0 to 1 by pixel."""
    share = opacity[..., np.newaxis]
    return as_picture(picture * (1 - share) + np.asarray(colours) * share)


def as_picture(colours: Values) -> Picture:
    """Colours of 0 to 255 as they are stored."""
    picture: Picture = np.rint(colours).astype(np.uint8)
    return picture


def is_bright(colour: Values) -> bool:
    """Whether dark letters read better on a colour than light ones."""
    return bool(colour @ (0.299, 0.587, 0.114) > 110)
