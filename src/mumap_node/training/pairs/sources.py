"""Where pairs come from: simulated cohorts, and folders of a site's own examinations.

Nothing of a patient leaves this module: pairs are known by keys derived from UIDs, patients by a
digest that is used to part them and is written nowhere.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mumap_node.comparing import read_measured
from mumap_node.dicom.reading import read_reconstruction
from mumap_node.dicom.selection import select_source
from mumap_node.errors import ConfigurationError, InputRejected
from mumap_node.imaging.acquisition import Acquisition
from mumap_node.imaging.registration import LARGEST_SHIFT_MM, LEAST_DICE, register
from mumap_node.imaging.volume import Volume
from mumap_node.training.pairs.archive import (
    KEY_DIGITS,
    Instance,
    digest,
    look,
    read_file,
    truth_beside,
)


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
        key: Names the pair; of the SOP Instance UID of its reconstruction, or of what was drawn.
        patient: Digest of Patient ID and issuer, or of who was drawn; pairs that share it are
            never parted.
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
        selected = select_source(read_file(self.nac), assume_nac=True)
        source = read_reconstruction(selected.dataset)
        lac = read_measured([read_file(path) for path in self.truth], source.volume.geometry)
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
        ConfigurationError: ``no-pairs`` where there are none, ``no-cohort`` where nobody knows
            what one was drawn from.
    """
    cases = sorted(path.parent for path in folder.glob("case-*/map.dcm"))
    if not cases:
        problem = f"{folder}: expected a cohort of `mumap-node simulate`, found no case"
        raise ConfigurationError("no-pairs", [problem])
    return [_simulated(case) for case in cases]


def of_site(
    folders: Iterable[Path], ct_description: str = ""
) -> tuple[list[PairSource], list[Doubtful]]:
    """Pairs among the DICOM files below folders, and the reconstructions that are not used.

    A reconstruction and its map share study and frame of reference. A vendor's map goes before
    the CT it was made from; several of either leave it open which one was meant.

    Args:
        folders: Where to look.
        ct_description: Part of the Series Description of the CTs that may be paired.

    Raises:
        ConfigurationError: ``no-pairs`` where there is no reconstruction at all.
    """
    names = sorted({path for folder in folders for path in folder.rglob("*") if path.is_file()})
    instances = [instance for path in names if (instance := look(path)) is not None]
    shelves: dict[tuple[str, str], list[Instance]] = defaultdict(list)
    for instance in instances:
        shelves[instance.study, instance.frame_of_reference].append(instance)
    found, doubtful = [], []
    for nac in (instance for instance in instances if instance.kind == "nac"):
        shelf = shelves[nac.study, nac.frame_of_reference]
        try:
            truth = truth_beside(nac, shelf, ct_description)
            found.append(PairSource(nac.key, nac.patient, nac.path, truth, is_simulated=False))
        except InputRejected as error:
            doubtful.append(Doubtful(nac.key, error.reason, error.sentence))
    if not found and not doubtful:
        problem = "expected nAC reconstructions (NM RECON TOMO EMISSION) below --pairs, found none"
        raise ConfigurationError("no-pairs", [problem])
    return found, doubtful


def once(sources: Iterable[PairSource]) -> tuple[list[PairSource], list[Doubtful]]:
    """Every pair once, and what came again, by another folder or as a copy."""
    kept: dict[str, PairSource] = {}
    again = []
    for source in sources:
        if kept.setdefault(source.key, source) is not source:
            sentence = "expected every pair once, found it in another place too"
            again.append(Doubtful(source.key, reason="duplicate-pair", sentence=sentence))
    return list(kept.values()), again


def _simulated(case: Path) -> PairSource:
    """Its key and patient follow from what was drawn, wherever the cohort lies.

    Cases that show the torso of one CT are one patient, whatever heart and uptake they were given.
    """
    try:
        facts = json.loads((case / "case.json").read_text(encoding="utf-8"))
        seed, index, anatomy = facts["seed"], facts["index"], facts.get("anatomy", "drawn")
    except (OSError, ValueError, KeyError) as error:
        problem = f"{case}: expected seed and index in case.json, found {type(error).__name__}"
        raise ConfigurationError("no-cohort", [problem]) from None
    key, is_drawn = f"seed-{seed}/case-{index:05d}", anatomy == "drawn"
    return PairSource(
        key=key if is_drawn else f"{key}/{digest(anatomy)[:KEY_DIGITS]}",
        patient=digest("drawn", str(seed), str(index)) if is_drawn else digest("torso", anatomy),
        nac=case / "nac.dcm",
        truth=(case / "map.dcm",),
        is_simulated=True,
    )


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
