"""Pixel data of any transfer syntax gives the same numbers, or a reason."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from builders import change, edited, nac, nac_file, put_bytes
from mumap_node.dicom.elements import value
from mumap_node.dicom.files import read_dataset
from mumap_node.dicom.pixels import (
    _jpeg_size,
    native_pixel_data,
    read_pixel_format,
    stored_values,
)
from mumap_node.errors import InputRejected

ALL = [
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEG2000Lossless,
]
RAMP = np.linspace(0, 60000, 4 * 64 * 64).reshape(4, 64, 64).astype(np.uint16)


def reason(dataset) -> str:
    with pytest.raises(InputRejected) as caught:
        stored_values(dataset)
    return caught.value.reason


@pytest.mark.parametrize("transfer_syntax", ALL, ids=lambda uid: uid.name)
def test_every_transfer_syntax_gives_the_same_numbers(transfer_syntax):
    dataset = nac(transfer_syntax, voxels=RAMP, signed=False)

    assert dataset.file_meta.TransferSyntaxUID == transfer_syntax
    np.testing.assert_array_equal(stored_values(dataset), RAMP)


@pytest.mark.parametrize("transfer_syntax", ALL[:4], ids=lambda uid: uid.name)
def test_signed_numbers_keep_their_sign(transfer_syntax):
    signed = (RAMP.astype(np.int32) - 30000).astype(np.int16)

    np.testing.assert_array_equal(stored_values(nac(transfer_syntax, voxels=signed)), signed)


def test_bits_beyond_those_stored_are_ignored():
    overlaid = np.full((2, 4, 4), 0xF123, np.uint16)
    dataset = nac(voxels=overlaid, signed=False, BitsStored=12, HighBit=11)

    assert (stored_values(dataset) == 0x123).all()


def test_signed_numbers_of_few_bits_are_extended():
    dataset = nac(voxels=np.full((2, 4, 4), 0x0FFF, np.int16), BitsStored=12, HighBit=11)

    assert (stored_values(dataset) == -1).all()


def test_eight_bits_are_read_with_their_padding():
    pixels = bytes(range(27)) + b"\0"
    dataset = nac(
        voxels=np.zeros((3, 3, 3)), BitsAllocated=8, BitsStored=8, HighBit=7,
        PixelRepresentation=0, PixelData=pixels,
    )  # fmt: skip

    assert stored_values(dataset).ravel().tolist() == list(range(27))


def test_one_frame_is_meant_where_no_number_is_stated():
    dataset = nac(voxels=np.ones((1, 4, 4)), NumberOfFrames=None)

    assert stored_values(dataset).shape == (1, 4, 4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"Rows": 0},
        {"Columns": None},
        {"BitsAllocated": 32},
        {"BitsAllocated": 0},
        {"BitsStored": 17},
        {"BitsStored": 0},
        {"HighBit": 14},
        {"PixelRepresentation": 2},
        {"SamplesPerPixel": 2},
        {"NumberOfFrames": b"0 "},
        {"NumberOfFrames": b"-1"},
        {"NumberOfFrames": b"1.5 "},
    ],
    ids=str,
)
def test_a_layout_that_cannot_be_followed_is_rejected(wrong):
    assert reason(nac(**wrong)) == "pixel-format"


def test_colour_is_rejected():
    assert reason(nac(SamplesPerPixel=3)) == "pixel-format"


@pytest.mark.parametrize(
    "wrong", [{"NumberOfFrames": 1_000_000}, {"Rows": 65535, "Columns": 65535}]
)
def test_absurd_claims_are_rejected_before_memory_is_spent(wrong):
    for transfer_syntax in (ImplicitVRLittleEndian, RLELossless):
        dataset = nac(transfer_syntax)
        change(dataset, wrong)

        assert reason(dataset) == "oversized"


@pytest.mark.parametrize("size", [0, 1, 100, 16 * 48 * 48 * 2 - 2, 16 * 48 * 48 * 2 + 2])
def test_pixel_data_of_another_size_than_the_header_is_incomplete(size):
    assert reason(nac(PixelData=bytes(size))) == "incomplete-frames"


def test_an_object_without_pixel_data_has_none():
    assert native_pixel_data(nac(PixelData=None)) == b""


@pytest.mark.parametrize("transfer_syntax", ALL[3:], ids=lambda uid: uid.name)
@pytest.mark.parametrize("broken", [b"\0\0", b"\xff\xd8\xff", b"\xff\x4f\xff\x51" + bytes(40)])
def test_broken_codestreams_are_unreadable(transfer_syntax, broken):
    dataset = nac(transfer_syntax)
    put_bytes(dataset, "PixelData", encapsulate([broken] * 16))

    assert reason(dataset) == "unreadable"


@pytest.mark.parametrize("transfer_syntax", ALL[3:], ids=lambda uid: uid.name)
def test_missing_frames_are_noticed(transfer_syntax):
    dataset = nac(transfer_syntax)
    change(dataset, {"NumberOfFrames": 17})

    assert reason(dataset) in ("unreadable", "incomplete-frames")


@pytest.mark.parametrize("transfer_syntax", ALL[4:], ids=lambda uid: uid.name)
def test_a_codestream_that_claims_another_size_is_not_decoded(transfer_syntax):
    dataset = nac(transfer_syntax)
    change(dataset, {"Rows": 24, "NumberOfFrames": 16})

    assert reason(dataset) == "unreadable"


def test_fill_bytes_before_a_marker_are_skipped():
    dataset = nac(JPEGLSLossless, voxels=np.ones((1, 8, 8)))
    (frame,) = generate_frames(value(dataset, "PixelData"), number_of_frames=1)
    filled = frame[:2] + b"\xff\xff" + frame[2:]

    assert _jpeg_size(filled) == _jpeg_size(frame) == (8, 8)


def test_a_compressed_transfer_syntax_without_a_decoder_is_unreadable():
    dataset = nac(RLELossless)
    dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.100")  # MPEG2

    assert reason(dataset) == "unreadable"


def test_lossy_jpeg_of_eight_bits_is_decoded():
    flat = np.full((16, 16), 77, np.uint8)
    buffer = BytesIO()
    Image.fromarray(flat).save(buffer, "JPEG", quality=95)
    dataset = nac(
        voxels=np.zeros((1, 16, 16)), signed=False, BitsAllocated=8, BitsStored=8, HighBit=7
    )
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    put_bytes(dataset, "PixelData", encapsulate([buffer.getvalue()]))

    assert (stored_values(dataset) == 77).all()


def test_the_layout_tells_its_sizes():
    layout = read_pixel_format(nac())

    assert (layout.frame_bytes, layout.total_bytes) == (48 * 48 * 2, 16 * 48 * 48 * 2)
    assert layout.dtype == np.dtype("<i2")


def test_the_numbers_are_those_pydicom_sees():
    file = edited(nac_file(), BitsStored=16)

    np.testing.assert_array_equal(
        stored_values(read_dataset(file)), dcmread(BytesIO(file)).pixel_array
    )


@pytest.mark.parametrize("stated", ["MONOCHROME1", "PALETTE COLOR", None])
def test_pixels_that_are_not_monochrome_with_white_high_are_refused(stated):
    with pytest.raises(InputRejected) as caught:
        stored_values(nac(PhotometricInterpretation=stated))

    assert caught.value.reason == "pixel-format"
