"""Projections as cameras write them: one ideal acquisition, rearranged into their files.

Every layout holds the same counts at the same angles, so that each must be read alike.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.sequence import Sequence as Items

from builders import change, put_bytes
from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.dicom.orientation import SCT_ENTRY, Entry, Side
from mumap_node.dicom.projections.reading import read_projections
from mumap_node.imaging.projections import Projections
from mumap_node.imaging.reconstruction import Orbit
from mumap_node.training.simulation.objects import projections as simulated
from mumap_node.training.simulation.objects.examination import Examination
from mumap_node.training.simulation.objects.scan import Scan

GE = "GEMS_GENIE_1"

TWO_WINDOWS = {"photopeak": (126.45, 154.55), "scatter": (114.0, 126.0)}
SIX_WINDOWS = {
    "photopeak": (126.45, 154.55),
    "lower": (119.0, 126.45),
    "upper": (154.55, 162.0),
    "far lower": (90.0, 105.0),
    "another peak": (180.0, 220.0),
    "far upper": (230.0, 260.0),
}

VECTORS = (
    "EnergyWindowVector",
    "DetectorVector",
    "RotationVector",
    "RRIntervalVector",
    "TimeSlotVector",
    "AngularViewVector",
)


def orbit_of(
    *,
    heads: int = 1,
    apart_deg: float = 90.0,
    arc_deg: float = 180.0,
    views: int = 16,
    start_deg: float = 225.0,
    clockwise: bool = True,
) -> Orbit:
    """Even steps over an arc that the heads share; by default RAO 45 to LPO 45, one head."""
    each = views // heads
    step_deg = arc_deg / views * (-1 if clockwise else 1)
    angles = [start_deg + head * apart_deg + step_deg * np.arange(each) for head in range(heads)]
    return Orbit(np.concatenate(angles), 200.0 + 1.5 * np.arange(views))


def acquired(
    orbit: Orbit | None = None,
    *,
    heads: int = 1,
    windows_kev: Mapping[str, tuple[float, float]] | None = None,
    counts: NDArray[np.float32] | None = None,
    spacing_mm: tuple[float, float] = (5.0, 7.0),
) -> simulated.Projections:
    """The ideal acquisition; counts that tell every frame, row and column apart by default."""
    orbit = orbit or orbit_of(heads=heads)
    windows_kev = windows_kev or TWO_WINDOWS
    if counts is None:
        shape = (len(windows_kev), orbit.views, 5, 6)
        counts = np.random.default_rng(3).integers(20, 400, shape).astype(np.float32)
    scan = Scan(orbit, heads, windows_kev, "LEHR", "Tc-99m sestamibi", 25.0)
    return simulated.Projections(scan, counts, *spacing_mm)


def tomo(
    of: simulated.Projections | None = None,
    *,
    side: Side = Side.SUPINE,
    entry: Entry = Entry.HEAD_FIRST,
    **attributes: object,
) -> Dataset:
    """The file of the project's own encoder, as any camera might write it.

    Args:
        of: What was acquired.
        side: Which side was down.
        entry: Which end entered first.
        attributes: Further or other values by keyword; None removes an attribute.
    """
    examination = Examination(
        key=("a", "tomo"),
        patient_name="PHANTOM^1",
        patient_id="P1",
        sex="O",
        side=side,
        at=datetime(2026, 1, 1, 12, tzinfo=UTC),
        description="TOMO",
    )
    dataset = simulated.encode_projections(examination, of or acquired())
    dataset.PatientGantryRelationshipCodeSequence = [SCT_ENTRY[entry].item()]
    put_bytes(dataset, "PixelData", bytes(dataset.PixelData))
    change(dataset, attributes)
    return dataset


def read(dataset: Dataset) -> Projections:
    """What the node reads from the bytes of the file."""
    return read_projections(read_dataset(to_bytes(dataset)))


def same(found: Projections, ideal: simulated.Projections) -> None:
    """Assert that the projections are the ideal ones, views in any order."""
    orbit = ideal.scan.orbit
    mine, theirs = (
        np.lexsort((turned.radii_mm, np.round(turned.angles_deg % 360, 3)))
        for turned in (found.orbit, orbit)
    )
    np.testing.assert_allclose(
        found.orbit.angles_deg[mine], (orbit.angles_deg % 360)[theirs], atol=1e-6
    )
    np.testing.assert_allclose(found.orbit.radii_mm[mine], orbit.radii_mm[theirs], atol=0.01)
    np.testing.assert_array_equal(found.photopeak[mine], ideal.counts[0][theirs])
    names = list(ideal.scan.windows_kev)
    limits = list(ideal.scan.windows_kev.values())
    for window in found.scatter:
        number = limits.index(window.limits_kev)
        assert names[number] in ("scatter", "lower", "upper")
        np.testing.assert_array_equal(window.counts[mine], ideal.counts[number][theirs])
    assert (found.slice_mm, found.bin_mm) == (ideal.slice_mm, ideal.bin_mm)


def frames_of(dataset: Dataset) -> NDArray[np.uint16]:
    """Stored values [frame, row, column]."""
    shape = (int(dataset.NumberOfFrames), dataset.Rows, dataset.Columns)
    return np.frombuffer(dataset.PixelData, "<u2").reshape(shape)


def put(
    dataset: Dataset, frames: NDArray[np.generic], vectors: Mapping[str, Sequence[int]]
) -> None:
    """Other frames, and whatever vectors they have."""
    dataset.NumberOfFrames = len(frames)
    put_bytes(dataset, "PixelData", frames.astype("<u2").tobytes())
    for name, numbers in vectors.items():
        setattr(dataset, name, list(map(int, numbers)))


def vectors_of(dataset: Dataset) -> dict[str, NDArray[np.intp]]:
    """The vectors a dataset has, by keyword."""
    return {
        name: np.atleast_1d(np.array(dataset[name].value)) for name in VECTORS if name in dataset
    }


def reordered(dataset: Dataset, order: Sequence[int]) -> Dataset:
    """The frames, with their numbers, stored in another order, or only some, or some twice."""
    chosen = np.array(order)
    vectors = {name: numbers[chosen] for name, numbers in vectors_of(dataset).items()}
    put(dataset, frames_of(dataset)[chosen], vectors)
    return dataset


def gated(dataset: Dataset, *, gates: int = 8, rejected: int = 5) -> Dataset:
    """Every frame's counts shared out to gates, in the order of GATED TOMO (C.8.4.8)."""
    shares = np.random.default_rng(4).dirichlet(np.full(gates, 20.0))
    split = np.random.default_rng(5).multinomial(frames_of(dataset), shares)
    frames = np.moveaxis(split, -1, 1).reshape(-1, *split.shape[1:3])
    vectors = {name: np.repeat(numbers, gates) for name, numbers in vectors_of(dataset).items()}
    vectors["TimeSlotVector"] = np.tile(np.arange(1, gates + 1), len(split))
    vectors["RRIntervalVector"] = np.ones(len(frames), int)
    put(dataset, frames, vectors)
    dataset.NumberOfTimeSlots, dataset.NumberOfRRIntervals = gates, 1
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "GATED TOMO", "EMISSION"]
    interval, beats = Dataset(), Dataset()
    beats.FrameTime, beats.LowRRValue, beats.HighRRValue = "100", "680", "1009"
    beats.IntervalsAcquired, beats.IntervalsRejected = "911", str(rejected)
    interval.DataInformationSequence = [beats]
    dataset.GatedInformationSequence = [interval]
    return dataset


def siemens_like(
    of: simulated.Projections, side: Side = Side.SUPINE, entry: Entry = Entry.HEAD_FIRST
) -> Dataset:
    """Angles and radii with each detector, serial numbers for collimators, position twice."""
    dataset = tomo(of, side=side, entry=entry)
    (rotation,) = dataset.RotationInformationSequence
    del rotation.StartAngle, rotation.RadialPosition
    for number, detector in enumerate(dataset.DetectorInformationSequence):
        detector.CollimatorGridName = f"@1679084{number}"
        first = of.scan.orbit.angles_deg[of.scan.of_head(number)][0]
        detector.StartAngle = f"{first % 360:.3f}"
        radii = of.scan.orbit.radii_mm[of.scan.of_head(number)]
        detector.RadialPosition = [f"{radius:.2f}" for radius in radii]
        detector.ImagePositionPatient = None
    dataset.Manufacturer, dataset.ManufacturerModelName = "SIEMENS NM", "Encore2"
    dataset.PatientPosition = ("HF" if entry is Entry.HEAD_FIRST else "FF") + (
        "S" if side is Side.SUPINE else "P"
    )
    dataset.CorrectedImage = ["UNIF", "COR", "UNIF", "DTIM", "LIN", "UNIF"]
    for item in dataset.EnergyWindowInformationSequence:
        item.EnergyWindowName = "Tc99m"
    return dataset


def ge_like(
    of: simulated.Projections,
    side: Side = Side.SUPINE,
    entry: Entry = Entry.HEAD_FIRST,
    *,
    scalar: bool = False,
) -> Dataset:
    """One detector for all heads, an average radius, and what each view adds to it in private.

    Args:
        of: What was acquired, its views in even steps through all heads.
        side: Which side was down.
        entry: Which end entered first.
        scalar: Without the private offsets.
    """
    dataset = tomo(of, side=side, entry=entry)
    vectors = vectors_of(dataset)
    heads = of.scan.heads
    angular = (vectors["DetectorVector"] - 1) * of.scan.views + vectors["AngularViewVector"]
    put(dataset, frames_of(dataset), {"AngularViewVector": angular})
    dataset.DetectorVector = [1] * len(angular)
    dataset.NumberOfDetectors = 1
    detector = dataset.DetectorInformationSequence[0]
    dataset.DetectorInformationSequence = Items([detector])
    for keyword in ("StartAngle", "RadialPosition"):
        if keyword in detector:
            delattr(detector, keyword)
    (rotation,) = dataset.RotationInformationSequence
    rotation.NumberOfFramesInRotation = of.scan.views * heads
    rotation.ScanArc = str(float(rotation.AngularStep) * of.scan.views * heads)
    radii = of.scan.orbit.radii_mm
    rotation.RadialPosition = f"{radii.mean():.3f}"
    del dataset.NumberOfRotations
    dataset.Manufacturer = "GE MEDICAL SYSTEMS"
    for item in dataset.EnergyWindowInformationSequence:
        item.EnergyWindowName = "Tc99m_EM"
    if not scalar:
        offsets = np.zeros((len(radii), 3))
        offsets[:, 2] = radii - float(rotation.RadialPosition)
        put_ge_offsets(dataset, offsets.ravel().tolist())
    return dataset


def put_ge_offsets(dataset: Dataset, offsets: list[float] | bytes) -> None:
    """GE's private detector sequence with Tomo View Offset; bytes as they are."""
    item = Dataset()
    item.add_new(0x00130010, "LO", GE)
    item.add_new(0x0013101E, "UN" if isinstance(offsets, bytes) else "FD", offsets)
    dataset.add_new(0x00550010, "LO", GE)
    dataset.add_new(0x00551022, "SQ", [item])


def in_two_rotations(dataset: Dataset) -> Dataset:
    """The second half of every detector's views as a rotation of its own."""
    (whole,) = dataset.RotationInformationSequence
    views, step_deg = int(whole.NumberOfFramesInRotation), float(whole.AngularStep)
    half = views // 2
    sign = 1 if whole.RotationDirection == "CC" else -1
    halves = []
    for number in range(2):
        rotation = deepcopy(whole)
        rotation.NumberOfFramesInRotation = half
        rotation.ScanArc = str(step_deg * half)
        rotation.StartAngle = str((float(whole.StartAngle) + sign * step_deg * half * number) % 360)
        rotation.RadialPosition = list(whole.RadialPosition)[number * half : (number + 1) * half]
        halves.append(rotation)
    dataset.RotationInformationSequence = halves
    dataset.NumberOfRotations = 2
    view = vectors_of(dataset)["AngularViewVector"]
    dataset.RotationVector = (1 + (view > half)).tolist()
    dataset.AngularViewVector = (1 + (view - 1) % half).tolist()
    return dataset


def looking(dataset: Dataset, of: simulated.Projections, *, turned: bool = False) -> Dataset:
    """State Image Orientation of each detector's first frame; turned stores frames upside down."""
    sign = -1 if turned else 1
    for head, detector in enumerate(dataset.DetectorInformationSequence):
        x, y = of.scan.orbit.bin_directions[of.scan.of_head(head)][0] * sign
        detector.ImageOrientationPatient = [f"{x:.6f}", f"{y:.6f}", "0", "0", "0", str(-sign)]
        if turned:
            bottom_mm = float(detector.ImagePositionPatient[2]) - (dataset.Rows - 1) * of.slice_mm
            detector.ImagePositionPatient = ["0", "0", f"{bottom_mm:.6f}"]
    if turned:
        put(dataset, frames_of(dataset)[:, ::-1, ::-1], {})
    return dataset
