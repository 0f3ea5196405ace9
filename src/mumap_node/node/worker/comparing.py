"""Comparing: one attempt at holding a map against what was measured in its study.

Changes nothing about the job: it is answered, and its map may be delivered already.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from pathlib import Path

import structlog
from pydicom import Dataset
from pydicom.uid import CTImageStorage

from mumap_node.comparing import compare_with_measured
from mumap_node.dicom.elements import text
from mumap_node.dicom.files import read_dataset
from mumap_node.dicom.grouping import groups_of
from mumap_node.errors import ConfigurationError, InputRejected
from mumap_node.imaging.comparison import Comparison
from mumap_node.imaging.model_card import ModelCard
from mumap_node.node.engine.attempts import Attempt
from mumap_node.node.engine.retries import another
from mumap_node.node.jobs.agreement_record import drifts_told_by
from mumap_node.node.jobs.agreements import read_rows
from mumap_node.node.jobs.dossier import Dossier, read_agreement, read_dossier, read_map
from mumap_node.node.spool.files import Spool, locked, write_record
from mumap_node.node.spool.measured import Measured, read_measured
from mumap_node.node.spool.records import Agreement, Job
from mumap_node.node.totals import Total, count
from mumap_node.node.worker.making import STANDARD, read_instance, request_of

log = structlog.get_logger()

LARGEST_SERIES_BYTES = 1 << 30
"""Of all files of a measured series, read at once: 2000 slices of 512 x 512. Much more would take
the worker down, and the map with it that is being made."""

MAP, CT = "map", "ct"
"""What was measured: a map of the scanner's, or a CT."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A measured series.

    Attributes:
        kind: MAP or CT.
        frame_of_reference: Its UID; empty where none is stated.
        files: Of its instances.
    """

    kind: str
    frame_of_reference: str
    files: tuple[Path, ...]


class Comparing:
    """What an attempt at a comparison does."""

    def __init__(
        self,
        spool: Spool,
        load_card: Callable[[str], ModelCard],
        now: Callable[[], datetime],
        timezone: tzinfo,
        head_start_seconds: float = 0.0,
    ) -> None:
        """Prepare.

        Args:
            spool: Where instances, maps and records are.
            load_card: Card of a model by identity.
            now: The time, UTC.
            timezone: Of the site, for dates people read.
            head_start_seconds: For maps, before the first comparison.
        """
        self._head_start_seconds = head_start_seconds
        self._spool = spool
        self._load_card = load_card
        self._now = now
        self._timezone = timezone

    def attempt(self, attempt: Attempt) -> Sequence[Attempt]:
        """Compare and keep what came of it; may be repeated after a crash.

        Returns:
            The next attempt where the disk did not cooperate; else none. Where other files came
            meanwhile, the reconciler hands over the next one.
        """
        time.sleep(self._head_start_seconds)
        self._head_start_seconds = 0.0
        try:
            self._attempt(attempt)
        except OSError as error:
            following = another(attempt)
            log.error(
                "agreement.postponed",
                job_id=attempt.job_id,
                reason="spool-failed",
                wait_seconds=following.wait_seconds,
                exc_info=error,
            )
            return [following]
        return []

    def stopped(self, attempt: Attempt, reason: str, sentence: str) -> None:
        """Keep that an attempt ended by a bug or by repeated crashes; the job stays as it is."""
        dossier = self._wanted(attempt)
        if dossier is not None:
            self._keep(attempt, self._nothing(dossier, attempt, reason, sentence), 0.0)

    def _attempt(self, attempt: Attempt) -> None:
        dossier = self._wanted(attempt)
        measured = read_measured(self._spool, dossier.job.study) if dossier else None
        if dossier is None or measured is None or measured.digest != attempt.measured:
            return
        started = time.monotonic()
        agreement = self._compared(dossier, attempt, measured)
        if read_measured(self._spool, dossier.job.study) == measured:
            self._keep(attempt, agreement, time.monotonic() - started)

    def _wanted(self, attempt: Attempt) -> Dossier | None:
        """The job, where there is all to compare, and it was not with these files yet."""
        dossier = read_dossier(self._spool, attempt.job_id)
        if dossier is None or not (dossier.is_made and dossier.is_wanted):
            return None
        known, source = dossier.agreement, self._spool.instance_file(dossier.job.instance_id)
        is_compared = known is not None and known.measured == attempt.measured
        return dossier if source.exists() and not is_compared else None

    def _compared(self, dossier: Dossier, attempt: Attempt, measured: Measured) -> Agreement:
        nothing = self._nothing(dossier, attempt)
        try:
            source = read_instance(self._spool, dossier.job)
            nothing = replace(nothing, groups=groups_of(source))
            chosen = choose(measured, text(source, "FrameOfReferenceUID"))
            found = compare_with_measured(
                source,
                self._map(dossier),
                _read_series(chosen.files),
                self._card(dossier.job),
                request_of(dossier.job),
            )
        except InputRejected as error:
            return replace(nothing, reason=error.reason, sentence=error.sentence)
        except ConfigurationError as error:
            return replace(nothing, reason=error.reason, sentence="; ".join(error.problems))
        return _with_figures(nothing, chosen.kind, found)

    def _map(self, dossier: Dossier) -> Dataset:
        files = dossier.result.files.get(STANDARD) if dossier.result else None
        encoded = read_map(self._spool, dossier.job.job_id, files[0]) if files else None
        if encoded is None:
            raise InputRejected(
                "map-damaged", "expected the map as it was made, found it changed or gone"
            )
        return read_dataset(encoded)

    def _card(self, job: Job) -> ModelCard:
        card = self._load_card(job.model)
        if card.sha256 != job.model_sha256:
            problem = f"expected {job.model} as it was when the job began, found another network"
            raise ConfigurationError("model-changed", [problem])
        return card

    def _nothing(
        self, dossier: Dossier, attempt: Attempt, reason: str = "", sentence: str = ""
    ) -> Agreement:
        job, decision = dossier.job, dossier.decision
        return Agreement(
            attempt=attempt.number,
            measured=attempt.measured,
            kind="",
            reason=reason,
            sentence=sentence,
            figures={},
            dice=None,
            shift_mm=(0.0, 0.0, 0.0),
            is_registered=False,
            groups={},
            model=job.model,
            model_sha256=job.model_sha256,
            received_at=decision.received_at if decision else job.created_at,
            compared_at=self._now(),
        )

    def _keep(self, attempt: Attempt, agreement: Agreement, seconds: float) -> None:
        """Keep a comparison, unless a later one was kept while this one was made."""
        with locked(self._spool.job_folder(attempt.job_id)):
            known = read_agreement(self._spool, attempt.job_id)
            if known is not None and known.attempt >= attempt.number:
                return
            write_record(self._spool.agreement_file(attempt.job_id), agreement)
        log.info(
            "agreement.compared",
            job_id=attempt.job_id,
            attempt=attempt.number,
            model=agreement.model,
            reason=agreement.reason,
            sentence=agreement.sentence,
            seconds=round(seconds, 3),
        )
        self._tell_drift(attempt.job_id)

    def _tell_drift(self, job_id: str) -> None:
        for drift in drifts_told_by(read_rows(self._spool), job_id):
            count(self._spool.run, Total.DRIFTS)
            log.warning(
                "agreement.drift", model=drift.model, sentence=drift.sentence(self._timezone)
            )


def choose(measured: Measured, frame_of_reference: str) -> _Candidate:
    """The series a map is compared with.

    Those in the frame of reference of the source go before others, and a map, which the scanner
    made of its CT, before a CT.

    Raises:
        InputRejected: ``ambiguous-truth`` where several are left, or a file cannot be read.
    """
    found = [_candidate(files) for files in measured.series.values()]
    beside = [c for c in found if frame_of_reference and c.frame_of_reference == frame_of_reference]
    left = beside or found
    left = [candidate for candidate in left if candidate.kind == MAP] or left
    if len(left) > 1:
        raise InputRejected(
            "ambiguous-truth",
            f"expected one {left[0].kind} series to compare with, found {len(left)}",
        )
    return left[0]


def _candidate(files: tuple[Path, ...]) -> _Candidate:
    first = _read(files[0])
    kind = CT if text(first, "SOPClassUID") == CTImageStorage else MAP
    return _Candidate(kind, text(first, "FrameOfReferenceUID"), files)


def _read_series(files: Sequence[Path]) -> list[Dataset]:
    total = sum(path.stat().st_size for path in files)
    if total > LARGEST_SERIES_BYTES:
        raise InputRejected(
            "oversized",
            f"expected a measured series of at most {LARGEST_SERIES_BYTES} bytes, found {total}",
        )
    return [_read(path) for path in files]


def _read(path: Path) -> Dataset:
    with path.open("rb") as file:
        return read_dataset(file)


def _with_figures(nothing: Agreement, kind: str, found: Comparison) -> Agreement:
    where = found.registration
    return replace(
        nothing,
        kind=kind,
        figures=dict(found.figures),
        dice=None if math.isnan(where.dice) else where.dice,
        shift_mm=where.shift_mm,
        is_registered=where.is_good,
    )
