"""C-FIND: what an archive has, level by level, in the Study Root model (PS3.4 C.6.2).

Answers are a stranger's: they are counted, never taken for complete, and read without decoding.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from pydicom import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import _config, build_context
from pynetdicom.association import Association
from pynetdicom.dsutils import encode

from mumap_node.dicom.audit import Question
from mumap_node.dicom.quiet import quiet
from mumap_node.errors import TransientError
from mumap_node.node.audit.events import asked
from mumap_node.node.audit.trail import Audit, unaudited
from mumap_node.node.calling import Call, Patience
from mumap_node.node.fetcher.statuses import PENDING, SUCCESS, failure
from mumap_node.node.routing import Destination

FIND_MODEL = "1.2.840.10008.5.1.4.1.2.2.1"
"""Study Root Query/Retrieve Information Model - FIND. Source: PS3.4 C.6.2.3."""

MOST_MATCHES = 5000
"""Answers to one question; an archive that gives more was asked too much."""

PATIENCE = Patience(answer_seconds=60.0)
"""With an archive, which may have to fetch what it sends from a slow disk first."""


class Inquiry:
    """An association on which an archive is asked; to be used in a ``with`` block.

    pynetdicom can lose a response to its own reactor thread, as in deliveries; so a question that
    stays unanswered is asked once more on a fresh association.
    """

    def __init__(
        self,
        destination: Destination,
        ae_title: str,
        patience: Patience = PATIENCE,
        most_matches: int = MOST_MATCHES,
        audit: Audit = unaudited,
    ) -> None:
        """Prepare.

        Args:
            destination: Who is asked.
            ae_title: Of this node.
            patience: How long to wait for the archive.
            most_matches: Answers to one question.
            audit: Where it is told what was asked.
        """
        # pynetdicom would convert every answer to write it into a log nobody reads.
        _config.LOG_RESPONSE_IDENTIFIERS = _config.LOG_REQUEST_IDENTIFIERS = False
        self._peer, self._most = destination.name, most_matches
        self._destination, self._ae_title, self._audit = destination, ae_title, audit
        self._call = Call(destination, ae_title, patience)
        self._association: Association | None = None

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def ask(self, level: str, keys: Mapping[str, str]) -> list[Dataset]:
        """Ask for all that matches.

        Args:
            level: "STUDY", "SERIES" or "IMAGE".
            keys: Value by keyword; an empty one is only asked for.

        Raises:
            CallFailed: No answer.
            TransientError: The archive refuses, or has too many answers; or it cannot be written
                down that it was asked, and it was not.
        """
        wanted = identifier(level, keys)
        if level == "STUDY":  # the others are about what it found
            self._tell(wanted)
        with suppress(_UnansweredError):
            return self._ask(wanted)
        self._close()
        self._open()
        try:
            return self._ask(wanted)
        except _UnansweredError:
            raise self._call.silent("a C-FIND response") from None

    def _tell(self, keys: Dataset) -> None:
        encoded = encode(keys, is_implicit_vr=True, is_little_endian=True) or b""
        question = Question(FIND_MODEL, encoded, ImplicitVRLittleEndian)
        try:
            self._audit(asked(question, self._destination, self._ae_title, datetime.now(UTC)))
        except OSError as error:
            sentence = f"expected to write the audit trail, found: {error.strerror}"
            raise TransientError("spool-failed", sentence) from None

    def _ask(self, asked: Dataset) -> list[Dataset]:
        association = self._association
        if association is None or not association.is_established:
            raise self._call.aborted()
        found: list[Dataset] = []
        last = time.monotonic()
        for response, match in association.send_c_find(asked, FIND_MODEL):
            status = response.get("Status")
            if status is None:
                self._raise_unanswered(time.monotonic() - last)
            last = time.monotonic()
            if status not in PENDING:
                if status != SUCCESS:
                    raise failure(status, "C-FIND", self._peer)
                break
            if match is not None:
                found.append(match)
            if len(found) > self._most:
                association.abort()
                raise TransientError(
                    "too-many-matches",
                    f"expected at most {self._most} answers of {self._peer!r}, found more",
                )
        return found

    def _raise_unanswered(self, waited_seconds: float) -> None:
        if waited_seconds < self._call.answer_seconds:
            raise self._call.aborted()
        raise _UnansweredError

    def _open(self) -> None:
        self._association = self._call.open([build_context(FIND_MODEL)], wanted="C-FIND requests")

    def _close(self) -> None:
        if self._association is not None and self._association.is_established:
            self._association.release()
        self._association = None


class _UnansweredError(Exception):
    """No response in time."""


@quiet()
def identifier(level: str, keys: Mapping[str, str | list[str]]) -> Dataset:
    """The identifier of a request.

    Args:
        level: "STUDY", "SERIES" or "IMAGE".
        keys: Value by keyword; of UIDs there may be several.
    """
    dataset = Dataset()
    dataset.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(dataset, keyword, value)
    return dataset
