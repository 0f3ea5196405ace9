"""Routes: which received instance is answered, how, and where its map goes.

Pure decisions on a header; nothing here reads the settings, the disk or the network.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from itertools import islice
from typing import Literal, TypeVar

from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement, convert_raw_data_element
from pydicom.errors import BytesLengthException
from pydicom.multival import MultiValue

from mumap_node.dicom.elements import PYDICOM_ERRORS, find, items
from mumap_node.dicom.personal import is_personal
from mumap_node.dicom.quiet import quiet
from mumap_node.errors import InputRejected
from mumap_node.imaging.findings import Relaxable
from mumap_node.node.tls.files import TlsTarget

Network = IPv4Network | IPv6Network
Target = TypeVar("Target")  # a destination of any kind

CALLING_AE_TITLE = "calling_ae_title"
"""The one match key that is no DICOM keyword: who sent the instance."""

SENDER = "sender"
"""In a route's destinations: wherever the sending peer wants its answers (`reply_to`)."""

NOT_SHOWN = "(not shown)"
"""Stands for a value that may tell who the patient is."""

NOT_READABLE = "(not readable)"
"""Stands for a value that cannot be decoded; it matches nothing."""

MOST_VALUES = 256
"""Values of one attribute that are looked at; a hostile header may hold millions."""

LONGEST_VALUE = 1024
"""Characters of a value that a regular expression is tried on; bounds its time."""

LONGEST_SHOWN = 64
"""Characters of a value people are shown."""

# What looking at a broken value may raise.
_BROKEN_VALUE = (*PYDICOM_ERRORS, ArithmeticError, BytesLengthException, InputRejected)


@dataclass(frozen=True, slots=True)
class Peer:
    """Who may open associations.

    Attributes:
        name: As in the settings.
        ae_title: Its calling AE title, without the spaces around it.
        networks: Where it may call from; a single address is a network of one.
        reply_to: Name of the destination that "sender" means for it; empty for none.
        certificate: Name or SHA-256 fingerprint of the certificate it must show, which only TLS
            lets it do; empty where it may come in clear text.
    """

    name: str
    ae_title: str
    networks: tuple[Network, ...]
    reply_to: str = ""
    certificate: str = ""

    def calls_from(self, address: str) -> bool:
        """Whether an IP address is one of this peer's; False for what is no IP address."""
        ip = parse_address(address)
        return ip is not None and any(ip in network for network in self.networks)


@dataclass(frozen=True, slots=True)
class Destination:
    """A remote AE maps are sent to.

    Attributes:
        name: As in the settings.
        ae_title: Its AE title.
        host: Its host name or IP address.
        port: Its DICOM port.
        profile: How maps are encoded for it.
        commitment: Whether it has to commit itself to keep what it accepted.
        tls: How it is called by TLS; None for clear text.
        rejection_notes: Whether it acts on rejection notes.
    """

    name: str
    ae_title: str
    host: str
    port: int
    profile: str = "standard"
    commitment: bool = False
    tls: TlsTarget | None = None
    rejection_notes: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """What one attribute must be.

    Attributes:
        values: Allowed values, compared whole and with case; numbers by value.
        pattern: Regular expression a whole value must match; None where values decide.
    """

    values: tuple[str | int | float, ...] = ()
    pattern: re.Pattern[str] | None = None

    def accepts(self, found: str) -> bool:
        """Whether one value found in a header fulfils the condition."""
        if self.pattern is not None:
            return len(found) <= LONGEST_VALUE and self.pattern.fullmatch(found) is not None
        return any(_equal(value, found) for value in self.values)


@dataclass(frozen=True, slots=True)
class Route:
    """What to do with the instances that fulfil all its conditions.

    Attributes:
        name: As in the settings.
        match: Condition by ``calling_ae_title`` or DICOM keyword; a path into sequences is
            written with dots, such as ``DetectorInformationSequence.CollimatorType``.
        action: Answer with a map, leave alone, or keep to compare maps of the same study with.
        assume_nac: The site's word that input without any statement is uncorrected.
        assume_parallel_holes: The site's word that projections are of parallel-hole collimators.
        relax: Card limits lowered from fail to warn.
        model: Model name or identity; empty for the default model.
        destinations: Names in the settings, or "sender".
        report: Whether a report follows every map of projections.
        deliver: Whether maps are sent; else they are only made, stored and compared.
    """

    name: str
    match: Mapping[str, Condition] = field(default_factory=dict)
    action: Literal["map", "ignore", "compare"] = "map"
    assume_nac: bool = False
    assume_parallel_holes: bool = False
    relax: frozenset[Relaxable] = frozenset()
    model: str = ""
    destinations: tuple[str, ...] = ()
    report: bool = False
    deliver: bool = True


@dataclass(frozen=True, slots=True)
class Match:
    """The route that was found, and what was looked at on the way.

    Attributes:
        route: The first that matches; None where none does.
        seen: Value by attribute, for people; what may tell who the patient is, is not shown.
    """

    route: Route | None
    seen: dict[str, str]


@quiet()
def first_match(routes: Sequence[Route], dataset: Dataset, calling_ae_title: str) -> Match:
    """Find the first route whose every condition the header fulfils.

    An attribute with several values, or in several items of a sequence, fulfils a condition
    with any one of them, or with all of them joined by backslashes as DICOM writes them. An
    absent or empty attribute is the empty text. A value that cannot be decoded fulfils nothing.
    """
    found: dict[str, tuple[str, ...] | None] = {CALLING_AE_TITLE: (calling_ae_title.strip(),)}
    for route in routes:
        for path in route.match:
            if path not in found:
                found[path] = _values_at(dataset, path)
        if all(_fulfils(condition, found[path]) for path, condition in route.match.items()):
            return Match(route, _shown(found))
    return Match(None, _shown(found))


def find_peer(peers: Sequence[Peer], ae_title: str, address: str) -> Peer | None:
    """The peer with this calling AE title that may call from this IP address."""
    wanted = ae_title.strip()
    return next((p for p in peers if p.ae_title == wanted and p.calls_from(address)), None)


def resolve_destinations(
    route: Route, peer: Peer | None, destinations: Mapping[str, Target]
) -> tuple[Target, ...]:
    """Where the maps of a route go, each destination once, in the order of the route.

    Nowhere, where the route delivers nothing.

    Args:
        route: A route whose action is "map".
        peer: Who sent the instance; None where the settings no longer know.
        destinations: All destinations of the settings by name.

    Raises:
        InputRejected: The route answers to "sender", and the sender has no `reply_to`.
    """
    names = dict.fromkeys(_destination_names(route, peer)) if route.deliver else {}
    return tuple(destinations[name] for name in names)


def path_problem(path: str) -> str:
    """Why a match key cannot be looked up; empty where it can."""
    if path == CALLING_AE_TITLE:
        return ""
    keywords = path.split(".")
    for position, keyword in enumerate(keywords, start=1):
        tag = tag_for_keyword(keyword)
        if not keyword or tag is None:
            return f"expected calling_ae_title or DICOM keywords, found {keyword!r}"
        is_sequence, is_last = dictionary_VR(tag) == "SQ", position == len(keywords)
        if is_sequence and is_last:
            return f"expected an attribute within the sequence {keyword}, found the sequence"
        if not is_sequence and not is_last:
            return f"expected a sequence before the dot, found {keyword}"
    return ""


def parse_address(address: str) -> IPv4Address | IPv6Address | None:
    """Read an IP address; an IPv4 address in IPv6 clothes is the IPv4 address it means."""
    try:
        ip = ip_address(address)
    except ValueError:
        return None
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    return ip


def _destination_names(route: Route, peer: Peer | None) -> Iterator[str]:
    for name in route.destinations:
        if name != SENDER:
            yield name
        elif peer is not None and peer.reply_to:
            yield peer.reply_to
        else:
            who = "an unknown peer" if peer is None else f"peer {peer.name!r}"
            raise InputRejected(
                "no-reply-destination",
                f"route {route.name!r} answers to the sender: expected reply_to, "
                f"found none for {who}",
            )


def _fulfils(condition: Condition, values: tuple[str, ...] | None) -> bool:
    if values is None:
        return False
    joined = "\\".join(values)
    return any(condition.accepts(value) for value in (*values, joined))


def _equal(wanted: str | int | float, found: str) -> bool:
    if isinstance(wanted, str):
        return wanted.strip() == found
    try:
        return float(found) == wanted
    except ValueError:
        return False


def _values_at(dataset: Dataset, path: str) -> tuple[str, ...] | None:
    """Every value at a path as text; () where there is none, None where it cannot be read."""
    try:
        return tuple(islice(_walk(dataset, path.split(".")), MOST_VALUES))
    except _BROKEN_VALUE:
        return None


def _walk(dataset: Dataset, keywords: Sequence[str]) -> Iterator[str]:
    keyword, *rest = keywords
    if rest:
        for item in items(dataset, keyword):
            yield from _walk(item, rest)
        return
    element = find(dataset, keyword)
    if isinstance(element, RawDataElement):  # a copy: the dataset stays as it was received
        encoding = dataset.original_character_set
        element = convert_raw_data_element(element, encoding=encoding, ds=dataset)
    value = None if element is None else element.value
    if isinstance(value, MultiValue | list | tuple):
        yield from (str(part).strip() for part in value)
    elif value is not None:
        yield str(value).strip()


def _shown(found: Mapping[str, tuple[str, ...] | None]) -> dict[str, str]:
    return {path: _shown_value(path, values) for path, values in found.items()}


def _shown_value(path: str, values: tuple[str, ...] | None) -> str:
    if _is_personal(path):
        return NOT_SHOWN
    if values is None:
        return NOT_READABLE
    text = "".join(char if char.isprintable() else "?" for char in "\\".join(values))
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def _is_personal(path: str) -> bool:
    return path != CALLING_AE_TITLE and any(map(_is_personal_keyword, path.split(".")))


def _is_personal_keyword(keyword: str) -> bool:
    tag = tag_for_keyword(keyword)
    return tag is None or is_personal(tag)
