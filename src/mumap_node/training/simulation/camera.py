"""A gamma camera and how a site sets it up for myocardial perfusion SPECT with Tc-99m."""

import math
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from mumap_node.imaging.attenuation import EMISSION_ENERGY_KEV
from mumap_node.imaging.reconstruction import Orbit, Resolution

Row = TypeVar("Row", bound=tuple[Any, ...])
Window = tuple[float, float]
Points = NDArray[np.float64]

DETECTOR_WIDTH_MM = 530.0
"""Transaxial field of view of a large detector (Siemens Symbia 533 mm, GE Infinia 540 mm)."""

LEAD_LAC_140KEV_PER_CM = 25.7
"""Lead, 11.35 g/cm³, 140.5 keV. Source: NIST XCOM."""

HALF_LIFE_MINUTES = 360.4
"""Of Tc-99m: 6.007 h. Source: ENSDF, National Nuclear Data Center."""

COLLIMATORS = (
    # name, hole diameter, hole length in mm, weight of the draw
    ("LEHR", 1.11, 24.05, 0.30),  # Siemens Symbia
    ("LEHR", 1.50, 35.00, 0.25),  # GE Infinia, Discovery 670
    ("LEHR", 1.40, 30.00, 0.05),  # GE Ventri
    ("LEHR", 1.22, 27.00, 0.15),  # Philips BrightView
    ("LEGP", 1.45, 24.05, 0.08),  # Siemens Symbia, named LEAP there
    ("LEGP", 1.90, 35.00, 0.10),  # GE Infinia
    ("LEGP", 1.40, 24.70, 0.07),  # Philips BrightView
)
"""Typical parallel holes. Source: collimator data base of the SIMIND Monte Carlo program."""

PIXELS_MM = {64: (6.59, 6.80, 6.40, 5.30), 128: (3.30, 3.40, 4.42, 4.80)}
"""Pixels of common zooms (1.0 to 1.45) by matrix; a third of the sites has another one."""

PIXEL_RANGE_MM = {64: (5.3, 6.8), 128: (3.3, 4.8)}

VIEWS = {
    180.0: ((30, 0.1), (32, 0.2), (60, 0.3), (64, 0.4)),
    360.0: ((60, 0.3), (64, 0.3), (120, 0.25), (128, 0.15)),
}
"""Number of views and its share of the sites, by arc in degrees."""

RAO_45_DEG, LPO_45_DEG = 225.0, 45.0
"""Ends of the usual arc over the heart, as DICOM counts angles (PS3.3 C.8.4.13)."""

ENERGY_RESOLUTIONS = (0.090, 0.095, 0.100)
"""Of NaI(Tl) crystals of 9.5 mm at 140.5 keV; few values, so that kernels of scatter are reused."""

AXIAL_FIELD_MM = (375.0, 400.0)
SHORT_FIELD_MM = (220.0, 360.0)
"""Of large detectors, and of small or partly masked ones."""

SCATTER_WINDOWS = ((7.0, True, 0.4), (12.0, False, 0.4), (20.0, False, 0.2))
"""Width in keV, whether there is one above the photopeak too, share: the triple energy window
(Ogawa 1991, doi 10.1109/42.97591), and one window as GE and Siemens set it for Tc-99m."""

MINUTES = {1: (15.0, 30.0), 2: (8.0, 20.0)}
"""Shortest and longest acquisition by number of heads: 25 s a stop for 64 views are 27 minutes with
one head, and 13 with two."""

MEDIAN_COUNTS = 7.0e6
COUNTS_RANGE = (2.0e6, 20.0e6)
"""Photopeak counts of a whole acquisition, at a body mass index of 27 kg/m²."""


class Sitter(Protocol):
    """What the choice of an acquisition takes from a patient."""

    @property
    def bmi(self) -> float:
        """Body mass index in kg/m²."""


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera with the protocol of one acquisition.

    Attributes:
        collimator: "LEHR" (high resolution) or "LEGP" (general purpose); parallel holes.
        hole_diameter_mm: Across the flats of the hexagonal holes.
        hole_length_mm: As built; photons pass some of it, see ``resolution``.
        intrinsic_fwhm_mm: Of crystal and electronics. It blurs scattered counts, and is what a
            reconstruction knows; in primary counts the 5.7 mm of the grid stand for it.
        energy_resolution: FWHM over energy, at 140.5 keV.
        follows_contour: Whether each view comes as close as the patient allows; else a circle.
        gap_mm: Between the patient (or the table) and the face of the collimator.
        arc_deg: 180 or 360.
        views: Number of views, evenly over the arc, both heads together.
        heads: 1, or 2 that share the arc: the first half of the views is the first head's.
        start_deg: Angle of the first view, as DICOM counts.
        clockwise: Sense of rotation seen from the patient's feet; angles then fall.
        matrix: Rows and columns of a view.
        pixel_mm: Edge of its square pixels.
        axial_field_mm: Length of the detector that sees photons; rows beyond stay empty.
        photopeak_kev: Lower and upper end of the photopeak window.
        lower_kev: Of the scatter window below it.
        upper_kev: Of the scatter window above it, as the triple-energy-window method has; or None.
        seconds_per_view: Time at each stop.
        counts: Expected counts in the photopeak, all views together.
    """

    collimator: str
    hole_diameter_mm: float
    hole_length_mm: float
    intrinsic_fwhm_mm: float
    energy_resolution: float
    follows_contour: bool
    gap_mm: float
    arc_deg: float
    views: int
    heads: int
    start_deg: float
    clockwise: bool
    matrix: int
    pixel_mm: float
    axial_field_mm: float
    photopeak_kev: Window
    lower_kev: Window
    upper_kev: Window | None
    seconds_per_view: float
    counts: float

    @property
    def resolution(self) -> Resolution:
        """Of collimator and crystal; the holes end where lead lets photons through.

        What passes whole septa is ignored, about 1 % at 140 keV.
        """
        effective = self.hole_length_mm - 20.0 / LEAD_LAC_140KEV_PER_CM  # two mean free paths
        return Resolution(self.intrinsic_fwhm_mm, self.hole_diameter_mm, effective)

    @property
    def angles_deg(self) -> NDArray[np.float64]:
        """Angle of each view, 0 to 360, as DICOM counts."""
        step = self.arc_deg / self.views * (-1 if self.clockwise else 1)
        return (self.start_deg + step * np.arange(self.views, dtype=np.float64)) % 360.0

    @property
    def minutes(self) -> NDArray[np.float64]:
        """Time of each view after the start, in its middle; two heads look at the same time."""
        stop = np.arange(self.views, dtype=np.float64) % (self.views // self.heads)
        return (stop + 0.5) * self.seconds_per_view / 60.0

    @property
    def decay(self) -> NDArray[np.float64]:
        """Share of the activity of the start that each view sees, 0-1."""
        return np.exp2(-self.minutes / HALF_LIFE_MINUTES)

    @property
    def seen_rows(self) -> slice:
        """Rows whose centre lies within the axial field of view."""
        rows = min(2 * int(self.axial_field_mm / self.pixel_mm / 2 + 0.5), self.matrix)
        first = (self.matrix - rows) // 2
        return slice(first, first + rows)

    def orbit(self, outline_mm: Points) -> Orbit:
        """The path of the detector around a patient.

        Args:
            outline_mm: (x, y) of what it must not touch, seen from the centre of rotation.
        """
        angles = np.radians(self.angles_deg)
        reach = (outline_mm @ np.array([np.sin(angles), np.cos(angles)])).max(axis=0)
        radii = np.ceil(reach if self.follows_contour else np.full_like(reach, reach.max()))
        return Orbit(self.angles_deg, radii + self.gap_mm)


def draw_camera(rng: np.random.Generator, patient: Sitter) -> Camera:
    """One of the cameras and protocols sites use; heavier patients give fewer counts."""
    name, diameter_mm, length_mm, _ = _pick(rng, COLLIMATORS)
    arc_deg = 180.0 if rng.random() < 0.75 else 360.0
    views, _ = _pick(rng, VIEWS[arc_deg])
    clockwise = bool(rng.random() < 0.6)
    follows_contour = bool(rng.random() < 0.65)
    matrix = 64 if rng.random() < 0.6 else 128
    photopeak_kev, lower_kev, upper_kev = _draw_windows(rng)
    heads = 2 if rng.random() < 0.8 else 1
    return Camera(
        collimator=name,
        hole_diameter_mm=diameter_mm,
        hole_length_mm=length_mm,
        intrinsic_fwhm_mm=rng.uniform(3.3, 4.2),
        energy_resolution=float(rng.choice(ENERGY_RESOLUTIONS)),
        follows_contour=follows_contour,
        gap_mm=rng.uniform(5.0, 25.0 if follows_contour else 40.0),
        arc_deg=arc_deg,
        views=views,
        heads=heads,
        start_deg=_draw_start(rng, arc_deg, arc_deg / views, clockwise=clockwise),
        clockwise=clockwise,
        matrix=matrix,
        pixel_mm=_draw_pixel(rng, matrix),
        axial_field_mm=rng.uniform(*(AXIAL_FIELD_MM if rng.random() < 0.88 else SHORT_FIELD_MM)),
        photopeak_kev=photopeak_kev,
        lower_kev=lower_kev,
        upper_kev=upper_kev,
        seconds_per_view=60.0 * rng.uniform(*MINUTES[heads]) / (views // heads),
        counts=_draw_counts(rng, patient.bmi),
    )


def _pick(rng: np.random.Generator, rows: tuple[Row, ...]) -> Row:
    """One row of a table whose last column is its share."""
    return rows[rng.choice(len(rows), p=[row[-1] for row in rows])]


def _draw_start(
    rng: np.random.Generator, arc_deg: float, step_deg: float, *, clockwise: bool
) -> float:
    """Angle of the first view: on the end of the arc or half a step inside, now and then askew."""
    if arc_deg == 360.0:
        return float(rng.choice([0.0, 90.0, 180.0, RAO_45_DEG]))
    end_deg = RAO_45_DEG if clockwise else LPO_45_DEG
    inside_deg = step_deg / 2 * (-1 if clockwise else 1)
    askew_deg = rng.uniform(-6.0, 6.0) if rng.random() < 0.15 else 0.0
    return float(end_deg + rng.choice([0.0, inside_deg]) + askew_deg)


def _draw_pixel(rng: np.random.Generator, matrix: int) -> float:
    if rng.random() < 1 / 3:
        low, high = PIXEL_RANGE_MM[matrix]
        return rng.uniform(low, high)
    return float(rng.choice(PIXELS_MM[matrix]))


def _draw_windows(rng: np.random.Generator) -> tuple[Window, Window, Window | None]:
    """Photopeak of 15 or 20 %, and scatter windows beside it."""
    peak_kev = EMISSION_ENERGY_KEV["Tc-99m"]
    half_kev = float(rng.choice([0.075, 0.10])) * peak_kev
    low_kev, high_kev = peak_kev - half_kev, peak_kev + half_kev
    width_kev, has_upper, _ = _pick(rng, SCATTER_WINDOWS)
    upper_kev = (high_kev, high_kev + width_kev) if has_upper else None
    return (low_kev, high_kev), (low_kev - width_kev, low_kev), upper_kev


def _draw_counts(rng: np.random.Generator, bmi: float) -> float:
    counts = MEDIAN_COUNTS * rng.lognormal(0.7 * math.log(27.0 / bmi), 0.45)
    return min(max(counts, COUNTS_RANGE[0]), COUNTS_RANGE[1])
