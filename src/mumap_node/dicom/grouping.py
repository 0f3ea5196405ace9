"""By what examinations are grouped when maps are judged: equipment and protocol, never the patient.

Sources: PS3.3 C.7.5.1 (General Equipment), C.8.4.12 (NM/PET rotation).
"""

import re
from contextlib import suppress

from pydicom import Dataset

from mumap_node.dicom.acquisition import coded_radionuclide
from mumap_node.dicom.elements import items, numbers, text, unsigned
from mumap_node.dicom.selection import are_projections
from mumap_node.errors import InputRejected

LONGEST = 64
"""Characters of a value of VR LO (PS3.5 6.2)."""

_UNUSUAL = re.compile(r"[^ -~]")


def groups_of(dataset: Dataset) -> dict[str, str]:
    """Value by subgroup of an NM instance.

    Returns:
        ``camera`` (maker and model), ``source`` ("reconstruction" or "projections"), ``matrix``
        (columns x rows), ``arc`` that each detector swept and ``radionuclide`` such as "Tc-99m";
        what the header does not state, or states in several ways, is left out.
    """
    found = {
        "camera": _camera(dataset),
        "source": "projections" if are_projections(dataset) else "reconstruction",
        "matrix": _matrix(dataset),
        "arc": _arc(dataset),
        "radionuclide": _radionuclide(dataset),
    }
    return {name: value for name, value in found.items() if value}


def _camera(dataset: Dataset) -> str:
    stated = (text(dataset, keyword) for keyword in ("Manufacturer", "ManufacturerModelName"))
    return _UNUSUAL.sub("?", " ".join(part[:LONGEST] for part in stated if part))


def _matrix(dataset: Dataset) -> str:
    with suppress(InputRejected):
        sides = [str(side) for key in ("Columns", "Rows") for side in unsigned(dataset, key)]
        return " x ".join(sides) if len(sides) == 2 else ""
    return ""


def _arc(dataset: Dataset) -> str:
    with suppress(InputRejected):
        rotations = items(dataset, "RotationInformationSequence")
        arcs = {arc for item in rotations for arc in numbers(item, "ScanArc", 1)}
        return f"{arcs.pop():g} degrees" if len(arcs) == 1 else ""
    return ""


def _radionuclide(dataset: Dataset) -> str:
    with suppress(InputRejected):
        return coded_radionuclide(dataset)
    return ""
