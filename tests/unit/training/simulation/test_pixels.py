import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cameras import camera
from mumap_node.training.simulation.conditions import Motion
from mumap_node.training.simulation.pixels import mean_way_mm, onto_pixels, rebinning


@given(
    st.integers(20, 90), st.floats(2.0, 10.0), st.integers(16, 130), st.floats(3.0, 7.0),
    st.floats(-8.0, 8.0), st.floats(-0.3, 0.3),
)  # fmt: skip
def test_rebinning_keeps_counts_and_places(bins, bin_mm, pixels, pixel_mm, shift_mm, place):
    reach_mm = min(bins * bin_mm, pixels * pixel_mm) / 2
    width_mm = 2 * max(bin_mm, pixel_mm)
    if reach_mm * 0.7 < 5 * width_mm + abs(shift_mm):
        return
    at = (np.arange(bins) - (bins - 1) / 2) * bin_mm
    counts = np.exp(-(((at - place * reach_mm) / width_mm) ** 2) / 2)
    rebinned = rebinning(bins, bin_mm, pixels, pixel_mm, shift_mm) @ counts
    now_at = (np.arange(pixels) - (pixels - 1) / 2) * pixel_mm
    assert rebinned.sum() == pytest.approx(counts.sum(), rel=1e-3)
    moved = np.average(now_at, weights=rebinned) - np.average(at, weights=counts)
    assert moved == pytest.approx(shift_mm, abs=0.02 * pixel_mm)


def test_rebinning_onto_the_same_pixels_changes_nothing():
    np.testing.assert_allclose(rebinning(30, 4.8, 30, 4.8), np.eye(30), atol=1e-5)


def test_pixels_beyond_the_detector_stay_empty():
    one = camera(matrix=128, pixel_mm=4.8, views=4, axial_field_mm=300.0)
    seen = onto_pixels(np.ones((4, 140, 140), np.float32), 4.8, one, None)
    rows, columns = (np.flatnonzero(seen[0].any(axis=axis)) for axis in (1, 0))
    assert (rows.size, columns.size) == (62, 110)
    assert rows.mean() == columns.mean() == 63.5


@pytest.mark.parametrize(("kind", "share"), [("step", 0.5), ("drift", 0.25)])
@pytest.mark.parametrize("heads", [1, 2])
def test_who_moved_was_on_average_where_the_time_spent_there_says(kind, share, heads):
    motion = Motion(kind, begins=0.5, lateral_mm=8.0, axial_mm=-12.0)
    way_mm = mean_way_mm(camera(views=128, heads=heads), motion)
    assert way_mm == pytest.approx((8 * share, 0, -12 * share), abs=0.15)


def test_who_lay_still_is_where_he_was():
    assert mean_way_mm(camera(), None) == (0, 0, 0)
