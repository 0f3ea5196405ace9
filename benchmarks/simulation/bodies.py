"""What a map tells of a torso, drawn or real: sizes, lungs, attenuation, ways out of the heart.

Simulated and real maps go through the same steps: voxels of 4.8 mm, arms and couch cut away.
Heights are measured from the diaphragm, which is the lowest slice with lung in `DIAPHRAGM_SHARE`
of the section of the body.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mumap_node.imaging.reconstruction import gaussian
from mumap_node.imaging.target import TARGET_FWHM_MM
from mumap_node.imaging.volume import Geometry, Quantity, Volume, Voxels
from mumap_node.training.simulation.anatomy import Anatomy
from mumap_node.training.simulation.case import PHYSICS_GRID
from mumap_node.training.simulation.ct.case import ARMS_DOWN_MM, describe, insert_heart
from mumap_node.training.simulation.ct.torso import Torso, find_torso
from mumap_node.training.simulation.ct.volumes import find_volumes, read_lac
from mumap_node.training.simulation.patient import Vector, draw_patient

Values = NDArray[np.float64]

EDGE_MM = PHYSICS_GRID.spacing_mm[0]
DIAPHRAGM_SHARE = 0.15
HEIGHTS_MM = np.arange(-120.0, 121.0, 5.0)
"""Above the diaphragm, at which sections are compared."""

ANGLES_DEG = np.arange(0.0, 360.0, 5.0)
RAY_HEIGHTS_MM = np.arange(0.0, 91.0, 10.0)
CAMERA_ARC = (ANGLES_DEG >= 45) & (ANGLES_DEG <= 225)
"""LPO 45 to RAO 45, the usual 180°."""

LAC_EDGES_PER_CM = np.linspace(0.0, 0.26, 66)
SLAB_MM = (-60.0, 40.0)
"""Heights whose voxels make the histogram: every real torso with a diaphragm has them."""

LUNG_EROSION_MM = 12.0
"""Off the surface of the lungs, before their attenuation is measured."""

FAT_PER_CM = (0.125, 0.149)
"""Between the two, voxels are mostly fat."""

LEAST_FAT = 0.2
"""Share of fat that makes a peak of its own."""

BONE_PER_CM = 0.178
"""Above it is bone; contrast medium in vessels and organs of a CT stays below."""

VENTRICLES = 5
"""Drawn ones that are put into each real torso in turn; results are means over them."""

NAMES = {"CRLM-CT-1004": "CT 1004", "CRLM-CT-1006": "CT 1006", "patient15": "patient 15",
         "CTAC_g1": "CTAC g1", "VoxHead": "labels"}  # fmt: skip
"""Of the real torsos, by the beginnings of their files' names."""

SEGMENTED = ("CTAC g1", "labels")
"""Their tissues have one value each: of these the outlines are of use, the LACs are not."""


@dataclass(frozen=True, eq=False)
class Body:
    """Measures of one torso.

    Attributes:
        name: Of a real one; empty for a drawn one.
        area_cm2, width_mm, depth_mm, lung_cm2: Of the section at each of `HEIGHTS_MM`; NaN where
            the slab does not reach.
        heart_mm: Height of the middle of the left ventricle; NaN where no diaphragm is seen.
        heart_section: Area in cm², width and depth in mm, lung share there.
        lung_per_cm: Mean LAC of the lungs' inside.
        fat_per_cm, muscle_per_cm: The most frequent LAC of fat, and of denser tissue but bone,
            within `SLAB_MM`.
        fat_share: Of the voxels above 0.10/cm there, those in the range of fat.
        bone_share: Percent of the body there above `BONE_PER_CM`, smoothed to 10 mm.
        histogram: Density of the LACs of the body within `SLAB_MM`, smoothed to 10 mm, in
            percent of the body per bin.
        rays: Integral of the LAC from the middle of the left ventricle to the air, at each of
            `ANGLES_DEG`.
        rays_at: The same from the points above and below at `RAY_HEIGHTS_MM`, [height, angle];
            drawn torsos only.
    """

    name: str
    area_cm2: Values
    width_mm: Values
    depth_mm: Values
    lung_cm2: Values
    heart_mm: float
    heart_section: Values
    lung_per_cm: float
    fat_per_cm: float
    muscle_per_cm: float
    fat_share: float
    bone_share: float
    histogram: Values
    rays: Values
    rays_at: Values

    @property
    def has_ct_values(self) -> bool:
        """Whether its LACs come from CT numbers."""
        return self.name not in SEGMENTED

    @property
    def has_arms(self) -> bool:
        """Whether arms beside the body could not be told from it."""
        return bool(self.heart_section[1] > ARMS_DOWN_MM)

    def through(self, height_mm: float) -> "Body":
        """A drawn torso with the heart's section and ways at another height; itself for NaN.

        The point stays above or below the middle of the ventricle.
        """
        if np.isnan(height_mm):
            return self
        ways = [np.interp(height_mm, RAY_HEIGHTS_MM, column) for column in self.rays_at.T]
        profiles = (self.area_cm2, self.width_mm, self.depth_mm, self.lung_cm2)
        area, width, depth, lung = (self.at(profile, height_mm) for profile in profiles)
        return replace(
            self, rays=np.array(ways), heart_section=np.array((area, width, depth, lung / area))
        )

    def at(self, profile: Values, height_mm: float) -> float:
        """A profile at a height."""
        return float(np.interp(height_mm, HEIGHTS_MM, profile))

    def lung_ml(self, top_mm: float) -> float:
        """Lung from the lowest height to another."""
        below = top_mm >= HEIGHTS_MM
        return float(np.nansum(self.lung_cm2[below]) * (HEIGHTS_MM[1] - HEIGHTS_MM[0]) / 10)

    @property
    def top_mm(self) -> float:
        """Height of the slab's upper end, at most that of `HEIGHTS_MM`."""
        known = HEIGHTS_MM[np.isfinite(self.area_cm2)]
        return float(known[-1]) if known.size else np.nan


def drawn_body(anatomy: Anatomy) -> Body:
    """Measure a simulated torso."""
    volume = Volume(anatomy.lac_per_cm.copy(), anatomy.geometry, Quantity.LAC_PER_CM)
    torso = find_torso(volume, EDGE_MM)
    x, y, z = anatomy.heart.centre_mm
    ways = rays(torso.lac_per_cm, torso.geometry, (x, y, z))
    body = _measure("", torso, z, ways)
    others = [
        rays(torso.lac_per_cm, torso.geometry, (x, y, z - body.heart_mm + height_mm))
        for height_mm in RAY_HEIGHTS_MM
    ]
    return replace(body, rays_at=np.array(others))


def real_bodies(folder: Path) -> list[Body]:
    """Measure every torso of a folder; a heart is put into each."""
    return [_real_body(path) for path in find_volumes(folder)]


def _real_body(path: Path) -> Body:
    torso = find_torso(read_lac(path), EDGE_MM)
    name = next(name for start, name in NAMES.items() if path.name.startswith(start))
    heights, ways = [], []
    for seed in range(VENTRICLES):
        patient = describe(torso, draw_patient(np.random.default_rng(seed)))
        anatomy, slab_mm = insert_heart(torso, patient)
        # The heart was moved to z = 0; the ends of the slab tell from where.
        heights.append(anatomy.heart.centre_mm[2] - slab_mm[0] + torso.slab_mm[0])
        ways.append(rays(anatomy.lac_per_cm, anatomy.geometry, anatomy.heart.centre_mm))
    return _measure(name, torso, float(np.mean(heights)), np.mean(ways, axis=0))


def rays(lac_per_cm: Voxels, geometry: Geometry, centre_mm: Vector) -> Values:
    """Integrals of the LAC in the transverse plane, from a point to the air."""
    steps_mm = np.arange(1.0, 400.0, 2.0)
    angles = np.radians(ANGLES_DEG)[:, None]
    points = np.stack(
        np.broadcast_arrays(
            centre_mm[0] + np.sin(angles) * steps_mm,
            centre_mm[1] + np.cos(angles) * steps_mm,
            centre_mm[2],
        ),
        axis=-1,
    )
    index = np.moveaxis(geometry.to_index(points), -1, 0)
    return ndimage.map_coordinates(lac_per_cm, index, order=1).sum(axis=1) * 0.2


def _measure(name: str, torso: Torso, heart_z_mm: float, ways: Values) -> Body:
    body, lungs = torso.body, torso.lungs
    z_mm = torso.slab_mm[0] + EDGE_MM * np.arange(len(body))
    voxel_cm2 = (EDGE_MM / 10) ** 2
    area, lung = (mask.sum(axis=(1, 2)) * voxel_cm2 for mask in (body, lungs))
    width, depth = (_extent_mm(body, axis) for axis in (1, 2))
    share = lung / np.maximum(area, 1)
    enough = np.flatnonzero(share >= DIAPHRAGM_SHARE)
    diaphragm_mm = z_mm[enough[0]] if enough.size and enough[0] > 1 else np.nan
    height_mm = z_mm - diaphragm_mm

    def profile(values: Values) -> Values:
        if np.isnan(diaphragm_mm):
            return np.full(HEIGHTS_MM.size, np.nan)
        return np.interp(HEIGHTS_MM, height_mm, values, left=np.nan, right=np.nan)

    heart = [np.interp(heart_z_mm, z_mm, values) for values in (area, width, depth, share)]
    lac = torso.lac_per_cm
    within = (height_mm >= SLAB_MM[0]) & (height_mm <= SLAB_MM[1])
    smooth = gaussian(lac, (EDGE_MM,) * 3, TARGET_FWHM_MM)[within][body[within]]
    dense = lac[within][body[within] & (lac[within] > 0.10)]
    inside = ndimage.binary_erosion(lungs, iterations=round(LUNG_EROSION_MM / EDGE_MM))
    counts = np.histogram(smooth, LAC_EDGES_PER_CM)[0]
    is_fat, is_bone = (dense > FAT_PER_CM[0]) & (dense < FAT_PER_CM[1]), dense > BONE_PER_CM
    return Body(
        name=name,
        area_cm2=profile(area),
        width_mm=profile(width),
        depth_mm=profile(depth),
        lung_cm2=profile(lung),
        heart_mm=float(heart_z_mm - diaphragm_mm),
        heart_section=np.array(heart),
        lung_per_cm=float(lac[inside].mean()),
        fat_per_cm=_peak(dense[is_fat]) if is_fat.sum() > LEAST_FAT * dense.size else np.nan,
        muscle_per_cm=_peak(dense[~is_fat & ~is_bone]),
        fat_share=is_fat.sum() / max(dense.size, 1),
        bone_share=100 * np.mean(smooth > BONE_PER_CM) if smooth.size else np.nan,
        histogram=100 * counts / max(counts.sum(), 1),
        rays=ways,
        rays_at=np.empty((0, ways.size)),
    )


def _peak(lac_per_cm: Values) -> float:
    """The most frequent value, of a smooth histogram."""
    if not lac_per_cm.size:
        return np.nan
    edges = np.arange(0.10, 0.20, 0.001)
    smooth = ndimage.gaussian_filter1d(np.histogram(lac_per_cm, edges)[0].astype(float), 1.5)
    return float(edges[smooth.argmax()]) + 0.0005


def _extent_mm(mask: NDArray[np.bool_], axis: int) -> Values:
    """Of each slice, across the given axis."""
    return mask.any(axis=axis).sum(axis=1) * EDGE_MM
