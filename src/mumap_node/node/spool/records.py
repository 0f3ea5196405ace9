"""What the node writes down beside the images: decisions, jobs, results and deliveries.

The records hold identifiers, hashes, reasons and times; never pixels or patient attributes.
They are JSON for people too, and the truth the engine is derived from.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator

from mumap_node.imaging.findings import Finding, Relaxable


class Admission(StrEnum):
    """What becomes of a received instance."""

    JOB = "job"  #: a route asks for a map
    HELD = "held"  #: no route, an undecided header, or the wrong images
    IGNORED = "ignored"  #: a route says so, a person says so, or it is our own map
    QUARANTINED = "quarantined"  #: cannot be read, or contradicts an instance received before


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided on one received instance, and why.

    Written before the instance is moved out of the inbox, so that a decision without its file
    (and not purged) is one that a crash interrupted, and is made again.

    Attributes:
        instance_id: Name of the instance's folder in the spool.
        admission: What becomes of it.
        reason: Stable code of docs/operations.md; empty for a job.
        sentence: Expected and found, in one sentence; empty for a job.
        route: Name of the route that matched; empty where none did.
        seen: Attributes the routes looked at and what they found, patient attributes left out.
        calling_ae_title: Who sent it; empty for a file.
        peer: Name of that peer in the settings.
        received_at: When it was acknowledged, UTC.
        decided_at: UTC.
        dataset_sha256: Digest of the whole dataset, independent of the transfer syntax.
        image_sha256: Digest of pixels and geometry alone.
        series: Short hash of the Series Instance UID, to find what belongs together.
        superseded_by: Instance that carries corrected attributes of the same images.
        job_id: The job it became; empty where it became none.
        run: 1, and one more for every rerun a person asked for.
        purged_at: When retention removed the file, UTC; None while it is there.
        identity_removed: Whether the instance says that the patient's identity was removed.
        replaces: The job before its own, of an earlier run or of the same images with other
            attributes; empty where there was none.
    """

    instance_id: str
    admission: Admission
    reason: str
    sentence: str
    route: str
    seen: dict[str, str]
    calling_ae_title: str
    peer: str
    received_at: datetime
    decided_at: datetime
    dataset_sha256: str = ""
    image_sha256: str = ""
    series: str = ""
    superseded_by: str = ""
    job_id: str = ""
    run: int = 1
    purged_at: datetime | None = None
    identity_removed: bool = False
    replaces: str = ""

    @property
    def version_of(self) -> tuple[str, bool]:
        """Same for all instances with one SOP Instance UID of which the newest counts.

        A de-identified copy that kept its UID is no correction of its original.
        """
        return self.image_sha256, self.identity_removed


@dataclass(frozen=True, slots=True)
class Job:
    """One instance to be answered with one map by one model, with everything that decides it.

    Attributes:
        job_id: Hash of all below but time and earlier job; the engine's workflow ids are derived
            from it.
        instance_id: The instance to answer.
        run: 1, and one more for every rerun a person asked for.
        route: Name of the route.
        model: Model identity, as its folder is called.
        model_sha256: Checksum of the network.
        assume_nac: As in the route.
        relax: As in the route.
        profiles: Output profile by destination name; none where the route delivers nothing.
        created_at: UTC.
        assume_parallel_holes: As in the route; jobs of older versions have none.
        report: As in the route; jobs of older versions have none.
        study: Hash of the Study Instance UID, by which measured maps of the study are found;
            jobs of older versions have none.
        replaces: As in the decision; jobs of older versions have none.
    """

    job_id: str
    instance_id: str
    run: int
    route: str
    model: str
    model_sha256: str
    assume_nac: bool
    relax: tuple[Relaxable, ...]
    profiles: dict[str, str]
    created_at: datetime
    assume_parallel_holes: bool = False
    report: bool = False
    study: str = ""
    replaces: str = ""


class Outcome(StrEnum):
    """How the making of a map ended."""

    MADE = "made"  #: the map is stored and may be sent
    FAILED_CHECKS = "failed-checks"  #: the map is stored for a person to see, and never sent
    REJECTED = "rejected"  #: the input cannot be answered
    STOPPED = "stopped"  #: the node itself could not: it crashed, or a promise of ours was broken


@dataclass(frozen=True, slots=True)
class MapFile:
    """One stored object of an encoding of a map.

    Attributes:
        name: File name within the job's folder.
        sha256: Of the whole file; every resend is byte-identical.
        sop_instance_uid: Its SOP Instance UID.
    """

    name: str
    sha256: str
    sop_instance_uid: str


def _as_several(stored: Any) -> Any:
    """Records of older versions hold one object of each encoding."""
    return [stored] if isinstance(stored, dict) else stored


MapFiles = Annotated[tuple[MapFile, ...], BeforeValidator(_as_several)]
"""The objects of one encoding, in the order they are sent."""


@dataclass(frozen=True, slots=True)
class Result:
    """How the making of a map ended, and what it gave.

    Attributes:
        outcome: Made, failed its checks, rejected, or stopped.
        attempt: Number of the attempt that ended so; an archived result keeps it in its name.
        reason: Stable code of docs/operations.md; empty where the map was made.
        sentence: Expected and found; empty where the map was made.
        findings: Every check of input and map.
        files: Stored encodings by output profile.
        runtime: What ran the network, such as "onnxruntime 1.31.1 CPUExecutionProvider".
        software_version: Of this node.
        seconds: Duration by step of the line.
        finished_at: UTC.
    """

    outcome: Outcome
    attempt: int
    reason: str
    sentence: str
    findings: tuple[Finding, ...]
    files: dict[str, MapFiles]
    runtime: str
    software_version: str
    seconds: dict[str, float]
    finished_at: datetime


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"  #: not yet tried, or to be tried again
    COMMITTING = "committing"  #: it answered Success, and has yet to say that it keeps the objects
    ACCEPTED = "accepted"  #: the destination answered Success, and commits itself where it should
    REFUSED = "refused"  #: the destination refused for good
    GAVE_UP = "gave-up"  #: three days of attempts failed
    CANCELLED = "cancelled"  #: a person no longer wants it


UNDER_WAY = frozenset({DeliveryState.WAITING, DeliveryState.COMMITTING})
"""States in which the node has something to do."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One map on its way to one destination.

    Attributes:
        destination: Its name in the settings.
        state: Where it stands.
        attempts: Attempts finished so far; the next one is numbered one higher.
        reason: Of the last failure; empty where there was none.
        sentence: Of the last failure, with the peer's status.
        status: DIMSE status of the last answer; None where there was none.
        transfer_syntax_uid: What the destination took; empty before it did.
        first_attempt_at: UTC; None before the first, and again when a person asks for a retry.
        last_attempt_at: UTC; None before the first.
        next_attempt_at: UTC; None where none is planned.
        stored_by: Number of the attempt whose objects the destination accepted, while it is asked
            to commit itself; 0 where they are to be stored.
        may_hold: Whether the destination may hold objects of the map; written before the first
            attempt that may leave some there, and taken back where it left none.
    """

    destination: str
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    reason: str = ""
    sentence: str = ""
    status: int | None = None
    transfer_syntax_uid: str = ""
    first_attempt_at: datetime | None = None
    last_attempt_at: datetime | None = None
    next_attempt_at: datetime | None = None
    stored_by: int = 0
    may_hold: bool = False


class Verb(StrEnum):
    """What a person can say about a job for good, until they take it back by a retry."""

    CANCEL = "cancel"  #: no longer wanted
    DISCARD = "discard"  #: looked at and put aside
    RETRACT = "retract"  #: must not be used any more; no retry takes it back


@dataclass(frozen=True, slots=True)
class OperatorWord:
    """What a person decided about a job.

    Attributes:
        verb: Cancel, discard or retract.
        at: UTC.
        reason: Of a retraction, a key of ``dicom.rejection_note.REASONS``; else empty.
        comment: Of a retraction, in the person's words; they stay here.
        notes: Destinations that take rejection notes, by the settings of that moment.
    """

    verb: Verb
    at: datetime
    reason: str = ""
    comment: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a map compares with what was measured in the same study.

    Attributes:
        attempt: Number of the attempt that wrote it.
        measured: Digest of the measured files it was compared with.
        kind: What was measured, "map" or "ct"; empty where nothing was compared.
        reason: Why nothing was compared, a stable code of docs/operations.md; else empty.
        sentence: Expected and found; empty where something was compared.
        figures: Value by name of ``imaging.definitions.METRICS``; none where nothing was compared.
        dice: Of emission outline and measured body; None where unknown.
        shift_mm: How far what was measured would have to move to agree best: to the head, back
            and left.
        is_registered: Whether the two lie on each other well enough for the figures to count.
        groups: Value by subgroup, such as "camera"; nothing of the patient.
        model: Identity of the model that made the map.
        model_sha256: Checksum of its network.
        received_at: When the source of the map was acknowledged, UTC.
        compared_at: UTC.
    """

    attempt: int
    measured: str
    kind: str
    reason: str
    sentence: str
    figures: dict[str, float]
    dice: float | None
    shift_mm: tuple[float, float, float]
    is_registered: bool
    groups: dict[str, str]
    model: str
    model_sha256: str
    received_at: datetime
    compared_at: datetime
