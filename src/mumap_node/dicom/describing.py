"""Texts of a map for people: what it is, of what, by what, and what was checked."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress

from pydicom import Dataset

from mumap_node.dicom.elements import text, value
from mumap_node.dicom.provenance import Provenance
from mumap_node.dicom.quiet import quiet
from mumap_node.dicom.repertoire import decode, encode, encodings
from mumap_node.dicom.selection import are_projections
from mumap_node.imaging.findings import Finding
from mumap_node.imaging.model_card import ModelCard

MAP = "SYNTHETIC MU-MAP"
PSEUDO_CT = "SYNTHETIC - NOT A CT -"
REPORT = "SYNTHETIC REPORT"
"""What our objects are called; the name of their source follows."""

SOURCE = "{source}"
"""Stands for the name of the source in a pattern of a Series Description."""

LONGEST_LO = 64
"""Characters of VR LO (PS3.5 6.2). We keep to as many bytes, which some readers count instead."""

MOST_REPLACED = 3
"""Earlier maps that are named by their UIDs: each takes up to 66 characters of a ST."""

LONGEST_ST = 1024
LONGEST_LT = 10240

_TYPED = str.maketrans(
    {
        **dict.fromkeys(("\N{MICRO SIGN}", "\N{GREEK SMALL LETTER MU}"), "u"),
        "\N{SUPERSCRIPT TWO}": "2",
        "\N{SUPERSCRIPT THREE}": "3",
        "\N{SUPERSCRIPT MINUS}": "-",
        "\N{SUPERSCRIPT ONE}": "1",
        "\N{PLUS-MINUS SIGN}": "+-",
        "\N{LESS-THAN OR EQUAL TO}": "<=",
        "\N{GREATER-THAN OR EQUAL TO}": ">=",
        "\N{EN DASH}": "-",
        "\N{MULTIPLICATION SIGN}": "x",
        "\N{DEGREE SIGN}": " deg",
    }
)
"""How we type what ASCII does not have, in findings above all."""


@quiet()
def series_description(source: Dataset, made: str) -> bytes:
    """Says SYNTHETIC and names the source, so that rest and stress are not confused.

    Args:
        source: The instance something was made of.
        made: What it is called; the name of the source follows, or stands where SOURCE does.

    Returns:
        Encoded in the character set of the source, at most 64 characters and bytes; a source
        name too long loses its middle, since what tells series apart is often at its end.
    """
    name = _source_name(source)
    pattern = made if SOURCE in made else f"{made} {SOURCE}"
    lengths = range(min(len(name), LONGEST_LO), 0, -1)
    attempts = (
        _encoded(pattern.replace(SOURCE, _without_middle(name, n)), source) for n in lengths
    )
    return next(encoded for encoded in attempts if len(encoded) <= LONGEST_LO)


def derivation(source: Dataset, card: ModelCard, emission_energy_kev: float, stored: str) -> str:
    """How the pixels came about, and how ``stored`` says what they mean."""
    made_from = "referenced reconstruction"
    if are_projections(source):
        made_from = f"referenced projections (nAC: {card.reconstruction})"
    return ascii_text(
        "Synthetic attenuation map, predicted and not measured: linear attenuation coefficients "
        f"in 1/cm at {emission_energy_kev:g} keV ({card.output.beam} beam), {stored}. "
        f"Made from the {made_from} by model "
        f"{card.identity} (SHA-256 {card.sha256}). For attenuation correction only, not CT, "
        "not for diagnosis.",
        LONGEST_ST,
    )


def derivation_of_report(card: ModelCard, emission_energy_kev: float) -> str:
    """What the picture of a report shows."""
    return ascii_text(
        "Report on a synthetic attenuation map, predicted and not measured, and on what "
        "correction with it would change; LACs in 1/cm at "
        f"{emission_energy_kev:g} keV. Made from the referenced instance by model {card.identity} "
        f"(SHA-256 {card.sha256}). For research, not for diagnosis.",
        LONGEST_ST,
    )


def contribution(card: ModelCard, provenance: Provenance, profile: str) -> str:
    """What the node did, with everything its result depends on."""
    return ascii_text(
        f"Predicted the attenuation map with model {card.identity}, SHA-256 {card.sha256}, by "
        f"{provenance.runtime}; profile {profile}, run {provenance.run}; settings: "
        f"{provenance.settings}{_in_place_of(provenance.replaces)}",
        LONGEST_ST,
    )


def _in_place_of(replaced: Sequence[str]) -> str:
    """Earlier maps by their UIDs, as many as there is room for."""
    if not replaced:
        return ""
    more = len(replaced) - MOST_REPLACED
    rest = f" and {more} before" if more > 0 else ""
    return f"; in place of {', '.join(replaced[:MOST_REPLACED])}{rest}"


def comments(findings: Iterable[Finding]) -> str:
    """Every check with its number and limit, one to a line; assumed and relaxed ones say so."""
    lines = [f"{finding}" for finding in findings]
    return ascii_text("\r\n".join(["Checks of input and map:", *lines]), LONGEST_LT)


def ascii_text(words: str, longest: int) -> str:
    """In the default repertoire, valid in every character set a source may have."""
    return words.translate(_TYPED).encode("ascii", "replace").decode("ascii")[:longest]


def _source_name(source: Dataset) -> str:
    """Series Description and Image ID (GE tells rest from stress in it), or the series number."""
    description, image_id = (_decoded(source, key) for key in ("SeriesDescription", "ImageID"))
    told_already = image_id.casefold() in description.casefold()
    name = description if told_already else f"{description} {image_id}".strip()
    number = series_number(source)
    nameless = f"series {text(source, 'SeriesInstanceUID')[-12:] if number is None else number}"
    return name or nameless


def series_number(source: Dataset) -> int | None:
    """Series Number of the source; None where it has none that is a number."""
    stated = text(source, "SeriesNumber")
    return int(stated) if re.fullmatch(r"\d{1,9}", stated) else None


def _without_middle(name: str, length: int) -> str:
    if length >= len(name):
        return name
    head = (length + 1) // 2
    return f"{name[:head]}..{name[len(name) - (length - head) :]}"


def _decoded(source: Dataset, keyword: str) -> str:
    """Text of the source in one line, without what VR LO does not allow."""
    words = decode(value(source, keyword), encodings(source))
    printable = "".join(c if c.isprintable() and c not in "\\\ufffd" else " " for c in words)
    return " ".join(printable.split())


def _encoded(words: str, source: Dataset) -> bytes:
    """In the character set of the source; in ASCII where a reader would not get it back."""
    codecs = encodings(source)
    with suppress(ValueError):
        encoded = encode(words, codecs)
        if decode(encoded, codecs) == words:
            return encoded
    return ascii_text(words, LONGEST_LO).encode("ascii")
