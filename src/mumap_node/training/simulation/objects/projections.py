"""NM Image objects of projections (PS3.3 A.5), written and read back."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import NuclearMedicineImageStorage

from mumap_node.imaging.reconstruction.orbit import Orbit
from mumap_node.training.simulation.objects.examination import (
    Examination,
    begin_object,
    decimal,
)
from mumap_node.training.simulation.objects.scan import (
    AS_COUNTED,
    Scan,
    detector_of,
    put_frames,
    put_scan,
    put_windows,
    radii_of,
)

VECTORS = ("EnergyWindowVector", "DetectorVector", "RotationVector", "AngularViewVector")
"""Of a TOMO, the last varying fastest (C.8.4.8)."""


@dataclass(frozen=True, eq=False, slots=True)
class Projections:
    """Counted projections and how they were acquired.

    Attributes:
        scan: Angles, radii and windows of the counts.
        counts: float32 whole numbers below 65536, shape (window, view, slice, bin): windows and
            views in the order of ``scan``, slices towards the head, their middle at z = 0.
        slice_mm: Distance between slices.
        bin_mm: Distance between bins.
    """

    scan: Scan
    counts: NDArray[np.float32]
    slice_mm: float
    bin_mm: float


def encode_projections(examination: Examination, projections: Projections) -> Dataset:
    """Write projections as a TOMO with all its vectors.

    Row 0 is the head end, as a camera shows it. Where several heads turned at once each detector
    item has the start angle and the radii of its own, as real cameras write them; x and y of
    its position are the centre of rotation.
    """
    scan = projections.scan
    dataset = begin_object(
        examination,
        NuclearMedicineImageStorage,
        series="tomo",
        number=1,
        description="SIMULATED TOMO",
    )
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "TOMO", "EMISSION"]
    dataset.CorrectedImage = list(AS_COUNTED)
    put_scan(dataset, examination, scan)
    put_windows(dataset, scan.windows_kev)
    windows, _, slices, bins = projections.counts.shape
    top_mm = (slices - 1) / 2 * projections.slice_mm
    dataset.DetectorInformationSequence = [
        _detector(scan, head, top_mm) for head in range(scan.heads)
    ]
    dataset.NumberOfDetectors = scan.heads
    dataset.CountsAccumulated = int(projections.counts.sum(dtype=np.float64))
    frames = product(
        range(1, windows + 1), range(1, scan.heads + 1), (1,), range(1, scan.views + 1)
    )
    put_frames(
        dataset,
        projections.counts[:, :, ::-1].reshape(-1, slices, bins),
        {
            name: list(column)
            for name, column in zip(VECTORS, zip(*frames, strict=True), strict=True)
        },
        (projections.slice_mm, projections.bin_mm),
    )
    return dataset


def _detector(scan: Scan, head: int, top_mm: float) -> Dataset:
    detector = detector_of(scan)
    if scan.heads > 1:
        detector.StartAngle = decimal(float(scan.orbit.angles_deg[scan.of_head(head)][0]) % 360)
        detector.RadialPosition = radii_of(scan, head)
    detector.ImagePositionPatient = ["0", "0", decimal(top_mm)]
    detector.ImageOrientationPatient = None  # turns with every frame
    return detector


def read_projections(dataset: Dataset) -> Projections:
    """Read what ``encode_projections`` wrote, frames by their vectors; no other files."""
    (rotation,) = dataset.RotationInformationSequence
    detectors = dataset.DetectorInformationSequence
    step_deg = float(rotation.AngularStep) * (1 if rotation.RotationDirection == "CC" else -1)
    turned_deg = step_deg * np.arange(int(rotation.NumberOfFramesInRotation))
    starts = [detector.get("StartAngle", rotation.StartAngle) for detector in detectors]
    radii = [detector.get("RadialPosition", rotation.RadialPosition) for detector in detectors]
    windows = {
        window.EnergyWindowName: (
            float(window.EnergyWindowRangeSequence[0].EnergyWindowLowerLimit),
            float(window.EnergyWindowRangeSequence[0].EnergyWindowUpperLimit),
        )
        for window in dataset.EnergyWindowInformationSequence
    }
    scan = Scan(
        orbit=Orbit(
            np.concatenate([float(start) + turned_deg for start in starts]),
            np.concatenate(radii).astype(np.float64),
        ),
        heads=len(detectors),
        windows_kev=windows,
        collimator=detectors[0].CollimatorGridName,
        tracer=dataset.RadiopharmaceuticalInformationSequence[0].Radiopharmaceutical,
        seconds_per_view=float(rotation.ActualFrameDuration) / 1000,
    )
    window, detector, _, view = (np.array(dataset[name].value) - 1 for name in VECTORS)
    counts = np.empty(
        (len(windows), len(detectors) * scan.views, dataset.Rows, dataset.Columns), np.float32
    )
    counts[window, detector * scan.views + view] = dataset.pixel_array[:, ::-1]
    slice_mm, bin_mm = map(float, dataset.PixelSpacing)
    return Projections(scan, counts, slice_mm, bin_mm)
