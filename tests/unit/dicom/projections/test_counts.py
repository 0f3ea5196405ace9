"""Counts are those that were measured, all of them, and nothing else."""

import numpy as np
import pytest
from pydicom import Dataset

from builders import put_bytes
from mumap_node.errors import InputRejected
from tomos import GE, acquired, frames_of, gated, read, same, tomo

TOTAL = int(acquired().counts.sum(dtype=np.float64))


def refusal(dataset: Dataset) -> InputRejected:
    with pytest.raises(InputRejected) as caught:
        read(dataset)
    return caught.value


def mapped(slope: float, intercept: float) -> Dataset:
    mapping = Dataset()
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = slope, intercept
    return tomo(RealWorldValueMappingSequence=[mapping])


@pytest.mark.parametrize(
    "stated",
    [None, 0, TOTAL, int(TOTAL * 1.009), int(acquired().counts[0].sum())],
    ids=["empty", "0", "all", "almost all", "photopeak"],
)
def test_counts_accumulated_are_all_counts_or_the_photopeaks(stated):
    dataset = tomo()
    dataset.CountsAccumulated = stated

    same(read(dataset), acquired())


@pytest.mark.parametrize("share", [0.98, 1.02, 0.7, 10.0])
def test_other_counts_than_were_accumulated_are_refused(share):
    found = refusal(tomo(CountsAccumulated=int(TOTAL * share)))

    assert found.reason == "counts-mismatch"
    assert "CountsAccumulated" in found.sentence


def test_a_pixel_that_ran_over_is_found():
    """16 bits hold 65535: a hot bladder begins again at 0."""
    dataset = tomo()
    dataset.CountsAccumulated = TOTAL + 65536

    assert refusal(dataset).reason == "counts-mismatch"


def test_gates_add_up_to_the_counts_accumulated():
    dataset = gated(tomo())

    assert dataset.CountsAccumulated == TOTAL
    same(read(dataset), acquired())


def test_negative_counts_are_refused():
    dataset = tomo(CountsAccumulated=None)
    frames = frames_of(dataset).astype("<i2")
    frames[3, 2, 2] = -1
    dataset.PixelRepresentation = 1
    put_bytes(dataset, "PixelData", frames.tobytes())

    assert refusal(dataset).reason == "negative-counts"


def test_signed_counts_are_read_alike():
    same(read(tomo(PixelRepresentation=1)), acquired())


def test_values_that_are_counts_may_say_so():
    same(read(mapped(1.0, 0.0)), acquired())
    same(read(tomo(RescaleSlope="1", RescaleIntercept="0")), acquired())


@pytest.mark.parametrize(
    "dataset",
    [
        tomo(RescaleSlope="2"),
        tomo(RescaleIntercept="-5"),
        mapped(0.5, 0.0),
        mapped(1.0, 1.0),
    ],
    ids=["slope", "intercept", "mapped slope", "mapped intercept"],
)
def test_values_that_are_no_counts_are_refused(dataset):
    assert refusal(dataset).reason == "rescaled-counts"


@pytest.mark.parametrize(
    ("scale", "offset", "accepted"), [(1.0, 0.0, True), (4.18, 0.0, False), (1.0, 3.0, False)]
)
def test_a_pixel_scale_of_ge_must_be_one(scale, offset, accepted):
    dataset = tomo()
    dataset.add_new(0x00110010, "LO", GE)
    dataset.add_new(0x0011103B, "FD", scale)
    dataset.add_new(0x0011103C, "FD", offset)

    if accepted:
        same(read(dataset), acquired())
    else:
        assert refusal(dataset).reason == "rescaled-counts"


def test_a_pixel_scale_that_is_no_number_is_refused():
    dataset = tomo()
    dataset.add_new(0x00110010, "LO", GE)
    dataset.add_new(0x0011103B, "UN", b"1234")

    assert refusal(dataset).reason == "rescaled-counts"
