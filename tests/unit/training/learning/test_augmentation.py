"""Changed cases are still cases: input, truth and masks move together, and left stays left."""

from dataclasses import fields, replace

import pytest
import torch

from mumap_node.training.learning.augmentation import Augmentation, Ranges

STILL = Ranges(**dict.fromkeys((field.name for field in fields(Ranges)), 0))
SHAPE = (1, 20, 24, 28)


def case(seed=0):
    """A patient who is brighter on the left, with counts that say where they are."""
    random = torch.Generator().manual_seed(seed)
    truth = torch.zeros(SHAPE)
    truth[:, 2:18, 6:18, 6:22] = 0.6
    given = truth * (0.5 + 0.5 * torch.rand(SHAPE, generator=random))
    given[:, 8:12, 8:12, 16:20] = 2.0
    return given, truth, torch.ones(SHAPE), torch.ones(SHAPE)


def changed(ranges, seed=0, *, is_sqrt=True):
    return Augmentation(ranges, is_sqrt=is_sqrt, seed=seed)(*case())


def centre(volume):
    volume = volume[0]
    return (
        torch.stack(
            [
                (volume.sum([other for other in range(3) if other != axis]) * torch.arange(n)).sum()
                for axis, n in enumerate(volume.shape)
            ]
        )
        / volume.sum()
    )


@pytest.mark.parametrize("is_sqrt", [True, False])
def test_without_any_range_a_case_stays_as_it_is(is_sqrt):
    for before, after in zip(case(), changed(STILL, is_sqrt=is_sqrt), strict=True):
        assert torch.allclose(before, after, atol=1e-5)


def test_a_seed_decides_every_change():
    one, again, other = changed(Ranges(), 3), changed(Ranges(), 3), changed(Ranges(), 4)

    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert not torch.equal(one[0], other[0])


@pytest.mark.parametrize("turned_share", [0.0, 1.0])
def test_input_truth_and_masks_move_together(turned_share):
    ranges = replace(STILL, shift_voxels=3, turned_share=turned_share, rotation_deg=0, scale=0)
    for seed in range(5):
        given, truth, mask, _ = changed(ranges, seed)
        given_before, truth_before, *_ = case()

        assert torch.allclose(
            centre(given) - centre(given_before), centre(truth) - centre(truth_before), atol=0.05
        )
        assert not given[mask == 0].any()
        assert not truth[mask == 0].any()


def test_both_ways_to_move_agree():
    """The same shift, by whole voxels and by interpolation."""
    given = case()[0][None]
    from mumap_node.training.learning.augmentation import _shifted, _transformed

    shift = [2, -1, 3]
    moved = _shifted(given, shift)
    resampled = _transformed(given, torch.eye(3), shift)

    assert torch.allclose(moved, resampled, atol=1e-4)


def test_a_turned_patient_keeps_its_size_in_every_axis():
    ranges = replace(STILL, turned_share=1, rotation_deg=6)
    for seed in range(5):
        truth = changed(ranges, seed)[1]

        assert float(truth.sum()) == pytest.approx(float(case()[1].sum()), rel=0.02)


def test_a_scaled_patient_is_larger_or_smaller_in_all_axes():
    ranges = replace(STILL, turned_share=1, scale=0.1)
    volumes = [float(changed(ranges, seed)[1].sum() / case()[1].sum()) for seed in range(8)]

    assert min(volumes) < 0.9
    assert max(volumes) > 1.1


def test_where_only_the_truth_is_unknown_the_input_stays():
    """A CT is shorter than what the camera saw; its slices are still part of the input."""
    given, truth, seen, known = case()
    truth[:, :6], known[:, :6] = 0, 0

    found = Augmentation(STILL, is_sqrt=True, seed=0)(given, truth, seen, known)

    assert torch.allclose(found[0], given, atol=1e-5)
    assert torch.equal(found[2], seen)
    assert torch.equal(found[3], known)


def test_a_turned_patient_who_is_cut_off_has_no_air_at_the_cut():
    """Both masks end within the patient: what is left of it is as dense there as inside."""
    ranges = replace(STILL, turned_share=1, rotation_deg=6, scale=0.06)
    seen, known = torch.zeros(SHAPE), torch.zeros(SHAPE)
    seen[:, 4:16, 4:20, 6:22], known[:, 6:14, 6:18, 8:20] = 1, 1
    for seed in range(5):
        given, truth, seen_then, known_then = Augmentation(ranges, is_sqrt=False, seed=seed)(
            seen.clone(), 0.6 * known, seen, known
        )

        assert truth[known_then > 0].numpy() == pytest.approx(0.6, abs=1e-5)
        assert given[seen_then > 0].numpy() == pytest.approx(1.0, abs=1e-5)
        assert not truth[known_then == 0].any()


def test_left_is_never_turned_to_the_right():
    for seed in range(20):
        given, truth, *_ = changed(Ranges(), seed)
        brightest = (given == given.max()).nonzero()[0]

        assert brightest[3] > centre(truth)[2]


def test_slices_that_are_cut_off_count_no_more():
    ranges = replace(STILL, truncated_share=1, truncated_voxels=6)
    given, truth, mask, _ = changed(ranges, 1)

    assert 0 < float(mask.mean()) < 1
    assert not given[mask == 0].any()
    assert not truth[mask == 0].any()
    assert len(mask.unique()) == 2


def test_a_smaller_transaxial_field_of_view_keeps_all_slices():
    mask = changed(replace(STILL, cropped_share=1, cropped_voxels=5), 1)[2]

    assert mask[0].amax((1, 2)).min() == 1
    assert float(mask.mean()) < 1


def test_a_case_without_any_field_of_view_is_left_alone():
    given, truth, *_ = case()
    nothing = torch.zeros(SHAPE)

    found = Augmentation(replace(STILL, truncated_share=1), is_sqrt=True, seed=0)(
        given, truth, nothing, nothing
    )

    assert not found[0].any()


@pytest.mark.parametrize(
    "ranges",
    [
        replace(STILL, noise=0.1),
        replace(STILL, blur_fwhm_voxels=2.0),
        replace(STILL, blur_fwhm_voxels=2.0, sharpen=1.0),
        replace(STILL, brightness=0.3),
        replace(STILL, bias=0.3),
    ],
)
@pytest.mark.parametrize("is_sqrt", [True, False])
def test_what_changes_counts_leaves_the_truth_alone(ranges, is_sqrt):
    found = [changed(ranges, seed, is_sqrt=is_sqrt) for seed in range(10)]

    assert all(torch.equal(truth, case()[1]) for _, truth, *_ in found)
    assert not all(torch.allclose(given, case()[0]) for given, *_ in found)
    assert min(float(given.min()) for given, *_ in found) >= 0
    assert all(bool(given.isfinite().all()) for given, *_ in found)
