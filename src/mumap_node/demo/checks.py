"""What the demo checks of the map it received, beside the node's own findings."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from mumap_node.imaging.attenuation import SOFT_TISSUE_LAC_140KEV_PER_CM
from mumap_node.imaging.findings import Finding, Verdict

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

BODY_LAC_PER_CM = 0.05
"""Above this a voxel counts as body; between air (0) and the lungs' or water's LAC."""


@dataclass(frozen=True, eq=False, slots=True)
class Answer:
    """What came of sending one object.

    Attributes:
        source: The object that was sent, twice.
        mumap: The map that came back.
        received: Objects the workstation received in all.
        jobs: Jobs the node made of the two sendings.
        body: The truth: voxels inside the skin, (slice, row, column) towards head, back, left.
        exit_code: What the node ended with after SIGTERM.
    """

    source: Dataset
    mumap: Dataset
    received: int
    jobs: int
    body: NDArray[np.bool_]
    exit_code: int


def read_lac(mumap: Dataset) -> NDArray[np.float64]:
    """LAC in 1/cm, slices towards the head, by the object's Real World Value Mapping alone."""
    mapping = mumap.RealWorldValueMappingSequence[0]
    stored = mumap.pixel_array.astype(np.float64)
    lac = stored * float(mapping.RealWorldValueSlope) + float(mapping.RealWorldValueIntercept)
    towards_head: NDArray[np.float64] = lac if mumap.SpacingBetweenSlices > 0 else lac[::-1]
    return towards_head


def check(answer: Answer) -> tuple[Finding, ...]:
    """Hold the map against what was sent and what is known of the torso."""
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
        _soft_tissue(answer.mumap),
        _outline(answer),
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


def _soft_tissue(mumap: Dataset) -> Finding:
    unit = mumap.RealWorldValueMappingSequence[0].MeasurementUnitsCodeSequence[0].CodeValue
    lac = read_lac(mumap)
    median = float(np.median(lac[lac > BODY_LAC_PER_CM]))
    holds = unit == "/cm" and abs(median / SOFT_TISSUE_LAC_140KEV_PER_CM - 1) < 0.05
    limit = f"{SOFT_TISSUE_LAC_140KEV_PER_CM} /cm within 5 %"
    return _statement("soft-tissue", holds, f"{median:.4f} {unit}", limit)


def _outline(answer: Answer) -> Finding:
    drawn = read_lac(answer.mumap) > BODY_LAC_PER_CM
    dice = 2 * (drawn & answer.body).sum() / (drawn.sum() + answer.body.sum())
    return _statement("body-outline", dice > 0.95, f"Dice {dice:.3f} with the truth", "above 0.95")
