"""How fast to learn, and when to stop: by epochs, or by the clock."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schedule:
    """A warm-up, then half a cosine down to nothing at the end of the run.

    Attributes:
        steps: Of the whole run; None where the clock decides.
        seconds: Of the whole run; None where steps decide.
        warm_up: Part of the run the rate rises over.
    """

    steps: int | None
    seconds: float | None
    warm_up: float

    def progress(self, step: int, seconds: float) -> float:
        """Part of the run that is over, 0 to 1."""
        if self.seconds is not None:
            return min(seconds / self.seconds, 1.0)
        return min(step / max(self.steps or 0, 1), 1.0)

    def rate(self, progress: float) -> float:
        """Part of the learning rate that applies then."""
        if progress < self.warm_up:
            return progress / self.warm_up
        return 0.5 * (1 + math.cos(math.pi * (progress - self.warm_up) / (1 - self.warm_up)))


def remaining(progress: float, seconds: float) -> str:
    """How long the rest will take, for people."""
    if progress <= 0:
        return "?"
    left = seconds * (1 - progress) / progress
    return f"{left / 3600:.1f} h" if left >= 5400 else f"{left / 60:.0f} min"
