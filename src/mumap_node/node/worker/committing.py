"""Committing: hands over what storage commitment asks for as soon as the bell rings.

A report of a destination ends the wait of its delivery; a request of a peer gets its report.
"""

from collections.abc import Callable
from datetime import datetime

import structlog

from mumap_node.node.engine.attempts import Attempt
from mumap_node.node.engine.client import FINISHED, EngineClient
from mumap_node.node.jobs.commitments import keep_progress, next_report_attempt
from mumap_node.node.jobs.deliveries import Answer
from mumap_node.node.jobs.dossier import next_delivery_attempt, read_dossier
from mumap_node.node.jobs.states import ENGINE_REASONS
from mumap_node.node.spool.commitments import Asked, Question, Transactions
from mumap_node.node.spool.files import RecordDamagedError, Spool
from mumap_node.node.spool.records import DeliveryState

log = structlog.get_logger()


class Committing:
    """Compares transactions and engine. Only one process may do so at a time."""

    def __init__(self, spool: Spool, engine: EngineClient, now: Callable[[], datetime]) -> None:
        """Prepare.

        Args:
            spool: Where transactions and deliveries are.
            engine: What is known to be under way.
            now: The time, UTC.
        """
        self._spool = spool
        self._transactions = Transactions(spool)
        self._engine = engine
        self._now = now
        self._settled: set[str] = set()

    def look(self) -> None:
        """Hand over what is to be done and the engine does not know, or would do later.

        Raises:
            TransientError: The engine's database cannot be reached.
            OSError: The spool cannot be read.
        """
        keys = set(self._transactions.keys())
        self._settled &= keys
        for key in sorted(keys - self._settled):
            try:
                question, asked = self._transactions.by_key(key)
                is_settled = self._is_settled(key, question, asked)
            except RecordDamagedError as error:
                log.error("record.damaged", reason=error.reason)
                is_settled = True
            if is_settled:
                self._settled.add(key)

    def _is_settled(self, key: str, question: Question | None, asked: Asked | None) -> bool:
        """Do what is to be done about a transaction; whether nothing ever will be again."""
        if question is not None:
            return self._hasten(key, question)
        return asked is not None and self._hand_over(key, asked)

    def _hasten(self, key: str, question: Question) -> bool:
        """Let the delivery take note of the report, where there is one, at once."""
        if not self._transactions.is_answered(key):
            return False
        dossier = read_dossier(self._spool, question.job_id)
        waiting = [
            delivery
            for delivery in (dossier.to_deliver if dossier else ())
            if delivery.destination == question.destination and delivery.stored_by
        ]
        for delivery in waiting:
            self._engine.hasten(next_delivery_attempt(question.job_id, delivery, self._now()))
        return not waiting

    def _hand_over(self, key: str, asked: Asked) -> bool:
        """Have a report made, unless that is under way."""
        progress = self._transactions.progress(key, asked.destination)
        if progress.state is not DeliveryState.WAITING:
            return True
        attempt = next_report_attempt(key, progress, self._now())
        status = self._engine.statuses([attempt]).get(attempt.workflow_id)
        if status is None:
            self._engine.enqueue([attempt])
        elif status in FINISHED:
            self._after_finished(attempt, status)
        return False

    def _after_finished(self, attempt: Attempt, status: str) -> None:
        """Keep that an attempt ended without a word."""
        reason = ENGINE_REASONS.get(status, "internal-error")
        sentence = "expected an outcome, found none; the log of the deliverer has its place"
        answer = Answer(DeliveryState.REFUSED, reason, sentence)
        keep_progress(self._transactions, attempt, answer, self._now())
