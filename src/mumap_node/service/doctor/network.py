"""What `check` asks of the network: our own port, every destination, and what peers see of us."""

import socket
import struct
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, ip_address
from pathlib import Path

from mumap_node.errors import TransientError
from mumap_node.node.audit.syslog import probe
from mumap_node.node.deliverer.scu import echo
from mumap_node.node.deliverer.stow import ask
from mumap_node.node.dicomweb.destination import AnyDestination, WebDestination
from mumap_node.node.presence import is_present
from mumap_node.node.receiver.access import refuse_address, refuse_titles
from mumap_node.node.rejections import Rejection, read_rejections
from mumap_node.node.routing import Destination, Peer
from mumap_node.node.spool.records import DeliveryState
from mumap_node.service import building
from mumap_node.service.auditing import server_of
from mumap_node.service.doctor.checked import Area, Checked, Verdict
from mumap_node.settings.tables import Settings

SLOW_NAMES_SECONDS = 2.0
"""A host name that takes longer to look up delays every delivery."""

SOMEWHERE = "192.0.2.1"
"""TEST-NET-1 (RFC 5737): a route to it is the default route. Nothing is sent there."""

MARKS_OF_CONTAINERS = (".dockerenv", "run/.containerenv")
"""Files below the root by which Docker and Podman mark a container."""


def look(settings: Settings, root: Path = Path("/")) -> Iterator[Checked]:
    """Look at everything; destinations, which may take long, come last.

    Args:
        settings: Valid ones.
        root: Of the file system that tells of containers and routes.
    """
    yield _own_port(settings)
    yield _addresses(settings)
    yield from _container(settings, root)
    yield from _refused(settings)
    yield from _own_title(settings)
    yield from _syslog(settings)
    yield from _destinations(settings)


def _own_port(settings: Settings) -> Checked:
    """Whether our port is free, or else whether it answers C-ECHO as a peer would ask."""
    node = settings.node
    if not node.port or node.tls_only:
        why = "TLS alone, which is not asked for here" if node.tls_only else "any that is free"
        return Checked(Area.NODE, "own port", Verdict.OK, f"{why}; the log tells which it is")
    bind, runs = str(node.bind), _receiver_runs(node.data_dir)
    problem = _bind_problem(bind, node.port)
    if not problem:
        runs_where = "the receiver runs elsewhere" if runs else "the receiver does not run"
        sentence = f"{bind} port {node.port} is free here; {runs_where}"
        return Checked(Area.NODE, "own port", Verdict.OK, sentence)
    loopback = "::1" if ":" in bind else "127.0.0.1"
    address = loopback if ip_address(bind).is_unspecified else bind
    # A connection to an address of ours comes from that address.
    peer = next((p for p in building.peers(settings) if p.calls_from(address)), None)
    if peer is not None:
        answer = echo(Destination("this node", node.ae_title, address, node.port), peer.ae_title)
        where = f"{node.ae_title} at {address}:{node.port}"
        if answer.state is DeliveryState.ACCEPTED:
            sentence = f"{where} answers C-ECHO to {peer.ae_title}"
            return Checked(Area.NODE, "own port", Verdict.OK, sentence)
        if runs:
            sentence = f"{where}: {answer.sentence}"
            return Checked(Area.NODE, "own port", Verdict.WRONG, sentence, reason=answer.reason)
    elif runs:
        sentence = f"the receiver runs; not asked, since no peer may call from {address}"
        return Checked(Area.NODE, "own port", Verdict.OK, sentence)
    sentence = f"expected to listen on {bind} port {node.port}, found: {problem}"
    return Checked(Area.NODE, "own port", Verdict.WRONG, sentence, reason="port-not-available")


def _receiver_runs(data_dir: Path) -> bool:
    try:
        return is_present(data_dir / "run", "receiver")
    except OSError:  # another user's, or told as data-dir-not-writable
        return False


def _bind_problem(bind: str, port: int) -> str:
    """Why the port cannot be listened on, as the system says it; empty where it can."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((bind, port))
        except OSError as error:
            return error.strerror or "no reason"
    return ""


def _addresses(settings: Settings) -> Checked:
    """What to write down at the modalities."""
    node = settings.node
    bind = ip_address(str(node.bind))
    hosts = (SOMEWHERE, *(d.host for d in settings.destinations if d.host))
    found = dict.fromkeys(filter(None, map(_source_address, hosts)))
    shown = ", ".join(found) if bind.is_unspecified else str(bind)
    sentence = f"AE title {node.ae_title}, port {node.port}, address {shown or 'unknown'}"
    return Checked(Area.NODE, "for modalities", Verdict.OK, sentence)


def _source_address(host: str) -> str:
    """Our address on the way to a host; empty without a way. Nothing is sent."""
    try:
        ip = ip_address(host)
    except ValueError:
        return ""  # a name: looked up once, and not here
    family = socket.AF_INET if isinstance(ip, IPv4Address) else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((host, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return ""


def _container(settings: Settings, root: Path) -> Iterator[Checked]:
    """Whether callers arrive with the address of a container network's gateway."""
    if not any((root / mark).exists() for mark in MARKS_OF_CONTAINERS):
        return
    gateway = default_gateway(root)
    if not gateway:
        yield Checked(Area.NODE, "container", Verdict.OK, "without a gateway: the host's network")
        return
    refused = {found.address for found in read_rejections(settings.node.data_dir / "run")}
    if gateway in refused and not any(p.calls_from(gateway) for p in building.peers(settings)):
        sentence = (
            f"expected callers with their own addresses, found some turned away as {gateway}, the "
            f'gateway of the container network; hosts = ["{gateway}"] would admit them, with '
            "everybody else behind it"
        )
        yield Checked(
            Area.NODE, "container", Verdict.WARNING, sentence, reason="address-translated"
        )
    else:
        sentence = (
            f"gateway {gateway}; unless the container shares the host's network, give modalities "
            "the address and port of the host"
        )
        yield Checked(Area.NODE, "container", Verdict.OK, sentence)


def default_gateway(root: Path) -> str:
    """The IPv4 gateway of the default route; empty where there is none.

    Args:
        root: Holds ``proc/net/route``, as Linux writes it: addresses in hexadecimal, little endian.
    """
    try:
        lines = (root / "proc/net/route").read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return ""
    for line in lines:
        _, destination, gateway, *_ = line.split()
        if int(destination, 16) == 0 and int(gateway, 16):
            return str(IPv4Address(struct.pack("<I", int(gateway, 16))))
    return ""


def _refused(settings: Settings) -> Iterator[Checked]:
    """Callers that were turned away, and that today's settings would turn away again."""
    peers, ae_title = building.peers(settings), settings.node.ae_title
    strangers = [
        found
        for found in read_rejections(settings.node.data_dir / "run")
        if _still_refused(found, peers, ae_title)
    ]
    if strangers:
        last = strangers[0]
        who = last.calling_ae_title or "somebody"
        sentence = (
            f"expected every caller to be a peer, found {len(strangers)} turned away, the "
            f"last {who} from {last.address} at {last.last_at:%Y-%m-%d %H:%M} UTC; "
            "`mumap-node rejected` has the lines that would admit them"
        )
        yield Checked(Area.PEER, "callers", Verdict.WARNING, sentence, reason=last.reason)


def _still_refused(found: Rejection, peers: Sequence[Peer], ae_title: str) -> bool:
    if refuse_address(peers, found.address):
        return True
    called, calling = found.called_ae_title, found.calling_ae_title
    if not calling:  # closed before it said who it is; its address is admitted by now
        return False
    refusal = refuse_titles(peers, ae_title, called=called, calling=calling, address=found.address)
    return refusal is not None


def _own_title(settings: Settings) -> Iterator[Checked]:
    for destination in settings.destinations:
        if destination.ae_title == settings.node.ae_title:
            sentence = f"expected an AE title of its own, found ours, {destination.ae_title}"
            name = f"destination {destination.name}"
            yield Checked(Area.PEER, name, Verdict.WARNING, sentence, reason="own-ae-title")


def _syslog(settings: Settings) -> Iterator[Checked]:
    """Whether the syslog server of the audit trail takes our certificate, and we its own."""
    server = server_of(settings)
    if server is None:
        return
    try:
        probe(server)
    except TransientError as error:
        yield Checked(Area.PEER, "syslog", Verdict.WRONG, error.sentence, reason=error.reason)
    else:
        sentence = f"{server.address} answers by TLS; nothing was sent"
        yield Checked(Area.PEER, "syslog", Verdict.OK, sentence)


def _destinations(settings: Settings) -> Iterator[Checked]:
    """Ask all at the same time: one that does not answer takes half a minute."""
    targets = list(building.destinations(settings).values())
    ask = partial(_destination, ae_title=settings.node.ae_title)
    with ThreadPoolExecutor(max_workers=max(len(targets), 1)) as threads:
        yield from threads.map(ask, targets)


def _destination(destination: AnyDestination, ae_title: str) -> Checked:
    if isinstance(destination, WebDestination):
        return _service(destination)
    name = f"destination {destination.name}"
    by_tls = " by TLS" if destination.tls else ""
    address = f"{destination.ae_title} at {destination.host}:{destination.port}{by_tls}"
    began = time.monotonic()
    try:
        socket.getaddrinfo(destination.host, destination.port)
    except OSError:
        sentence = f"{address}: expected a host that is known here, found none of this name"
        return Checked(Area.PEER, name, Verdict.WRONG, sentence, reason="host-unknown")
    seconds = time.monotonic() - began
    answer = echo(destination, ae_title)
    if answer.state is not DeliveryState.ACCEPTED:
        sentence = f"{address}: {answer.sentence}"
        return Checked(Area.PEER, name, Verdict.WRONG, sentence, reason=answer.reason)
    sentence = f"{address} answers C-ECHO to {ae_title}"
    if seconds > SLOW_NAMES_SECONDS:
        sentence += f", but its name took {seconds:.0f} s to look up"
        return Checked(Area.PEER, name, Verdict.WARNING, sentence, reason="slow-host-name")
    return Checked(Area.PEER, name, Verdict.OK, sentence)


def _service(destination: WebDestination) -> Checked:
    name, answer = f"destination {destination.name}", ask(destination)
    if answer.state is not DeliveryState.ACCEPTED:
        sentence = f"{destination.url}: {answer.sentence}"
        return Checked(Area.PEER, name, Verdict.WRONG, sentence, reason=answer.reason)
    return Checked(Area.PEER, name, Verdict.OK, f"{destination.url} answers QIDO-RS")
