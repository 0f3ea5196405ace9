"""Admission: every acknowledged instance is read, decided on and moved out of the inbox.

Each step is durable before the next begins, and may be taken again after a crash: the decision
is written, the instance moved beside it, its job written.
"""

import hashlib
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import structlog

from mumap_node.dicom.digests import dataset_sha256, image_sha256
from mumap_node.dicom.elements import text
from mumap_node.dicom.files import read_dataset
from mumap_node.errors import InputRejected, place_of
from mumap_node.node.audit.events import received
from mumap_node.node.audit.trail import Audit, unaudited
from mumap_node.node.spool.files import (
    RecordDamagedError,
    Spool,
    create_record,
    locked,
    make_folder,
    move_durably,
    read_record,
    sync_folder,
    write_record,
)
from mumap_node.node.spool.holdings import family_of
from mumap_node.node.spool.records import Admission, Decision, Job
from mumap_node.node.totals import Total, count
from mumap_node.node.worker.decisions import Arrival, Rules, decide, superseded
from mumap_node.node.worker.keeping import keep_measured, route_to_compare
from mumap_node.node.worker.replacing import job_before

CRASHES = 3
"""Times a file may take its worker down before it is put aside unread."""

REPEATED = "repeated"
"""Counted where the others have their decision."""

_EVENTS = {
    Admission.JOB: "instance.admitted",
    Admission.HELD: "instance.held",
    Admission.IGNORED: "instance.ignored",
    Admission.QUARANTINED: "instance.quarantined",
}

_NAME = re.compile(r"(?P<stem>.+?)(\.run(?P<run>[0-9]+))?(\.try(?P<tries>[0-9]+))?\.dcm")
_RECEIVED = re.compile(r"(?P<nanoseconds>[0-9]{20})-.*")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class InboxName:
    """What the name of a file in the inbox says.

    Attributes:
        stem: Stays the same for as long as the file is in the inbox.
        received_at: When it was acknowledged, UTC.
        run: 1, or the number of the rerun a person asked for.
        tries: Times somebody began to read it.
    """

    stem: str
    received_at: datetime
    run: int = 1
    tries: int = 0

    @classmethod
    def of(cls, path: Path) -> Self:
        """Read a name; a file somebody put there by hand was received when it was written."""
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise ValueError("expected the name of a file in the inbox")
        received = _RECEIVED.fullmatch(match["stem"])
        seconds = int(received["nanoseconds"]) / 1e9 if received else path.stat().st_mtime
        received_at = datetime.fromtimestamp(seconds, UTC)
        return cls(match["stem"], received_at, int(match["run"] or 1), int(match["tries"] or 0))

    def __str__(self) -> str:
        run = f".run{self.run}" if self.run > 1 else ""
        tries = f".try{self.tries}" if self.tries else ""
        return f"{self.stem}{run}{tries}.dcm"


class Admitter:
    """Empties the inbox. Only one process may do so at a time."""

    def __init__(
        self, spool: Spool, rules: Rules, now: Callable[[], datetime], audit: Audit = unaudited
    ) -> None:
        """Prepare.

        Args:
            spool: Where instances, decisions and jobs are.
            rules: What the settings say about received instances.
            now: The time, UTC.
            audit: Where it is told what came.
        """
        self._spool = spool
        self._rules = rules
        self._now = now
        self._audit = audit

    def recover(self) -> None:
        """Take up what a crash interrupted: a decision whose job was not written yet."""
        for instance_id in list(self._spool.instance_ids()):
            decision = self._decision(instance_id)
            if not self._spool.instance_file(instance_id).exists():
                continue  # still, or again, in the inbox; or purged
            if decision is None:
                self._spool.return_to_inbox(instance_id)
            elif decision.job_id and not self._spool.job_file(decision.job_id).exists():
                self._spool.return_to_inbox(instance_id, decision.run)

    def admit(self, path: Path) -> Job | None:
        """Decide on one file of the inbox; its job, where it became one.

        Raises:
            OSError: The disk did not cooperate; the file is still there to be admitted.
        """
        name = InboxName.of(path)
        if name.tries >= CRASHES:
            self._put_aside(
                path,
                name,
                reason="repeated-crash",
                sentence=f"expected to read it, found the worker dead {CRASHES} times",
            )
            return None
        tried = path.with_name(str(replace(name, tries=name.tries + 1)))
        path.rename(tried)  # not synced: a crash of the process loses no rename
        try:
            return self._admit(tried, name)
        except InputRejected as error:
            self._put_aside(tried, name, error.reason, error.sentence)
        except OSError:
            if tried.exists():
                tried.rename(path)  # the disk failed, not the file: that try does not count
            raise
        except Exception as error:  # a bug on one instance must not keep the others waiting
            log.error("instance.quarantined", reason="internal-error", exc_info=error)
            sentence = f"expected no exception, found {place_of(error)}"
            self._put_aside(tried, name, reason="internal-error", sentence=sentence)
        return None

    def _admit(self, path: Path, name: InboxName) -> Job | None:
        with path.open("rb") as file:
            dataset = read_dataset(file)
        comparing = route_to_compare(dataset, self._rules.routes)
        if comparing is not None:
            self._audit(received(name.stem, dataset, name.received_at))
            self._forget(text(dataset, "SOPInstanceUID"))
            keep_measured(self._spool, path, dataset, comparing)
            return None
        arrival = Arrival(
            dataset,
            dataset_sha256(dataset),
            image_sha256(dataset),
            name.received_at,
            name.run,
        )
        if self._is_settled(arrival.instance_id, arrival.run):
            self._audit(received(name.stem, dataset, name.received_at, is_new=False))
            self._drop_repeated(path, arrival.instance_id)
            return None
        siblings = self._siblings(arrival)
        decision, job = decide(arrival, siblings, self._rules, self._now())
        before = self._decision(arrival.instance_id)
        if before is None:  # else a person had it decided on again
            contradicts = decision.admission is Admission.QUARANTINED
            refused = decision.sentence if contradicts else ""
            self._audit(received(name.stem, dataset, name.received_at, refused=refused))
        if job is not None:
            earlier = job_before(decision, before, siblings)
            decision, job = replace(decision, replaces=earlier), replace(job, replaces=earlier)
        self._settle(path, decision, list(superseded(decision, siblings)), job)
        return job

    def _forget(self, sop_instance_uid: str) -> None:
        """Forget a decision without its file: a person had it made again, and now it is none."""
        for folder in self._spool.instances.glob(f"{family_of(sop_instance_uid)}*"):
            decision = self._decision(folder.name)
            if decision and not decision.job_id and not self._is_settled(folder.name):
                shutil.rmtree(folder)

    def _is_settled(self, instance_id: str, run: int = 1) -> bool:
        """Whether this very instance was decided on before, at least for this run."""
        decision = self._decision(instance_id)
        if decision is None or decision.run < run:
            return False
        return decision.purged_at is not None or self._spool.instance_file(instance_id).exists()

    def _decision(self, instance_id: str) -> Decision | None:
        """What was decided; None where nothing was, or its record is damaged: then it is again."""
        try:
            return read_record(Decision, self._spool.decision_file(instance_id))
        except RecordDamagedError as error:
            log.error("record.damaged", instance_id=instance_id, reason=error.reason)
            return None

    def _siblings(self, arrival: Arrival) -> list[Decision]:
        """Decisions on other instances with the same SOP Instance UID."""
        folders = self._spool.instances.glob(f"{arrival.family}*")
        others = sorted(folder.name for folder in folders if folder.name != arrival.instance_id)
        settled = [instance_id for instance_id in others if self._is_settled(instance_id)]
        decisions = (self._decision(instance_id) for instance_id in settled)
        return [decision for decision in decisions if decision is not None]

    def _settle(
        self, path: Path, decision: Decision, corrected: list[Decision], job: Job | None
    ) -> None:
        """Make a decision so, in the order that a crash at any point can be recovered from."""
        write_record(self._spool.decision_file(decision.instance_id), decision)
        for older in corrected:
            self._supersede(older.instance_id, decision.instance_id)
            log.info("instance.superseded", instance_id=older.instance_id, job_id=older.job_id)
        move_durably(path, self._spool.instance_file(decision.instance_id))
        if job is not None:
            create_record(self._spool.job_file(job.job_id), job)
        count(self._spool.run, Total.DECIDED, decision.admission, decision.reason)
        log.info(
            _EVENTS[decision.admission],
            instance_id=decision.instance_id,
            job_id=decision.job_id,
            series=decision.series,
            route=decision.route,
            peer=decision.peer,
            reason=decision.reason,
            sentence=decision.sentence,
        )

    def _supersede(self, older: str, newer: str) -> None:
        path = self._spool.decision_file(older)
        with locked(path.parent):
            decision = self._decision(older)
            if decision is not None:
                write_record(path, replace(decision, superseded_by=newer))

    def _drop_repeated(self, path: Path, instance_id: str) -> None:
        path.unlink()
        sync_folder(path.parent)
        count(self._spool.run, Total.DECIDED, REPEATED, "")
        log.info("instance.repeated", instance_id=instance_id)

    def _put_aside(self, path: Path, name: InboxName, reason: str, sentence: str) -> None:
        """Keep a file nobody can read, for a person."""
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        instance_id = f"unreadable-{sha256[:32]}"
        if self._is_settled(instance_id):
            self._drop_repeated(path, instance_id)
            return
        if self._decision(instance_id) is None:
            self._audit(received(name.stem, None, name.received_at, refused=sentence))
        decision = Decision(
            instance_id=instance_id,
            admission=Admission.QUARANTINED,
            reason=reason,
            sentence=sentence,
            route="",
            seen={},
            calling_ae_title="",
            peer="",
            received_at=name.received_at,
            decided_at=self._now(),
            dataset_sha256=sha256,
        )
        make_folder(self._spool.decision_file(instance_id).parent)
        self._settle(path, decision, [], None)
