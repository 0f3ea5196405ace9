"""Where pairs come from: simulated cohorts, and folders of a site's own examinations.

Nothing of a patient leaves this module: pairs are known by keys derived from UIDs, patients by a
digest that is used to part them and is written nowhere.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydicom import Dataset
from pydicom.uid import CTImageStorage

from mumap_node.dicom.elements import text, texts
from mumap_node.dicom.files import read_dataset
from mumap_node.dicom.reading import read_reconstruction
from mumap_node.dicom.selection import select_nac_reconstruction
from mumap_node.errors import ConfigurationError, InputRejected
from mumap_node.imaging import resampling
from mumap_node.imaging.acquisition import Acquisition
from mumap_node.imaging.volume import Volume
from mumap_node.training.pairs.ct import read_ct, to_truth
from mumap_node.training.pairs.registration import LARGEST_SHIFT_MM, LEAST_DICE, register
from mumap_node.training.pairs.truth import is_map, read_map, require_plausible

KEY_DIGITS = 12
"""Of a SHA-256 in hexadecimal: no two of a million pairs share them."""


@dataclass(frozen=True, eq=False, slots=True)
class Pair:
    """A reconstruction and the map it should be answered with.

    Attributes:
        key: Names the pair; nothing of the patient can be told from it.
        nac: Counts.
        lac: LAC in 1/cm at 140.5 keV on the grid of ``nac``; NaN where nobody knows it.
        acquisition: How ``nac`` was acquired.
    """

    key: str
    nac: Volume
    lac: Volume
    acquisition: Acquisition


@dataclass(frozen=True, slots=True)
class PairSource:
    """Where a pair lies, to be read when it is needed.

    Attributes:
        key: Names the pair; derived from the SOP Instance UID of its reconstruction.
        patient: Digest of the patient; pairs that share it are never parted.
        nac: File of the reconstruction.
        truth: File of the map, or files of a CT series.
        is_simulated: Whether both come from the simulator, and so lie where they should.
    """

    key: str
    patient: str = field(repr=False)
    nac: Path
    truth: tuple[Path, ...]
    is_simulated: bool

    def load(self) -> Pair:
        """Read both, and bring the map onto the grid of the reconstruction.

        Raises:
            InputRejected: One cannot be read or believed, or they do not lie on each other
                (``misregistered``).
        """
        selected = select_nac_reconstruction(_read(self.nac), assume_nac=True)
        source = read_reconstruction(selected.dataset)
        lac = _truth([_read(path) for path in self.truth], source.volume)
        if not self.is_simulated:
            _require_registered(source.volume, lac)
        return Pair(self.key, source.volume, lac, source.acquisition)


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A pair that is not used.

    Attributes:
        key: Of the pair.
        reason: Stable code of docs/operations.md.
        sentence: Expected and found.
    """

    key: str
    reason: str
    sentence: str


def of_cohort(folder: Path) -> list[PairSource]:
    """The finished cases of a simulated cohort, in their order.

    Raises:
        ConfigurationError: ``no-pairs`` where there are none.
    """
    cases = sorted(path.parent for path in folder.glob("case-*/map.dcm"))
    if not cases:
        problem = f"{folder}: expected a cohort of `mumap-node simulate`, found no case"
        raise ConfigurationError("no-pairs", [problem])
    return [
        PairSource(
            key=f"{folder.name}/{case.name}",
            patient=_digest(folder.name, case.name),
            nac=case / "nac.dcm",
            truth=(case / "map.dcm",),
            is_simulated=True,
        )
        for case in cases
    ]


def of_site(folders: Iterable[Path]) -> tuple[list[PairSource], list[Doubtful]]:
    """Pairs among the DICOM files below folders, and the reconstructions that found no partner.

    A reconstruction and its map share study and frame of reference. A vendor's map goes before
    the CT it was made from; several of either leave it open which one was meant.

    Raises:
        ConfigurationError: ``no-pairs`` where there is no reconstruction at all.
    """
    names = sorted({path for folder in folders for path in folder.rglob("*") if path.is_file()})
    instances = [instance for path in names if (instance := _look(path)) is not None]
    shelves: dict[tuple[str, str], list[_Instance]] = defaultdict(list)
    for instance in instances:
        shelves[instance.study, instance.frame_of_reference].append(instance)
    found, doubtful = [], []
    for instance in instances:
        if instance.kind != "nac":
            continue
        try:
            found.append(_paired(instance, shelves[instance.study, instance.frame_of_reference]))
        except InputRejected as error:
            doubtful.append(Doubtful(instance.key, error.reason, error.sentence))
    if not found and not doubtful:
        problem = "expected nAC reconstructions (NM RECON TOMO EMISSION) below --pairs, found none"
        raise ConfigurationError("no-pairs", [problem])
    return found, doubtful


@dataclass(frozen=True, slots=True)
class _Instance:
    """What is remembered of a file: where it belongs, never whose it is."""

    path: Path
    kind: str
    key: str
    patient: str
    study: str
    series: str
    frame_of_reference: str


def _look(path: Path) -> _Instance | None:
    """A file of a pair; None for anything else, among it all that is not DICOM."""
    try:
        dataset = _read(path)
        kind = _kind(dataset)
    except InputRejected:
        return None
    if not kind:
        return None
    return _Instance(
        path,
        kind,
        _digest(text(dataset, "SOPInstanceUID"))[:KEY_DIGITS],
        _digest(text(dataset, "PatientID"), text(dataset, "IssuerOfPatientID")),
        text(dataset, "StudyInstanceUID"),
        text(dataset, "SeriesInstanceUID"),
        text(dataset, "FrameOfReferenceUID"),
    )


def _kind(dataset: Dataset) -> str:
    if text(dataset, "SOPClassUID") == CTImageStorage:
        return "" if "LOCALIZER" in texts(dataset, "ImageType") else "ct"
    if is_map(dataset):
        return "map"
    select_nac_reconstruction(dataset, assume_nac=True)
    return "nac"


def _paired(nac: _Instance, shelf: Sequence[_Instance]) -> PairSource:
    """The pair of a reconstruction and the only map, else the only CT series, beside it."""
    if not nac.frame_of_reference:
        raise InputRejected("no-truth", "expected a Frame of Reference UID to find a map by")
    for kind in ("map", "ct"):
        series = sorted({instance.series for instance in shelf if instance.kind == kind})
        if len(series) > 1:
            raise InputRejected(
                "ambiguous-truth", f"expected one {kind} series beside it, found {len(series)}"
            )
        if series:
            files = sorted(instance.path for instance in shelf if instance.series == series[0])
            return PairSource(nac.key, nac.patient, nac.path, tuple(files), is_simulated=False)
    raise InputRejected(
        "no-truth", "expected a map or a CT of the same study and frame of reference, found none"
    )


def _truth(datasets: Sequence[Dataset], nac: Volume) -> Volume:
    """A vendor's map or a CT on the grid of a reconstruction; NaN beyond what it shows."""
    if is_map(datasets[0]):
        if len(datasets) > 1:
            raise InputRejected("ambiguous-truth", f"expected one map, found {len(datasets)}")
        return resampling.onto(read_map(datasets[0]), nac.geometry, outside=float("nan"))
    ct = read_ct(datasets)
    require_plausible(ct)
    return to_truth(ct, nac.geometry)


def _require_registered(nac: Volume, lac: Volume) -> None:
    found = register(nac, lac)
    if not found.is_good:
        slices, rows, columns = found.shift_mm
        raise InputRejected(
            "misregistered",
            f"expected a Dice coefficient of at least {LEAST_DICE:g} and a shift of at most "
            f"{LARGEST_SHIFT_MM:g} mm, found {found.dice:.2f} and a shift of {slices:g} mm to the "
            f"head, {rows:g} mm to the back and {columns:g} mm to the left",
        )


def _read(path: Path) -> Dataset:
    try:
        with path.open("rb") as file:
            return read_dataset(file)
    except OSError as error:
        raise InputRejected("unreadable", f"the file cannot be read: {error.strerror}") from None


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
