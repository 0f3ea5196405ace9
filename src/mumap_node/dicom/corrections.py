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

from mumap_node.dicom.elements import items, private_tags, text, texts, value

_WORD = r"(?<![A-Z0-9])(?:{})\d{{0,2}}(?![A-Z0-9])"
_GAP = r"[ _.-]{0,3}"
_CORR = rf"{_GAP}[CK]ORR?(?!O)"  # also COR, KORREKTUR, but not CORONAL
_ATTENUATION_PHRASE = (
    rf"ATT(?:N|EN|ENUATION)?{_CORR}|ABSORPTIONS?{_CORR}"
    rf"|SCHW(?:.{{1,2}}CHUNGS?)?{_CORR}"  # the umlaut in any character set
    rf"|(?<![A-Z0-9])CORR(?:ECTED|ECTION)?{_GAP}(?:FOR|OF)?{_GAP}ATT"
    r"|(?<![A-Z0-9])CHANG(?![A-Z])"
)
_SCATTER_PHRASE = (
    rf"SCATT?(?:ER)?{_CORR}|STREU(?:STRAHL(?:UNGS|EN)?)?{_CORR}"
    rf"|(?<![A-Z0-9])CORR(?:ECTED|ECTION)?{_GAP}(?:FOR|OF)?{_GAP}SCATTER"
)
_IN_ATTENUATION_TEXT = re.compile(_ATTENUATION_PHRASE)
_IN_ATTENUATION_NAME = re.compile(
    _WORD.format(r"(?:IR|OSEM|MLEM|FBP)?(?:RR|SC|CT)*(?:AC|ACM|ATTC|ATTN)(?:SC|RR)*|A\.C\.?")
    + rf"|\[[^\]]*ATTC|{_ATTENUATION_PHRASE}"
)
"""AC, IRAC, IRACSCRR, RR-SC-ACM, CTAC, [ATTC]: how people and workstations write it. NAC and IRNC
do not match. Such short words count in names only: in a text AC may be anything."""
_IN_SCATTER_TEXT = re.compile(_SCATTER_PHRASE)
_IN_SCATTER_NAME = re.compile(
    _WORD.format(r"(?:IR|OSEM|MLEM|FBP)?(?:AC|NC|RR)*SC(?:AC|RR)*") + f"|{_SCATTER_PHRASE}"
)
_DENIAL = re.compile(
    r"(?<![A-Z0-9])(?:N\.|(?:NO|NON|NOT|NICHT|WITHOUT|W/O|OHNE|KEINE|SANS|SIN|SENZA)[ _-]*"
    r"(?:ANY )?(?:(?:ATTENUATION|SCATTER|AC|SC) N?OR )?)$"
)
"""What stands right before a statement and turns it round."""
_DENIAL_AFTER = re.compile(r"[A-Z]*:? *[:=] *(?:NO|NONE|OFF|NEIN|FALSE)\s*(?:$|[,;)\r\n])")
_DENIAL_REACH = 40
_WORD_BREAK = re.compile(r"(?:(?<=[a-mo-z])|(?<=[aeiou]n))(?=[A-Z])")
"""Between Stress and AC in StressAC, or Recon and AC in ReconAC; never within nAC."""
_GE_RECON_CORRECTIONS = re.compile(r"\$RECONCORR\$([A-Z]*)")

LONGEST_NAME = 1024
"""Bytes of a name that are looked at: names have 64, and hostile ones must not cost time."""

LONGEST_TEXT = 10240
"""Bytes of a text that are looked at: all that VR LT may have."""

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


def _names(pattern: re.Pattern[str], read: Callable[[Dataset], bytes], dataset: Dataset) -> bool:
    return _states(pattern, read(dataset)[:LONGEST_NAME])


def _tells(pattern: re.Pattern[str], keyword: str, dataset: Dataset) -> bool:
    return _states(pattern, value(dataset, keyword)[:LONGEST_TEXT])


def _states(pattern: re.Pattern[str], encoded: bytes) -> bool:
    """Whether a text states a correction and does not deny it in the same breath."""
    words = _WORD_BREAK.sub(" ", encoded.decode("latin-1")).upper()
    return any(
        not _DENIAL.search(words, max(0, found.start() - _DENIAL_REACH), found.start())
        and not _DENIAL_AFTER.match(words, found.end(), found.end() + _DENIAL_REACH)
        for found in pattern.finditer(words)
    )


def _method_is_given(keyword: str, dataset: Dataset) -> bool:
    return any(method.upper() not in ("", "NONE") for method in texts(dataset, keyword))


def _ge_comment_has(correction: str, dataset: Dataset) -> bool:
    found = _GE_RECON_CORRECTIONS.search(text(dataset, "ImageComments").upper())
    return found is not None and correction in found[1]


def _made_with_attenuation_maps(dataset: Dataset) -> bool:
    return any(
        "ATTENUATION MAP" in text(item, "Radiopharmaceutical").upper()
        for item in items(dataset, "RadiopharmaceuticalInformationSequence")
    )


def _private(group: int, creator: str, offset: int, dataset: Dataset) -> tuple[bytes, ...]:
    """The values of a private element in all blocks of its creator."""
    return tuple(value(dataset, tag) for tag in private_tags(dataset, group, creator, offset))


def _private_name(offset: int, dataset: Dataset) -> bytes:
    return b"\\".join(_private(0x0011, GE, offset, dataset))


def _flag_is_set(group: int, creator: str, offset: int, dataset: Dataset) -> bool:
    return any(any(flag) for flag in _private(group, creator, offset, dataset))


def _coefficient_is_set(group: int, creator: str, offset: int, dataset: Dataset) -> bool:
    """Whether a number is not zero, be it binary or text such as 0.000."""
    return any(number.strip(b"\0 +-.0") for number in _private(group, creator, offset, dataset))


_SERIES_DESCRIPTION = partial(value, tag="SeriesDescription")
_IMAGE_ID = partial(value, tag="ImageID")
_GE_DATASET_NAME = partial(_private_name, 0x12)
_GE_PICTURE_NAME = partial(_private_name, 0x30)

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
        speaks=partial(_names, _IN_ATTENUATION_NAME, _IMAGE_ID),
    ),
    Rule(
        reason="already-attenuation-corrected",
        statement="SeriesDescription names attenuation correction",
        source="seen: GE Xeleris writes -RR-SC-ACM",
        speaks=partial(_names, _IN_ATTENUATION_NAME, _SERIES_DESCRIPTION),
    ),
    Rule(
        reason="already-attenuation-corrected",
        statement="the GE data set name (0011,xx12) names attenuation correction",
        source="seen: GE Xeleris writes TOMO_EM_IRACSCRR",
        speaks=partial(_names, _IN_ATTENUATION_NAME, _GE_DATASET_NAME),
    ),
    Rule(
        reason="already-attenuation-corrected",
        statement="the GE picture object name (0011,xx30) names attenuation correction",
        source="seen: GE Xeleris writes TOMO_EM_IRACSCRR",
        speaks=partial(_names, _IN_ATTENUATION_NAME, _GE_PICTURE_NAME),
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
        reason="already-attenuation-corrected",
        statement="the Siemens attenuation coefficient (0055,xx96) is not zero",
        source="private dictionary of pydicom",
        speaks=partial(_coefficient_is_set, 0x0055, SIEMENS, 0x96),
    ),
    Rule(
        reason="already-attenuation-corrected",
        statement="the GE attenuation coefficient (0011,xx7D) is not zero",
        source="private dictionary of pydicom",
        speaks=partial(_coefficient_is_set, 0x0011, GE, 0x7D),
    ),
    Rule(
        reason="already-attenuation-corrected",
        statement="ImageComments tells of attenuation correction",
        source="free text of people and workstations",
        speaks=partial(_tells, _IN_ATTENUATION_TEXT, "ImageComments"),
    ),
    Rule(
        reason="already-attenuation-corrected",
        statement="DerivationDescription tells of attenuation correction",
        source="free text of people and workstations",
        speaks=partial(_tells, _IN_ATTENUATION_TEXT, "DerivationDescription"),
    ),
    Rule(
        reason="already-attenuation-corrected",
        statement="AttenuationCorrectionMethod names a method",
        source="PS3.3 C.8.9.1, Attenuation Correction Method",
        speaks=partial(_method_is_given, "AttenuationCorrectionMethod"),
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
        speaks=partial(_names, _IN_SCATTER_NAME, _IMAGE_ID),
    ),
    Rule(
        reason="already-scatter-corrected",
        statement="SeriesDescription names scatter correction",
        source="GE naming: IRSC, IRACSC, RR-SC",
        speaks=partial(_names, _IN_SCATTER_NAME, _SERIES_DESCRIPTION),
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
    Rule(
        reason="already-scatter-corrected",
        statement="ImageComments tells of scatter correction",
        source="free text of people and workstations",
        speaks=partial(_tells, _IN_SCATTER_TEXT, "ImageComments"),
    ),
    Rule(
        reason="already-scatter-corrected",
        statement="DerivationDescription tells of scatter correction",
        source="free text of people and workstations",
        speaks=partial(_tells, _IN_SCATTER_TEXT, "DerivationDescription"),
    ),
    Rule(
        reason="already-scatter-corrected",
        statement="ScatterCorrectionMethod names a method",
        source="PS3.3 C.8.9.1, Scatter Correction Method",
        speaks=partial(_method_is_given, "ScatterCorrectionMethod"),
    ),
)
"""Attenuation first: it can never be an input. Where a rule may err, it errs by refusing."""
