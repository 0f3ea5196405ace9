"""Inputs no map should be made from, out of good ones or drawn as simple phantoms."""

from collections.abc import Callable, Mapping

import numpy as np
from scipy import ndimage

from mumap_node.imaging import resampling
from mumap_node.imaging.volume import Geometry, Quantity, Volume, Voxels

Change = Callable[[Volume, np.random.Generator], Volume]
"""From an upright nAC reconstruction to a bad input; the header claims what it did before."""

SHIFT_MM = 150.0
"""From the heart into the abdomen or to the neck."""

ZOOM = 1.5
"""Between the zooms cameras offer; pixel spacings are wrong by it where it was not written."""

SHORT_AXIS = ((0.62, -0.60, -0.50), (0.33, -0.38, 0.86))
"""Usual long axis (base to apex) and the direction to the anterior wall, LPS; any heart lies
near it, and the slices of another heart are as wrong."""


def mirrored(nac: Volume, _: np.random.Generator) -> Volume:
    """Left and right exchanged."""
    return _with(nac, nac.voxels[:, :, ::-1])


def upside_down(nac: Volume, _: np.random.Generator) -> Volume:
    """Head and feet exchanged."""
    return _with(nac, nac.voxels[::-1])


def back_to_front(nac: Volume, _: np.random.Generator) -> Volume:
    """Front and back exchanged."""
    return _with(nac, nac.voxels[:, ::-1])


def turned_over(nac: Volume, _: np.random.Generator) -> Volume:
    """Turned about the long axis by half a turn: prone, read as supine."""
    return _with(nac, nac.voxels[:, ::-1, ::-1])


def turned_aside(nac: Volume, random: np.random.Generator) -> Volume:
    """Turned about the long axis by a quarter to either side."""
    return _with_axes(nac, np.rot90(nac.voxels, int(random.choice((1, 3))), axes=(1, 2)))


def swapped_axes(nac: Volume, random: np.random.Generator) -> Volume:
    """Coronal or sagittal slices, taken for transaxial ones."""
    order = ((1, 0, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1))[random.integers(4)]
    return _with_axes(nac, np.flip(nac.voxels.transpose(order), axis=int(random.integers(3))))


def short_axis(nac: Volume, random: np.random.Generator) -> Volume:
    """Slices across the left ventricle, taken for transaxial ones."""
    towards_apex, anterior = (np.array(axis) + random.normal(0, 0.1, 3) for axis in SHORT_AXIS)
    slices = towards_apex / np.linalg.norm(towards_apex)
    columns = np.cross(slices, anterior)
    columns /= np.linalg.norm(columns)
    axes = np.stack((slices, np.cross(slices, columns), columns), axis=1)
    spacing_mm = nac.geometry.spacing_mm
    affine = np.eye(4)
    affine[:3, :3] = axes * spacing_mm
    middle = (np.array(nac.geometry.shape) - 1) / 2
    affine[:3, 3] = nac.geometry.centre_mm - affine[:3, :3] @ middle
    oblique = resampling.onto(nac, Geometry(nac.geometry.shape, affine))
    return _with(nac, oblique.voxels)


def shifted(nac: Volume, random: np.random.Generator) -> Volume:
    """Another part of the body in the field of view; what was never seen repeats the end."""
    steps = random.choice((-1, 1)) * SHIFT_MM / nac.geometry.spacing_mm[0]
    return _with(nac, ndimage.shift(nac.voxels, (steps, 0, 0), order=1, mode="nearest"))


def enlarged(nac: Volume, _: np.random.Generator) -> Volume:
    """A voxel size that is stated too large."""
    return _zoomed(nac, ZOOM)


def shrunk(nac: Volume, _: np.random.Generator) -> Volume:
    """A voxel size that is stated too small."""
    return _zoomed(nac, 1 / ZOOM)


def inverted(nac: Volume, _: np.random.Generator) -> Volume:
    """Dark where it should be bright."""
    return _with(nac, nac.voxels.max() - nac.voxels)


def noise(nac: Volume, random: np.random.Generator) -> Volume:
    """Counts of no body at all."""
    return _with(nac, random.poisson(random.uniform(1, 50), nac.voxels.shape))


def cylinder(nac: Volume, random: np.random.Generator) -> Volume:
    """A uniform flood phantom."""
    _, back, left = _coordinates_mm(nac.geometry)
    inside = np.hypot(back, left) < random.uniform(80, 150)
    return _measured(nac, inside, random)


def brain(nac: Volume, random: np.random.Generator) -> Volume:
    """A head: cortex and basal ganglia take up four times what white matter does."""
    head, back, left = _coordinates_mm(nac.geometry)
    size = random.uniform(0.9, 1.1)
    radius = np.sqrt((left / 75) ** 2 + (back / 92) ** 2 + (head / 75) ** 2) / size
    nuclei = np.sqrt(((abs(left) - 22) / 10) ** 2 + (back / 25) ** 2 + (head / 15) ** 2) < size
    activity = 0.05 * (radius < 1.15) + 0.2 * (radius < 1) + 0.75 * ((radius < 1) & (radius > 0.8))
    return _measured(nac, np.where(nuclei, 1.0, activity), random)


def bone_scan(nac: Volume, random: np.random.Generator) -> Volume:
    """The thorax of a bone scan: spine, ribs and sternum over faint soft tissue."""
    head, back, left = _coordinates_mm(nac.geometry)
    wide, deep = random.uniform(125, 165), random.uniform(85, 120)
    wall = np.hypot(left / wide, back / deep)
    ribs = (abs(wall - 0.88) < 0.06) & ((head - 0.3 * back) % 26 < 11)
    spine = np.hypot(left, back - 0.65 * deep) < 21
    sternum = (abs(left) < 18) & (abs(back + 0.88 * deep) < 8)
    activity = 0.1 * (wall < 1) + 0.9 * (ribs | spine | sternum)
    return _measured(nac, activity, random)


FROM_A_CASE: Mapping[str, Change] = {
    change.__name__.replace("_", "-"): change
    for change in (
        mirrored, upside_down, back_to_front, turned_over, turned_aside, swapped_axes, short_axis,
        shifted, enlarged, shrunk, inverted, noise, cylinder, brain, bone_scan,
    )
}  # fmt: skip
"""Every bad input that needs no projections."""


def _with(nac: Volume, voxels: np.ndarray) -> Volume:
    return nac.with_voxels(np.ascontiguousarray(voxels, dtype=np.float32))


def _with_axes(nac: Volume, voxels: np.ndarray) -> Volume:
    """Voxels of another shape under the middle and the voxel sizes of the source."""
    affine = nac.geometry.affine.copy()
    middle = (np.array(voxels.shape) - 1) / 2
    affine[:3, 3] = nac.geometry.centre_mm - affine[:3, :3] @ middle
    return _volume(voxels, affine)


def _zoomed(nac: Volume, factor: float) -> Volume:
    affine = nac.geometry.affine.copy()
    affine[:3] *= factor
    return _volume(nac.voxels, affine)


def _volume(voxels: np.ndarray, affine: np.ndarray) -> Volume:
    slices, rows, columns = voxels.shape
    array: Voxels = np.ascontiguousarray(voxels, dtype=np.float32)
    return Volume(array, Geometry((slices, rows, columns), affine), Quantity.COUNTS)


def _coordinates_mm(geometry: Geometry) -> tuple[np.ndarray, ...]:
    """Distance of each voxel from the middle, towards head, back and left."""
    index = np.indices(geometry.shape)
    return tuple(
        (axis - (size - 1) / 2) * mm
        for axis, size, mm in zip(index, geometry.shape, geometry.spacing_mm, strict=True)
    )


def _measured(nac: Volume, activity: np.ndarray, random: np.random.Generator) -> Volume:
    """Activity as a camera shows it: blurred, with noise, smoothed; attenuation is left out."""
    sigma = 4.2 / np.array(nac.geometry.spacing_mm)  # 10 mm FWHM
    counts = random.poisson(100 * ndimage.gaussian_filter(activity.astype(float), sigma))
    return _with(nac, ndimage.gaussian_filter(counts.astype(float), sigma))
