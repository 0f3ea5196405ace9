"""Decisions: what becomes of an instance, from its header, the routes and what came before.

Pure: nothing here touches the disk.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydicom import Dataset

from mumap_node.dicom.deidentified import identity_was_removed
from mumap_node.dicom.elements import text
from mumap_node.dicom.measured_map import is_measured
from mumap_node.dicom.selection import is_own_map, select_source
from mumap_node.errors import ConfigurationError, InputRejected
from mumap_node.imaging.model_card import ModelCard
from mumap_node.node.dicomweb.destination import AnyDestination
from mumap_node.node.routing import (
    Peer,
    Route,
    find_peer,
    first_match,
    resolve_destinations,
)
from mumap_node.node.spool.holdings import family_of
from mumap_node.node.spool.measured import key_of
from mumap_node.node.spool.records import Admission, Decision, Job


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say about received instances.

    Attributes:
        routes: In their order.
        peers: Who may send.
        destinations: Where maps may go, by name.
        load_card: Card of the model a route names.
    """

    routes: Sequence[Route]
    peers: Sequence[Peer]
    destinations: Mapping[str, AnyDestination]
    load_card: Callable[[str], ModelCard]


@dataclass(frozen=True, eq=False, slots=True)
class Arrival:
    """A received instance that was read.

    Attributes:
        dataset: As received; its file meta information says who sent it.
        dataset_sha256: Digest of everything it says.
        image_sha256: Digest of pixels and geometry alone.
        received_at: When it was acknowledged, UTC.
        run: 1, or the number of the rerun a person asked for.
    """

    dataset: Dataset
    dataset_sha256: str
    image_sha256: str
    received_at: datetime
    run: int = 1

    @property
    def sop_instance_uid(self) -> str:
        """Never to be trusted as part of a path."""
        return text(self.dataset, "SOPInstanceUID")

    @property
    def family(self) -> str:
        """What the ids of all instances with this SOP Instance UID begin with."""
        return family_of(self.sop_instance_uid)

    @property
    def instance_id(self) -> str:
        """Same SOP Instance UID and dataset: same id, and so the same instance."""
        return f"{self.family}{self.dataset_sha256[:32]}"

    @property
    def series(self) -> str:
        """Short hash of the Series Instance UID."""
        return series_of(text(self.dataset, "SeriesInstanceUID"))

    @property
    def calling_ae_title(self) -> str:
        """Who sent it; empty for a file."""
        return sender_of(self.dataset)

    @property
    def address(self) -> str:
        """IP address it came from; empty for a file."""
        return text(self.dataset.file_meta, "SourcePresentationAddress")


def sender_of(dataset: Dataset) -> str:
    """Calling AE title of who sent an instance; empty for a file."""
    return text(dataset.file_meta, "SourceApplicationEntityTitle")


def series_of(series_instance_uid: str) -> str:
    """Short hash of a Series Instance UID, to find what belongs together."""
    return hashlib.sha256(series_instance_uid.encode()).hexdigest()[:12]


def decide(
    arrival: Arrival, siblings: Iterable[Decision], rules: Rules, now: datetime
) -> tuple[Decision, Job | None]:
    """Decide what becomes of an instance.

    Args:
        arrival: The instance.
        siblings: Decisions on other instances with the same SOP Instance UID.
        rules: What the settings say.
        now: UTC.

    Returns:
        The decision, and the job it asks for where it does.
    """
    peer = find_peer(rules.peers, arrival.calling_ae_title, arrival.address)
    verdict = _verdict(arrival, list(_rivals(siblings)), rules, peer)
    decision = Decision(
        instance_id=arrival.instance_id,
        admission=verdict.admission,
        reason=verdict.reason,
        sentence=verdict.sentence,
        route=verdict.route.name if verdict.route else "",
        seen=verdict.seen,
        calling_ae_title=arrival.calling_ae_title,
        peer=peer.name if peer else "",
        received_at=arrival.received_at,
        decided_at=now,
        dataset_sha256=arrival.dataset_sha256,
        image_sha256=arrival.image_sha256,
        series=arrival.series,
        superseded_by=verdict.superseded_by,
        run=arrival.run,
        identity_removed=identity_was_removed(arrival.dataset),
    )
    if verdict.route is None or verdict.card is None:
        return decision, None
    job = _job(arrival, verdict.route, verdict.card, verdict.destinations, now)
    return replace(decision, job_id=job.job_id), job


def superseded(decision: Decision, siblings: Iterable[Decision]) -> Iterator[Decision]:
    """Earlier decisions that a new one replaces: same images, other attributes."""
    if decision.admission is not Admission.JOB:
        return
    for sibling in _rivals(siblings):
        if sibling.version_of == decision.version_of and not sibling.superseded_by:
            yield sibling


@dataclass(frozen=True, slots=True)
class _Verdict:
    admission: Admission
    reason: str = ""
    sentence: str = ""
    route: Route | None = None
    seen: dict[str, str] = field(default_factory=dict)
    superseded_by: str = ""
    card: ModelCard | None = None
    destinations: tuple[AnyDestination, ...] = ()


def _rivals(siblings: Iterable[Decision]) -> Iterator[Decision]:
    """Siblings that count: not what a person put aside, nor what contradicted another."""
    for sibling in siblings:
        if sibling.admission is not Admission.QUARANTINED and sibling.reason != "discarded":
            yield sibling


def _verdict(
    arrival: Arrival, rivals: Sequence[Decision], rules: Rules, peer: Peer | None
) -> _Verdict:
    if is_own_map(arrival.dataset):
        return _Verdict(
            Admission.IGNORED, reason="own-map", sentence="a map of this node came back"
        )
    among_rivals = _among_rivals(arrival, rivals)
    if among_rivals is not None:
        return among_rivals
    match = first_match(rules.routes, arrival.dataset, arrival.calling_ae_title)
    return replace(_by_route(arrival, match.route, rules, peer), route=match.route, seen=match.seen)


def _among_rivals(arrival: Arrival, rivals: Sequence[Decision]) -> _Verdict | None:
    if any(rival.image_sha256 != arrival.image_sha256 for rival in rivals):
        return _Verdict(
            Admission.QUARANTINED,
            reason="conflicting-instance",
            sentence="expected the images received before with this SOP Instance UID, found others",
        )
    newer = [
        rival
        for rival in rivals
        if rival.admission is Admission.JOB
        and rival.received_at > arrival.received_at
        and rival.identity_removed is identity_was_removed(arrival.dataset)
    ]
    if newer:
        return _Verdict(
            Admission.HELD,
            reason="superseded",
            sentence="the same images came again, with other attributes",
            superseded_by=max(newer, key=lambda rival: rival.received_at).instance_id,
        )
    return None


def _by_route(arrival: Arrival, route: Route | None, rules: Rules, peer: Peer | None) -> _Verdict:
    if route is None:
        return _Verdict(
            Admission.HELD,
            reason="no-route",
            sentence="expected a route that matches, found none; see what was looked at",
        )
    if route.action == "ignore":
        return _Verdict(
            Admission.IGNORED,
            reason="route-ignores",
            sentence=f"route {route.name!r} leaves such instances alone",
        )
    if route.action == "compare":
        return _not_comparable(arrival, route)
    try:
        select_source(
            arrival.dataset,
            assume_nac=route.assume_nac,
            assume_parallel_holes=route.assume_parallel_holes,
        )
        destinations = resolve_destinations(route, peer, rules.destinations)
        card = rules.load_card(route.model)
    except InputRejected as error:
        return _Verdict(Admission.HELD, error.reason, error.sentence)
    except ConfigurationError as error:
        return _Verdict(Admission.HELD, error.reason, "; ".join(error.problems))
    return _Verdict(Admission.JOB, card=card, destinations=destinations)


def _not_comparable(arrival: Arrival, route: Route) -> _Verdict:
    """What a comparing route matched although nothing can be compared with it."""
    if is_measured(arrival.dataset):
        return _Verdict(
            Admission.HELD,
            reason="invalid-uid",
            sentence="expected Study and Series Instance UID to find maps to compare with by",
        )
    return _Verdict(
        Admission.IGNORED,
        reason="not-measured",
        sentence=f"route {route.name!r} compares: expected a measured map or a CT image",
    )


def _job(
    arrival: Arrival,
    route: Route,
    card: ModelCard,
    destinations: Sequence[AnyDestination],
    now: datetime,
) -> Job:
    relax = tuple(sorted(route.relax))
    profiles = {destination.name: destination.profile for destination in destinations}
    identity = [
        arrival.sop_instance_uid,
        arrival.dataset_sha256,
        card.identity,
        card.sha256,
        route.assume_nac,
        route.assume_parallel_holes,
        relax,
        profiles,
        route.report,
        arrival.run,
    ]
    return Job(
        job_id=hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32],
        instance_id=arrival.instance_id,
        run=arrival.run,
        route=route.name,
        model=card.identity,
        model_sha256=card.sha256,
        assume_nac=route.assume_nac,
        relax=relax,
        profiles=profiles,
        created_at=now,
        assume_parallel_holes=route.assume_parallel_holes,
        report=route.report,
        study=key_of(text(arrival.dataset, "StudyInstanceUID")),
    )
