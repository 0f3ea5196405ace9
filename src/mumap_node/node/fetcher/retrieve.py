"""C-MOVE and C-GET: an archive sends a series, to this node's receiver or on the same association.

What comes by C-GET goes into the spool by the very path of what the receiver gets.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydicom import Dataset
from pynetdicom import build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event
from pynetdicom.presentation import PresentationContext

from mumap_node.dicom.elements import texts
from mumap_node.errors import TransientError
from mumap_node.node.calling import Call, CallFailed
from mumap_node.node.fetcher.archive import Archive, How
from mumap_node.node.fetcher.choosing import Series
from mumap_node.node.fetcher.find import identifier
from mumap_node.node.fetcher.statuses import PENDING, SUBOPERATIONS_FAILED, SUCCESS, failure
from mumap_node.node.reception import TRANSFER_SYNTAXES, Caller
from mumap_node.node.routing import find_peer, parse_address

MOVE_MODEL = "1.2.840.10008.5.1.4.1.2.2.2"
GET_MODEL = "1.2.840.10008.5.1.4.1.2.2.3"
"""Study Root Query/Retrieve Information Models - MOVE and GET. Source: PS3.4 C.6.2.3."""

MOST_CONTEXTS = 128
"""Presentation contexts of an association: ids are the odd numbers up to 255 (PS3.8 9.3.2.2)."""

MOST_LISTED = 500
"""UIDs in one request: a value of explicit VR UI has at most 65534 bytes (PS3.5 7.1.2)."""


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What came of a request.

    Attributes:
        instances: SOP Instance UIDs that are safely here.
        error: Why not all of them are; None where they are.
    """

    instances: tuple[str, ...]
    error: TransientError | None = None


def retrieve(archive: Archive, series: Series, wanted: Sequence[str]) -> Retrieved:
    """Have instances of a series sent.

    Args:
        archive: Who has them.
        series: Of which series.
        wanted: SOP Instance UIDs.
    """
    uids: dict[str, str | list[str]] = {
        "StudyInstanceUID": series.study_uid,
        "SeriesInstanceUID": series.series_uid,
    }
    request = _move if archive.how is How.MOVE else _get
    if series.is_whole and len(wanted) == len(series.instances):
        return request(archive, identifier("SERIES", uids), wanted)
    instances: list[str] = []
    error: TransientError | None = None
    for begin in range(0, len(wanted), MOST_LISTED):
        part = wanted[begin : begin + MOST_LISTED]
        asked = identifier("IMAGE", uids | {"SOPInstanceUID": list(part)})
        came = request(archive, asked, part)
        instances += came.instances
        error = came.error or error
        if isinstance(error, CallFailed):
            break
    return Retrieved(tuple(instances), error)


def _move(archive: Archive, asked: Dataset, wanted: Sequence[str]) -> Retrieved:
    def request(association: Association) -> Iterator[tuple[Dataset, Dataset | None]]:
        return association.send_c_move(asked, archive.ae_title, MOVE_MODEL)

    try:
        final, listed = _converse(archive, MOVE_MODEL, "C-MOVE", request)
    except TransientError as error:
        return Retrieved((), error)
    failed = _count(final, "NumberOfFailedSuboperations")
    sent = _count(final, "NumberOfCompletedSuboperations")
    sent += _count(final, "NumberOfWarningSuboperations")
    is_believed = final.Status == SUCCESS and "NumberOfCompletedSuboperations" not in final
    named = frozenset(texts(listed, "FailedSOPInstanceUIDList")) if listed is not None else ()
    is_known = len(named) == failed and (is_believed or sent + failed >= len(wanted))
    here = [uid for uid in wanted if uid not in named] if is_known else []
    return _retrieved(archive, wanted, here)


def _get(archive: Archive, asked: Dataset, wanted: Sequence[str]) -> Retrieved:
    stored: set[str] = set()

    def on_store(event: Event) -> int:
        status = archive.keep(event, _caller(archive, event.assoc))
        if status == SUCCESS:
            stored.add(str(cast(C_STORE, event.request).AffectedSOPInstanceUID))
        return status

    def request(association: Association) -> Iterator[tuple[Dataset, Dataset | None]]:
        return association.send_c_get(asked, GET_MODEL)

    error: TransientError | None = None
    try:
        _converse(archive, GET_MODEL, "C-GET", request, on_store)
    except TransientError as failed:
        error = failed
    here = tuple(uid for uid in wanted if uid in stored)
    return Retrieved(here, error) if error else _retrieved(archive, wanted, here)


def _converse(
    archive: Archive,
    model: str,
    name: str,
    request: Callable[[Association], Iterator[tuple[Dataset, Dataset | None]]],
    on_store: Callable[[Event], int] | None = None,
) -> tuple[Dataset, Dataset | None]:
    """Send a request on an association of its own, and wait for its last response.

    Raises:
        TransientError: There is none, or it says that nothing could be done.
    """
    call = Call(archive.destination, archive.ae_title, archive.patience, archive.object_seconds)
    contexts, roles = [build_context(model)], []
    if on_store is not None:
        contexts += storage_contexts(archive.storage_classes)
        classes = dict.fromkeys(context.abstract_syntax for context in contexts[1:])
        roles = [build_role(cast(Any, uid), scp_role=True) for uid in classes]
    serves = [(evt.EVT_C_STORE, on_store)] if on_store is not None else []
    association = call.open(contexts, wanted=f"{name} requests", roles=roles, serves=serves)
    try:
        if not any(context.abstract_syntax == model for context in association.accepted_contexts):
            raise call.not_taken(f"{name} requests")
        final, listed, waited = _last(request(association))
    except RuntimeError:  # the association ended between its opening and the request
        raise call.aborted() from None
    finally:
        association.release()
    if "Status" not in final:
        is_silent = waited >= call.answer_seconds
        raise call.silent(f"a {name} response") if is_silent else call.aborted()
    if final.Status != SUCCESS and final.Status not in SUBOPERATIONS_FAILED:
        raise failure(final.Status, name, archive.destination.name, _hint(archive))
    return final, listed


def _last(
    responses: Iterator[tuple[Dataset, Dataset | None]],
) -> tuple[Dataset, Dataset | None, float]:
    """The final response with its identifier, and how long it took after the one before."""
    since = time.monotonic()
    for status, listed in responses:
        if status.get("Status") not in PENDING:
            return status, listed, time.monotonic() - since
        since = time.monotonic()
    return Dataset(), None, 0.0


def storage_contexts(storage_classes: Sequence[str]) -> list[PresentationContext]:
    """Contexts in which a C-GET may bring objects.

    One for each encoding, so that the archive may send every object as it has it; with many
    classes the last context of each offers those encodings that have no room of their own.
    """
    room = MOST_CONTEXTS - 1
    classes = storage_classes[:room]
    each = min(room // max(len(classes), 1), len(TRANSFER_SYNTAXES))
    alone, together = TRANSFER_SYNTAXES[: each - 1], TRANSFER_SYNTAXES[each - 1 :]
    return [
        build_context(uid, list(syntaxes))
        for uid in classes
        for syntaxes in (*((syntax,) for syntax in alone), together)
    ]


def _caller(archive: Archive, association: Association) -> Caller:
    """Who sends by C-GET: the archive, as if it had called from where it was called."""
    wrapped = association.dul.socket
    address = ""
    if wrapped is not None and wrapped.socket is not None:
        address = wrapped.socket.getpeername()[0]
    address = str(parse_address(address) or address)
    ae_title = archive.destination.ae_title
    peer = find_peer(archive.peers, ae_title, address)
    name = peer.name if peer else archive.destination.name
    return Caller(ae_title, archive.ae_title, address, name)


def _retrieved(archive: Archive, wanted: Sequence[str], here: Sequence[str]) -> Retrieved:
    """Everything, or what came and that the rest did not."""
    if len(here) == len(wanted):
        return Retrieved(tuple(here))
    sentence = (
        f"expected {archive.destination.name!r} to send all instances that are wanted "
        f"({len(wanted)}), found {len(here)}{_hint(archive)}"
    )
    return Retrieved(tuple(here), TransientError("retrieve-incomplete", sentence))


def _hint(archive: Archive) -> str:
    """Why objects may not come by C-MOVE: the receiver turns the archive away."""
    ae_title = archive.destination.ae_title
    if archive.how is How.GET or any(peer.ae_title == ae_title for peer in archive.peers):
        return ""
    return f"; no entry of [[peers]] has its AE title {ae_title}"


def _count(final: Dataset, keyword: str) -> int:
    return int(final.get(keyword) or 0)
