"""What nobody chooses about an acquisition: motion, more or less scatter, an uneven detector."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Motion:
    """The patient moved once, all at once or slowly until the end.

    Attributes:
        kind: "step" or "drift".
        begins: Share of the acquisition before it, 0-1.
        lateral_mm: How far to the patient's left, at last.
        axial_mm: How far to the head, at last.
    """

    kind: Literal["step", "drift"]
    begins: float
    lateral_mm: float
    axial_mm: float

    def share(self, progress: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of the way done at a progress (0-1) of the acquisition."""
        if self.kind == "step":
            return (progress > self.begins).astype(np.float64)
        return np.clip((progress - self.begins) / (1 - self.begins), 0, 1)


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of one acquisition.

    Attributes:
        scatter_amplitude: Scatter over that of the model, which leaves out what scatters in the
            collimator and behind the crystal.
        nonuniformity: Spread of the detectors' sensitivity that their correction left, 0-0.015.
        motion: Of the patient; None for one who lay still.
    """

    scatter_amplitude: float
    nonuniformity: float
    motion: Motion | None


def draw_conditions(rng: np.random.Generator) -> Conditions:
    """One patient in eight moves, one camera in five is due for a calibration."""
    motion = None
    if rng.random() < 0.12:
        motion = Motion(
            kind="step" if rng.random() < 0.5 else "drift",
            begins=rng.uniform(0.1, 0.9),
            lateral_mm=rng.normal(0.0, 4.0),
            axial_mm=rng.normal(0.0, 6.0),
        )
    return Conditions(
        scatter_amplitude=rng.uniform(0.85, 1.25),
        nonuniformity=rng.uniform(0.005, 0.015) if rng.random() < 0.2 else 0.0,
        motion=motion,
    )
