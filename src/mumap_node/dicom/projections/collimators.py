"""Which cameras a projector of parallel holes can stand for, as far as a header tells.

A header cannot tell all: there is no defined term for the multifocal collimator of IQ SPECT, and
no attribute is known to mark it. What a header does not say is for the site's routes to say.
"""

import re

from pydicom import Dataset

from mumap_node.dicom.corrections import SIEMENS
from mumap_node.dicom.elements import items, numbers, private_tags, text, unsigned, value
from mumap_node.errors import InputRejected

SEND_INSTEAD = "send the vendor's uncorrected reconstruction"

MODELLED_TYPES = ("PARA", "UNKN", "")
"""Of Collimator Type (PS3.3 C.8.4.11); those that say nothing are left to the model's limits."""

MOST_HEADS = 3
"""Cameras that turn have up to three; more are a ring of small detectors."""

_ANOTHER_CAMERA = re.compile(r"530C|570C|ALCYONE|(?<![A-Z])D-?SPECT|STARGUIDE|VERITON")
"""Models with many detectors, pinholes or swinging ones."""

_ANOTHER_COLLIMATOR = re.compile(r"SMART.?ZOOM|IQ.?SPECT|MULTI.?FOCAL|PINHOLE|MPH_|FAN.?BEAM")
"""In the name of a collimator, a protocol or a series."""


def require_parallel_holes(dataset: Dataset) -> tuple[str, str]:
    """Refuse what is stated to be anything but parallel holes.

    Returns:
        Collimator Type and name; empty where not stated, or, the name, where it differs between
        heads: some cameras write the serial number of each.

    Raises:
        InputRejected: ``unmodelled-collimator``.
    """
    detectors = items(dataset, "DetectorInformationSequence")
    _require_not(
        _ANOTHER_CAMERA.search(text(dataset, "ManufacturerModelName").upper())
        or "SPECTRUM DYNAMICS" in text(dataset, "Manufacturer").upper(),
        "a Manufacturer or ManufacturerModelName of another kind of camera",
    )
    heads = len(set(unsigned(dataset, "DetectorVector")) or {1})
    _require_not(heads > MOST_HEADS, f"{heads} detectors in DetectorVector")
    types = {text(item, "CollimatorType") for item in detectors} - {""}
    names = {text(item, "CollimatorGridName") for item in detectors}
    described = {text(dataset, keyword) for keyword in ("SeriesDescription", "ProtocolName")}
    _require_not(len(types) > 1, f"{len(types)} different CollimatorType")
    _require_not(not types <= set(MODELLED_TYPES), "another CollimatorType than PARA")
    _require_not(
        any(any(numbers(item, "FocalDistance", 1)) for item in detectors),
        "a FocalDistance that is not 0",
    )
    _require_not(
        any(_ANOTHER_COLLIMATOR.search(name.upper()) for name in names | described),
        "a CollimatorGridName, SeriesDescription or ProtocolName of other holes",
    )
    _require_not(
        any(any(value(dataset, tag)) for tag in private_tags(dataset, 0x0055, SIEMENS, 0x98)),
        "the Siemens flag of an astigmatic collimator (0055,xx98)",
    )
    return next(iter(types), ""), names.pop() if len(names) == 1 else ""


def _require_not(is_another: object, found: str) -> None:
    if is_another:
        raise InputRejected(
            "unmodelled-collimator",
            f"expected a turning camera with parallel holes, found {found}; {SEND_INSTEAD}",
        )
