"""The left ventricle flattened: polar map and the 17 segments of the AHA.

Names, numbers and angles of the segments: Cerqueira 2002, doi 10.1161/hc0402.102975.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from mumap_node.imaging.volume import Matrix, Volume

Values = NDArray[np.float64]

RINGS, ANGLES = 24, 72
"""Samples from apex to base, six a level of segments, and around the axis, one every 5 degrees."""

APEX_CAP = 0.25
"""Thickness of the wall that closes the apex, relative to the epicardial radius: some 8 mm, as a
mean over the beat. It is segment 17."""

WALL = (0.4, 1.05)
"""Where along a ray the wall is looked for, relative to the epicardial radius: beyond the blood,
and not outside, where liver and gut lie."""

WALL_MIDDLE = 0.85
"""Half way through a wall of 0.3 radii, relative to the epicardial radius."""

RAY_STEP_MM = 1.5
"""Between samples along a ray; well below the voxels of SPECT."""

SEGMENT_NAMES = (
    "basal anterior", "basal anteroseptal", "basal inferoseptal",
    "basal inferior", "basal inferolateral", "basal anterolateral",
    "mid anterior", "mid anteroseptal", "mid inferoseptal",
    "mid inferior", "mid inferolateral", "mid anterolateral",
    "apical anterior", "apical septal", "apical inferior", "apical lateral",
    "apex",
)  # fmt: skip
"""Segments 1 to 17."""

MOST_UPRIGHT = 0.95
"""Largest cosine between the axis and head or feet; beyond it no wall is the anterior one."""


@dataclass(frozen=True, eq=False, slots=True)
class LeftVentricle:
    """Place and size of a left ventricle: a cylinder that ends at the apex in a half sphere.

    Attributes:
        centre_mm: LPS position of the middle of the long axis.
        axis: Unit vector in LPS from base to apex.
        length_mm: From the plane of the base to the epicardial apex.
        radius_mm: Epicardial radius.

    Raises:
        ValueError: An axis that is no unit vector or points to head or feet, or a length below
            the radius.
    """

    centre_mm: tuple[float, float, float]
    axis: tuple[float, float, float]
    length_mm: float
    radius_mm: float

    def __post_init__(self) -> None:
        if abs(np.linalg.norm(self.axis) - 1) > 1e-3:
            raise ValueError(f"expected an axis of length 1, found {self.axis}")
        if abs(self.axis[2]) > MOST_UPRIGHT:
            raise ValueError(f"expected an axis across head and feet, found {self.axis}")
        if not self.length_mm >= self.radius_mm > 0:
            raise ValueError(
                f"expected a length of at least the radius, found {self.length_mm:g} mm "
                f"and {self.radius_mm:g} mm"
            )

    @property
    def cavity_mm(self) -> float:
        """Length of the cavity, from the plane of the base."""
        return self.length_mm - APEX_CAP * self.radius_mm

    @property
    def anterior(self) -> Matrix:
        """Unit vector across the axis to the anterior wall: what points to the head.

        So lies the top of a short-axis slice, which is turned about two axes of the patient.
        """
        axis = np.array(self.axis)
        across: Matrix = np.array((0.0, 0.0, 1.0)) - axis[2] * axis
        across /= np.linalg.norm(across)
        return across

    @property
    def lateral(self) -> Matrix:
        """Unit vector across the axis to the lateral wall, right in a short-axis slice."""
        return np.cross(-np.array(self.axis), self.anterior)

    @property
    def axial_range_mm(self) -> tuple[float, float]:
        """Lowest and highest z of its surface."""
        towards_apex = np.copysign(1.0, self.axis[2])
        half_mm, across = self.length_mm / 2, np.hypot(*self.axis[:2])
        apex_mm = (half_mm - self.radius_mm) * self.axis[2] + towards_apex * self.radius_mm
        base_mm = -half_mm * self.axis[2] - towards_apex * self.radius_mm * across
        lowest, highest = sorted((apex_mm, base_mm))
        return self.centre_mm[2] + float(lowest), self.centre_mm[2] + float(highest)

    def depth_mm(self, points_mm: Matrix) -> Values:
        """How deep LPS positions, last axis 3, lie below its surface; negative outside."""
        offset_mm, axis = points_mm - self.centre_mm, np.array(self.axis)
        along_mm = offset_mm @ axis
        across_mm = np.linalg.norm(offset_mm - along_mm[..., np.newaxis] * axis, axis=-1)
        from_base_mm = along_mm + self.length_mm / 2
        beyond_mm = np.maximum(from_base_mm - (self.length_mm - self.radius_mm), 0)
        depth: Values = np.minimum(self.radius_mm - np.hypot(across_mm, beyond_mm), from_base_mm)
        return depth


@dataclass(frozen=True, eq=False, slots=True)
class PolarMap:
    """What the wall of a left ventricle takes up, from apex to base and around.

    Attributes:
        values: float64, (ring, angle), in the unit of the volume. The first ring is at the apex,
            the last at the base. The apex, the apical, the mid and the basal segments have a
            quarter of the rings each, as polar maps are drawn, evenly along the axis. Angles lie
            evenly, the first half a step from anterior, over lateral, inferior and septal.
    """

    values: Values

    def segments(self) -> Values:
        """Mean of each of the 17 segments, segment 1 first."""
        labels = segment_labels(*self.values.shape)
        return np.array([self.values[labels == number].mean() for number in range(1, 18)])

    def of_maximum(self) -> Values:
        """Values in percent of the largest; all 0 where nothing is above 0."""
        largest = self.values.max()
        return self.values * (100 / largest) if largest > 0 else np.zeros_like(self.values)


def polar_map(
    volume: Volume,
    heart: LeftVentricle,
    *,
    along_ray: Literal["maximum", "mean"] = "maximum",
    rings: int = RINGS,
    angles: int = ANGLES,
) -> PolarMap:
    """Sample the wall of a left ventricle along rays from its axis.

    Rays are perpendicular to the axis where the ventricle is a cylinder, and start at the centre
    of the half sphere at its apex. The place is taken in the patient, so the grid of the volume
    does not matter. What lies outside the volume counts as 0.

    Args:
        volume: Activity, on any grid.
        heart: Where the ventricle lies.
        along_ray: What a ray is worth: its largest value, as perfusion is read, or its mean.
        rings: From apex to base; a multiple of four keeps the segments whole.
        angles: Around the axis; a multiple of twelve keeps the segments whole.
    """
    points_mm = _rays_mm(heart, rings, angles)
    index = volume.geometry.to_index(points_mm)
    samples = map_coordinates(
        volume.voxels, np.moveaxis(index, -1, 0), np.float64, order=1, mode="constant"
    )
    return PolarMap(samples.max(axis=-1) if along_ray == "maximum" else samples.mean(axis=-1))


def segment_of(thirds: NDArray[Any], angle_deg: NDArray[Any]) -> NDArray[np.uint8]:
    """AHA segment, 1 to 17, at places of the wall (Cerqueira 2002).

    Args:
        thirds: Place along the axis in thirds of the cavity: 0 the base, 3 the cavity's end, beyond
            which lies the apex. What lies before the base belongs to it.
        angle_deg: Around the axis: 0 anterior, 90 lateral, 180 inferior, 270 septal.
    """
    sixth = np.floor((angle_deg + 30) / 60).astype(int) % 6
    quarter = np.floor((angle_deg + 45) / 90).astype(int) % 4
    basal = np.array((1, 6, 5, 4, 3, 2), np.uint8)[sixth]
    apical = np.array((13, 16, 15, 14), np.uint8)[quarter]
    ring = np.where(thirds < 1, basal, np.where(thirds < 2, basal + np.uint8(6), apical))
    return np.where(thirds < 3, ring, np.uint8(17))


def segment_labels(rings: int = RINGS, angles: int = ANGLES) -> NDArray[np.uint8]:
    """The segment, 1 to 17, of every value of a polar map."""
    return segment_of(_thirds(rings)[:, None], (np.arange(angles) + 0.5) * 360 / angles)


def _thirds(rings: int) -> Values:
    """Place of each ring as ``segment_of`` has it; from 3 to 4 they cross the apex."""
    return 4 - 4 * (np.arange(rings) + 0.5) / rings


def _rays_mm(heart: LeftVentricle, rings: int, angles: int) -> Matrix:
    """LPS positions of all samples: (ring, angle, along the ray, 3).

    The middle of the wall lies where the ring says; so the rays of the half sphere are tilted.
    """
    axis, radius = np.array(heart.axis), heart.radius_mm
    cylinder_mm = heart.length_mm - radius
    tip_mm = cylinder_mm + WALL_MIDDLE * radius
    along_mm = np.interp(_thirds(rings), (0, 3, 4), (0, heart.cavity_mm, tip_mm))
    base_mm = np.array(heart.centre_mm) - heart.length_mm / 2 * axis
    start_mm = base_mm + np.minimum(along_mm, cylinder_mm)[:, None] * axis  # (ring, 3)
    towards_apex = np.maximum(along_mm - cylinder_mm, 0) / (WALL_MIDDLE * radius)
    outwards = np.sqrt(1 - towards_apex**2)[:, None, None]
    around = 2 * np.pi * (np.arange(angles)[:, None] + 0.5) / angles
    across = np.cos(around) * heart.anterior + np.sin(around) * heart.lateral  # (angle, 3)
    direction = towards_apex[:, None, None] * axis + outwards * across  # (ring, angle, 3)
    first, last = (share * radius for share in WALL)
    distance_mm = np.linspace(first, last, max(round((last - first) / RAY_STEP_MM), 2))
    rays: Matrix = start_mm[:, None, None] + distance_mm[:, None] * direction[:, :, None]
    return rays
