"""Pixel data of any transfer syntax to plain numbers, within bounds of memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, JPEG2000TransferSyntaxes, RLELossless

from mumap_node.dicom.elements import PYDICOM_ERRORS, numbers, text, unsigned, value
from mumap_node.dicom.files import LARGEST_DATASET_BYTES
from mumap_node.dicom.quiet import quiet
from mumap_node.errors import InputRejected

Stored = NDArray[np.uint8 | np.uint16 | np.int8 | np.int16]
"""Stored values, shape (frame, row, column)."""


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """How pixel data is laid out, as the Image Pixel module says (PS3.3 C.7.6.3).

    Attributes:
        frames: Number of Frames; 1 where it is absent.
        rows: Rows of a frame.
        columns: Columns of a frame.
        samples: Samples per Pixel.
        bits_allocated: Bits of a stored value, 8 or 16 in NM.
        bits_stored: Bits of them in use, counted from the lowest.
        is_signed: Two's complement.
    """

    frames: int
    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    is_signed: bool

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Little endian type of one stored value."""
        return np.dtype(f"<{'i' if self.is_signed else 'u'}{self.bits_allocated // 8}")

    @property
    def frame_bytes(self) -> int:
        """Size of one native frame."""
        return self.rows * self.columns * self.samples * self.bits_allocated // 8

    @property
    def total_bytes(self) -> int:
        """Size of all native frames, without padding."""
        return self.frames * self.frame_bytes


def read_pixel_format(dataset: Dataset) -> PixelFormat:
    """Read the layout of the pixel data, and refuse what no memory should be spent on.

    Raises:
        InputRejected: ``pixel-format`` where the header cannot be followed, ``oversized`` where
            it claims more than LARGEST_DATASET_BYTES.
    """
    frames = next(iter(numbers(dataset, "NumberOfFrames", 1)), 1.0)
    rows, columns, samples, allocated, stored, high_bit, representation = (
        next(iter(unsigned(dataset, keyword)), 0)
        for keyword in (
            "Rows", "Columns", "SamplesPerPixel",
            "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
        )
    )  # fmt: skip
    if not (
        frames >= 1 and frames.is_integer() and rows and columns and samples in (1, 3)
        and allocated in (8, 16) and 1 <= stored <= allocated and high_bit == stored - 1
        and representation in (0, 1)
    ):  # fmt: skip
        raise InputRejected(
            "pixel-format",
            "expected whole frames of 8 or 16 bits, high bit below bits stored, found "
            f"{frames:g} frames, {rows} rows, {columns} columns, {samples} samples, "
            f"{allocated} bits allocated, {stored} stored, high bit {high_bit}, "
            f"representation {representation}",
        )
    layout = PixelFormat(
        int(frames), rows, columns, samples, allocated, stored, bool(representation)
    )
    if layout.total_bytes > LARGEST_DATASET_BYTES:
        raise InputRejected(
            "oversized",
            f"expected at most {LARGEST_DATASET_BYTES} bytes of pixels, "
            f"the header claims {layout.total_bytes}",
        )
    return layout


@quiet()
def native_pixel_data(dataset: Dataset) -> bytes:
    """The pixel data in little endian, decompressed, without padding; empty where there is none.

    Pixel data of another length than the header claims is returned as it is, for the caller to
    judge.

    Raises:
        InputRejected: Compressed pixel data that cannot be decoded, or claims too much.
    """
    encoded = value(dataset, "PixelData")
    if not encoded:
        return b""
    transfer_syntax = UID(text(dataset.file_meta, "TransferSyntaxUID"))
    if not transfer_syntax.is_encapsulated:
        return _without_padding(dataset, encoded)
    layout = read_pixel_format(dataset)
    try:
        return b"".join(_decoded_frames(dataset, encoded, layout, transfer_syntax))
    # pydicom gathers whatever its decoders raise into RuntimeError
    except (*PYDICOM_ERRORS, RuntimeError) as error:
        raise InputRejected(
            "unreadable", f"pixel data cannot be decoded ({type(error).__name__})"
        ) from None


def stored_values(dataset: Dataset) -> Stored:
    """The stored values of a monochrome object, shape (frame, row, column).

    Raises:
        InputRejected: ``pixel-format``, ``oversized`` or ``unreadable`` as above;
            ``incomplete-frames`` where header and pixel data disagree.
    """
    layout = read_pixel_format(dataset)
    if layout.samples != 1:
        raise InputRejected("pixel-format", f"expected 1 sample per pixel, found {layout.samples}")
    if text(dataset, "PhotometricInterpretation") != "MONOCHROME2":  # all NM has, C.8.4.7.1
        raise InputRejected(
            "pixel-format", "expected MONOCHROME2 as Photometric Interpretation, found another"
        )
    pixels = native_pixel_data(dataset)
    if len(pixels) != layout.total_bytes:
        raise InputRejected(
            "incomplete-frames",
            f"expected {layout.total_bytes} bytes of pixel data for {layout.frames} frames, "
            f"found {len(pixels)}",
        )
    stored = np.frombuffer(pixels, layout.dtype).reshape(layout.frames, layout.rows, layout.columns)
    unused = layout.bits_allocated - layout.bits_stored  # may hold overlays in old objects
    return (stored << unused) >> unused  # the right shift keeps the sign


def _without_padding(dataset: Dataset, encoded: bytes) -> bytes:
    try:
        expected = read_pixel_format(dataset).total_bytes
    except InputRejected:
        return encoded
    return encoded[:expected] if len(encoded) == expected + expected % 2 else encoded


def _decoded_frames(
    dataset: Dataset, encoded: bytes, layout: PixelFormat, transfer_syntax: UID
) -> Iterator[bytes]:
    frames = generate_frames(encoded, number_of_frames=layout.frames)
    for _, frame in zip(range(layout.frames), frames, strict=False):
        _require_frame_size(frame, layout, transfer_syntax)
    decoded = get_decoder(transfer_syntax).iter_array(
        encoded,
        raw=True,
        # named, so that no other decoder that happens to be installed is tried
        decoding_plugin="pydicom" if transfer_syntax == RLELossless else "pylibjpeg",
        number_of_frames=layout.frames,
        rows=layout.rows,
        columns=layout.columns,
        samples_per_pixel=layout.samples,
        photometric_interpretation=text(dataset, "PhotometricInterpretation"),
        planar_configuration=next(iter(unsigned(dataset, "PlanarConfiguration")), 0),
        bits_allocated=layout.bits_allocated,
        bits_stored=layout.bits_stored,
        pixel_representation=int(layout.is_signed),
        pixel_keyword="PixelData",
    )
    for _, (array, _) in zip(range(layout.frames), decoded, strict=False):
        yield array.astype(layout.dtype).tobytes()


def _require_frame_size(frame: bytes, layout: PixelFormat, transfer_syntax: UID) -> None:
    """Refuse a codestream that would decode to another size: its claim decides on the memory."""
    if transfer_syntax == RLELossless:
        return  # decoded to the size in the header, whatever it holds
    size = _j2k_size(frame) if transfer_syntax in JPEG2000TransferSyntaxes else _jpeg_size(frame)
    if size != (layout.rows, layout.columns):
        raise InputRejected("unreadable", "a compressed frame has another size than the header")


def _j2k_size(frame: bytes) -> tuple[int, int]:
    """Rows and columns of the SIZ marker, ISO/IEC 15444-1 A.5.1, which follows SOC at once."""
    if frame[:4] != b"\xff\x4f\xff\x51" or len(frame) < 24:
        return 0, 0
    columns, rows, left, top = np.frombuffer(frame, ">u4", count=4, offset=8).tolist()
    return rows - top, columns - left


def _jpeg_size(frame: bytes) -> tuple[int, int]:
    """Rows and columns of the SOF marker of JPEG (ITU-T T.81 B.2.2) and JPEG-LS (T.87 C.2.2)."""
    at = 2  # after SOI
    while at + 9 <= len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker == 0xFF:  # a fill byte, T.81 B.1.1.2
            at += 1
            continue
        is_start_of_frame = marker == 0xF7 or (
            0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)  # DHT, JPG, DAC
        )
        if is_start_of_frame:
            rows, columns = np.frombuffer(frame, ">u2", count=2, offset=at + 5).tolist()
            return rows, columns
        at += 2 + int.from_bytes(frame[at + 2 : at + 4])
    return 0, 0
