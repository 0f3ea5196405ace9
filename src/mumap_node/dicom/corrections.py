"""What a header says about corrections already applied: rules in order, the first that speaks wins.

No attribute proves that attenuation was *not* corrected: Corrected Image is type 3, real nAC and
AC reconstructions come without it, and vendor names such as IRNC are hearsay. So no rule here
ever says "uncorrected"; that is the word of the site, see ``selection``.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pydicom import Dataset

from mumap_node.dicom.elements import items, text, texts, value

_WORD = r"(?<![A-Z0-9])(?:{})(?![A-Z0-9])"
_ATTENUATION_WORD = re.compile(
    _WORD.format(r"(?:IR|OSEM|MLEM|FBP)?(?:RR|SC|CT)*(?:AC|ACM|ATTC|ATTN)(?:SC|RR)*")
    + r"|ATTENUATION[ _-]?CORR|\[[^\]]*ATTC"
)
"""AC, IRAC, IRACSCRR, RR-SC-ACM, CTAC, [ATTC]: how people and workstations write it. NAC and IRNC
do not match."""
_DENIAL = re.compile(r"(?<![A-Z0-9])(?:NO|NON|NOT|WITHOUT|W/O|OHNE|SANS|SIN|SENZA)[ _-]*$")
_SCATTER_WORD = re.compile(_WORD.format(r"IR(?:AC|NC)?SC(?:RR)?|(?:AC)?SCRR|RR[ _-]SC"))
_GE_RECON_CORRECTIONS = re.compile(r"\$RECONCORR\$([A-Z]*)")

LONGEST_NAME = 1024
"""Bytes of a name that are looked at: names have 64, and hostile ones must not cost time."""

GE = "GEMS_GENIE_1"
SIEMENS = "SIEMENS MED NM"


@dataclass(frozen=True, slots=True)
class Rule:
    """One place of the header where a correction may be stated.

    Attributes:
        reason: Why the input is rejected when it is.
        statement: What the header says then, for people; no values.
        source: Where the rule comes from.
        speaks: Whether the header says it.
    """

    reason: str
    statement: str
    source: str
    speaks: Callable[[Dataset], bool]


def stated_correction(dataset: Dataset) -> Rule | None:
    """The first rule that finds a correction stated; None where the header is silent."""
    return next((rule for rule in RULES if rule.speaks(dataset)), None)


def _corrected_image_has(code: str, dataset: Dataset) -> bool:
    return code in map(str.upper, texts(dataset, "CorrectedImage"))


def _names_attenuation_correction(read: Callable[[Dataset], bytes], dataset: Dataset) -> bool:
    name = _name(read(dataset))
    return any(
        not _DENIAL.search(name, 0, found.start()) for found in _ATTENUATION_WORD.finditer(name)
    )


def _names_scatter_correction(read: Callable[[Dataset], bytes], dataset: Dataset) -> bool:
    return _SCATTER_WORD.search(_name(read(dataset))) is not None


def _name(encoded: bytes) -> str:
    return encoded[:LONGEST_NAME].decode("latin-1").upper()


def _ge_comment_has(correction: str, dataset: Dataset) -> bool:
    found = _GE_RECON_CORRECTIONS.search(text(dataset, "ImageComments").upper())
    return found is not None and correction in found[1]


def _made_with_attenuation_maps(dataset: Dataset) -> bool:
    return any(
        "ATTENUATION MAP" in text(item, "Radiopharmaceutical").upper()
        for item in items(dataset, "RadiopharmaceuticalInformationSequence")
    )


def _private(group: int, creator: str, offset: int, dataset: Dataset) -> bytes:
    """The value of a private element, found by its creator (PS3.5 7.8.1); empty where absent."""
    for block in range(0x10, 0x100):
        if text(dataset, (group << 16) | block) == creator:
            return value(dataset, (group << 16) | (block << 8) | offset)
    return b""


def _flag_is_set(group: int, creator: str, offset: int, dataset: Dataset) -> bool:
    return any(_private(group, creator, offset, dataset))


_SERIES_DESCRIPTION = partial(value, tag="SeriesDescription")
_IMAGE_ID = partial(value, tag="ImageID")
_GE_DATASET_NAME = partial(_private, 0x0011, GE, 0x12)
_GE_PICTURE_NAME = partial(_private, 0x0011, GE, 0x30)

RULES = (
    Rule(
        reason="already-attenuation-corrected",
        statement="CorrectedImage lists ATTN",
        source="PS3.3 C.8.4.9, Corrected Image",
        speaks=partial(_corrected_image_has, "ATTN"),
    ),
    Rule(
        reason="already-attenuation-corrected",
        statement="ImageID names attenuation correction",
        source="seen: Mediso InterViewXP writes [ATTC] there, and no CorrectedImage",
        speaks=partial(_names_attenuation_correction, _IMAGE_ID),
    ),
    Rule(
        reason="already-attenuation-corrected",
        statement="SeriesDescription names attenuation correction",
        source="seen: GE Xeleris writes -RR-SC-ACM",
        speaks=partial(_names_attenuation_correction, _SERIES_DESCRIPTION),
    ),
    Rule(
        reason="already-attenuation-corrected",
        statement="the GE data set name (0011,xx12) names attenuation correction",
        source="seen: GE Xeleris writes TOMO_EM_IRACSCRR",
        speaks=partial(_names_attenuation_correction, _GE_DATASET_NAME),
    ),
    Rule(
        reason="already-attenuation-corrected",
        statement="the GE picture object name (0011,xx30) names attenuation correction",
        source="seen: GE Xeleris writes TOMO_EM_IRACSCRR",
        speaks=partial(_names_attenuation_correction, _GE_PICTURE_NAME),
    ),
    Rule(
        reason="already-attenuation-corrected",
        statement="ImageComments lists AC among the reconstruction's corrections",
        source="seen: GE Xeleris writes $ReconCorr$ACSCRR",
        speaks=partial(_ge_comment_has, "AC"),
    ),
    Rule(
        reason="already-attenuation-corrected",
        statement="Radiopharmaceutical says ATTENUATION MAPS",
        source="seen: GE Xeleris, in a reconstruction that used them",
        speaks=_made_with_attenuation_maps,
    ),
    Rule(
        reason="already-attenuation-corrected",
        statement="the Siemens attenuation flag (0055,xx8C) is set",
        source="private dictionary of pydicom: 1 Chang, 2 Sorenson",
        speaks=partial(_flag_is_set, 0x0055, SIEMENS, 0x8C),
    ),
    Rule(
        reason="already-attenuation-corrected",
        statement="the GE attenuation type (0011,xx77) is set",
        source="private dictionary of pydicom; its values are not published, 0 is taken for none",
        speaks=partial(_flag_is_set, 0x0011, GE, 0x77),
    ),
    Rule(
        reason="already-scatter-corrected",
        statement="CorrectedImage lists SCAT",
        source="PS3.3 C.8.4.9, Corrected Image",
        speaks=partial(_corrected_image_has, "SCAT"),
    ),
    Rule(
        reason="already-scatter-corrected",
        statement="ImageID names scatter correction",
        source="GE naming: IRSC, IRACSC, SCRR",
        speaks=partial(_names_scatter_correction, _IMAGE_ID),
    ),
    Rule(
        reason="already-scatter-corrected",
        statement="SeriesDescription names scatter correction",
        source="GE naming: IRSC, IRACSC, RR-SC",
        speaks=partial(_names_scatter_correction, _SERIES_DESCRIPTION),
    ),
    Rule(
        reason="already-scatter-corrected",
        statement="ImageComments lists SC among the reconstruction's corrections",
        source="seen: GE Xeleris writes $ReconCorr$ACSCRR",
        speaks=partial(_ge_comment_has, "SC"),
    ),
    Rule(
        reason="already-scatter-corrected",
        statement="the Siemens scatter flag (0055,xx57) is set",
        source="private dictionary of pydicom: 1 corrected",
        speaks=partial(_flag_is_set, 0x0055, SIEMENS, 0x57),
    ),
)
"""Attenuation first: it can never be an input. Coefficients ((0055,xx96), (0011,xx7D)) are no
rule: workstations keep them filled in whether they were used or not."""
