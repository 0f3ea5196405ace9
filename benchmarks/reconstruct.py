"""How fast OSEM is, beside PyTomography's on the same projections, and how well both agree.

PyTomography is no dependency of the project. Where it can be imported it runs too; an environment
for that, and a run in it::

    python -m venv oracle && oracle/bin/pip install torch==2.13.0 pytomography==3.4.0
    oracle/bin/pip install --no-deps --editable .
    oracle/bin/python benchmarks/reconstruct.py [--rounds 3]

`--golden tests/golden/pytomography/thorax.npz` makes the small reference that
tests/unit/imaging/reconstruction/test_oracle.py compares with: PyTomography's projections of the
thorax of tests/thorax.py and its reconstruction of them.
"""

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the thorax of the tests

from mumap_node.imaging.reconstruction import Orbit, Projector, osem
from mumap_node.imaging.reconstruction.osem import ordered_subsets
from mumap_node.imaging.volume import Voxels
from thorax import LEHR, Thorax, cardiac_orbit, thorax

try:
    import torch
    from pytomography.algorithms import OSEM
    from pytomography.likelihoods import PoissonLogLikelihood
    from pytomography.metadata.SPECT import SPECTObjectMeta, SPECTProjMeta, SPECTPSFMeta
    from pytomography.projectors.SPECT import SPECTSystemMatrix
    from pytomography.transforms.SPECT import SPECTAttenuationTransform, SPECTPSFTransform
except ImportError:
    torch = None

ITERATIONS, SUBSETS = 4, 8
COUNTS = 8e6
GRIDS = (((64, 64, 64), 6.6), ((40, 128, 128), 3.3))
GOLDEN_GRID = ((8, 48, 48), 8.0)
GOLDEN_VIEWS = 32


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--golden", type=Path)
    parsed = arguments.parse_args()
    if parsed.golden:
        write_golden(parsed.golden)
        return
    print("| grid | physics | this project | PyTomography | ratio | LV mean | relative L1 |")
    print("|---|---|---|---|---|---|---|")
    for shape, spacing_mm in GRIDS:
        for is_modelled in (True, False):
            compare(shape, spacing_mm, parsed.rounds, is_modelled=is_modelled)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")


def compare(
    shape: tuple[int, int, int], spacing_mm: float, rounds: int, *, is_modelled: bool
) -> None:
    """Time both on the same noisy projections; the projectors are made within the time."""
    phantom, orbit = thorax(shape, (spacing_mm,) * 3), cardiac_orbit()
    expected = projector(phantom, spacing_mm, orbit, is_modelled=True).forward(phantom.activity)
    expected *= COUNTS / expected.sum()
    counts = np.random.default_rng(1).poisson(expected).astype(np.float32)

    def ours() -> Voxels:
        camera = projector(phantom, spacing_mm, orbit, is_modelled=is_modelled)
        return osem(counts, camera, iterations=ITERATIONS, subsets=SUBSETS)

    def theirs() -> Voxels:
        return Oracle(phantom, spacing_mm, orbit, is_modelled=is_modelled).osem(counts)

    seconds, voxels = timed(ours, rounds)
    row = [
        " x ".join(map(str, shape[::-1])),
        "attenuation, blur" if is_modelled else "none",
        f"{seconds:.2f} s",
    ]
    if torch:
        their_seconds, their_voxels = timed(theirs, 1)
        ventricle = phantom.myocardium
        difference = voxels[ventricle].mean() / their_voxels[ventricle].mean() - 1
        l1 = np.abs(voxels - their_voxels).sum() / their_voxels.sum()
        row += [
            f"{their_seconds:.2f} s",
            f"{their_seconds / seconds:.1f}",
            f"{difference:+.2%}",
            f"{l1:.2%}",
        ]
    print("|", " | ".join(row), "|", flush=True)


def timed(reconstruct: Callable[[], Voxels], rounds: int) -> tuple[float, Voxels]:
    """Median seconds, and the last result."""
    seconds = []
    for _ in range(rounds):
        before = time.perf_counter()
        voxels = reconstruct()
        seconds.append(time.perf_counter() - before)
    return statistics.median(seconds), voxels


def projector(phantom: Thorax, spacing_mm: float, orbit: Orbit, *, is_modelled: bool) -> Projector:
    """The camera, with the physics of the phantom or without any."""
    return Projector(
        phantom.activity.shape,
        (spacing_mm,) * 3,
        orbit,
        bins=phantom.activity.shape[2],
        bin_mm=spacing_mm,
        resolution=LEHR if is_modelled else None,
        lac_per_cm=phantom.lac_per_cm if is_modelled else None,
    )


class Oracle:
    """PyTomography's camera. Its arrays are [x, y, z] and [view, bin, z], its lengths cm.

    It takes every n-th view for a subset, in turn. Views are handed over in such an order that
    its subsets are ours, so that differences are those of the physics.
    """

    def __init__(
        self, phantom: Thorax, spacing_mm: float, orbit: Orbit, *, is_modelled: bool
    ) -> None:
        self.order = np.stack(ordered_subsets(orbit, SUBSETS), axis=1).ravel()
        ordered = orbit.select(self.order)
        shape = phantom.activity.shape[::-1]
        spacing_cm = spacing_mm / 10
        physics = []
        if is_modelled:
            lac = torch.tensor(phantom.lac_per_cm.transpose(2, 1, 0).copy())
            blur = SPECTPSFMeta((), sigma_fit=sigma_cm, min_sigmas=5)
            physics = [SPECTAttenuationTransform(lac), SPECTPSFTransform(blur)]
        self.matrix = SPECTSystemMatrix(
            physics,
            [],
            SPECTObjectMeta([spacing_cm] * 3, shape),
            SPECTProjMeta(
                shape[1:],
                [spacing_cm] * 2,
                ordered.angles_deg + 180,  # its 0 is in front
                ordered.radii_mm / 10,
            ),
        )

    def forward(self, voxels: Voxels) -> Voxels:
        """Expected counts [view, slice, bin] of a volume."""
        projections = self.matrix.forward(torch.tensor(voxels.transpose(2, 1, 0).copy()))
        return projections.numpy().transpose(0, 2, 1)[np.argsort(self.order)]

    def osem(self, projections: Voxels) -> Voxels:
        """The volume [slice, row, column] of projections [view, slice, bin]."""
        counts = torch.tensor(projections[self.order].transpose(0, 2, 1).copy())
        voxels = OSEM(PoissonLogLikelihood(self.matrix, counts))(ITERATIONS, SUBSETS)
        return voxels.numpy().transpose(2, 1, 0)


def sigma_cm(distance_cm: np.ndarray) -> np.ndarray:
    return LEHR.fwhm_mm(distance_cm * 10) / np.sqrt(8 * np.log(2)) / 10


def write_golden(path: Path) -> None:
    """Noise-free projections and their reconstruction, as half floats (0.05 %)."""
    shape, spacing_mm = GOLDEN_GRID
    phantom, orbit = thorax(shape, (spacing_mm,) * 3), cardiac_orbit(GOLDEN_VIEWS)
    oracle = Oracle(phantom, spacing_mm, orbit, is_modelled=True)
    projections = oracle.forward(phantom.activity).astype(np.float16)
    voxels = oracle.osem(projections.astype(np.float32)).astype(np.float16)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, projections=projections, voxels=voxels)


if __name__ == "__main__":
    main()
