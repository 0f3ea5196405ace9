"""Who may open an association, and what to write into the settings so that somebody may.

Everybody who is not listed is refused. Pure decisions; nothing here touches a socket.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydicom.uid import UID

from mumap_node.node.routing import Peer, find_peer
from mumap_node.node.tls.certificates import PeerCertificate
from mumap_node.node.tls.failures import Failure
from mumap_node.node.tls.files import TlsFiles

NO_CALLED = (1, 1, 7)
NO_CALLING = (1, 1, 3)
NO_ROOM = (2, 3, 2)
NO_REASON = (1, 1, 1)

DICOM_TLS_PORT = 2762
"""Registered for DICOM over TLS (IANA: dicom-tls)."""

MOST_NAMES = 5
"""SOP classes, or names of a certificate, that a sentence names."""

_SETTABLE = re.compile(r"[A-Za-z0-9._:-]+")  # names the settings take: no words, no wildcards


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an association is not opened.

    Attributes:
        reason: Stable code of docs/operations.md.
        sentence: Expected and found.
        settings: Lines for ``mumap-node.toml`` that would allow it, ready to paste.
        wire: Result, source and diagnostic of the A-ASSOCIATE-RJ (PS3.8 9.3.4), where one is
            sent.
    """

    reason: str
    sentence: str
    settings: str
    wire: tuple[int, int, int]


def refuse_address(peers: Iterable[Peer], address: str) -> Refusal | None:
    """Why nobody may connect from this IP address; None where some peer may."""
    if any(peer.calls_from(address) for peer in peers):
        return None
    return Refusal(
        reason="peer-address",
        sentence=f"expected an address listed in the hosts of a peer, found {address}",
        settings=_new_peer("AE TITLE OF THE SENDER", address),
        wire=NO_CALLING,  # never sent: the connection is closed before anything is said
    )


def refuse_titles(
    peers: Sequence[Peer], ae_title: str, *, called: str, calling: str, address: str
) -> Refusal | None:
    """Why this caller may not open an association; None where it may.

    Args:
        peers: Who may.
        ae_title: Of this node.
        called: Whom the caller asked for.
        calling: What the caller says it is.
        address: Where it calls from.
    """
    if called.strip() != ae_title.strip():
        return Refusal(
            reason="called-ae-title",
            sentence=f"expected called AE title {ae_title!r}, found {called.strip()!r}; "
            "correct it at the sender, or here",
            settings=f"[node]\nae_title = {_quoted(called.strip())}\n",
            wire=NO_CALLED,
        )
    if find_peer(peers, calling, address) is not None:
        return None
    known = next((peer for peer in peers if peer.ae_title == calling.strip()), None)
    if known is None:
        return Refusal(
            reason="calling-ae-title",
            sentence=f"expected the AE title of a peer, found {calling.strip()!r}",
            settings=_new_peer(calling.strip(), address),
            wire=NO_CALLING,
        )
    return Refusal(
        reason="peer-address",
        sentence=f"expected peer {known.name!r} to call from its hosts, found {address}",
        settings=_known_peer(known, address),
        wire=NO_CALLING,
    )


def refuse_certificate(peer: Peer, found: PeerCertificate | None) -> Refusal | None:
    """Why a peer is not believed to be itself; None where it is.

    Args:
        peer: Whom the caller says to be.
        found: The certificate it showed; None in clear text.
    """
    if not peer.certificate or (found is not None and found.is_of(peer.certificate)):
        return None
    if found is None:
        return Refusal(
            reason="peer-without-tls",
            sentence=f"expected peer {peer.name!r} to come by TLS, found clear text; correct it at "
            "the sender, or here",
            settings=f"{_known_peer(peer)}tls = false\n",
            wire=NO_REASON,
        )
    names = ", ".join((*found.names[:MOST_NAMES], f"sha256 {found.fingerprint}"))
    shown = next(filter(_SETTABLE.fullmatch, found.names), found.fingerprint)
    return Refusal(
        reason="peer-certificate",
        sentence=f"expected peer {peer.name!r} to show the certificate of {peer.certificate}, "
        f"found that of {names}",
        settings=f"{_known_peer(peer)}tls = true\ncertificate = {_quoted(shown)}\n",
        wire=NO_REASON,
    )


def refuse_tls(tls_port: int | None) -> Refusal:
    """Why TLS is not answered on the port for clear text.

    Args:
        tls_port: Where it is; None for nowhere.
    """
    where = "node.tls_port is not set" if tls_port is None else f"TLS is on port {tls_port}"
    files = "".join(f'{name} = "/path/of/{name}.pem"\n' for name in TlsFiles.__slots__)
    lines = f"[node]\ntls_port = {DICOM_TLS_PORT}\n\n[tls]\n{files}"
    return Refusal(
        reason="tls-on-clear-port",
        sentence=f"expected clear text on this port, found TLS; {where}",
        settings=lines if tls_port is None else "",
        wire=NO_REASON,  # never sent, here and below: there is no common language
    )


def refuse_clear_text(port: int | None) -> Refusal:
    """Why clear text is not answered on the port for TLS.

    Args:
        port: Where it is; None for nowhere.
    """
    where = "node.tls_only is set" if port is None else f"clear text is on port {port}"
    return Refusal(
        reason="clear-text-on-tls-port",
        sentence=f"expected TLS on this port, found clear text; {where}",
        settings="[node]\ntls_only = false\n" if port is None else "",
        wire=NO_REASON,
    )


def refuse_handshake(failure: Failure) -> Refusal:
    """Why TLS with a caller did not come about; what mends it is a certificate, not a setting."""
    return Refusal(failure.reason, failure.sentence, settings="", wire=NO_REASON)


def refuse_for_now(limit: int) -> Refusal:
    """Why one more association is too many."""
    return Refusal(
        reason="too-many-associations",
        sentence=f"expected fewer than {limit} open associations, found {limit}",
        settings=f"[receiver]\nmax_associations = {2 * limit}\n",
        wire=NO_ROOM,
    )


def refuse_contexts(proposed: Sequence[str], accepted: Sequence[str]) -> Refusal:
    """Why a caller that was let in can send nothing.

    Args:
        proposed: SOP classes it proposed.
        accepted: SOP classes this node takes.
    """
    known = set(proposed) & set(accepted)
    if known:
        return Refusal(
            reason="no-transfer-syntax",
            sentence=f"expected a transfer syntax this node takes, found none for {_names(known)}",
            settings="",  # docs/conformance.md lists them; no setting adds one
            wire=NO_CALLING,
        )
    taken, wanted = (
        [keyword for uid in uids if (keyword := UID(uid).keyword).endswith("Storage")]
        for uids in (accepted, proposed)
    )
    classes = ", ".join(map(_quoted, dict.fromkeys([*taken, *wanted])))
    return Refusal(
        reason="no-sop-class",
        sentence=f"expected a SOP class this node takes, found {_names(proposed)}",
        settings=f"[receiver]\nstorage_classes = [{classes}]\n" if wanted else "",
        wire=NO_CALLING,
    )


def _names(uids: Iterable[str]) -> str:
    """Of SOP classes, for people; a caller may propose 128."""
    names = sorted({UID(uid).name for uid in uids})
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more or "none"


def _new_peer(ae_title: str, address: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", ae_title.lower()).strip("-") or "peer"
    return (
        f"[[peers]]\nname = {_quoted(name)}\nae_title = {_quoted(ae_title)}\n"
        f"hosts = [{_quoted(address)}]\n"
    )


def _known_peer(peer: Peer, *more_hosts: str) -> str:
    hosts = [*(_host(str(network)) for network in peer.networks), *more_hosts]
    return (
        f"[[peers]]\nname = {_quoted(peer.name)}\nae_title = {_quoted(peer.ae_title)}\n"
        f"hosts = [{', '.join(map(_quoted, hosts))}]\n"
    )


def _host(network: str) -> str:
    """A network as people write it: a single address without its prefix length."""
    return network.removesuffix("/32").removesuffix("/128")


def _quoted(text: str) -> str:
    """A basic string of TOML; JSON escapes the same way."""
    return json.dumps(text)
