"""What a parallel-hole camera counts of a volume, and the exact transpose of that."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, eye_array, kron, vstack

from mumap_node.imaging.reconstruction.blur import Blur
from mumap_node.imaging.reconstruction.orbit import ALL, Orbit, Views
from mumap_node.imaging.reconstruction.resolution import Resolution
from mumap_node.imaging.reconstruction.rotation import rotation
from mumap_node.imaging.volume import Matrix, Voxels

TRANSMISSION_BYTES = 768 * 2**20
"""Memory that transmissions may take; where all of them need more, each is made anew every time."""

COARSER = 1.1
"""A bin wider than this many voxels is sampled more than once, so that no voxel is missed."""

VIEWS_TOGETHER = 4
"""Views smeared back in one product, which spares passes over the volume; of more views the
attenuated layers leave the processor's cache."""


@dataclass(frozen=True, eq=False, slots=True)
class _View:
    """What one view makes of a volume before the blur.

    Attributes:
        rotation: From pixels to (layer, fine bin), layer 0 nearest to the detector. Without
            attenuation the layers have already been shared out to the anchors.
        shares: (anchors, layers): how much of a layer each anchor of the blur takes.
        anchors: Which ones.
    """

    rotation: csr_array
    shares: Voxels
    anchors: slice


class Projector:
    """A parallel-hole camera on its orbit around a volume.

    Each slice is turned until it lies in layers parallel to the detector (bilinear), its counts
    are attenuated on their way through the layers before them and half of their own, blurred by
    collimator and crystal as their distance asks, and added up. Counts per voxel and view give
    expected counts per bin: scatter and the collimator's efficiency are the caller's.

    What lies in front of no bin, or above or below the slices, is neither seen nor blurred into
    what is. Source of the method: Zeng and Gullberg, IEEE Trans Nucl Sci 1992;39:1040.

    Args:
        shape: Slices, rows and columns of the volume; projections have the same slices.
        spacing_mm: Of the volume, along (slice, row, column).
        orbit: Angles and radii of the views.
        bins: Of a projection; their middle is the centre of rotation.
        bin_mm: Width of one.
        resolution: Of the camera; None for one without blur.
        lac_per_cm: float32, linear attenuation coefficients at the emission energy, on the
            volume's grid; None for no attenuation.
        offset_mm: Middle of the volume in LPS (x, y), from the centre of rotation.

    Raises:
        ValueError: Sizes that are not positive; a map of another shape, or not finite.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        spacing_mm: tuple[float, float, float],
        orbit: Orbit,
        *,
        bins: int,
        bin_mm: float,
        resolution: Resolution | None = None,
        lac_per_cm: Voxels | None = None,
        offset_mm: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        if len(shape) != 3 or min(shape) < 1:
            raise ValueError(f"expected a shape of three positive numbers, found {shape}")
        if len(spacing_mm) != 3 or not 0 < min(spacing_mm) <= max(spacing_mm) < np.inf:
            raise ValueError(f"expected a spacing of three positive numbers, found {spacing_mm}")
        if bins < 1 or not 0 < bin_mm < np.inf:
            raise ValueError(f"expected bins of some width, found {bins} of {bin_mm} mm")
        if lac_per_cm is not None and lac_per_cm.shape != shape:
            raise ValueError(f"expected a map of shape {shape}, found {lac_per_cm.shape}")
        if lac_per_cm is not None and not np.isfinite(lac_per_cm).all():
            raise ValueError("expected a map of finite values")
        self.shape, self.spacing_mm, self.offset_mm = shape, spacing_mm, offset_mm
        self.orbit, self.bins, self.bin_mm = orbit, bins, bin_mm

        slices, rows, columns = shape
        slice_mm, row_mm, column_mm = spacing_mm
        self._layer_mm = min(row_mm, column_mm)
        fine_bins = int(np.ceil(bin_mm / self._layer_mm / COARSER))
        fine_bins_mm = _centres(bins * fine_bins, bin_mm / fine_bins)
        self._columns = len(fine_bins_mm)
        # Of one layer, a bin takes this many voxels.
        self._voxels_per_cell = bin_mm / fine_bins * self._layer_mm / (row_mm * column_mm)

        depths_mm = [self._depths_mm(direction) for direction in orbit.detector_directions]
        fwhm_mm = [
            np.zeros(len(depths))
            if resolution is None
            else resolution.fwhm_mm(np.maximum(radius - depths, 0))
            for radius, depths in zip(orbit.radii_mm, depths_mm, strict=True)
        ]
        self._blur = Blur(
            np.concatenate(fwhm_mm),
            bins=bins, fine_bins=fine_bins, bin_mm=bin_mm,
            slices=slices, slice_mm=slice_mm,
        )  # fmt: skip
        self._views = []
        for direction, bin_direction, depths, widths in zip(
            orbit.detector_directions, orbit.bin_directions, depths_mm, fwhm_mm, strict=True
        ):
            points_mm = [
                np.add.outer(depths * towards, fine_bins_mm * along).ravel()
                for towards, along in zip(direction, bin_direction, strict=True)
            ]
            turned = rotation((rows, columns), (row_mm, column_mm), offset_mm, np.stack(points_mm))
            anchors, shares = self._blur.shares(widths)
            if lac_per_cm is None:
                same_bins = eye_array(self._columns, dtype=np.float32)
                turned = kron(csr_array(shares), same_bins, "csr") @ turned
            self._views.append(_View(turned, shares, anchors))

        self._lac = None if lac_per_cm is None else _by_pixel(lac_per_cm)
        layers = sum(len(depths) for depths in depths_mm)
        self._keeps = 4 * layers * self._columns * slices <= TRANSMISSION_BYTES
        self._transmissions: dict[int, Voxels] = {}

    def forward(self, voxels: Voxels, views: Views = ALL) -> Voxels:
        """Expected counts in some views.

        Args:
            voxels: float32, counts per voxel and view, of shape ``shape``.
            views: Which views, in which order; all by default.

        Returns:
            float32 [view, slice, bin].

        Raises:
            ValueError: Voxels of another shape.
        """
        if voxels.shape != self.shape:
            raise ValueError(f"expected voxels of shape {self.shape}, found {voxels.shape}")
        numbers = np.arange(self.orbit.views)[views]
        pixels = _by_pixel(voxels)
        projections = np.empty((len(numbers), self.shape[0], self.bins), dtype=np.float32)
        for projection, number in zip(projections, numbers, strict=True):
            view = self._views[number]
            planes = view.rotation @ pixels
            if self._lac is not None:
                planes *= self._transmission(number)
                planes = view.shares @ planes.reshape(view.shares.shape[1], -1)
            planes = planes.reshape(-1, self._columns, self.shape[0])
            projection[:] = self._blur.forward(planes, view.anchors).T
        projections *= self._voxels_per_cell
        return projections

    def back(self, projections: Voxels, views: Views = ALL) -> Voxels:
        """The transpose of ``forward``: projections smeared back into the volume.

        Args:
            projections: float32 [view, slice, bin].
            views: Which views they are; all by default.

        Returns:
            float32, of shape ``shape``; in memory the slices are innermost, as the next
            ``forward`` takes them without a copy.

        Raises:
            ValueError: Projections of another shape.
        """
        numbers = np.arange(self.orbit.views)[views]
        expected = (len(numbers), self.shape[0], self.bins)
        if projections.shape != expected:
            raise ValueError(f"expected projections of shape {expected}, found {projections.shape}")
        slices, rows, columns = self.shape
        pixels = np.zeros((rows * columns, slices), dtype=np.float32)
        for first in range(0, len(numbers), VIEWS_TOGETHER):
            some = slice(first, first + VIEWS_TOGETHER)
            planes = [
                self._smeared(projection, number)
                for projection, number in zip(projections[some], numbers[some], strict=True)
            ]
            rotations = vstack([self._views[number].rotation for number in numbers[some]], "csr")
            pixels += rotations.T @ np.concatenate(planes)
        pixels *= self._voxels_per_cell
        return pixels.reshape(rows, columns, slices).transpose(2, 0, 1)

    def _depths_mm(self, direction: Matrix) -> Matrix:
        """Of the layers that hold the volume: along the view's direction, nearest first."""
        in_plane = np.array(self.spacing_mm[:0:-1]) * self.shape[:0:-1]  # (x, y)
        layers = int(np.ceil(np.abs(direction) @ in_plane / self._layer_mm - 1e-6))
        middle: float = direction @ np.array(self.offset_mm)
        return middle - _centres(layers, self._layer_mm)

    def _smeared(self, projection: Voxels, number: int) -> Voxels:
        """A projection [slice, bin] in the rows of its view's rotation."""
        view = self._views[number]
        image = np.ascontiguousarray(projection.T, dtype=np.float32)
        planes = self._blur.back(image, view.anchors)
        if self._lac is None:
            return planes.reshape(-1, self.shape[0])
        layers: Voxels = view.shares.T @ planes.reshape(len(planes), -1)
        layers = layers.reshape(-1, self.shape[0])
        layers *= self._transmission(number)
        return layers

    def _transmission(self, number: int) -> Voxels:
        """Share of photons that reaches the detector from each (layer, fine bin; slice)."""
        if number in self._transmissions:
            return self._transmissions[number]
        view = self._views[number]
        halves = (view.rotation @ self._lac).reshape(view.shares.shape[1], -1)
        halves *= -self._layer_mm / 10 / 2
        exponent = np.empty_like(halves)
        before = np.zeros_like(halves[0])
        for middle, half in zip(exponent, halves, strict=True):  # faster than np.cumsum
            np.add(before, half, out=middle)
            np.add(middle, half, out=before)
        transmission: Voxels = np.exp(exponent, out=exponent).reshape(-1, self.shape[0])
        if self._keeps:
            self._transmissions[number] = transmission
        return transmission


def _centres(count: int, step_mm: float) -> Matrix:
    """Centres of equal steps around 0, in mm."""
    centres: Matrix = (np.arange(count, dtype=np.float64) - (count - 1) / 2) * step_mm
    return centres


def _by_pixel(voxels: Voxels) -> Voxels:
    """(row * column; slice): all slices of a pixel side by side, as the rotation takes them."""
    turned = voxels.transpose(1, 2, 0).reshape(-1, len(voxels))
    return np.ascontiguousarray(turned, dtype=np.float32)
