"""What TLS needs where it is wanted."""

from collections.abc import Iterator

from mumap_node.settings.problems import Location, Problem
from mumap_node.settings.raw import Raw, Row, rows_of, table_of


def tls_problems(raw: Raw) -> Iterator[Problem]:
    """What is wanted by TLS and cannot be had.

    Args:
        raw: The file as it was read.
    """
    node = table_of(raw, "node")
    wanted: list[Location] = [("node", "tls_port")] if "tls_port" in node else []
    if node.get("tls_only") is True and not wanted:
        yield Problem(("node", "tls_only"), "expected tls_port beside it, found none")
    if table_of(raw, "web").get("tls") is True:
        wanted.append(("web", "tls"))
    for location, table in rows_of(raw, "destinations"):
        wanted.extend((*location, k) for k in ("tls", "client_certificate") if table.get(k) is True)
        if "tls_name" in table and table.get("tls") is not True:
            yield Problem((*location, "tls_name"), "expected tls = true beside it")
    for row in rows_of(raw, "peers"):
        yield from _peer_tls(row, has_port="tls_port" in node)
    audit = table_of(raw, "audit")
    if "host" in audit:
        wanted.append(("audit", "host"))
    for key in ("port", "tls_name", "authorities"):
        if key in audit and "host" not in audit:
            yield Problem(("audit", key), "expected host beside it, found none")
    for location in wanted if "tls" not in raw else ():
        yield Problem(location, "expected a table [tls] with the node's certificate, found none")


def _peer_tls(row: Row, *, has_port: bool) -> Iterator[Problem]:
    location, peer = row
    if peer.get("tls") is not True:
        if "certificate" in peer:
            yield Problem((*location, "certificate"), "expected tls = true beside it")
        return
    if "certificate" not in peer:
        sentence = "expected certificate beside it, which tells this peer from others, found none"
        yield Problem((*location, "tls"), sentence)
    if not has_port:
        yield Problem((*location, "tls"), "expected node.tls_port to be set, found none")
