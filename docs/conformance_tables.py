"""Tables of the documents that are made from the code: `make docs` writes them, a test compares.

A document marks where a table belongs: ``<!-- generated: NAME -->``, the table, ``<!-- end -->``.
One more table is one more function in `TABLES`.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from pydicom.datadict import keyword_for_tag
from pydicom.uid import (
    UID,
    CTImageStorage,
    KeyObjectSelectionDocumentStorage,
    SecondaryCaptureImageStorage,
)
from pynetdicom.pdu import A_ASSOCIATE_RJ
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification
from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS

from mumap_node.dicom.profiles.pseudo_ct import NAME as PSEUDO_CT
from mumap_node.dicom.template import PROFILE as TEMPLATE
from mumap_node.dicom.uids import IMPLEMENTATION_CLASS_UID
from mumap_node.dicom.writing import PROFILES
from mumap_node.node.calling import Patience
from mumap_node.node.deliverer.answers import judge
from mumap_node.node.engine.retries import FIRST_WAIT, JITTER, LONGEST_WAIT, PATIENCE
from mumap_node.node.fetcher.find import FIND_MODEL
from mumap_node.node.fetcher.retrieve import GET_MODEL, MOVE_MODEL
from mumap_node.node.jobs.deliveries import Answer
from mumap_node.node.receiver import access
from mumap_node.node.receiver.scp import MAXIMUM_LENGTH, ReceiverOptions
from mumap_node.node.reception import (
    IMPLEMENTATION_VERSION_NAME,
    STATUS_BY_REASON,
    TRANSFER_SYNTAXES,
    Status,
)
from mumap_node.node.spool.records import DeliveryState

DOCS = Path(__file__).parent
GOLDEN = DOCS.parent / "tests" / "golden"
BLOCK = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

WRITTEN = (*PROFILES, PSEUDO_CT, TEMPLATE)
"""Every kind of profile."""

_RECEIVER = ReceiverOptions(ae_title="", bind="", port=0, peers=())
_OUTCOMES = {
    DeliveryState.ACCEPTED: "delivered",
    DeliveryState.WAITING: "tried again",
    DeliveryState.REFUSED: "refused for good",
}


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def sop_classes() -> str:
    """Which SOP class in which role, and when."""
    accepted = {Verification: "always", **dict.fromkeys(_RECEIVER.storage_classes, "always")}
    accepted[CTImageStorage] = 'where a route has `action = "compare"`'
    sent = {Verification: "`mumap-node check`"}
    for profile in WRITTEN:
        uid = _golden(profile)["00080016"]["Value"][0]
        sent[uid] = f"{sent[uid]}, `{profile}`" if uid in sent else f"maps: `{profile}`"
    sent[SecondaryCaptureImageStorage] = "reports"
    sent[KeyObjectSelectionDocumentStorage] = (
        "rejection notes: destinations with `rejection_notes = true`"
    )
    sent[FIND_MODEL] = "`mumap-node fetch` and watches"
    sent[MOVE_MODEL] = "the same"
    sent[GET_MODEL] = "the same; then SCP of the storage classes above on the same association"
    rows = [(uid, "SCP", when) for uid, when in accepted.items()]
    rows += [(uid, "SCU", when) for uid, when in sent.items()]
    rows.append((StorageCommitmentPushModel, "SCP", "for peers with `reply_to`"))
    rows.append((StorageCommitmentPushModel, "SCU", "destinations with `commitment = true`"))
    named = [(UID(uid).name, f"`{uid}`", role, when) for uid, role, when in rows]
    web = "user agent"
    named.append(("DICOMweb Store (STOW-RS)", "", web, "destinations with a `url`"))
    named.append(("DICOMweb Search (QIDO-RS)", "", web, "`mumap-node check`"))
    others = ("any other storage class", "", "SCP", "where `receiver.storage_classes` names it")
    return table(("SOP class", "UID", "role", "when"), [*named, others])


def transfer_syntaxes() -> str:
    """What the receiver takes objects in, best first."""
    rows = [(number, uid.name, f"`{uid}`") for number, uid in enumerate(TRANSFER_SYNTAXES, 1)]
    return table(("preference", "transfer syntax", "UID"), rows)


def associations() -> str:
    """What both application entities negotiate, and how long they wait."""
    patience = Patience()
    rows = [
        ("application context", "`1.2.840.10008.3.1.1.1`"),
        ("implementation class UID", f"`{IMPLEMENTATION_CLASS_UID}`"),
        ("implementation version name", f"`{IMPLEMENTATION_VERSION_NAME}`"),
        ("maximum length received", f"{MAXIMUM_LENGTH} bytes"),
        ("associations accepted at once", f"{_RECEIVER.max_associations} by default"),
        ("asynchronous operations, extended negotiation, user identity", "none"),
        ("wait for an association request", f"{_RECEIVER.request_seconds:g} s"),
        ("silence within an accepted association", f"{_RECEIVER.silence_seconds:g} s"),
        ("wait for a connection, as SCU", f"{patience.connect_seconds:g} s"),
        ("wait for its acceptance", f"{patience.negotiate_seconds:g} s"),
        ("wait for a C-STORE response", f"{patience.answer_seconds:g} s and the time of its bytes"),
    ]
    return table(("", ""), rows)


def rejections() -> str:
    """Answers to an association request that is not accepted."""
    causes = {
        "wrong called AE title": access.NO_CALLED,
        "calling AE title unknown, or from another address": access.NO_CALLING,
        "a peer by TLS in clear text, or with the certificate of another": access.NO_REASON,
        "as many associations as are allowed": access.NO_ROOM,
    }
    return table(
        ("A-ASSOCIATE-RJ where", "result", "source", "reason"),
        [(cause, *_rejection(*wire)) for cause, wire in causes.items()],
    )


def _rejection(result: int, source: int, reason: int) -> tuple[str, str, str]:
    """The three numbers of an A-ASSOCIATE-RJ with their words."""
    pdu = A_ASSOCIATE_RJ()
    pdu.result, pdu.source, pdu.reason_diagnostic = result, source, reason
    return (
        f"{result} {pdu.result_str}",
        f"{source} {pdu.source_str}",
        f"{reason} {pdu.reason_str}",
    )


def store_statuses() -> str:
    """Answers to a C-STORE request."""
    rows = []
    for status in Status:
        kind, name = STORAGE_SERVICE_CLASS_STATUS[status]
        reasons = [reason for reason, answer in STATUS_BY_REASON.items() if answer is status]
        when = ", ".join(map(_reason, reasons)) or "the bytes are on disk, synced"
        rows.append((f"0x{status:04X}", name or kind, when))
    return table(("status", "meaning", "when"), rows)


def answers() -> str:
    """What every status of a destination means for a delivery, as the code judges it."""
    rows = []
    for meaning, statuses in groupby(range(0x10000), _meaning):
        if "unexpected-status" not in meaning:
            first, *rest = statuses
            rows.append((f"0x{first:04X}" + (f" to 0x{rest[-1]:04X}" if rest else ""), meaning))
    return table(("status", "the delivery is"), [*rows, ("any other", _meaning(0xFFFF))])


def _meaning(status: int) -> str:
    strict, lenient = (
        judge(Answer(DeliveryState.WAITING, status=status), accept_warnings=accept_warnings)
        for accept_warnings in (False, True)
    )
    reason = f", {_reason(strict.reason)}" if strict.reason else ""
    differs = "" if lenient == strict else "; delivered where `delivery.accept_warnings`"
    return f"{_OUTCOMES[strict.state]}{reason}{differs}"


def _reason(reason: str) -> str:
    return f"[`{reason}`](operations.md#{reason})"


def retries() -> str:
    """When a delivery that failed for the moment is tried again."""
    return table(
        ("", ""),
        [
            ("before the second attempt", f"{FIRST_WAIT.seconds} s"),
            ("before each further one", "twice as long as before"),
            ("at most", f"{LONGEST_WAIT.seconds} s"),
            ("shortened by up to", f"{JITTER:.0%}, always the same for the same attempt"),
            ("given up after", f"{PATIENCE.days} days"),
        ],
    )


def attributes() -> str:
    """Every standard attribute at the top level of a map, by profile."""
    goldens = {profile: _golden(profile) for profile in WRITTEN}
    tags = sorted({tag for golden in goldens.values() for tag in golden})
    rows = []
    for tag in tags:
        keyword = keyword_for_tag(int(tag, 16))
        shown = f"`{keyword}`" if keyword else "private"
        vr = next(golden[tag]["vr"] for golden in goldens.values() if tag in golden)
        marks = ["yes" if tag in golden else "" for golden in goldens.values()]
        rows.append((f"({tag[:4]},{tag[4:]})", shown, vr, *marks))
    return table(("tag", "attribute", "VR", *goldens), rows)


TABLES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "sop-classes": sop_classes,
        "associations": associations,
        "rejections": rejections,
        "transfer-syntaxes": transfer_syntaxes,
        "store-statuses": store_statuses,
        "answers": answers,
        "retries": retries,
        "attributes": attributes,
    }
)
"""Every table by the name its block has."""


def filled(document: str) -> str:
    """A document with every block as the code has it now.

    Raises:
        KeyError: A block that no function makes.
    """
    return BLOCK.sub(lambda block: f"{block[1]}{TABLES[block[2]]()}{block[3]}", document)


def _golden(profile: str) -> dict[str, dict[str, Any]]:
    """What a profile writes, as the tests hold it to."""
    (file,) = GOLDEN.glob(f"{profile}*/expected.json")
    text = file.read_text(encoding="utf-8")
    return cast(dict[str, dict[str, Any]], json.loads(text))


def main() -> None:
    """Write the tables of all documents anew."""
    for path in sorted(DOCS.glob("*.md")):
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
