"""A page to write and draw on. The only module that knows the imaging library."""

from functools import cache
from typing import Literal, cast

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mumap_node.report.colours import WORDS, Colour, Picture

BOLD = 0.45
"""Pixels that letters of the one built-in weight are widened by to be bold."""

LEADING = 1.35
"""Between lines of text, in sizes of its letters."""

Anchor = Literal["la", "ma", "ra", "mm"]
"""Where a text lies: left, middle or right below its place, or around it."""


class Canvas:
    """A page in one colour, its origin at the top left.

    Args:
        width: In pixels.
        height: In pixels.
        colour: Of the empty page.
    """

    def __init__(self, width: int, height: int, colour: Colour) -> None:
        self._page = Image.new("RGB", (width, height), colour)
        self._draw = ImageDraw.Draw(self._page)

    @property
    def picture(self) -> Picture:
        """The page as it is now."""
        return np.array(self._page)

    def paste(self, picture: Picture, x: int, y: int) -> None:
        """Lay a picture on the page."""
        self._page.paste(Image.fromarray(picture), (x, y))

    def fill(self, x: int, y: int, width: int, height: int, colour: Colour) -> None:
        """Draw a filled rectangle."""
        self._draw.rectangle((x, y, x + width - 1, y + height - 1), fill=colour)

    def write(
        self,
        text: str,
        x: float,
        y: float,
        size: int,
        colour: Colour = WORDS,
        *,
        bold: bool = False,
        anchor: Anchor = "la",
    ) -> None:
        """Write one line; what is not ASCII becomes ``?``, for the built-in font has no more."""
        words = text.encode("ascii", "replace").decode("ascii")
        stroke = BOLD if bold else 0.0
        self._draw.text((x, y), words, colour, _font(size), anchor, stroke_width=stroke)

    def write_lines(
        self, lines: list[str], x: float, y: float, size: int, colour: Colour = WORDS
    ) -> None:
        """Write lines below each other."""
        for number, line in enumerate(lines):
            self.write(line, x, y + number * line_height(size), size, colour)


def line_height(size: int) -> int:
    """From one line to the next, in pixels."""
    return round(size * LEADING)


def wrapped(text: str, size: int, width: int) -> list[str]:
    """A text in lines no wider than ``width`` pixels; a word too long for one is cut there."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if _font(size).getlength(longer) <= width:
            lines[-1] = longer
            continue
        fits = max(n for n in range(len(word) + 1) if _font(size).getlength(word[:n]) <= width)
        lines += [word[:fits]]
    return [line for line in lines if line]


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """The font the imaging library brings along: the same on every machine."""
    return cast(ImageFont.FreeTypeFont, ImageFont.load_default(size))  # always, with a size
