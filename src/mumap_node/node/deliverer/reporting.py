"""Reporting: one attempt at telling a peer which of the objects it asked about are kept."""

from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from mumap_node.node.deliverer.commitment import report_commitment
from mumap_node.node.deliverer.sending import SendingOptions, unknown
from mumap_node.node.dicomweb.destination import WebDestination
from mumap_node.node.engine.attempts import Attempt
from mumap_node.node.engine.retries import another
from mumap_node.node.jobs.commitments import keep_progress, next_report_attempt
from mumap_node.node.jobs.deliveries import Answer
from mumap_node.node.spool.commitments import Asked, Transactions
from mumap_node.node.spool.files import Spool
from mumap_node.node.spool.holdings import missing
from mumap_node.node.spool.records import DeliveryState

log = structlog.get_logger()


class Reporting:
    """What an attempt at a report does."""

    def __init__(self, spool: Spool, options: SendingOptions, now: Callable[[], datetime]) -> None:
        """Prepare.

        Args:
            spool: Where objects and requests are.
            options: How a peer is reached.
            now: The time, UTC.
        """
        self._spool = spool
        self._transactions = Transactions(spool)
        self._options = options
        self._now = now

    def attempt(self, attempt: Attempt) -> Sequence[Attempt]:
        """Look and report once, and keep what came of it; may be repeated after a crash.

        Returns:
            The next attempt, where there is to be one.
        """
        try:
            return self._attempt(attempt)
        except OSError as error:
            log.error("commitment.postponed", reason="spool-failed", exc_info=error)
            return [another(attempt)]

    def stopped(self, attempt: Attempt, reason: str, sentence: str) -> None:
        """Keep that an attempt ended by a bug or by repeated crashes."""
        answer = Answer(DeliveryState.REFUSED, reason, sentence)
        keep_progress(self._transactions, attempt, answer, self._now())

    def _attempt(self, attempt: Attempt) -> Sequence[Attempt]:
        _, asked = self._transactions.by_key(attempt.job_id)
        if asked is None:
            return []
        progress = self._transactions.progress(attempt.job_id, asked.destination)
        if progress.state is not DeliveryState.WAITING:
            return []
        if progress.attempts < attempt.number:
            answer = self._report(asked)
            progress = keep_progress(self._transactions, attempt, answer, self._now())
        if progress.state is not DeliveryState.WAITING:
            return []
        return [next_report_attempt(attempt.job_id, progress, self._now())]

    def _report(self, asked: Asked) -> Answer:
        destination = self._options.destinations.get(asked.destination)
        if destination is None:
            return unknown(asked.destination)
        if isinstance(destination, WebDestination):
            sentence = f"expected {destination.name!r} to be called by DIMSE, found DICOMweb"
            return Answer(DeliveryState.REFUSED, "commitment-report-refused", sentence)
        return report_commitment(
            asked.transaction_uid,
            asked.references,
            missing(self._spool, asked.references),
            destination,
            self._options.ae_title,
            self._options.patience,
        )
