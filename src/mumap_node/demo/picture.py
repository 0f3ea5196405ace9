"""The demo's picture: three planes of the SPECT, and two attenuation maps laid over them."""

import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mumap_node.imaging import regions
from mumap_node.imaging.volume import Voxels

Plane = NDArray[np.floating[Any]]
Colours = NDArray[np.uint8]

SHOWN_LAC_PER_CM = 0.2
"""Top of the colour scale; water at 140.5 keV has 0.154, bone as blurred as SPECT about 0.18."""

PIXELS_PER_MM = 0.7
MARGIN_MM = 25.0
"""Round the body; the air beyond is left out."""

GAP = 10
BAR_WIDTH = 62
OPACITY = 0.6

# Glyphs of 5 x 7 dots, a row per number, its five bits from left to right.
GLYPHS = {
    "0": (14, 17, 19, 21, 25, 17, 14),
    "2": (14, 17, 1, 6, 8, 16, 31),
    ".": (0, 0, 0, 0, 0, 12, 12),
    "/": (1, 1, 2, 4, 8, 16, 16),
    "c": (0, 0, 14, 16, 16, 17, 14),
    "m": (0, 0, 26, 21, 21, 21, 21),
    "A": (14, 17, 17, 31, 17, 17, 17),
    "C": (14, 17, 16, 16, 16, 17, 14),
    "E": (31, 16, 16, 30, 16, 16, 31),
    "F": (31, 16, 16, 30, 16, 16, 16),
    "H": (17, 17, 17, 31, 17, 17, 17),
    "I": (14, 4, 4, 4, 4, 4, 14),
    "L": (16, 16, 16, 16, 16, 16, 31),
    "N": (17, 17, 25, 21, 19, 17, 17),
    "P": (30, 17, 17, 30, 16, 16, 16),
    "R": (30, 17, 17, 30, 20, 18, 17),
    "S": (14, 17, 16, 14, 1, 17, 14),
    "T": (31, 4, 4, 4, 4, 4, 4),
    "U": (17, 17, 17, 17, 17, 17, 14),
    "Y": (17, 17, 10, 4, 4, 4, 4),
}


def overlay(
    emission: Voxels,
    synthetic: Voxels,
    truth: Voxels,
    spacing_mm: Sequence[float],
    through: Sequence[int],
) -> Colours:
    """Draw three planes of the SPECT, and of both maps over it.

    From left to right transaxial, coronal and sagittal, as a nuclear medicine workstation shows
    them; from above the SPECT alone, the synthetic map and the true one.

    Args:
        emission: Counts, (slice, row, column) towards head, back and left.
        synthetic: LAC in 1/cm on the same grid.
        truth: The same.
        spacing_mm: Of all, along (slice, row, column).
        through: Index of the voxel the planes go through.

    Returns:
        Rows x columns x (red, green, blue).
    """
    head, back, left = through
    up, deep, wide = spacing_mm
    rows, columns = _round_the_body(np.maximum(synthetic, truth), spacing_mm)
    planes = (
        (np.s_[head, rows, columns], (deep, wide), "APRL"),
        (np.s_[::-1, back, columns], (up, wide), "HFRL"),
        (np.s_[::-1, rows, left], (up, deep), "HFAP"),
    )
    brightest = np.percentile(emission, 99.9)
    shown = (("SPECT", np.zeros_like(truth)), ("SYNTHETIC", synthetic), ("TRUE", truth))
    drawn = []
    for title, lac_per_cm in shown:
        level = lac_per_cm / SHOWN_LAC_PER_CM
        panels = [
            _panel(emission[plane] / brightest, level[plane], spacing, marks)
            for plane, spacing, marks in planes
        ]
        _write(panels[0], title, 4, 4)
        drawn.append(_side_by_side(panels))
    picture = _stacked(drawn)
    return _side_by_side([picture, _colour_bar(picture.shape[0])])


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


def _round_the_body(lac_per_cm: Voxels, spacing_mm: Sequence[float]) -> tuple[slice, slice]:
    """Rows and columns that hold the body, and the margin."""
    body = regions.body(lac_per_cm)
    cut = []
    for axis in (1, 2):
        other_axes = tuple({0, 1, 2} - {axis})
        inside = np.flatnonzero(body.any(axis=other_axes))
        margin = round(MARGIN_MM / spacing_mm[axis])
        cut.append(slice(max(inside[0] - margin, 0), inside[-1] + margin + 1))
    return cut[0], cut[1]


def _panel(counts: Plane, lac: Plane, spacing_mm: Sequence[float], marks: str) -> Colours:
    """A plane of the SPECT with that of a map over it; both reach from 0 to 1."""
    grey = _grey(_enlarge(counts, spacing_mm))
    return _marked(_fused(grey, _enlarge(lac, spacing_mm)), marks)


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
    _write(bar, ".20", 30, 24)
    _write(bar, "/cm", 48, 24)
    _write(bar, "0", height - 44, 24)
    return bar


def _side_by_side(panels: Sequence[Colours]) -> Colours:
    height = max(panel.shape[0] for panel in panels)
    padded = [np.pad(panel, ((0, height - panel.shape[0]), (0, GAP), (0, 0))) for panel in panels]
    return np.hstack(padded)[:, :-GAP]


def _stacked(rows: Sequence[Colours]) -> Colours:
    padded = [np.pad(row, ((0, GAP), (0, 0), (0, 0))) for row in rows]
    return np.vstack(padded)[:-GAP]
