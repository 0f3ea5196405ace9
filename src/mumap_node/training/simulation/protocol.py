"""Reconstruction without attenuation and scatter correction, with the settings that sites use.

Scatter is never corrected: the node refuses such a reconstruction, and so never asks for its map.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mumap_node.imaging.reconstruction import Projector, butterworth, fbp, gaussian, osem
from mumap_node.imaging.volume import Geometry, Quantity, Volume, Voxels
from mumap_node.training.simulation.acquisition import Acquired
from mumap_node.training.simulation.camera import Camera

SUBSETS = (4, 5, 6, 8, 10, 12, 15, 16)
LEAST_VIEWS = 4
"""Numbers of subsets that sites choose, and the views that each subset has at least."""

RECOVERY_SHARE = 0.25
"""Of OSEM that knows the blur of the camera."""


@dataclass(frozen=True, slots=True)
class ReconstructionProtocol:
    """How projections become a nAC volume, on the pixels of the acquisition.

    Attributes:
        method: "OSEM" or "FBP".
        iterations: Of OSEM; 0 for FBP.
        subsets: Of OSEM; 0 for FBP.
        resolution_recovery: Whether OSEM knows the blur of the camera.
        post_filter: "none", "gaussian" or "butterworth".
        fwhm_mm: Of the Gaussian; 0 for others.
        cutoff_per_cm: Of the Butterworth filter, cycles per cm; 0 for others.
        order: Of the Butterworth filter; 0 for others.
        axial_range_mm: Slices to keep: lowest and highest z; None for all the detector saw.
    """

    method: Literal["OSEM", "FBP"]
    iterations: int
    subsets: int
    resolution_recovery: bool
    post_filter: Literal["none", "gaussian", "butterworth"]
    fwhm_mm: float
    cutoff_per_cm: float
    order: float
    axial_range_mm: tuple[float, float] | None

    def describe(self) -> str:
        """The method in one line, as a camera's console would name it."""
        words: list[str] = [self.method]
        if self.method == "OSEM":
            words.append(f"{self.iterations}i{self.subsets}s")
        if self.resolution_recovery:
            words.append("RR")
        if self.post_filter == "gaussian":
            words.append(f"Gaussian {self.fwhm_mm:.1f} mm")
        elif self.post_filter == "butterworth":
            words.append(f"Butterworth {self.cutoff_per_cm:.2f}/cm order {self.order:g}")
        return " ".join(words)


def draw_protocol(
    rng: np.random.Generator, camera: Camera, heart_mm: float
) -> ReconstructionProtocol:
    """Draw a protocol.

    Args:
        rng: Source of the choice.
        camera: What acquired the projections.
        heart_mm: z of the middle of the left ventricle, about which a site may crop.
    """
    is_osem = bool(rng.random() < 0.7)
    iterations, subsets = _draw_updates(rng, camera.views) if is_osem else (0, 0)
    recovers = is_osem and bool(rng.random() < RECOVERY_SHARE)
    uses_gaussian = is_osem and bool(rng.random() < 0.55)
    is_raw = camera.matrix == 64 and rng.random() < 0.1
    fwhm_mm = 0.0 if is_raw else rng.triangular(4.0, 9.0, 12.0)
    crop_mm = (heart_mm - rng.uniform(60.0, 150.0), heart_mm + rng.uniform(60.0, 150.0))
    return ReconstructionProtocol(
        method="OSEM" if is_osem else "FBP",
        iterations=iterations,
        subsets=subsets,
        resolution_recovery=recovers,
        post_filter=("gaussian" if fwhm_mm else "none") if uses_gaussian else "butterworth",
        fwhm_mm=fwhm_mm if uses_gaussian else 0.0,
        cutoff_per_cm=0.0 if uses_gaussian else rng.uniform(0.3, 0.6),
        order=0.0 if uses_gaussian else float(rng.choice([5.0, 6.0, 8.0, 10.0])),
        axial_range_mm=crop_mm if rng.random() < 0.35 else None,
    )


def _draw_updates(rng: np.random.Generator, views: int) -> tuple[int, int]:
    """Iterations and subsets; most sites make 30 to 100 updates."""
    subsets = int(rng.choice([size for size in SUBSETS if views // size >= LEAST_VIEWS]))
    updates = rng.uniform(30.0, 100.0)
    return int(np.clip(np.rint(updates / subsets), 2, 12)), subsets


def reconstruct(acquired: Acquired, protocol: ReconstructionProtocol) -> Volume:
    """The nAC volume a site would look at, upright, in the coordinates of the simulation.

    Decay during the acquisition is undone; of attenuation and scatter nothing is.
    """
    kept = kept_rows(acquired, protocol)
    decay = acquired.camera.decay[:, None, None].astype(np.float32)
    photopeak = acquired.photopeak[:, kept] / decay
    geometry = _geometry(acquired, kept)
    if protocol.method == "FBP":
        voxels = fbp(
            photopeak, acquired.orbit, geometry.shape, geometry.spacing_mm,
            bin_mm=acquired.bin_mm,
        )  # fmt: skip
    else:
        projector = Projector(
            geometry.shape, geometry.spacing_mm, acquired.orbit, bins=photopeak.shape[2],
            bin_mm=acquired.bin_mm,
            resolution=acquired.camera.resolution if protocol.resolution_recovery else None,
        )  # fmt: skip
        voxels = osem(
            photopeak, projector, iterations=protocol.iterations, subsets=protocol.subsets
        )
    filtered = np.maximum(apply_post_filter(voxels, geometry.spacing_mm, protocol), 0)
    return Volume(filtered.astype(np.float32), geometry, Quantity.COUNTS)


def kept_rows(acquired: Acquired, protocol: ReconstructionProtocol) -> slice:
    """Rows of the projections that become slices: those the detector saw, or a part of them."""
    seen = acquired.camera.seen_rows
    if protocol.axial_range_mm is None:
        return seen
    middle = (acquired.photopeak.shape[1] - 1) / 2
    low, high = (round(end / acquired.slice_mm + middle) for end in protocol.axial_range_mm)
    return slice(max(seen.start, low), min(seen.stop, high + 1))


def _geometry(acquired: Acquired, kept: slice) -> Geometry:
    """Cubic voxels round the axis of rotation, at the heights of the kept rows."""
    _, rows, bins = acquired.photopeak.shape
    edge_mm = acquired.bin_mm
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(np.diag([edge_mm, edge_mm, acquired.slice_mm]))
    first_mm = -(bins - 1) / 2 * edge_mm
    affine[:3, 3] = first_mm, first_mm, (kept.start - (rows - 1) / 2) * acquired.slice_mm
    return Geometry((kept.stop - kept.start, bins, bins), affine)


def apply_post_filter(
    voxels: Voxels, spacing_mm: tuple[float, float, float], protocol: ReconstructionProtocol
) -> Voxels:
    """What was reconstructed, as smooth as a site wants it; may fall below 0."""
    if protocol.post_filter == "gaussian":
        return gaussian(voxels, spacing_mm, protocol.fwhm_mm)
    if protocol.post_filter == "butterworth":
        return butterworth(voxels, spacing_mm, protocol.cutoff_per_cm, protocol.order)
    return voxels
