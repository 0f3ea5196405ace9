"""Answers: what a destination's reply to a map means for its delivery."""

from types import MappingProxyType

from mumap_node.node.jobs.deliveries import Answer
from mumap_node.node.spool.records import DeliveryState

SUCCESS = 0x0000
DUPLICATE = 0x0111
"""The destination has an object with this SOP Instance UID. Ours are derived from everything the
map is made of, so it has this map: an earlier attempt arrived and its answer was lost.
Source: PS3.7 C.5.6."""

WARNINGS = frozenset({0xB000, 0xB006, 0xB007})
"""Stored, but coerced, with elements discarded, or not matching. Source: PS3.4 B.2.3."""

MAY_HOLD = frozenset({
    "association-aborted", "peer-failed", "peer-silent", "stored-with-warning",
    "unexpected-answer", "unexpected-status",
})  # fmt: skip
"""Reasons of failures after which the destination may hold the object all the same."""

_REFUSED = DeliveryState.REFUSED
_RETRY = DeliveryState.WAITING


def judge(answer: Answer, *, accept_warnings: bool) -> Answer:
    """Say what a C-STORE status means for the delivery. Source: PS3.4 B.2.3, PS3.7 annex C."""
    status = answer.status
    if status is None:
        return answer
    if status in (SUCCESS, DUPLICATE) or (accept_warnings and status in WARNINGS):
        state, reason = DeliveryState.ACCEPTED, ""
    else:
        state, reason = _meaning(status)
    sentence = f"expected status 0x0000, found 0x{status:04X}" if reason else ""
    return Answer(state, reason, sentence, status, answer.transfer_syntax_uid)


_BY_STATUS = MappingProxyType(
    {
        0x0110: Answer(_RETRY, reason="peer-failed"),
        0x0122: Answer(_REFUSED, reason="sop-class-refused"),
        0x0124: Answer(_REFUSED, reason="not-authorised"),
        0x0213: Answer(_RETRY, reason="peer-out-of-resources"),
    }
)

_BY_FIRST_BYTE = MappingProxyType(
    {
        0xA7: Answer(_RETRY, reason="peer-out-of-resources"),
        0xA9: Answer(_REFUSED, reason="dataset-refused"),
        0xB0: Answer(_REFUSED, reason="stored-with-warning"),
    }
)

_NOT_UNDERSTOOD = Answer(_REFUSED, reason="dataset-not-understood")
_UNEXPECTED = Answer(_REFUSED, reason="unexpected-status")


def _meaning(status: int) -> tuple[DeliveryState, str]:
    if 0xC000 <= status <= 0xCFFF:
        meaning = _NOT_UNDERSTOOD
    else:
        meaning = _BY_STATUS.get(status) or _BY_FIRST_BYTE.get(status >> 8) or _UNEXPECTED
    return meaning.state, meaning.reason
