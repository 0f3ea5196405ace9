"""Storage commitment in the spool: what was asked of whom, and what was answered.

A transaction has a folder, named by a hash of its UID::

    commitments/<key>/question.json   what we asked a destination about a delivery
    commitments/<key>/report.json     what it answered
    commitments/<key>/request.json    what a peer asked of us
    commitments/<key>/delivery.json   how far our answer to it came
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mumap_node.dicom.commitment import Reference, Report
from mumap_node.node.spool.files import Spool, create_record, make_folder, read_record
from mumap_node.node.spool.measured import key_of
from mumap_node.node.spool.records import Delivery


@dataclass(frozen=True, slots=True)
class Question:
    """What we asked a destination: whether it keeps the objects of a delivery.

    Attributes:
        transaction_uid: Of the request.
        job_id: Whose map it is.
        destination: Its name in the settings.
        ae_title: Who has to answer.
        asked_at: UTC.
    """

    transaction_uid: str
    job_id: str
    destination: str
    ae_title: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """What a peer asked of us: whether we keep the objects it sent.

    Attributes:
        transaction_uid: Of the request.
        peer: Its name in the settings.
        destination: Where the answer goes, a name in the settings.
        references: The objects.
        asked_at: When it was acknowledged, UTC.
    """

    transaction_uid: str
    peer: str
    destination: str
    references: tuple[Reference, ...]
    asked_at: datetime


class Transactions:
    """The transactions of a spool. Nothing from the network becomes part of a path."""

    def __init__(self, spool: Spool) -> None:
        self._root = spool.root / "commitments"
        make_folder(self._root)

    def ask(self, question: Question) -> None:
        """Keep what is about to be asked; asked again, the first word stands."""
        create_record(self._file(question.transaction_uid, "question"), question)

    def question(self, transaction_uid: str) -> Question | None:
        """What we asked; None where we asked nothing of that name."""
        return read_record(Question, self._file(transaction_uid, "question"))

    def keep_report(self, report: Report) -> bool:
        """Keep what was answered, on return durably; whether it is the first answer."""
        return create_record(self._file(report.transaction_uid, "report"), report)

    def report(self, transaction_uid: str) -> Report | None:
        """What was answered; None where nothing was yet."""
        return read_record(Report, self._file(transaction_uid, "report"))

    def keep_asked(self, asked: Asked) -> bool:
        """Keep what a peer asked, on return durably; whether it is the first of that name."""
        return create_record(self._file(asked.transaction_uid, "request"), asked)

    def asked(self, transaction_uid: str) -> Asked | None:
        """What a peer asked; None where nobody did."""
        return read_record(Asked, self._file(transaction_uid, "request"))

    def folder(self, key: str) -> Path:
        """Where a transaction lies, by its key."""
        return self._root / key

    def keys(self) -> Iterator[str]:
        """Every transaction."""
        return (folder.name for folder in self._root.iterdir())

    def by_key(self, key: str) -> tuple[Question | None, Asked | None]:
        """What was asked in a transaction: by us, or of us."""
        folder = self.folder(key)
        return (
            read_record(Question, folder / "question.json"),
            read_record(Asked, folder / "request.json"),
        )

    def is_answered(self, key: str) -> bool:
        """Whether the destination answered what we asked."""
        return (self.folder(key) / "report.json").exists()

    def progress_file(self, key: str) -> Path:
        """Where it is kept how far our answer came."""
        return self.folder(key) / "delivery.json"

    def progress(self, key: str, destination: str) -> Delivery:
        """How far our answer came; waiting for its first attempt where nothing was written."""
        return read_record(Delivery, self.progress_file(key)) or Delivery(destination)

    def purge(self, before: datetime) -> int:
        """Remove transactions to which nothing was added since; how many."""
        old = [f for f in self._root.iterdir() if f.stat().st_mtime < before.timestamp()]
        for folder in old:
            (folder / "request.json").unlink(missing_ok=True)  # first: else it is answered again
            shutil.rmtree(folder)
        return len(old)

    def _file(self, transaction_uid: str, name: str) -> Path:
        return self._root / key_of(transaction_uid) / f"{name}.json"
