"""A CT series becomes LACs: complete, axial and in HU, or it is refused."""

import contextlib
import random

import numpy as np
import pytest

from examinations import ct, file_of, torso
from mumap_node.dicom.ct_series import read_ct
from mumap_node.dicom.files import read_dataset
from mumap_node.dicom.pixels import stored_values
from mumap_node.errors import InputRejected
from mumap_node.imaging.resampling import onto
from mutations import cut_out, flip_header_bytes, replace_values, truncate


def test_a_ct_that_claims_more_than_memory_should_hold_is_refused():
    """Rows and columns are claims; the pixels may be compressed to next to nothing."""
    huge = ct()
    for dataset in huge:
        dataset.Rows = dataset.Columns = 16384

    with pytest.raises(InputRejected) as caught:
        read_ct([read_dataset(file_of(dataset)) for dataset in huge])

    assert caught.value.reason == "oversized"


@pytest.fixture(scope="module")
def series():
    return [read_dataset(file_of(dataset)) for dataset in ct()]


def test_a_series_in_any_order_gives_the_lac_it_was_made_of(series):
    shuffled = [series[number] for number in np.random.default_rng(0).permutation(len(series))]

    found = read_ct(shuffled)

    expected = onto(torso((60, 104, 104), 4.5).lac, found.geometry).voxels
    assert np.abs(found.voxels - expected).max() < 2e-4


def test_where_a_slice_is_padded_nobody_knows_what_there_is():
    """Outside its circular field a CT is no air: arms lie there."""
    padded = ct()
    rows, columns = np.indices((104, 104)) - 51.5
    outside = np.hypot(rows, columns) > 45
    for dataset in padded:
        stored = stored_values(dataset)[0].copy()
        stored[outside] = 0
        dataset.add_new("PixelPaddingValue", "US", 0)
        dataset.PixelData = stored.tobytes()

    found = read_ct([read_dataset(file_of(dataset)) for dataset in padded])

    assert np.array_equal(np.isnan(found.voxels), np.broadcast_to(outside, found.voxels.shape))


def test_a_range_of_padding_values_is_unknown_too(series):
    ranged = ct()
    for dataset in ranged:
        dataset.add_new("PixelPaddingValue", "US", 0)
        dataset.add_new("PixelPaddingRangeLimit", "US", 100)

    found = read_ct([read_dataset(file_of(dataset)) for dataset in ranged])

    stored = np.stack([stored_values(dataset)[0] for dataset in series])
    assert np.array_equal(np.isnan(found.voxels), stored <= 100)
    assert np.isnan(found.voxels).any()


def test_beyond_the_reconstruction_diameter_nothing_is_known():
    limited = ct()
    for dataset in limited:
        dataset.ReconstructionDiameter = "400"

    unknown = np.isnan(read_ct([read_dataset(file_of(dataset)) for dataset in limited]).voxels)

    assert unknown[:, 0, 0].all()
    assert not unknown[:, 52, :8].all()
    assert unknown[:, 52, :4].all()
    assert np.pi / 4 * 400**2 == pytest.approx((~unknown[0]).sum() * 4.5**2, rel=0.05)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda series: series[5].__setattr__("KVP", "100"), "ct-voltage"),
        (lambda series: [d.__setattr__("KVP", "100") for d in series], "ct-voltage"),
        (lambda series: series.pop(7), "ct-series"),
        (lambda series: series.__delitem__(slice(1, None)), "ct-series"),
        (lambda series: series.__delitem__(slice(5, None)), "ct-series"),
        (lambda series: series[3].__setattr__("RescaleType", "US"), "ct-series"),
        (lambda series: series[3].__delattr__("RescaleIntercept"), "ct-series"),
        (lambda series: series[3].__delattr__("ImagePositionPatient"), "ct-series"),
        (lambda series: series[3].__setattr__("PixelSpacing", ["3", "3"]), "ct-series"),
        (lambda series: [d.__setattr__("PixelSpacing", ["0", "3"]) for d in series],
         "missing-geometry"),
        (lambda series: series[3].__setattr__("ImagePositionPatient", [0, 0, 1e200]), "ct-series"),
        (lambda series: [d.__setattr__("ImagePositionPatient", [0, 0, 1]) for d in series],
         "ct-series"),
        (lambda series: series[3].update({"Rows": 103, "PixelData": bytes(2 * 103 * 104)}),
         "ct-series"),
        (lambda series: series[3].__setattr__("ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]),
         "ct-series"),
        (lambda series: series[3].__setattr__("ImageOrientationPatient", [0, 1, 0, 0, 0, -1]),
         "ct-series"),
    ],
)  # fmt: skip
def test_a_series_with_gaps_or_of_something_else_is_refused(spoil, reason):
    datasets = ct()
    spoil(datasets)

    with pytest.raises(InputRejected) as caught:
        read_ct([read_dataset(file_of(dataset)) for dataset in datasets])
    assert caught.value.reason == reason


def test_only_the_slices_of_a_part_of_the_body_are_read(series):
    """A CT of the whole body is far larger than what a reconstruction shows."""
    whole = read_ct(series)
    z_mm = whole.geometry.to_patient([(number, 0, 0) for number in range(60)])[:, 2]

    part = read_ct(series, (z_mm[20], z_mm[40]))

    assert part.geometry.shape == (20, 104, 104)
    np.testing.assert_array_equal(part.voxels, whole.voxels[20:40])
    first_mm = whole.geometry.to_patient((20, 0, 0))
    np.testing.assert_allclose(part.geometry.to_patient((0, 0, 0)), first_mm)


def test_a_ct_at_another_height_is_refused(series):
    with pytest.raises(InputRejected) as caught:
        read_ct(series, (1000, 1300))
    assert caught.value.reason == "misregistered"


@pytest.mark.parametrize("mutate", [flip_header_bytes, cut_out, truncate, replace_values])
def test_any_slice_is_read_or_refused(mutate):
    """A camera's CT comes by the network as everything does."""
    slices = [file_of(dataset) for dataset in ct()[20:28]]
    for seed in range(40):
        rng = random.Random(seed)  # noqa: S311  (reproducible on purpose)
        files = [*slices[:3], mutate(slices[3], rng), *slices[4:]]
        with contextlib.suppress(InputRejected):
            read_ct([read_dataset(file) for file in files])


def test_images_of_a_few_pixels_are_refused():
    small = ct()
    for dataset in small:
        dataset.Rows = dataset.Columns = 4
        dataset.PixelData = bytes(2 * 4 * 4)

    with pytest.raises(InputRejected, match="at least 8 rows"):
        read_ct([read_dataset(file_of(dataset)) for dataset in small])
