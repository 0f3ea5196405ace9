"""The same thorax as PyTomography 3.4.0 sees and reconstructs it.

Its projections and reconstruction are stored; benchmarks/reconstruct.py made them.
"""

from pathlib import Path

import numpy as np
import pytest

from mumap_node.imaging.reconstruction import Projector, osem
from thorax import LEHR, cardiac_orbit, thorax

GOLDEN = Path(__file__).parents[3] / "golden" / "pytomography" / "thorax.npz"
SHAPE, SPACING_MM = (8, 48, 48), (8.0, 8.0, 8.0)


@pytest.fixture(scope="module")
def oracle():
    with np.load(GOLDEN) as arrays:
        return {name: arrays[name].astype(np.float32) for name in arrays}


@pytest.fixture(scope="module")
def phantom():
    return thorax(SHAPE, SPACING_MM)


@pytest.fixture(scope="module")
def camera(phantom):
    return Projector(
        SHAPE, SPACING_MM, cardiac_orbit(32), bins=48, bin_mm=8,
        resolution=LEHR, lac_per_cm=phantom.lac_per_cm,
    )  # fmt: skip


def test_projections_agree_with_the_oracle(oracle, phantom, camera):
    expected = oracle["projections"]

    difference = np.abs(camera.forward(phantom.activity) - expected).sum()

    assert difference < 0.002 * expected.sum()


def test_reconstructions_agree_with_the_oracle(oracle, phantom, camera):
    expected = oracle["voxels"]

    found = osem(oracle["projections"], camera, iterations=4, subsets=8)

    ventricle = phantom.myocardium
    assert found[ventricle].mean() == pytest.approx(expected[ventricle].mean(), rel=0.01)
    assert np.abs(found - expected).sum() < 0.03 * expected.sum()
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.999
