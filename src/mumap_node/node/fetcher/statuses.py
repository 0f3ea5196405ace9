"""Statuses of C-FIND, C-MOVE and C-GET, and the reason each is told by."""

from dataclasses import dataclass
from types import MappingProxyType

from mumap_node.errors import TransientError

SUCCESS = 0x0000

PENDING = frozenset({0xFF00, 0xFF01})
"""Another match, or sub-operations go on. Source: PS3.4 C.4.1.1.4, C.4.2.1.5."""

SUBOPERATIONS_FAILED = frozenset({0xA702, 0xB000})
"""Nothing, or not everything, was sent. Source: PS3.4 C.4.2.1.5, C.4.3.1.4."""


@dataclass(frozen=True, slots=True)
class _Meaning:
    reason: str
    what: str


_BY_STATUS = MappingProxyType(
    {
        0x0110: _Meaning(reason="peer-failed", what="it failed"),
        0x0122: _Meaning(reason="sop-class-refused", what="it does not offer this"),
        0x0124: _Meaning(reason="not-authorised", what="this node may not"),
        0xA801: _Meaning(
            reason="move-destination-unknown", what="it does not know the AE title of this node"
        ),
    }
)
_OUT_OF_RESOURCES = _Meaning(reason="peer-out-of-resources", what="it is out of resources")
_REFUSED = _Meaning(reason="request-refused", what="it refuses")


def failure(status: int, request: str, peer: str, hint: str = "") -> TransientError:
    """What a status other than success and pending means.

    Args:
        status: Of the response.
        request: Such as "C-FIND".
        peer: Name of the destination.
        hint: What may be the reason; ends the sentence.
    """
    meaning = _BY_STATUS.get(status) or (_OUT_OF_RESOURCES if status >> 8 == 0xA7 else _REFUSED)
    return TransientError(
        reason=meaning.reason,
        sentence=f"expected {peer!r} to answer a {request}, found that {meaning.what} "
        f"(status 0x{status:04X}){hint}",
    )
