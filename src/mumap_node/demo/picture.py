"""The demo's picture: three planes of the SPECT, and the attenuation map laid over them."""

import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]
Colours = NDArray[np.uint8]

SHOWN_LAC_PER_CM = 0.25
"""Top of the colour scale; water at 140.5 keV has 0.154, cortical bone about 0.28."""

PIXELS_PER_MM = 0.62
GAP = 10
BAR_WIDTH = 62
OPACITY = 0.5

# Glyphs of 5 x 7 dots, a row per number, its five bits from left to right.
GLYPHS = {
    "0": (14, 17, 19, 21, 25, 17, 14),
    "2": (14, 17, 1, 6, 8, 16, 31),
    "5": (31, 16, 30, 1, 1, 17, 14),
    ".": (0, 0, 0, 0, 0, 12, 12),
    "/": (1, 1, 2, 4, 8, 16, 16),
    "c": (0, 0, 14, 16, 16, 17, 14),
    "m": (0, 0, 26, 21, 21, 21, 21),
    "A": (14, 17, 17, 31, 17, 17, 17),
    "F": (31, 16, 16, 30, 16, 16, 16),
    "H": (17, 17, 17, 31, 17, 17, 17),
    "L": (16, 16, 16, 16, 16, 16, 31),
    "P": (30, 17, 17, 30, 16, 16, 16),
    "R": (30, 17, 17, 30, 20, 18, 17),
}


def overlay(emission: Plane, lac_per_cm: Plane, spacing_mm: Sequence[float]) -> Colours:
    """Draw the planes through the hottest part of the SPECT, and the map over them.

    From left to right transaxial, coronal and sagittal, as a nuclear medicine workstation shows
    them; above the SPECT alone, below with the map in colour.

    Args:
        emission: Counts, (slice, row, column) towards head, back and left.
        lac_per_cm: The map on the same grid.
        spacing_mm: Of both, along (slice, row, column).

    Returns:
        Rows x columns x (red, green, blue).
    """
    hot = np.argwhere(emission > 0.7 * emission.max())
    head, back, left = np.rint(hot.mean(axis=0)).astype(int)
    up, deep, wide = spacing_mm
    brightest = np.percentile(emission, 99.9)
    panels = []
    for plane, spacing, marks in (
        (np.s_[head], (deep, wide), "APRL"),
        (np.s_[::-1, back], (up, wide), "HFRL"),
        (np.s_[::-1, :, left], (up, deep), "HFAP"),
    ):
        counts = _enlarge(emission[plane] / brightest, spacing)
        lac = _enlarge(lac_per_cm[plane] / SHOWN_LAC_PER_CM, spacing)
        grey = _grey(counts)
        panels.append([_marked(grey, marks), _marked(_fused(grey, lac), marks)])
    rows = [_side_by_side(row) for row in zip(*panels, strict=True)]
    return _side_by_side([_stacked(rows), _colour_bar(2 * rows[0].shape[0] + GAP)])


def png(colours: Colours) -> bytes:
    """Encode as PNG (ISO/IEC 15948): 8 bit RGB, every row as differences to the one above."""
    height, width, _ = colours.shape
    differences = np.diff(colours, axis=0, prepend=np.uint8(0))
    filter_up = np.full((height, 1), 2, np.uint8)
    rows = np.hstack([filter_up, differences.reshape(height, 3 * width)])
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def _enlarge(plane: Plane, spacing_mm: Sequence[float]) -> Plane:
    """Bilinear, onto square pixels of the picture; a voxel's value holds at its centre."""
    for axis, spacing in enumerate(spacing_mm):
        size = plane.shape[axis]
        pixels = round(size * spacing * PIXELS_PER_MM)
        position = (np.arange(pixels) + 0.5) * size / pixels - 0.5
        position = position.clip(0, size - 1)
        below = position.astype(int).clip(0, max(size - 2, 0))
        above = np.minimum(below + 1, size - 1)
        share = np.expand_dims(position - below, 1 - axis)
        plane = np.take(plane, below, axis) * (1 - share) + np.take(plane, above, axis) * share
    return plane


def _grey(plane: Plane) -> Colours:
    """128 greys, as many as a screen needs: half the noise to compress."""
    level = 2 * np.rint(127 * plane.clip(0, 1) ** 0.7).astype(np.uint8)
    return np.repeat(level[..., np.newaxis], 3, axis=-1)


def _heat(level: Plane) -> Colours:
    """Black over red and yellow to white, as 0 goes to 1."""
    ramps = [level * 8 / 3, level * 8 / 3 - 1, level * 4 - 3]
    colours: Colours = np.rint(255 * np.stack(ramps, axis=-1).clip(0, 1)).astype(np.uint8)
    return colours


def _fused(grey: Colours, lac: Plane) -> Colours:
    share = OPACITY * (lac * 4).clip(0, 1)[..., np.newaxis]  # the outline stays smooth
    colours: Colours = np.rint(grey * (1 - share) + _heat(lac) * share).astype(np.uint8)
    return colours


def _marked(panel: Colours, marks: Sequence[str]) -> Colours:
    """The panel with what lies at its top, bottom, left and right: H(ead), F(oot), A, P, L, R."""
    top, bottom, left, right = marks
    height, width, _ = panel.shape
    panel = panel.copy()
    _write(panel, top, 4, width // 2 - 5)
    _write(panel, bottom, height - 18, width // 2 - 5)
    _write(panel, left, height // 2 - 7, 4)
    _write(panel, right, height // 2 - 7, width - 14)
    return panel


def _write(panel: Colours, text: str, row: int, column: int) -> None:
    """Draw the text in place, each dot of a glyph as 2 x 2 pixels."""
    for character in text:
        bits = np.array(
            [[dots >> bit & 1 for bit in range(4, -1, -1)] for dots in GLYPHS[character]]
        )
        dots = np.kron(bits, np.ones((2, 2), int)).astype(bool)
        panel[row : row + 14, column : column + 10][dots] = 230
        column += 12


def _colour_bar(height: int) -> Colours:
    """The colours of the map, 0 below, with the ends labelled in 1/cm."""
    bar = np.zeros((height, BAR_WIDTH, 3), np.uint8)
    levels = np.linspace(1, 0, height - 60)[:, np.newaxis]
    bar[30:-30, 2:18] = _heat(np.repeat(levels, 16, axis=1))
    _write(bar, ".25", 30, 24)
    _write(bar, "/cm", 48, 24)
    _write(bar, "0", height - 44, 24)
    return bar


def _side_by_side(panels: Sequence[Colours]) -> Colours:
    height = max(panel.shape[0] for panel in panels)
    padded = [np.pad(panel, ((0, height - panel.shape[0]), (0, GAP), (0, 0))) for panel in panels]
    return np.hstack(padded)[:, :-GAP]


def _stacked(rows: Sequence[Colours]) -> Colours:
    gap = np.zeros((GAP, rows[0].shape[1], 3), np.uint8)
    return np.vstack([rows[0], gap, rows[1]])
