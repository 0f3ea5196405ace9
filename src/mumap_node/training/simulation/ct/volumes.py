"""Attenuation of real torsos, read from the formats such volumes come in."""

import gzip
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813  (its name everywhere)
from numpy.typing import ArrayLike, NDArray
from pydicom import dcmread

from mumap_node.dicom.ct_series import read_ct
from mumap_node.errors import InputRejected
from mumap_node.imaging.attenuation import (
    HU_TABLES,
    LUNG_LAC_140KEV_PER_CM,
    SOFT_TISSUE_LAC_140KEV_PER_CM,
    at_energy,
    lac_from_hu,
)
from mumap_node.imaging.volume import Geometry, Quantity, Volume, Voxels
from mumap_node.training.simulation.anatomy.tissues import LAC_PER_CM, Tissue

TABLE = "optima-ct540-120kvp"
"""Of volumes in HU that state no tube voltage: 120 kV is what most diagnostic CTs have."""

PET_KEV, SPECT_KEV = 511.0, 140.5

DIRECTION = {"H": (0, 0, 1), "F": (0, 0, -1), "P": (0, 1, 0), "A": (0, -1, 0), "L": (1, 0, 0)}
"""LPS direction of (H)ead, (F)eet, (P)osterior, (A)nterior and (L)eft."""

ORIENTATION = {".hv": "FPL", ".h33": "FAL", ".npz": "HPL"}
"""Where slices, rows and columns go. These formats do not say; it is what the files have that the
project was checked with: STIR's exercises, and the phantoms of BenAuer2021."""

LAC_OF_LABEL = (
    0.0,
    SOFT_TISSUE_LAC_140KEV_PER_CM,  # body
    0.0,  # air cavity
    SOFT_TISSUE_LAC_140KEV_PER_CM,  # brain
    0.0,  # bronchi
    LAC_PER_CM[Tissue.LIVER],
    LUNG_LAC_140KEV_PER_CM,
    LAC_PER_CM[Tissue.SPONGY_BONE] * 1.25,  # a whole bone, cortex and marrow together
)
"""Of the labelled torso of BenAuer2021's Mesh-based-Human-Phantom-for-Simulation."""


def find_volumes(folder: Path) -> tuple[Path, ...]:
    """Every torso in a folder: NIfTI, Interfile and labelled .npz files, and folders of CT slices.

    Raises:
        InputRejected: ``no-anatomy`` where there is none.
    """
    files = [path for path in folder.rglob("*") if path.name.endswith(tuple(_READERS))]
    series = {path.parent for path in folder.rglob("*.dcm")}
    if not files and not series:
        kinds = ", ".join(_READERS)
        raise InputRejected("no-anatomy", f"expected {kinds} or .dcm files below {folder}")
    return tuple(sorted([*files, *series]))


def read_lac(path: Path) -> Volume:
    """Read a torso, in whatever orientation it is stored.

    Args:
        path: One of ``find_volumes``.

    Returns:
        LAC in 1/cm at 140.5 keV.

    Raises:
        InputRejected: ``unreadable-anatomy``, or a reason of ``ct_series.read_ct``.
    """
    if path.is_dir():
        ct = read_ct([dcmread(file) for file in sorted(path.glob("*.dcm"))])
        return ct.with_voxels(np.nan_to_num(ct.voxels))  # air where nobody knows
    read = next(read for ending, read in _READERS.items() if path.name.endswith(ending))
    try:
        return read(path)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        sentence = f"{path.name}: expected a torso, found {type(error).__name__}"
        raise InputRejected("unreadable-anatomy", sentence) from None


def _read_nifti(path: Path) -> Volume:
    """CT in HU; ITK turns the axes of NIfTI to LPS."""
    image = sitk.ReadImage(path)
    affine = np.eye(4)
    directions = np.array(image.GetDirection()).reshape(3, 3)
    affine[:3, :3] = (directions * image.GetSpacing())[:, ::-1]
    affine[:3, 3] = image.GetOrigin()
    return _volume(_from_hu(sitk.GetArrayFromImage(image)), affine)


def _read_labels(path: Path) -> Volume:
    content = np.load(path, allow_pickle=False)
    lac = np.array(LAC_OF_LABEL, np.float32)[content["labels"]]
    return _volume(lac, _affine(path, lac.shape, content["spacing_mm_zyx"]))


def _read_interfile(path: Path) -> Volume:
    """Attenuation images of PET in 1/cm as STIR has them, and CTs in HU + 1024."""
    header = _interfile_header(path.read_text(encoding="ascii"))
    columns, rows = (int(header[f"matrix size [{axis}]"]) for axis in (1, 2))
    slices = int(header.get("matrix size [3]") or header["number of slices"])
    spacing = [float(header[f"scaling factor (mm/pixel) [{axis}]"]) for axis in (2, 1)]
    between = header.get("scaling factor (mm/pixel) [3]") or header["slice thickness (pixels)"]
    data = path.with_name(header["name of data file"])
    if data.exists():
        encoded = data.read_bytes()
    else:
        encoded = gzip.decompress(data.with_name(f"{data.name}.gz").read_bytes())
    kind = {"float": "f", "unsigned integer": "u", "signed integer": "i"}[header["number format"]]
    order = "<" if header["imagedata byte order"].lower() == "littleendian" else ">"
    stored = np.frombuffer(encoded, f"{order}{kind}{header['number of bytes per pixel']}")
    voxels = stored.reshape(slices, rows, columns).astype(np.float32)
    if header.get("exam type") == "CT":
        lac = _from_hu(voxels - 1024)
    else:
        lac = at_energy(voxels, PET_KEV, SPECT_KEV)
    return _volume(lac, _affine(path, lac.shape, (float(between), *spacing)))


def _interfile_header(text: str) -> Mapping[str, str]:
    lines = re.findall(r"^!?([^;:\n]+?)\s*:=[ \t]*(.*?)\s*$", text, re.MULTILINE)
    return {key.lower(): value for key, value in lines}


def _from_hu(hu: NDArray[np.generic]) -> Voxels:
    return lac_from_hu(hu.astype(np.float32), HU_TABLES[TABLE])


def _affine(path: Path, shape: tuple[int, ...], spacing_mm: ArrayLike) -> NDArray[np.float64]:
    """Of a volume without a stated place: its middle is the origin."""
    affine = np.eye(4)
    directions = np.array([DIRECTION[letter] for letter in ORIENTATION[path.suffix]]).T
    affine[:3, :3] = directions * np.asarray(spacing_mm)
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape) - 1) / 2
    return affine


def _volume(lac: Voxels, affine: NDArray[np.float64]) -> Volume:
    slices, rows, columns = lac.shape
    return Volume(lac, Geometry((slices, rows, columns), affine), Quantity.LAC_PER_CM)


_READERS = {
    ".nii": _read_nifti,
    ".nii.gz": _read_nifti,
    ".hv": _read_interfile,
    ".h33": _read_interfile,
    ".npz": _read_labels,
}
