"""A CT series becomes the map of its SPECT: in HU, without its couch, as blurred as SPECT is."""

import numpy as np
import pytest

from examinations import ct, file_of, torso
from mumap_node.dicom.files import read_dataset
from mumap_node.dicom.pixels import stored_values
from mumap_node.errors import InputRejected
from mumap_node.imaging.resampling import onto
from mumap_node.training.pairs.ct import read_ct, to_truth, without_couch
from mumap_node.training.pairs.target import TARGET_FWHM_MM


@pytest.fixture(scope="module")
def series():
    return [read_dataset(file_of(dataset)) for dataset in ct()]


def test_a_series_in_any_order_gives_the_lac_it_was_made_of(series):
    shuffled = [series[number] for number in np.random.default_rng(0).permutation(len(series))]

    found = read_ct(shuffled)

    expected = onto(torso((60, 104, 104), 4.5).lac, found.geometry).voxels
    assert np.abs(found.voxels - expected).max() < 2e-4


def test_the_truth_lies_on_the_grid_of_the_reconstruction(series):
    grid = torso().emission.geometry

    truth = to_truth(read_ct(series), grid).voxels

    known = np.isfinite(truth)
    inside = torso().lac.voxels > 0.15
    assert known[2:-2].all()
    assert not known[0].any()  # the CT is shorter
    assert np.median(truth[known & inside]) == pytest.approx(0.152, abs=0.003)


@pytest.mark.parametrize("grid_mm", [2.0, 4.5, 6.6])
def test_an_edge_of_a_ct_is_as_wide_as_in_spect_whatever_the_voxels(grid_mm):
    fine = torso((60, 104, 104), 4.5).lac
    block = np.zeros(fine.voxels.shape, dtype=np.float32)
    block[10:50, 30:74, 30:74] = 0.15

    truth = to_truth(fine.with_voxels(block), torso((24, 141, 141), grid_mm).lac.geometry).voxels

    profile = truth[12, 70, 70:]
    steps = -np.diff(profile[np.isfinite(profile)])
    at_mm = np.arange(steps.size) * grid_mm
    middle_mm = (steps * at_mm).sum() / steps.sum()
    fwhm_mm = 2.3548 * np.sqrt((steps * (at_mm - middle_mm) ** 2).sum() / steps.sum())
    # Between two voxels of the CT, an edge is a little sharper than anywhere else (test_target).
    assert fwhm_mm == pytest.approx(np.hypot(TARGET_FWHM_MM, 2.3548 * grid_mm / 12**0.5), rel=0.11)


def test_the_couch_goes_and_the_lungs_stay(series):
    lac = read_ct(series)
    with_couch = lac.voxels.copy()
    with_couch[:, 92:94, 20:84] = 0.1
    with_couch[:, 80:92, 50:51] = np.maximum(with_couch[:, 80:92, 50:51], 0.1)  # it touches

    kept = without_couch(lac.with_voxels(with_couch))

    assert not kept[:, 92:94].any()
    body = lac.voxels > 0.02
    assert np.abs(kept - lac.voxels)[body].mean() < 1e-3


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


def test_the_truth_is_unknown_where_the_ct_is_and_undimmed_beside_it(series):
    lac = read_ct(series)
    cut = lac.voxels.copy()
    cut[..., 70:] = np.nan  # within the body
    grid = torso().emission.geometry

    whole, part = (to_truth(lac.with_voxels(voxels), grid).voxels for voxels in (lac.voxels, cut))

    known = np.isfinite(part)
    assert not known[16, 24, 36:].any()
    assert known[16, 24, :32].all()
    edge = known[16, 24].nonzero()[0][-1]
    assert part[16, 18:30, edge].mean() > 0.9 * whole[16, 18:30, edge].mean()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda series: series[5].__setattr__("KVP", "100"), "ct-voltage"),
        (lambda series: [d.__setattr__("KVP", "100") for d in series], "ct-voltage"),
        (lambda series: series.pop(7), "ct-series"),
        (lambda series: series.__delitem__(slice(5, None)), "ct-series"),
        (lambda series: series[3].__setattr__("RescaleType", "US"), "ct-series"),
        (lambda series: series[3].__delattr__("RescaleIntercept"), "ct-series"),
        (lambda series: series[3].__delattr__("ImagePositionPatient"), "ct-series"),
        (lambda series: series[3].__setattr__("PixelSpacing", ["3", "3"]), "ct-series"),
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
