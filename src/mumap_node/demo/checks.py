"""What the demo checks of the map it received, beside the node's own findings."""

from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from mumap_node.imaging import regions
from mumap_node.imaging.findings import Finding, Verdict
from mumap_node.imaging.volume import Voxels

GRID = (
    "Rows",
    "Columns",
    "NumberOfFrames",
    "PixelSpacing",
    "SliceThickness",
    "SpacingBetweenSlices",
    "SliceVector",
    "FrameOfReferenceUID",
)
IDENTITY = ("PatientName", "PatientID", "PatientSex", "StudyInstanceUID", "AccessionNumber")

LARGEST_NMAE = 0.03
"""A torso filled with water is wrong by 0.075 here; this one mirrored left to right by 0.043."""

MOVED_VOXELS = 2
"""How far the map must be from fitting elsewhere; 7.5 mm of this patient's 3.8 mm voxels."""


@dataclass(frozen=True, eq=False, slots=True)
class Answer:
    """What came of sending one object.

    Attributes:
        source: The object that was sent, twice.
        mumap: The map that came back.
        received: Objects the workstation received in all.
        jobs: Jobs the node made of the two sendings.
        truth: The true LACs in 1/cm, (slice, row, column) towards head, back, left.
        exit_code: What the node ended with after SIGTERM.
    """

    source: Dataset
    mumap: Dataset
    received: int
    jobs: int
    truth: Voxels
    exit_code: int


def read_lac(mumap: Dataset) -> Voxels:
    """LAC in 1/cm, slices towards the head, by the object's Real World Value Mapping alone."""
    mapping = mumap.RealWorldValueMappingSequence[0]
    stored = mumap.pixel_array.astype(np.float32)
    lac = stored * float(mapping.RealWorldValueSlope) + float(mapping.RealWorldValueIntercept)
    towards_head: Voxels = lac if mumap.SpacingBetweenSlices > 0 else lac[::-1]
    return towards_head


def check(answer: Answer) -> tuple[Finding, ...]:
    """Hold the map against what was sent and what is true of the patient."""
    lac = read_lac(answer.mumap)
    return (
        _statement(
            "sent-twice",
            answer.received == answer.jobs == 1,
            f"{answer.received} map received, {answer.jobs} job",
            "1 map, 1 job",
        ),
        _same_values("same-grid", answer, GRID),
        _same_place(answer),
        _same_values("same-patient", answer, IDENTITY),
        _new_series(answer),
        _says_synthetic(answer.mumap),
        _body_mean(answer.mumap, lac, answer.truth),
        _outline(lac, answer.truth),
        _error(lac, answer.truth),
        _in_place(lac, answer.truth),
        _statement(
            "stopped-cleanly", answer.exit_code == 0, f"exit code {answer.exit_code}", "exit code 0"
        ),
    )


def _statement(name: str, holds: bool, found: str, limit: str) -> Finding:  # noqa: FBT001
    return Finding(name, Verdict.PASS if holds else Verdict.FAIL, found, limit)


def _same_values(name: str, answer: Answer, keywords: tuple[str, ...]) -> Finding:
    differing = [
        keyword for keyword in keywords if answer.source.get(keyword) != answer.mumap.get(keyword)
    ]
    found = (
        f"differs in {', '.join(differing)}" if differing else f"{len(keywords)} attributes equal"
    )
    return _statement(name, not differing, found, "as sent")


def _same_place(answer: Answer) -> Finding:
    source, mumap = (
        [
            *dataset.DetectorInformationSequence[0].ImagePositionPatient,
            *dataset.DetectorInformationSequence[0].ImageOrientationPatient,
        ]
        for dataset in (answer.source, answer.mumap)
    )
    found = "position " + "\\".join(map(str, mumap[:3]))
    return _statement("same-place", source == mumap, found, "as sent")


def _new_series(answer: Answer) -> Finding:
    kept = answer.source.SeriesInstanceUID == answer.mumap.SeriesInstanceUID
    found = "the source's series" if kept else "a series of its own"
    return _statement("new-series", not kept, found, "a series of its own")


def _says_synthetic(mumap: Dataset) -> Finding:
    said = "SYNTHETIC" in mumap.ImageType and "SYNTHETIC" in mumap.SeriesDescription
    return _statement(
        "says-synthetic", said, mumap.SeriesDescription, "SYNTHETIC in the description"
    )


def _body_mean(mumap: Dataset, lac: Voxels, truth: Voxels) -> Finding:
    unit = mumap.RealWorldValueMappingSequence[0].MeasurementUnitsCodeSequence[0].CodeValue
    body = regions.body(truth)
    found, expected = float(lac[body].mean()), float(truth[body].mean())
    holds = unit == "/cm" and abs(found / expected - 1) < 0.05
    return _statement("body-mean", holds, f"{found:.4f} {unit}", f"{expected:.4f} /cm within 5 %")


def _outline(lac: Voxels, truth: Voxels) -> Finding:
    dice = regions.dice(regions.body(lac), regions.body(truth))
    return _statement("body-outline", dice > 0.95, f"Dice {dice:.3f} with the truth", "above 0.95")


def _error(lac: Voxels, truth: Voxels) -> Finding:
    nmae = _nmae(lac, truth)
    return _statement("true-map", nmae < LARGEST_NMAE, f"NMAE {nmae:.4f}", f"below {LARGEST_NMAE}")


def _in_place(lac: Voxels, truth: Voxels) -> Finding:
    """The map agrees best with the truth as it lies: not moved, not mirrored."""
    moved = [np.roll(lac, way, axis) for axis in range(3) for way in (-MOVED_VOXELS, MOVED_VOXELS)]
    mirrored = [np.flip(lac, axis) for axis in range(3)]
    nearest = min(_nmae(elsewhere, truth) for elsewhere in (*moved, *mirrored))
    found = f"moved or mirrored NMAE {nearest:.4f} or more"
    return _statement("in-place", _nmae(lac, truth) < nearest, found, "more than as it lies")


def _nmae(lac: Voxels, truth: Voxels) -> float:
    """Mean absolute error over all voxels / (maximum - minimum of the truth)."""
    return float(np.abs(lac - truth).mean() / np.ptp(truth))
