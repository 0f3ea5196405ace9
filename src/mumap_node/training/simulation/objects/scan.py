"""How the camera turned and what it counted: what all NM objects of an examination state alike."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.tag import Tag

from mumap_node.dicom.codes import Code
from mumap_node.dicom.orientation import SCT_ENTRY, SCT_RECUMBENT, SCT_SIDE, Entry
from mumap_node.imaging.reconstruction.orbit import Orbit
from mumap_node.training.simulation.objects.examination import Examination, decimal

TECHNETIUM_99M = Code("72454006", "SCT", "^99m^Technetium")  # CID 18

AS_COUNTED = ("UNIF", "COR")
UNCORRECTED = (*AS_COUNTED, "DECY")
"""Corrected Image (C.8.4.9) of projections, and of a reconstruction that undid decay during the
acquisition but neither attenuation nor scatter."""


@dataclass(frozen=True, eq=False, slots=True)
class Scan:
    """A tomographic acquisition with parallel holes.

    Attributes:
        orbit: Angles and radii, head after head; every head turns in the same even steps.
        heads: Detectors that turned at once, each with the same number of views.
        windows_kev: Lower and upper limit by name; the photopeak first.
        collimator: Collimator/Grid Name.
        tracer: Radiopharmaceutical, labelled with Tc-99m.
        seconds_per_view: Time a head stood at each angle.
    """

    orbit: Orbit
    heads: int
    windows_kev: Mapping[str, tuple[float, float]]
    collimator: str
    tracer: str
    seconds_per_view: float

    @property
    def views(self) -> int:
        """Views per head."""
        return len(self.orbit.angles_deg) // self.heads

    def of_head(self, head: int) -> slice:
        """The views of a head, counted from 0."""
        return slice(head * self.views, (head + 1) * self.views)


def put_scan(dataset: Dataset, examination: Examination, scan: Scan) -> None:
    """NM Isotope, NM TOMO Acquisition and NM/PET Patient Orientation (C.8.4.10, .12 and .6)."""
    dataset.Modality = "NM"
    dataset.BodyPartExamined = "HEART"
    dataset.CountsAccumulated = None
    dataset.AcquisitionTerminationCondition = "TIME"
    tracer = Dataset()
    tracer.Radiopharmaceutical = scan.tracer
    tracer.RadionuclideCodeSequence = [TECHNETIUM_99M.item()]
    dataset.RadiopharmaceuticalInformationSequence = [tracer]
    dataset.NumberOfRotations = 1
    dataset.RotationInformationSequence = [_rotation(scan)]
    recumbent = SCT_RECUMBENT.item()
    recumbent.PatientOrientationModifierCodeSequence = [SCT_SIDE[examination.side].item()]
    dataset.PatientOrientationCodeSequence = [recumbent]
    dataset.PatientGantryRelationshipCodeSequence = [SCT_ENTRY[Entry.HEAD_FIRST].item()]


def put_windows(dataset: Dataset, windows_kev: Mapping[str, tuple[float, float]]) -> None:
    """The energy windows, in the order their frames count them."""
    windows = []
    for name, limits_kev in windows_kev.items():
        limits, window = Dataset(), Dataset()
        limits.EnergyWindowLowerLimit, limits.EnergyWindowUpperLimit = map(decimal, limits_kev)
        window.EnergyWindowName = name
        window.EnergyWindowRangeSequence = [limits]
        windows.append(window)
    dataset.EnergyWindowInformationSequence = windows
    dataset.NumberOfEnergyWindows = len(windows)


def detector_of(scan: Scan) -> Dataset:
    """A detector item without its place."""
    detector = Dataset()
    detector.CollimatorType = "PARA"
    detector.CollimatorGridName = scan.collimator
    detector.FocalDistance = "0"  # parallel: C.8.4.11.1.1
    return detector


def radii_of(scan: Scan, head: int) -> list[str]:
    """Radial Position of a head, view by view, to a hundredth of a millimetre."""
    return [decimal(round(radius, 2)) for radius in scan.orbit.radii_mm[scan.of_head(head)]]


def put_frames(
    dataset: Dataset,
    frames: NDArray[np.generic],
    vectors: Mapping[str, list[int]],
    spacing_mm: tuple[float, float],
) -> None:
    """Multi-frame, NM Image Pixel and NM Multi-frame (C.7.6.6, C.8.4.7, C.8.4.8).

    Args:
        dataset: What gets them.
        frames: Whole numbers below 65536, shape (frame, row, column).
        vectors: Number of each frame by keyword, the one that varies fastest last.
        spacing_mm: Between rows, and between columns.
    """
    pointer = [Tag(keyword) for keyword in vectors]
    dataset.FrameIncrementPointer = pointer if len(pointer) > 1 else pointer[0]
    for keyword, numbers in vectors.items():
        setattr(dataset, keyword, numbers)
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = frames.shape
    dataset.PixelSpacing = [decimal(spacing) for spacing in spacing_mm]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 0
    dataset.PixelData = frames.astype("<u2").tobytes()


def _rotation(scan: Scan) -> Dataset:
    """The rotation, by its first head; angles as the standard counts them, and so do we."""
    first = scan.orbit.angles_deg[scan.of_head(0)]
    step_deg = (float(first[1] - first[0]) + 180) % 360 - 180  # the short way, also past 0
    rotation = Dataset()
    rotation.StartAngle = decimal(float(first[0]) % 360)
    rotation.AngularStep = decimal(abs(step_deg))
    rotation.RotationDirection = "CC" if step_deg > 0 else "CW"
    rotation.ScanArc = decimal(abs(step_deg) * scan.views)
    rotation.ActualFrameDuration = str(round(scan.seconds_per_view * 1000))
    rotation.NumberOfFramesInRotation = scan.views
    rotation.RadialPosition = radii_of(scan, head=0)
    return rotation
