"""Which frame of the projections is which: by the vectors alone.

Frames may be stored in any order, and the Frame Increment Pointer is not looked at: some cameras
write a copy of another image type's. Source: PS3.3 C.8.4.8.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from mumap_node.dicom.elements import numbers, unsigned
from mumap_node.errors import InputRejected

Index = NDArray[np.intp]

COUNT_OF_VECTOR = {
    "EnergyWindowVector": "NumberOfEnergyWindows",
    "DetectorVector": "NumberOfDetectors",
    "RotationVector": "NumberOfRotations",
    "RRIntervalVector": "NumberOfRRIntervals",
    "TimeSlotVector": "NumberOfTimeSlots",
}
"""A vector that is absent says that there is one of the kind; no attribute counts the views."""

WINDOW, DETECTOR, ROTATION, INTERVAL, SLOT, VIEW = range(6)
"""Columns of ``Frames.numbers``."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What one detector took during one rotation.

    Attributes:
        detector: Number of the detector, from 1.
        rotation: Number of the rotation, from 1.
        views: Numbers of its views, from 1, ascending.
    """

    detector: int
    rotation: int
    views: tuple[int, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Frames:
    """The numbers of all frames.

    Attributes:
        numbers: Whole numbers from 1, shape (frame, 6): energy window, detector, rotation, R-R
            interval, time slot and view.
        sweeps: By rotation, then by detector.
    """

    numbers: Index
    sweeps: tuple[Sweep, ...]

    @property
    def windows(self) -> tuple[int, ...]:
        """Numbers of the energy windows."""
        return tuple(np.unique(self.numbers[:, WINDOW]).tolist())

    def of_window(self, window: int) -> Index:
        """Where the frames of an energy window are stored: [gate, view], sweep after sweep."""
        frames = np.flatnonzero(self.numbers[:, WINDOW] == window)
        keys = [self.numbers[frames, axis] for axis in (VIEW, DETECTOR, ROTATION, SLOT, INTERVAL)]
        views = sum(len(sweep.views) for sweep in self.sweeps)
        ordered: Index = frames[np.lexsort(keys)].reshape(-1, views)
        return ordered


def read_frames(dataset: Dataset, views: Sequence[int | None]) -> Frames:
    """Read the vectors, and prove that every frame is there once.

    Detectors that turn together may each count their views from 1, or count on through all of
    them; windows and gates have all views.

    Args:
        dataset: An NM TOMO or GATED TOMO instance.
        views: Number of Frames in Rotation of each rotation; None where it is not stated.

    Raises:
        InputRejected: ``incomplete-frames`` where vectors, counts and views disagree,
            ``repeated-frames`` where two frames have the same numbers.
    """
    stored = next(iter(numbers(dataset, "NumberOfFrames", 1)), 0.0)
    angular = unsigned(dataset, "AngularViewVector")
    _require_length("AngularViewVector", angular, int(stored))
    columns = [_vector(dataset, name, int(stored)) for name in COUNT_OF_VECTOR]
    found = np.array([*columns, angular], dtype=np.intp).T
    different = len(np.unique(found, axis=0))
    if different < len(found):
        raise InputRejected(
            "repeated-frames",
            "expected frames that differ in energy window, detector, rotation, gate or view, "
            f"found {len(found) - different} of {len(found)} frames repeated",
        )
    frames = Frames(found, _sweeps(found))
    turned = {sweep.rotation for sweep in frames.sweeps}
    if turned != set(range(1, len(views) + 1)):
        raise InputRejected(
            "incomplete-frames",
            f"expected frames of each of {len(views)} items of RotationInformationSequence, "
            f"found frames of {len(turned)} rotations",
        )
    for rotation, expected in enumerate(views, start=1):
        _require_views([sweep for sweep in frames.sweeps if sweep.rotation == rotation], expected)
    return frames


def are_shared(sweeps: Sequence[Sweep]) -> bool:
    """Whether the detectors of one rotation count their views on, instead of each from 1."""
    return len(sweeps) > 1 and sweeps[0].views != sweeps[1].views


def _vector(dataset: Dataset, name: str, frames: int) -> tuple[int, ...]:
    stated = next(iter(unsigned(dataset, COUNT_OF_VECTOR[name])), 0)
    vector = unsigned(dataset, name)
    if not vector and stated <= 1:
        return (1,) * frames
    _require_length(name, vector, frames)
    if set(vector) != set(range(1, (stated or max(vector)) + 1)):
        raise InputRejected(
            "incomplete-frames",
            f"expected a {name} with every number up to "
            + (f"the {stated} of {COUNT_OF_VECTOR[name]}" if stated else "its largest")
            + f", found {len(set(vector))} different from {min(vector)} to {max(vector)}",
        )
    return vector


def _require_length(name: str, vector: tuple[int, ...], frames: int) -> None:
    if not len(vector) == frames > 0:
        raise InputRejected(
            "incomplete-frames",
            f"expected a {name} with one number for each of {frames} frames, found {len(vector)}",
        )


def _sweeps(found: Index) -> tuple[Sweep, ...]:
    """Sweeps, each of them with every view in every window and gate."""
    combinations = [len(np.unique(found[:, axis])) for axis in (WINDOW, INTERVAL, SLOT)]
    sweeps = []
    for rotation, detector in np.unique(found[:, (ROTATION, DETECTOR)], axis=0).tolist():
        of_sweep = (found[:, ROTATION] == rotation) & (found[:, DETECTOR] == detector)
        views = np.unique(found[of_sweep, VIEW])
        expected = len(views) * int(np.prod(combinations))
        if of_sweep.sum() != expected:
            raise InputRejected(
                "incomplete-frames",
                f"expected {expected} frames of detector {detector} in rotation {rotation}, for "
                f"every view in each of {combinations[0]} energy windows and "
                f"{combinations[1] * combinations[2]} gates, found {of_sweep.sum()}",
            )
        sweeps.append(Sweep(detector, rotation, tuple(views.tolist())))
    return tuple(sweeps)


def _require_views(sweeps: list[Sweep], stated: int | None) -> None:
    """Each detector has all views of the rotation, or all of them share those out."""
    found = [set(sweep.views) for sweep in sweeps]
    together = set().union(*found)
    expected = set(range(1, (stated or max(together)) + 1))
    each = all(views == expected for views in found)
    shared = together == expected and sum(map(len, found)) == len(expected)
    if not each and not shared:
        raise InputRejected(
            "incomplete-frames",
            f"expected views 1 to {len(expected)} of rotation {sweeps[0].rotation}, as "
            "NumberOfFramesInRotation or the largest AngularViewVector says, found "
            + " and ".join(f"{len(views)} up to {max(views)}" for views in found),
        )
