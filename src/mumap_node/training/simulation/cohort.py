"""A cohort of simulated patients on disk: how it is laid out, and how it is read.

DIR/manifest.json              seed, version and what else makes this cohort
DIR/case-00000/nac.dcm         the reconstruction without attenuation correction
               map.dcm         the true attenuation map on its grid
               labels.nii.gz   tissue of every voxel of that grid
               segments.nii.gz AHA segment (1 to 17) of the myocardium, else 0
               projections.dcm what the camera counted, where it was kept
               case.json       everything that was drawn
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813  (its name everywhere)
from numpy.typing import NDArray
from pydicom import Dataset, dcmread

from mumap_node.dicom.measured_map import read_map
from mumap_node.dicom.reading import read_reconstruction
from mumap_node.errors import ConfigurationError
from mumap_node.imaging.resampling import onto, upright
from mumap_node.imaging.volume import Volume
from mumap_node.training.simulation.objects.projections import Projections, read_projections

MANIFEST = "manifest.json"
NAC, MAP, PROJECTIONS = "nac.dcm", "map.dcm", "projections.dcm"
LABELS, SEGMENTS, FACTS = "labels.nii.gz", "segments.nii.gz", "case.json"


@dataclass(frozen=True, slots=True)
class CohortCase:
    """One simulated patient; volumes are read when asked for, all on the same upright grid.

    Attributes:
        folder: Of its files.
    """

    folder: Path

    @property
    def index(self) -> int:
        """Its number within the seed."""
        return int(self.folder.name.removeprefix("case-"))

    def facts(self) -> Mapping[str, Any]:
        """What was drawn: patient, uptake, camera, conditions, protocol, heart and strata."""
        facts: Mapping[str, Any] = json.loads((self.folder / FACTS).read_text(encoding="utf-8"))
        return facts

    def nac(self) -> Volume:
        """The reconstruction without attenuation correction, in stored counts."""
        return _upright(read_reconstruction(self._object(NAC)).volume)

    def mumap(self) -> Volume:
        """The true map, LAC in 1/cm at 140.5 keV."""
        return _upright(read_map(self._object(MAP)))

    def labels(self) -> NDArray[np.uint8]:
        """Tissue of every voxel."""
        return self._labels(LABELS)

    def segments(self) -> NDArray[np.uint8]:
        """AHA segment of the left ventricle, 1 to 17, else 0."""
        return self._labels(SEGMENTS)

    def has_projections(self) -> bool:
        """Whether they were kept."""
        return (self.folder / PROJECTIONS).exists()

    def projections(self) -> Projections:
        """What the camera counted; the photopeak first."""
        return read_projections(self._object(PROJECTIONS))

    def _object(self, name: str) -> Dataset:
        return dcmread(self.folder / name)

    def _labels(self, name: str) -> NDArray[np.uint8]:
        labels: NDArray[np.uint8] = sitk.GetArrayFromImage(sitk.ReadImage(self.folder / name))
        return labels


@dataclass(frozen=True, slots=True)
class Plan:
    """What makes one cohort differ from another, beside the number of its cases.

    Attributes:
        seed: Cases of one seed are all different, and each the same whenever it is made.
        software_version: Of this package; another one may draw other patients.
        projections: Whether they are kept.
        volumes: Names of the CTs that lend their anatomy in turn; none where it is drawn.
    """

    seed: int
    software_version: str
    projections: bool
    volumes: tuple[str, ...] = ()

    def anatomy_of(self, index: int) -> str:
        """Name of the CT a case shows; "drawn" where there is none."""
        return self.volumes[index % len(self.volumes)] if self.volumes else "drawn"


@dataclass(frozen=True, slots=True)
class Cohort:
    """A folder of complete cases.

    Attributes:
        folder: Where it lies.
        plan: What it was made by.
    """

    folder: Path
    plan: Plan

    @classmethod
    def open(cls, folder: Path) -> "Cohort":
        """Open a cohort.

        Raises:
            ConfigurationError: ``no-cohort`` where there is none.
        """
        try:
            stated = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            values = {field.name: stated[field.name] for field in fields(Plan)}
            return cls(folder, Plan(**{**values, "volumes": tuple(stated["volumes"])}))
        except (OSError, ValueError, KeyError, TypeError) as error:
            problem = (
                f"{folder}: expected a cohort with its {MANIFEST}, found {type(error).__name__}"
            )
            raise ConfigurationError("no-cohort", [problem]) from None

    def __iter__(self) -> Iterator[CohortCase]:
        return map(CohortCase, sorted(self.folder.glob("case-*")))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def case_folder(self, index: int) -> Path:
        """Where a case lies, or will lie."""
        return self.folder / f"case-{index:05d}"

    def write_manifest(self) -> None:
        """Write the plan; which cases are complete, their folders tell."""
        text = json.dumps(asdict(self.plan), indent=1) + "\n"
        draft = self.folder / f".{MANIFEST}"
        draft.write_text(text, encoding="utf-8")
        draft.replace(self.folder / MANIFEST)


def _upright(volume: Volume) -> Volume:
    return onto(volume, upright(volume.geometry))
