"""How the detectors turned: start, step and direction of each rotation, by detector.

Sources: PS3.3 C.8.4.12 (NM TOMO Acquisition) and C.8.4.11 (NM Detector). Angles are the
patient's: 0 degrees has the detector at the back, growing towards the patient's left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from pydicom import Dataset

from mumap_node.dicom.elements import items, numbers, text, unsigned
from mumap_node.dicom.projections.frames import Sweep, are_shared
from mumap_node.errors import InputRejected
from mumap_node.imaging.volume import Matrix

SENSE_OF_DIRECTION = {"CC": 1, "CCW": 1, "CW": -1}
"""CC (growing angle) and CW (falling angle) are the standard's; CCW is seen, and says the same."""

SAME_ANGLE_DEG = 1.0
"""Two statements of one angle; encoders of gantries give tenths of a degree."""

LARGEST_START_DEG = 720.0
"""One turn is the rule; some count on into a second, or below 0."""

LARGEST_GAP_DEG = 30.0
"""Between views, opposite ones counted as one: the same rays. 150 degrees instead of 180 move a
tenth of the counts of a reconstruction (thorax by formula)."""

SAME_DURATION_SHARE = 0.01
SAME_TRAVERSE_MM = 1.0


@dataclass(frozen=True, eq=False, slots=True)
class Rotation:
    """One item of the Rotation Information Sequence.

    Attributes:
        start_deg: Start Angle; None where it is not stated.
        step_deg: Angular Step, negative where the angle falls.
        views: Number of Frames in Rotation; None where it is not stated.
        arc_deg: Scan Arc; None where it is not stated.
        item: The item.
    """

    start_deg: float | None
    step_deg: float
    views: int | None
    arc_deg: float | None
    item: Dataset


def read_rotations(dataset: Dataset) -> tuple[Rotation, ...]:
    """Read the rotations as they are stated.

    Raises:
        InputRejected: ``missing-angles`` where there is none, or one has no step or direction;
            ``several-bed-positions``, ``uneven-duration``.
    """
    rotations = tuple(_rotation(item) for item in items(dataset, "RotationInformationSequence"))
    if not rotations:
        raise InputRejected(
            "missing-angles", "expected an item of RotationInformationSequence, found none"
        )
    _require_one_bed_position(rotations)
    _require_one_duration(rotations)
    return rotations


def read_angles(dataset: Dataset, rotations: Sequence[Rotation], sweeps: Sequence[Sweep]) -> Matrix:
    """The camera angle of every view, sweep after sweep, in degrees from 0 to below 360.

    A detector's own Start Angle says where it stands beside the others; the rotation's says
    where one of them, whichever, begins that rotation.

    Raises:
        InputRejected: ``missing-angles`` where a detector's place is not stated,
            ``contradictory-angles`` where it is stated twice and differs, ``incomplete-arc`` where
            no view looks along the rays of some directions.
    """
    for number, rotation in enumerate(rotations, start=1):
        _require_arc(rotation, [sweep for sweep in sweeps if sweep.rotation == number])
    own = [_start_angle(item) for item in items(dataset, "DetectorInformationSequence")]
    own += [None] * (max(sweep.detector for sweep in sweeps) - len(own))
    angles_deg = np.concatenate(
        [
            _start_of(sweep, sweeps, rotations, own)
            + rotations[sweep.rotation - 1].step_deg * (np.array(sweep.views) - 1)
            for sweep in sweeps
        ]
    ) % 360  # fmt: skip
    _require_all_directions(angles_deg)
    return angles_deg


def _rotation(item: Dataset) -> Rotation:
    step_deg = _stated(item, "AngularStep")
    sense = SENSE_OF_DIRECTION.get(text(item, "RotationDirection"))
    if step_deg is None or sense is None:
        raise InputRejected(
            "missing-angles",
            "expected AngularStep, and CW or CC as RotationDirection, found "
            + ("no AngularStep" if step_deg is None else "another direction, or none"),
        )
    if not 0 < step_deg <= 360:
        raise InputRejected(
            "invalid-value",
            f"expected an AngularStep above 0 and up to 360, found {step_deg:g} degrees",
        )
    return Rotation(
        start_deg=_start_angle(item),
        step_deg=sense * step_deg,
        views=next(iter(unsigned(item, "NumberOfFramesInRotation")), None),
        arc_deg=_stated(item, "ScanArc"),
        item=item,
    )


def _stated(item: Dataset, keyword: str) -> float | None:
    return next(iter(numbers(item, keyword, 1)), None)


def _start_angle(item: Dataset) -> float | None:
    start_deg = _stated(item, "StartAngle")
    if start_deg is not None and abs(start_deg) > LARGEST_START_DEG:
        raise InputRejected(
            "invalid-value",
            f"expected a StartAngle within {LARGEST_START_DEG:g} degrees, found {start_deg:g}",
        )
    return start_deg


def _require_one_bed_position(rotations: Sequence[Rotation]) -> None:
    """A new rotation begins where direction or Table Traverse changes (C.8.4.12)."""
    stated = [_stated(rotation.item, "TableTraverse") for rotation in rotations]
    found = [traverse for traverse in stated if traverse is not None]
    if found and max(found) - min(found) > SAME_TRAVERSE_MM:
        raise InputRejected(
            "several-bed-positions",
            "expected the same TableTraverse in every item of RotationInformationSequence, "
            f"found {min(found):g} to {max(found):g} mm",
        )


def _require_one_duration(rotations: Sequence[Rotation]) -> None:
    found = [_stated(rotation.item, "ActualFrameDuration") for rotation in rotations]
    stated = [milliseconds for milliseconds in found if milliseconds and milliseconds > 0]
    if stated and (
        len(stated) < len(found) or max(stated) - min(stated) > SAME_DURATION_SHARE * max(stated)
    ):
        raise InputRejected(
            "uneven-duration",
            "expected the same ActualFrameDuration in every item of "
            f"RotationInformationSequence, found {min(stated):g} to {max(stated):g} ms in "
            f"{len(stated)} of {len(found)}",
        )


def _require_arc(rotation: Rotation, sweeps: Sequence[Sweep]) -> None:
    """Scan Arc is the range of one detector or of all, up to the last view or beyond it.

    Angular Step is nominal (C.8.4.12.1.1), so that half a step over all of the arc is allowed.
    """
    if not rotation.arc_deg:
        return
    views = len(set().union(*(sweep.views for sweep in sweeps)))
    step_deg = abs(rotation.step_deg)
    heads = 1 if are_shared(sweeps) else len(sweeps)
    spans_deg = (step_deg * views, step_deg * (views - 1), step_deg * views * heads)
    if min(abs(rotation.arc_deg - span) for span in spans_deg) > step_deg / 2:
        raise InputRejected(
            "contradictory-angles",
            f"expected a ScanArc of {spans_deg[0]:g} degrees for {views} views and an "
            f"AngularStep of {step_deg:g}, found {rotation.arc_deg:g}",
        )


def _start_of(
    sweep: Sweep,
    sweeps: Sequence[Sweep],
    rotations: Sequence[Rotation],
    own_deg: Sequence[float | None],
) -> float:
    """Where a detector stands at view 1 of a rotation."""
    together = [other for other in sweeps if other.rotation == sweep.rotation]
    first = next(other.rotation for other in sweeps if other.detector == sweep.detector)
    stated = rotations[sweep.rotation - 1].start_deg
    own = own_deg[sweep.detector - 1]
    if len(together) == 1 or are_shared(together):
        return _start_alone(rotations, sweep, stated, own if first == sweep.rotation else None)
    return _start_beside(rotations, sweep, first, together, own_deg)


def _start_alone(
    rotations: Sequence[Rotation], sweep: Sweep, stated: float | None, own: float | None
) -> float:
    """One detector, or several that count as one: rotation and detector state the same angle."""
    turned = rotations[sweep.rotation - 1].step_deg * (sweep.views[0] - 1)
    if own is None:
        if stated is None:
            raise InputRejected(
                "missing-angles",
                f"expected StartAngle of detector {sweep.detector} or of rotation "
                f"{sweep.rotation}, found neither",
            )
        return stated
    if stated is not None and _apart_deg(own, stated + turned) > SAME_ANGLE_DEG:
        raise InputRejected(
            "contradictory-angles",
            f"expected the same StartAngle of detector {sweep.detector} and rotation "
            f"{sweep.rotation}, found {own:g} and {stated + turned:g} degrees",
        )
    return own - turned if stated is None else stated


def _require_all_directions(angles_deg: Matrix) -> None:
    directions = np.sort(angles_deg % 180)
    gap_deg = np.diff(directions, append=directions[0] + 180).max()
    if gap_deg > LARGEST_GAP_DEG:
        raise InputRejected(
            "incomplete-arc",
            f"expected views from all directions at most {LARGEST_GAP_DEG:g} degrees apart, "
            f"opposite ones counted as one, found a gap of {gap_deg:.0f} degrees",
        )


def _start_beside(
    rotations: Sequence[Rotation],
    sweep: Sweep,
    first: int,
    together: Sequence[Sweep],
    own_deg: Sequence[float | None],
) -> float:
    """Several detectors at once: each needs an angle of its own."""
    places = [own_deg[other.detector - 1] for other in together]
    stated = [place for place in places if place is not None]
    own, begin = own_deg[sweep.detector - 1], rotations[first - 1].start_deg
    here = rotations[sweep.rotation - 1].start_deg
    if own is None or len(stated) < len(places):
        raise InputRejected(
            "missing-angles",
            f"expected StartAngle of each of {len(places)} detectors that turn at once, "
            f"found {len(stated)}",
        )
    _require_apart(stated)
    if begin is None or here is None:
        if sweep.rotation == first:
            return own
        raise InputRejected(
            "missing-angles",
            f"expected StartAngle of rotations {first} and {sweep.rotation}, found one or none",
        )
    references = [place for place in stated if _apart_deg(place, begin) <= SAME_ANGLE_DEG]
    if not references:
        raise InputRejected(
            "contradictory-angles",
            f"expected StartAngle of rotation {first}, {begin:g} degrees, to be that of one "
            f"of its {len(places)} detectors, found none of them there",
        )
    return own if sweep.rotation == first else here + own - references[0]


def _require_apart(places_deg: Sequence[float]) -> None:
    for one, other in combinations(places_deg, 2):
        if _apart_deg(one, other) <= SAME_ANGLE_DEG:
            raise InputRejected(
                "contradictory-angles",
                "expected detectors that turn at once at different angles, "
                "found the same StartAngle",
            )


def _apart_deg(one: float, other: float) -> float:
    return abs((one - other + 180) % 360 - 180)
