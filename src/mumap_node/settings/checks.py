"""What one table of the settings promises and another must keep.

Works on the file as it was read, not on validated tables, so that a wrong key in one table does
not hide what is wrong between the others.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

from pydicom.datadict import keyword_dict

from mumap_node.dicom.template import PROFILE as TEMPLATE
from mumap_node.errors import ConfigurationError
from mumap_node.node.fetcher.keys import SERIES_KEYS, STUDY_KEYS
from mumap_node.node.routing import CALLING_AE_TITLE, SENDER, Network, path_problem
from mumap_node.settings.addresses import address_problems, archives
from mumap_node.settings.fields import parse_network
from mumap_node.settings.problems import LISTS, Location, Problem, expected_and_found, shown
from mumap_node.settings.raw import Raw, Row, rows_of, table_of
from mumap_node.settings.secured import tls_problems
from mumap_node.settings.suggestions import did_you_mean
from mumap_node.settings.tables import Node, Retention, Web
from mumap_node.settings.templates import read_template

Encoding = Callable[[str], object]


def cross_problems(
    raw: Raw, *, profiles: Collection[str], encoding: Encoding, models: Collection[str]
) -> Iterator[Problem]:
    """Every contradiction between tables.

    Args:
        raw: The file as TOML gives it.
        profiles: Names of the output profiles this version can write.
        encoding: Raises ValueError for what is none, with or without arguments of its own.
        models: Names and identities of the models in the models folder.
    """
    for name in LISTS:
        yield from _same_names(rows_of(raw, name))
    yield from _ambiguous_peers(raw)
    yield from _reply_to(raw)
    yield from _destinations(raw, profiles, encoding)
    yield from _unreachable_routes(raw)
    for row in rows_of(raw, "routes"):
        yield from _route_action(row)
        yield from _route_destinations(row, raw)
        yield from _route_match(row, raw)
        yield from _known(row, "model", models, "a model in the models folder")
    for row in rows_of(raw, "watch"):
        yield from _watch(row, archives(raw.get("destinations")))
    yield from _retention(raw)
    yield from _ports(raw)
    yield from tls_problems(raw)


def _texts(raw: Raw, table: str, key: str) -> list[str]:
    values = (row.get(key) for _, row in rows_of(raw, table))
    return [value.strip(" ") for value in values if isinstance(value, str) and value]


def _same_names(rows: list[Row]) -> Iterator[Problem]:
    seen: set[str] = set()
    for location, row in rows:
        name = row.get("name")
        if isinstance(name, str):
            # Destinations become file names, and some disks do not tell case apart.
            if name.casefold() in seen:
                sentence = expected_and_found("expected a name of its own", name)
                yield Problem((*location, "name"), f"{sentence} twice")
            seen.add(name.casefold())


def _ambiguous_peers(raw: Raw) -> Iterator[Problem]:
    rows = rows_of(raw, "peers")
    for (_, first), (location, second) in combinations(rows, 2):
        title = second.get("ae_title")
        if title == first.get("ae_title") and _overlap(_networks(first), _networks(second)):
            yield Problem(
                (*location, "ae_title"),
                f"expected peers to differ in AE title or hosts, found {shown(title)} "
                f"from the same address in {shown(first.get('name'))} too",
            )


def _networks(row: Mapping[str, Any]) -> list[Network]:
    hosts = row.get("hosts")
    found = [parse_network(host) for host in hosts] if isinstance(hosts, list) else []
    return [network for network in found if network is not None]


def _overlap(first: list[Network], second: list[Network]) -> bool:
    return any(a.version == b.version and a.overlaps(b) for a in first for b in second)


def _reply_to(raw: Raw) -> Iterator[Problem]:
    names = _texts(raw, "destinations", "name")
    for row in rows_of(raw, "peers"):
        yield from _known(row, "reply_to", names, "the name of a destination")


def _destinations(raw: Raw, profiles: Collection[str], encoding: Encoding) -> Iterator[Problem]:
    for row in rows_of(raw, "destinations"):
        location, table = row
        yield from _profile(row, profiles, encoding)
        yield from _template(location, table)
        yield from address_problems(location, table)
        if table.get("name") == SENDER:
            yield Problem(
                (*location, "name"),
                f'expected another name, found "{SENDER}", which means the peer\'s reply_to',
            )


def _profile(row: Row, profiles: Collection[str], encoding: Encoding) -> Iterator[Problem]:
    location, table = row
    profile = table.get("profile", "")
    if isinstance(profile, str) and profile not in ("", TEMPLATE):
        try:
            encoding(profile)
        except ValueError as error:
            yield Problem((*location, "profile"), f"{error}{did_you_mean(profile, profiles)}")


def _template(location: Location, table: Mapping[str, Any]) -> Iterator[Problem]:
    here, path = (*location, "template"), table.get("template")
    is_meant = table.get("profile") == TEMPLATE
    if is_meant and not path:
        yield Problem(here, f'expected a template beside profile = "{TEMPLATE}", found none')
    elif path and not is_meant:
        yield Problem(here, f'expected a template only beside profile = "{TEMPLATE}"')
    elif isinstance(path, str) and path:
        try:
            read_template(Path(path))
        except ConfigurationError as error:
            yield from (Problem(here, problem) for problem in error.problems)


def _known(row: Row, key: str, names: Collection[str], what: str) -> Iterator[Problem]:
    location, table = row
    value = table.get(key)
    if isinstance(value, str) and value and value not in names:
        yield Problem((*location, key), expected_and_found(_one_of(what, value, names), value))


def _one_of(what: str, value: str, names: Collection[str]) -> str:
    known = ", ".join(f'"{name}"' for name in sorted(set(names))) or "there is none"
    return f"expected {what} ({known}){did_you_mean(value, names)}"


def _unreachable_routes(raw: Raw) -> Iterator[Problem]:
    catch_all = None
    for location, route in rows_of(raw, "routes"):
        if catch_all is not None:
            yield Problem(
                location,
                f"expected a route without conditions to be the last, found this one after "
                f"{shown(catch_all)}, which matches everything",
            )
        elif not route.get("match"):
            catch_all = route.get("name")


def _route_action(row: Row) -> Iterator[Problem]:
    location, route = row
    action = route.get("action")
    if action not in ("ignore", "compare"):
        if not route.get("destinations") and route.get("deliver") is not False:
            yield Problem(
                (*location, "destinations"),
                "expected at least one destination, or deliver = false",
            )
        return
    for key in ("assume_nac", "assume_parallel_holes", "relax", "model", "destinations", "report"):
        if route.get(key):
            yield Problem((*location, key), f'expected nothing beside action = "{action}"')
    if "deliver" in route:
        yield Problem((*location, "deliver"), f'expected nothing beside action = "{action}"')


def _route_destinations(row: Row, raw: Raw) -> Iterator[Problem]:
    location, route = row
    wanted = route.get("destinations")
    names = _texts(raw, "destinations", "name")
    for position, name in enumerate(wanted if isinstance(wanted, list) else ()):
        here = (*location, "destinations", position)
        if name == SENDER and not _texts(raw, "peers", "reply_to"):
            yield Problem(here, 'expected a peer with reply_to, which "sender" means; found none')
        elif isinstance(name, str) and name not in (*names, SENDER):
            what = _one_of('the name of a destination, or "sender"', name, names)
            yield Problem(here, expected_and_found(what, name))


def _route_match(row: Row, raw: Raw) -> Iterator[Problem]:
    location, route = row
    match = route.get("match")
    for path, value in match.items() if isinstance(match, dict) else ():
        here = (*location, "match", path)
        if path == CALLING_AE_TITLE:
            yield from _calling_titles(here, value, _texts(raw, "peers", "ae_title"))
        elif problem := path_problem(path):
            yield Problem(here, f"{problem}{_keyword_hint(path)}")


def _calling_titles(here: Location, value: object, titles: list[str]) -> Iterator[Problem]:
    for title in value if isinstance(value, list) else (value,):
        if titles and isinstance(title, str) and title.strip(" ") not in titles:
            what = _one_of("the AE title of a peer", title, titles)
            yield Problem(here, expected_and_found(what, title))


def _keyword_hint(path: str) -> str:
    if path.replace("_", "").casefold() == CALLING_AE_TITLE.replace("_", ""):
        return f'; did you mean "{CALLING_AE_TITLE}"?'
    wrong = next((word for word in path.split(".") if word not in keyword_dict), "")
    return did_you_mean(wrong, (*keyword_dict, CALLING_AE_TITLE)) if wrong else ""


def _watch(row: Row, destinations: list[str]) -> Iterator[Problem]:
    location, watch = row
    yield from _known(row, "from", destinations, "the name of a destination")
    match = watch.get("match")
    for keyword in match if isinstance(match, dict) else ():
        if keyword not in (*STUDY_KEYS, *SERIES_KEYS):
            what = _one_of("a key archives are asked for", keyword, (*STUDY_KEYS, *SERIES_KEYS))
            yield Problem((*location, "match", keyword), expected_and_found(what, keyword))


def _retention(raw: Raw) -> Iterator[Problem]:
    table = raw.get("retention")
    if isinstance(table, dict):
        spool = table.get("spool_days", Retention.model_fields["spool_days"].default)
        jobs = table.get("jobs_days", Retention.model_fields["jobs_days"].default)
        if isinstance(spool, int) and isinstance(jobs, int) and jobs < spool:
            yield Problem(
                ("retention", "jobs_days"),
                f"expected records to be kept at least as long as images ({spool} days), "
                f"found {jobs}",
            )


def _ports(raw: Raw) -> Iterator[Problem]:
    node, web = table_of(raw, "node"), table_of(raw, "web")
    ports = {
        ("web", "port"): web.get("port", Web.model_fields["port"].default),
        ("node", "tls_port"): node.get("tls_port"),
    }
    if node.get("tls_only") is not True:
        ports["node", "port"] = node.get("port", Node.model_fields["port"].default)
    for (here, port), (there, other) in combinations(ports.items(), 2):
        if port is not None and port == other != 0:
            sentence = f"expected another port than {'.'.join(there)}, found {port}"
            yield Problem(here, sentence)
