"""A CT series becomes the map of its SPECT: in HU, without its couch, as blurred as SPECT is."""

import numpy as np
import pytest

from examinations import ct, file_of, torso
from mumap_node.dicom.files import read_dataset
from mumap_node.errors import InputRejected
from mumap_node.imaging.resampling import onto
from mumap_node.training.pairs.ct import TRUTH_FWHM_MM, read_ct, to_truth, without_couch


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
    assert fwhm_mm == pytest.approx(np.hypot(TRUTH_FWHM_MM, 2.3548 * grid_mm / 12**0.5), rel=0.15)


def test_the_couch_goes_and_the_lungs_stay(series):
    lac = read_ct(series)
    with_couch = lac.voxels.copy()
    with_couch[:, 92:94, 20:84] = 0.1
    with_couch[:, 80:92, 50:51] = np.maximum(with_couch[:, 80:92, 50:51], 0.1)  # it touches

    kept = without_couch(lac.with_voxels(with_couch))

    assert not kept[:, 92:94].any()
    body = lac.voxels > 0.02
    assert np.abs(kept - lac.voxels)[body].mean() < 1e-3


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
