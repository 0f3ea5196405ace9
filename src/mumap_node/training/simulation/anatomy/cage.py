"""The hollow of chest and belly, to which everything else is fitted."""

from dataclasses import dataclass

import numpy as np

from mumap_node.training.simulation.anatomy.shapes import Outline
from mumap_node.training.simulation.anatomy.space import Field, Numbers, profile
from mumap_node.training.simulation.patient import Patient, Vector

# Share of the half width or half depth, by height above the right dome in a body of 170 cm.
_WIDTH = ((-260, 0.93), (-200, 0.95), (-140, 0.95), (-70, 0.99), (-10, 1.0), (45, 0.98),
          (90, 0.90), (125, 0.76), (155, 0.57), (178, 0.36), (196, 0.16))  # fmt: skip
_FRONT = ((-260, 0.82), (-200, 0.86), (-130, 0.90), (-60, 1.0), (0, 1.0), (40, 0.94), (90, 0.76),
          (130, 0.56), (160, 0.38), (180, 0.24), (196, 0.1))  # fmt: skip
_BACK = ((-260, 0.66), (-200, 0.70), (-130, 0.80), (-60, 0.95), (0, 1.0), (60, 1.03), (100, 1.0),
         (135, 0.90), (165, 0.68), (185, 0.45), (196, 0.25))  # fmt: skip
_SPINE = ((-260, 0.34), (-190, 0.27), (-120, 0.30), (-60, 0.38), (0, 0.46), (60, 0.52),
          (110, 0.52), (150, 0.44), (200, 0.34), (260, 0.30))  # fmt: skip

BELLY = ((-200, 1.0), (-110, 1.0), (20, 0.15), (90, 0))
"""How much of the visceral fat's widening shows, by height."""

PRONE_DEPTH = 0.8
"""The belly's widening to the front when it lies on the table, relative to supine."""

BEND_MM = 110.0
"""Height over which a scoliosis turns by one radian."""


@dataclass(frozen=True, eq=False, slots=True)
class Cage:
    """The inner surface of one patient's chest and belly."""

    patient: Patient

    @property
    def width_mm(self) -> float:
        """Inner half width at the level of the diaphragm."""
        return self.patient.thorax.half_width_mm

    @property
    def depth_mm(self) -> float:
        """Inner half depth there."""
        return self.patient.thorax.half_depth_mm

    @property
    def stretch(self) -> float:
        """Head-foot lengths relative to a body of 170 cm."""
        return self.patient.thorax.length_scale

    @property
    def right_dome_mm(self) -> float:
        """Height of the right dome of the diaphragm."""
        return self.patient.lungs.diaphragm_mm

    @property
    def left_dome_mm(self) -> float:
        """Height of the left dome."""
        return self.patient.lungs.diaphragm_mm - self.patient.lungs.left_dome_mm

    def place(self, across: float, back: float, height_mm: float) -> Vector:
        """A point in shares of the half width and half depth, and in mm of a usual body."""
        return (across * self.width_mm, back * self.depth_mm, height_mm * self.stretch)

    def outline(self, z_mm: Field) -> Outline:
        """The contour of the hollow at the given heights, (slice, 1, 1)."""
        z = z_mm / np.float32(self.stretch)
        widening = self.patient.fat.visceral * profile(z, BELLY)
        to_front = 1.0 if self.patient.position == "supine" else PRONE_DEPTH
        tapering = profile(z, ((30, 1.0), (130, self.patient.thorax.taper)))
        return Outline(
            middle_x=self._bend_mm(z),
            middle_y=np.zeros_like(z),
            half_width=self.width_mm * profile(z, _WIDTH) * (1 + 0.45 * widening) * tapering,
            front=self.depth_mm * profile(z, _FRONT) * (1 + to_front * widening),
            back=self.depth_mm * profile(z, _BACK),
            squareness=self.patient.thorax.squareness,
        )

    def front_mm(self, height_mm: float) -> float:
        """Position (y) of its front at a height of a usual body."""
        return -float(self.outline(one_height(height_mm * self.stretch)).front.item())

    def spine_mm(self, z_mm: Field) -> tuple[Field, Field]:
        """Middle of the vertebral bodies, x and y."""
        z = z_mm / np.float32(self.stretch)
        return self._bend_mm(z), self.depth_mm * profile(z, _SPINE)

    def distance_mm(self, point_mm: Numbers) -> float:
        """Distance of one point outside the hollow; negative inside."""
        x, y, z = (one_height(float(value)) for value in point_mm)
        return float(self.outline(z).distance_mm(x, y).item())

    def _bend_mm(self, height: Field) -> Field:
        bend: Field = np.float32(self.patient.thorax.asymmetry_mm) * np.sin(height / BEND_MM)
        return bend


def one_height(value_mm: float) -> Field:
    """A single position in the shape of a column of slices."""
    return np.full((1, 1, 1), value_mm, np.float32)
