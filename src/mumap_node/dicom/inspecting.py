"""One of a station's own maps, explained, and the first version of a template made of it.

The explanation is for the person at the keyboard who has the file; the template is for the node.
Neither repeats what may tell who the patient is: names, dates, UIDs, long texts, and whatever
shares a word with them.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.datadict import private_dictionary_description
from pydicom.uid import NuclearMedicineImageStorage

from mumap_node.dicom.acquisition import limits_of
from mumap_node.dicom.describing import MAP, SOURCE
from mumap_node.dicom.elements import items, numbers, text, texts
from mumap_node.dicom.geometry import read_geometry, read_slice_numbers
from mumap_node.dicom.marks import SYNTHETIC
from mumap_node.dicom.measured_map import SAME_SCALE, stated_scales
from mumap_node.dicom.modules.image import STORED_PER_LAC
from mumap_node.dicom.personal import looks_personal, personal_words
from mumap_node.dicom.pixels import read_pixel_format, stored_values
from mumap_node.dicom.private_blocks import Hides, read_blocks
from mumap_node.dicom.quiet import quiet
from mumap_node.dicom.selection import is_own_map
from mumap_node.dicom.template import (
    FIRST_IMAGE_TYPES,
    LARGEST_STORED_PER_LAC,
    REQUIRED_IMAGE_TYPE,
    SMALLEST_STORED_PER_LAC,
    PrivateElement,
)
from mumap_node.dicom.verbatim import has_form
from mumap_node.errors import InputRejected
from mumap_node.imaging import regions

LONGEST_SHOWN = 64
"""Characters of VR LO; a longer description is none."""

NOT_SHOWN = "(not shown: it may tell who the patient is)"


_HEAD = (
    "# How a station encodes its attenuation maps: read every line before you use it.",
    "# Private elements are cloned only where allow = true. Allow what is true of every map, and",
    "# nothing that belongs to one patient, study, series or file.",
)


@dataclass(frozen=True, slots=True)
class Inspected:
    """What a map shows of its encoding.

    Attributes:
        sentences: What was found, for people.
        template: A template as TOML, to be reviewed.
    """

    sentences: tuple[str, ...]
    template: str


@dataclass(frozen=True, slots=True)
class _Aspect:
    """One thing found: how people are told, and the lines of the template."""

    sentences: tuple[str, ...]
    lines: tuple[str, ...] = ()


@quiet()
def inspect_map(dataset: Dataset) -> Inspected:
    """Explain how a station encoded a map of its own.

    Args:
        dataset: Any NM instance; what cannot be read is said, not refused.

    Raises:
        InputRejected: ``not-nuclear-medicine``.
    """
    if text(dataset, "SOPClassUID") != NuclearMedicineImageStorage:
        raise InputRejected(
            "not-nuclear-medicine", "expected Nuclear Medicine Image Storage, found another class"
        )
    hides = partial(looks_personal, words=personal_words(dataset))
    parts = (
        _maker(dataset),
        _image_type(dataset, hides),
        _pixels(dataset),
        _scale(dataset),
        _frames(dataset),
        _description(dataset, hides),
        _energy_windows(dataset),
        _private(dataset, hides),
    )
    return Inspected(
        tuple(sentence for part in parts for sentence in part.sentences),
        "".join(f"{line}\n" for line in (*_HEAD, *(line for part in parts for line in part.lines))),
    )


def _maker(dataset: Dataset) -> _Aspect:
    if not is_own_map(dataset):
        return _Aspect(())
    return _Aspect(("This map was made by this software: it says nothing about a workstation",))


def _image_type(dataset: Dataset, hides: Hides) -> _Aspect:
    found = texts(dataset, "ImageType")
    usual = (
        text(dataset, "ImageType") in FIRST_IMAGE_TYPES and found[1:4] == REQUIRED_IMAGE_TYPE[1:]
    )
    further = [code for code in found[4:] if code != SYNTHETIC]
    kept = [code for code in further if has_form("CS", code) and not hides(code)]
    written = (*(found[:4] if usual else REQUIRED_IMAGE_TYPE), *kept)
    shown = "\\".join(_shown(code, hides) for code in found) or "none"
    ours = "\\".join((*written, SYNTHETIC))
    sentences = [f"Image Type: {shown}. The maps say {ours}"]
    if not usual:
        sentences.append(
            "Image Type is not followed: a map is PRIMARY, RECON TOMO and TRANSMISSION, so that "
            "nobody takes it for an emission. If the station insists, this profile will not do"
        )
    return _Aspect(tuple(sentences), (f"image_type = {json.dumps(written)}",))


def _pixels(dataset: Dataset) -> _Aspect:
    try:
        layout = read_pixel_format(dataset)
    except InputRejected as error:
        return _Aspect((f"Pixels: {error.sentence}. The maps are unsigned 16 bits",))
    kind = "signed" if layout.is_signed else "unsigned"
    sentence = (
        f"Pixels: {layout.frames} frames of {layout.rows} rows and {layout.columns} columns, "
        f"{kind} {layout.bits_stored} bits. The maps are {kind} 16 bits on the grid of their source"
    )
    return _Aspect((sentence,), (f"signed = {json.dumps(layout.is_signed)}",))


def _scale(dataset: Dataset) -> _Aspect:
    try:
        stated = stated_scales(dataset)
    except InputRejected as error:
        return _unscaled(f"Scale: cannot be used: {error.sentence}")
    if not stated:
        return _unscaled("Scale: nothing states it, none of the three carriers that are known")
    scales = [scale for _, scale in stated]
    by_carrier = ", ".join(f"{carrier} {scale:g}" for carrier, scale in stated)
    if max(scales) > min(scales) * (1 + SAME_SCALE):
        return _unscaled(f"Scale: its carriers differ, 1/cm of a stored value of 1: {by_carrier}")
    stored_per_lac = round(1 / scales[0], 6)
    sentences = [
        f"Scale: {by_carrier}, in 1/cm of a stored value of 1; 1/cm is stored as {stored_per_lac:g}"
    ]
    sentences += _range(dataset, scales[0])
    if not SMALLEST_STORED_PER_LAC <= stored_per_lac <= LARGEST_STORED_PER_LAC:
        sentences.append(
            f"The maps store 1/cm as {STORED_PER_LAC}: of {stored_per_lac:g}, either 1/cm does not "
            "fit 15 bits or steps are coarse. Every carrier states what the maps store"
        )
        stored_per_lac = STORED_PER_LAC
    carriers = [carrier for carrier, _ in stated if carrier != "real-world-values"]
    return _Aspect(
        tuple(sentences),
        (f"stored_per_lac = {stored_per_lac!r}", f"carriers = {json.dumps(carriers)}"),
    )


def _unscaled(sentence: str) -> _Aspect:
    """The site must say what a stored value means: nobody may guess it."""
    return _Aspect(
        (sentence, "Ask the maker or your physicist, and state stored_per_lac yourself"),
        ("# stored_per_lac = 10000  # stored value of 1/cm: not found, state it", "carriers = []"),
    )


def _range(dataset: Dataset, scale: float) -> list[str]:
    try:
        lac = stored_values(dataset) * np.float32(scale)
    except InputRejected as error:
        return [f"Values cannot be read: {error.sentence}"]
    mode = regions.soft_tissue_mode_per_cm(lac)
    found = f"{lac.min():.4g} to {lac.max():.4g} /cm; most soft tissue {mode:.3f} /cm"
    return [f"Values: {found} (water at 140 keV: 0.154)"]


def _frames(dataset: Dataset) -> _Aspect:
    try:
        vector = read_slice_numbers(dataset)
        layout = read_pixel_format(dataset)
        geometry = read_geometry(dataset, vector, layout.rows, layout.columns)
    except InputRejected as error:
        return _Aspect(
            (f"Frames: {error.sentence}. The maps keep the order of their source",),
            ('first_frame = "source"',),
        )
    rises, falls = (vector == tuple(sorted(vector, reverse=turned)) for turned in (False, True))
    signed_mm = numbers(dataset, "SpacingBetweenSlices", 1)[0]
    towards_head = (geometry.affine[2, 0] > 0) == rises
    order = "rising" if rises else "falling" if falls else "neither rising nor falling"
    columns, rows = (_towards(geometry.directions[:, axis]) for axis in (2, 1))
    found = f"Slice Vector {order}, Spacing Between Slices {signed_mm:g} mm"
    sentences = [f"Frames: {found}, columns towards {columns}, rows towards {rows}"]
    if not rises and not falls:
        sentences.append("The maps keep the order of their source")
        return _Aspect(tuple(sentences), ('first_frame = "source"',))
    first = "feet" if towards_head else "head"
    sentences.append(f"Frame 1 lies nearest to the {first}; so it does in the maps")
    if falls:
        sentences.append(
            "Readers that ignore the Slice Vector see this file upside down. The maps number "
            "their slices in the order of the frames, so that all readers see them alike"
        )
    return _Aspect(tuple(sentences), (f'first_frame = "{first}"',))


def _shown(content: str, hides: Hides) -> str:
    if hides(content):
        return NOT_SHOWN
    return "".join(char if char.isprintable() else "?" for char in content) or "none"


def _towards(direction: NDArray[np.float64]) -> str:
    axis = int(np.abs(direction).argmax())
    ends = (("the left", "the right"), ("the back", "the front"), ("the head", "the feet"))[axis]
    return ends[0] if direction[axis] > 0 else ends[1]


def _description(dataset: Dataset, hides: Hides) -> _Aspect:
    found = text(dataset, "SeriesDescription")[:LONGEST_SHOWN]
    sentence = (
        f"Series Description: {_shown(found, hides)}. It is free text and not copied: if the "
        "station picks maps by it, write its fixed part into series_description"
    )
    return _Aspect((sentence,), (f"series_description = {json.dumps(f'{MAP} {SOURCE}')}",))


def _energy_windows(dataset: Dataset) -> _Aspect:
    windows = items(dataset, "EnergyWindowInformationSequence")
    ranges = chain(*(items(window, "EnergyWindowRangeSequence") for window in windows))
    try:
        limits = [limits_of(item) for item in ranges]
    except InputRejected as error:
        return _Aspect((f"Energy window: {error.sentence}",))
    shown = ", ".join(f"{both[0]:g} to {both[1]:g} keV" for both in limits if both)
    sentence = f"Energy window: {shown or 'not stated'}. The maps state that of their source"
    return _Aspect((sentence,))


def _private(dataset: Dataset, hides: Hides) -> _Aspect:
    blocks = tuple(read_blocks(dataset, hides))
    sentences = tuple(
        f"Private block {_shown(block.creator, hides)} in group {block.group:04X}: "
        f"{block.elements} elements, {len(block.offers)} of them offered in the template; others "
        "may tell who the patient is, are of an unknown kind, or are the scale"
        for block in blocks
    )
    return _Aspect(sentences, tuple(chain(*map(_table, chain(*(b.offers for b in blocks))))))


def _table(offer: PrivateElement) -> Iterator[str]:
    yield from ("", "[[private]]")
    with suppress(KeyError):
        tag = offer.group << 16 | 0x1000 | offer.element
        yield f"# {private_dictionary_description(tag, offer.creator)}"
    yield "allow = false"
    yield f"group = 0x{offer.group:04X}"
    yield f"creator = {json.dumps(offer.creator)}"
    yield f"element = 0x{offer.element:02X}"
    yield f'vr = "{offer.vr}"'
    yield f"value = {json.dumps(offer.value)}"
