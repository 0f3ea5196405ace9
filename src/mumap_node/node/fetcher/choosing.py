"""Choosing: which series of an archive are wanted, so that no whole CT study is moved for one.

An archive may ignore a key it does not support (PS3.4 C.2.2.1.3); so whatever is asked for is
compared with what is answered, too.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from pydicom import Dataset

from mumap_node.dicom.elements import text, texts
from mumap_node.dicom.marks import NODE_MODEL_NAME, SYNTHETIC
from mumap_node.errors import TransientError
from mumap_node.node.fetcher.find import Inquiry
from mumap_node.node.fetcher.keys import SERIES_KEYS, STUDY_KEYS
from mumap_node.node.reception import is_uid
from mumap_node.node.routing import Condition, Route, first_match

_WILD = frozenset("*?\\")
"""What would mean something else to the archive than here (PS3.4 C.2.2.2)."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is wanted.

    Attributes:
        match: Condition by keyword of the study or the series, all of which must hold.
        modalities: Of the series.
        first: First Study Date; None for any.
        last: Last Study Date; None for any.
    """

    match: Mapping[str, Condition] = field(default_factory=dict)
    modalities: tuple[str, ...] = ("NM",)
    first: date | None = None
    last: date | None = None

    def of(self, keywords: Iterable[str]) -> dict[str, Condition]:
        """The conditions on some keywords."""
        return {keyword: self.match[keyword] for keyword in keywords if keyword in self.match}

    @property
    def study_date(self) -> str:
        """The range as C-FIND writes it (PS3.4 C.2.2.2.5); empty for any date."""
        if self.first is None and self.last is None:
            return ""
        begin, end = (f"{day:%Y%m%d}" if day else "" for day in (self.first, self.last))
        return begin if begin == end else f"{begin}-{end}"

    def includes(self, study_date: str) -> bool:
        """Whether a Study Date lies in the range."""
        begin, end = f"{self.first or date.min:%Y%m%d}", f"{self.last or date.max:%Y%m%d}"
        return not self.study_date or begin.zfill(8) <= study_date <= end


@dataclass(frozen=True, slots=True)
class Series:
    """A series an archive has.

    Attributes:
        study_uid: Study Instance UID.
        series_uid: Series Instance UID; empty where a study could not be decided on.
        modality: As the archive says.
        instances: SOP Instance UIDs that are wanted.
        is_whole: Whether they are all the archive has of it.
        is_own: Whether a node of ours made it; nothing of it is wanted.
        error: Why it could not be decided on; None where it could.
    """

    study_uid: str
    series_uid: str = ""
    modality: str = ""
    instances: tuple[str, ...] = ()
    is_whole: bool = True
    is_own: bool = False
    error: TransientError | None = None


def find_series(inquiry: Inquiry, query: Query, storage_classes: Iterable[str]) -> Iterator[Series]:
    """The series of an archive that are wanted, our own, and what cannot be decided on.

    Args:
        inquiry: Where to ask.
        query: What is wanted.
        storage_classes: UIDs of the SOP classes this node takes.

    Raises:
        TransientError: The archive does not answer, or refuses.
    """
    conditions = query.of(STUDY_KEYS)
    modality = query.modalities[0] if len(query.modalities) == 1 else ""
    keys = {"StudyInstanceUID": "", "StudyDate": query.study_date, "ModalitiesInStudy": modality}
    for answer in inquiry.ask("STUDY", keys | _sent(conditions)):
        study = text(answer, "StudyInstanceUID")
        known = texts(answer, "ModalitiesInStudy")
        if known and not set(known) & set(query.modalities):
            continue
        if not query.includes(text(answer, "StudyDate")):
            continue
        error = _unusable(answer, study, conditions)
        if error is not None:
            yield Series(study, error=error)
        elif _fits(answer, conditions):
            yield from _series_of(inquiry, study, query, frozenset(storage_classes))


def _series_of(
    inquiry: Inquiry, study: str, query: Query, storage_classes: frozenset[str]
) -> Iterator[Series]:
    conditions = query.of(SERIES_KEYS)
    keys = dict.fromkeys(
        ("SeriesInstanceUID", "Modality", "SeriesDescription", "ManufacturerModelName"), ""
    )
    for answer in inquiry.ask("SERIES", {"StudyInstanceUID": study} | keys | _sent(conditions)):
        series, modality = text(answer, "SeriesInstanceUID"), text(answer, "Modality")
        if modality not in query.modalities or _is_of_another(answer, "StudyInstanceUID", study):
            continue
        error = _unusable(answer, series, conditions)
        if error is not None or _is_own(answer):
            yield Series(study, series, modality, is_own=error is None, error=error)
        elif _fits(answer, conditions):
            instances, is_whole = _instances_of(inquiry, study, series, storage_classes)
            yield Series(study, series, modality, instances, is_whole)


def _instances_of(
    inquiry: Inquiry, study: str, series: str, storage_classes: frozenset[str]
) -> tuple[tuple[str, ...], bool]:
    """The instances this node takes, and whether these are all."""
    keys = {
        "StudyInstanceUID": study,
        "SeriesInstanceUID": series,
        "SOPInstanceUID": "",
        "SOPClassUID": "",
    }
    answers = [
        answer
        for answer in inquiry.ask("IMAGE", keys)
        if not _is_of_another(answer, "SeriesInstanceUID", series)
    ]
    taken = [
        uid
        for answer in answers
        if is_uid(uid := text(answer, "SOPInstanceUID"))
        and text(answer, "SOPClassUID") in storage_classes | {""}
    ]
    return tuple(dict.fromkeys(taken)), len(taken) == len(answers)


def _unusable(
    answer: Dataset, uid: str, conditions: Mapping[str, Condition]
) -> TransientError | None:
    """Why an answer cannot be decided on."""
    if not is_uid(uid):
        return TransientError("unusable-answer", "expected answers with a UID, found one without")
    for keyword in conditions:
        if keyword not in answer:
            sentence = f"expected answers with {keyword}, found one without"
            return TransientError("key-not-returned", sentence)
    return None


def _fits(answer: Dataset, conditions: Mapping[str, Condition]) -> bool:
    return first_match([Route("", conditions)], answer, "").route is not None


def _is_of_another(answer: Dataset, keyword: str, uid: str) -> bool:
    """Whether an archive that ignores a key answered with something else."""
    return text(answer, keyword) not in ("", uid)


def _is_own(answer: Dataset) -> bool:
    """Whether a series says of itself that a node of ours made it."""
    is_named = text(answer, "SeriesDescription").startswith(f"{SYNTHETIC} ")
    return is_named or text(answer, "ManufacturerModelName") == NODE_MODEL_NAME


def _sent(conditions: Mapping[str, Condition]) -> dict[str, str]:
    """What an archive is asked for: plain values; the rest is only returned, and decided here."""
    return {keyword: _plain(condition) for keyword, condition in conditions.items()}


def _plain(condition: Condition) -> str:
    match condition.values:
        case (str() as value,) if value.isascii() and not _WILD & set(value):
            return value
    return ""
