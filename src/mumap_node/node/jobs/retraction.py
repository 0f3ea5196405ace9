"""Retraction: a map is taken back for good, wherever it went."""

from collections.abc import Iterator
from dataclasses import replace

from pydicom import Dataset

from mumap_node.dicom.elements import value
from mumap_node.dicom.files import read_dataset
from mumap_node.dicom.marks import REPORT
from mumap_node.dicom.repertoire import decode, encodings
from mumap_node.node.jobs.dossier import Dossier, read_map
from mumap_node.node.jobs.lookup import NotPossibleError, current
from mumap_node.node.jobs.views import ByHand
from mumap_node.node.spool.files import Spool, locked, write_record
from mumap_node.node.spool.records import OperatorWord


def take_back(spool: Spool, job_id: str, word: OperatorWord) -> Dossier:
    """Write down that a map must not be used any more; the notes that are due follow from it.

    Args:
        spool: Where the job is.
        job_id: The job.
        word: Verb, time, reason, comment, and every destination that acts on rejection notes.

    Returns:
        The dossier as it stands then.

    Raises:
        NotPossibleError: ``retracted``; it was already. Or there is no such job.
    """
    with locked(spool.job_folder(job_id)):
        before = current(spool, job_id)
        require_not_retracted(before)
        notes = tuple(name for name in before.job.profiles if name in word.notes)
        write_record(spool.operator_file(job_id), replace(word, notes=notes))
        return current(spool, job_id)


def require_not_retracted(dossier: Dossier) -> None:
    """Raise where a map was taken back: nothing gives it back."""
    if dossier.is_retracted:
        raise NotPossibleError(
            reason="retracted",
            sentence="expected a map that may be used, found it retracted; `jobs rerun` makes "
            "another one",
        )


def series_by_hand(spool: Spool, dossier: Dossier) -> tuple[ByHand, ...]:
    """Every series that a person must delete, as it reads where it was sent.

    For people at the site, not for logs: the description quotes that of the source.
    """
    return tuple(
        ByHand(name, series)
        for name in dossier.needs_a_person
        for series in _series_sent(spool, dossier, name)
    )


def _series_sent(spool: Spool, dossier: Dossier, destination: str) -> Iterator[str]:
    files = dossier.result.files if dossier.result else {}
    for encoding in (dossier.job.profiles[destination], REPORT):
        for file in files.get(encoding, ())[:1]:  # one series each
            encoded = read_map(spool, dossier.job.job_id, file)
            gone = f"the series of object {file.sop_instance_uid}"
            yield gone if encoded is None else _in_words(read_dataset(encoded))


def _in_words(sent: Dataset) -> str:
    description, number, date = (
        decode(value(sent, keyword), encodings(sent)).strip(" \0")
        for keyword in ("SeriesDescription", "SeriesNumber", "SeriesDate")
    )
    return f'"{description}", number {number}' + (f", of {date}" if date else "")
