"""Examinations of toy patients as a site has them: a nAC series with a vendor's map or a CT."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmwrite

from builders import change
from ct_series import encode_ct
from mumap_node.dicom.orientation import Side
from mumap_node.imaging.reconstruction import Orbit
from mumap_node.imaging.volume import Geometry, Volume
from mumap_node.training.simulation.objects.examination import Examination
from mumap_node.training.simulation.objects.scan import Scan
from mumap_node.training.simulation.objects.volumes import encode_map, encode_reconstruction
from mumap_node.training.torso import Torso, analytic_torso

SCAN = Scan(
    Orbit(np.linspace(45, 225, 30), np.full(30, 220.0)),
    1,
    {"Tc99m": (126.5, 154.6)},
    "LEHR",
    "Sestamibi",
    20.0,
)


@cache
def torso(shape: tuple[int, int, int] = (32, 48, 48), spacing_mm: float = 9.0) -> Torso:
    """The analytic torso, 350 mm wide and 230 mm deep, on a coarse grid."""
    return analytic_torso(shape, spacing_mm)


def moved(volume: Volume, shift_mm: Iterable[float], scale: float = 1.0) -> Volume:
    """The volume elsewhere in the patient, by LPS mm, or of another size."""
    affine = np.array(volume.geometry.affine)
    affine[:3] *= scale
    affine[:3, 3] += tuple(shift_mm)
    return Volume(volume.voxels.copy(), Geometry(volume.geometry.shape, affine), volume.quantity)


def examination(number: int = 0, visit: int = 0) -> Examination:
    """A visit of a patient, all of whose UIDs are its own."""
    return Examination(
        key=("test", str(number), str(visit)),
        patient_name=f"TOY^{number}",
        patient_id=f"TOY-{number}",
        sex="O",
        side=Side.SUPINE,
        at=datetime(2026, 3, 1, 9, 30),  # noqa: DTZ001  (DICOM's local time)
        description="TOY EXAMINATION",
    )


def nac(number: int = 0, visit: int = 0, scale: float = 1.0, **attributes: object) -> Dataset:
    """The reconstruction."""
    emission = moved(torso().emission, (0, 0, 0), scale)
    counts = emission.with_voxels(np.minimum(emission.voxels, 32767))
    dataset = encode_reconstruction(
        examination(number, visit), SCAN, counts, description="STRESS nAC"
    )
    change(dataset, attributes)
    return dataset


def mumap(
    number: int = 0,
    visit: int = 0,
    scale: float = 1.0,
    shift_mm: tuple[float, float, float] = (0, 0, 0),
    **attributes: object,
) -> Dataset:
    """A vendor's map of it, perhaps not where it should be."""
    lac = moved(torso().lac, shift_mm, scale)
    dataset = encode_map(examination(number, visit), SCAN, lac)
    change(dataset, attributes)
    return dataset


def ct(
    number: int = 0,
    visit: int = 0,
    scale: float = 1.0,
    shift_mm: tuple[float, float, float] = (0, 0, 0),
) -> list[Dataset]:
    """A CT series of it, finer than the reconstruction, as long as that."""
    lac = moved(torso((60, 104, 104), 4.5).lac, shift_mm, scale)
    return encode_ct(examination(number, visit), lac)


def file_of(dataset: Dataset) -> bytes:
    """The bytes of an object's file."""
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def write(folder: Path, *datasets: Dataset) -> Path:
    """Write objects as a site's archive would, under names that say nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    for dataset in datasets:
        number = len(list(folder.iterdir()))
        (folder / f"IM{number:05d}").write_bytes(file_of(dataset))
    return folder
