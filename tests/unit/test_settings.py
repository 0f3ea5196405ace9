"""The settings file: what it means, and how every mistake in it is told at once."""

import re
import tomllib
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import CTImageStorage, NuclearMedicineImageStorage

from mumap_node.errors import ConfigurationError
from mumap_node.imaging.findings import Relaxable
from mumap_node.node.audit.trail import unaudited
from mumap_node.node.dicomweb.destination import WebDestination
from mumap_node.node.tls.files import TlsFiles
from mumap_node.service.auditing import audit_of, forwarding, server_of
from mumap_node.service.building import destinations, peers, storage_classes, tls_files
from mumap_node.settings.example import example_settings
from mumap_node.settings.loading import load_settings, settings_without_file
from mumap_node.settings.problems import LISTS, TABLES
from mumap_node.settings.tables import Settings

GOOD: Mapping[str, str] = {
    "node": 'timezone = "Europe/Vienna"\nmodels_dir = "models"',
    "peers": 'name = "camera"\nae_title = "SPECT1"\nhosts = ["192.0.2.17"]\nreply_to = "pacs"',
    "destinations": 'name = "pacs"\nae_title = "PACS"\nhost = "pacs.example.org"\nport = 104',
    "routes": 'name = "all"\ndestinations = ["sender"]',
}


TLS = 'certificate = "node.pem"\nkey = "node.key"\nauthorities = "authorities.pem"'

WEB = 'name = "pacs"\nurl = "https://pacs.example.org/dicom-web/"'


def text_of(tables: Mapping[str, str]) -> str:
    brackets = {name: "[[{}]]" if name in LISTS else "[{}]" for name in tables}
    return "\n".join(f"{brackets[name].format(name)}\n{body}" for name, body in tables.items())


@pytest.fixture
def load(tmp_path):
    """Settings from the good file, with some tables replaced or added to its end."""
    (tmp_path / "models" / "uniform-body-1.0").mkdir(parents=True)
    (tmp_path / "models" / "uniform-body-1.0" / "model.toml").touch()

    def load(more: str = "", **tables: str) -> Settings:
        path = tmp_path / "mumap-node.toml"
        path.write_text(f"{text_of({**GOOD, **tables})}\n{more}", encoding="utf-8")
        return load_settings(path)

    return load


@pytest.fixture
def problems(load):
    def problems(more: str = "", **tables: str) -> list[str]:
        with pytest.raises(ConfigurationError) as refused:
            load(more, **tables)
        assert refused.value.reason == "settings-invalid"
        return [problem.partition("mumap-node.toml: ")[2] for problem in refused.value.problems]

    return problems


def test_a_small_file_is_enough(load):
    settings = load()
    assert settings.node.ae_title == "MUMAP"
    assert settings.peers[0].hosts == (ip_network("192.0.2.17/32"),)
    assert settings.routes[0].action == "map"


def test_the_example_is_valid_and_names_every_key(tmp_path):
    path = tmp_path / "mumap-node.toml"
    path.write_text(example_settings(), encoding="utf-8")
    load_settings(path)
    for name, table in TABLES.items():
        for key in table.by_key():
            assert re.search(rf"^(# )?{key} = ", example_settings(), re.MULTILINE), (name, key)


WITHOUT_DEFAULT = frozenset(
    {
        "timezone", "data_dir", "models_dir", "storage_classes", "database_url",
        "tls_port", "certificate", "key", "authorities", "host", "tls_name",
    }
)  # fmt: skip


def test_commented_lines_of_the_example_show_the_defaults():
    example = re.sub(
        r"^# (?=[a-z_]+ = |\[\[|\[tls\]|\[audit\])", "", example_settings(), flags=re.MULTILINE
    )
    example = re.sub(r'^database_url = "file.*', "", example, flags=re.MULTILINE)
    for name, table in tomllib.loads(example).items():
        for key, value in table.items() if isinstance(table, dict) else ():
            if key not in WITHOUT_DEFAULT:
                assert value == TABLES[name].model_fields[key].default, key


def test_relative_paths_lie_beside_the_file(load, tmp_path):
    settings = load(node=GOOD["node"] + '\ndata_dir = "data"', tls=TLS)
    assert settings.node.data_dir == tmp_path / "data"
    assert tls_files(settings) == TlsFiles(
        tmp_path / "node.pem", tmp_path / "node.key", tmp_path / "authorities.pem"
    )


def test_tls_arrives_where_it_is_wanted(load):
    peer = GOOD["peers"] + '\ntls = true\ncertificate = "spect1.example.org"'
    pacs = GOOD["destinations"] + "\ntls = true"
    node = GOOD["node"] + "\ntls_port = 2762\ntls_only = true"
    settings = load(node=node, tls=TLS, peers=peer, destinations=pacs)
    (target,), files = destinations(settings).values(), tls_files(settings)
    assert target.tls is not None
    assert (target.tls.files, target.tls.server_name) == (files, "pacs.example.org")
    assert peers(settings)[0].certificate == "spect1.example.org"
    named = load(tls=TLS, destinations=pacs + '\ntls_name = "archive"')
    assert [d.tls.server_name for d in destinations(named).values() if d.tls] == ["archive"]


def test_an_empty_table_turns_the_audit_trail_on_and_a_host_sends_it(load, tmp_path):
    assert audit_of(load()) is unaudited
    silent = load(audit="")
    assert (audit_of(silent) is not unaudited, server_of(silent)) == (True, None)

    usual = server_of(load(tls=TLS, audit='host = "log.example.org"'))
    assert usual is not None
    assert (usual.address, usual.tls.server_name) == ("log.example.org:6514", "log.example.org")
    assert usual.tls.files.authorities == tmp_path / "authorities.pem"

    other = 'host = "192.0.2.9"\nport = 7000\ntls_name = "log"\nauthorities = "ca.pem"\ndays = 30'
    settings = load(tls=TLS, audit=other)
    own = server_of(settings)
    assert own is not None
    assert (own.address, own.tls.server_name) == ("192.0.2.9:7000", "log")
    files = own.tls.files
    assert (files.authorities, files.key) == (tmp_path / "ca.pem", tmp_path / "node.key")
    options = forwarding(settings, tmp_path)
    assert options is not None
    assert options.days == 30


def test_a_dicomweb_service_takes_the_place_of_an_address(load, tmp_path):
    more = '\nauthorities = "ca.pem"\nuser = "mumap"\npassword_file = "password"'
    (target,) = destinations(load(destinations=WEB + more)).values()
    assert target == WebDestination(
        name="pacs",
        url="https://pacs.example.org/dicom-web",
        authorities=tmp_path / "ca.pem",
        user="mumap",
        password_file=tmp_path / "password",
    )


def test_a_dicomweb_service_is_shown_the_nodes_certificate_where_it_is_asked_for(load):
    settings = load(tls=TLS, destinations=WEB + "\nclient_certificate = true")
    (target,) = destinations(settings).values()
    assert target.client == tls_files(settings)
    assert [target.client for target in destinations(load(destinations=WEB)).values()] == [None]


def test_a_dicomweb_service_in_clear_text_has_to_be_meant(load):
    (target,) = destinations(
        load(destinations=WEB.replace("https", "http") + "\nclear_text = true")
    ).values()
    assert target.url.startswith("http://")


@pytest.mark.parametrize(
    "url",
    [
        "pacs.example.org",
        "ftp://pacs.example.org",
        "https://",
        "https://pacs.example.org:port",
        "https://mumap:s3cret@pacs.example.org",
        "https://pacs.example.org/dicom-web?token=s3cret",
        "https://pacs.example.org/a b",
    ],
)
def test_an_address_of_no_service_is_told_without_what_may_be_a_password(problems, url):
    (problem,) = problems(destinations=f'name = "pacs"\nurl = "{url}"')
    assert "expected an address such as" in problem
    assert "s3cret" not in problem


def test_nothing_is_called_by_tls_unless_it_is_asked_for(load):
    assert [target.tls for target in destinations(load(tls=TLS)).values()] == [None]


def test_a_byte_order_mark_is_no_mistake(tmp_path, load):
    load()
    path = tmp_path / "mumap-node.toml"
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert load_settings(path).node.timezone == "Europe/Vienna"


def test_a_watch_asks_a_destination_in_the_language_of_routes(load):
    match = '{ StudyDescription = { regex = ".*" }, StationName = ["A", "B"] }'
    (watch,) = load(watch=f'name = "night"\nfrom = "pacs"\nmatch = {match}').watch
    assert (watch.source, watch.retrieve, watch.modalities) == ("pacs", "move", ("NM",))
    assert watch.match["StationName"].accepts("B")


def test_without_a_file_nobody_may_send():
    assert settings_without_file().peers == ()


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "settings-not-found"), (b"[node", "settings-not-toml"), (b"\xff", "settings-not-toml")],
)
def test_a_file_that_cannot_be_read_is_told_apart(tmp_path, content, reason):
    path = tmp_path / "mumap-node.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError) as refused:
        load_settings(path)
    assert refused.value.reason == reason
    assert str(path) in refused.value.problems[0]


def test_a_folder_is_no_settings_file(tmp_path):
    with pytest.raises(ConfigurationError) as refused:
        load_settings(tmp_path)
    assert refused.value.reason == "settings-not-found"


@pytest.mark.parametrize("table", TABLES)
def test_every_table_refuses_keys_it_does_not_know(problems, table):
    (found,) = (
        p for p in problems(**{table: GOOD.get(table, "") + "\nsurprise = 1"}) if "surprise" in p
    )
    assert "surprise: expected one of the keys" in found or "surprise (of" in found


def test_an_unknown_table_is_refused_with_a_suggestion(problems):
    (found,) = problems("[recever]")
    assert found.startswith("recever: expected one of the keys node, receiver, engine")
    assert found.endswith('watch, found "recever"; did you mean "receiver"?')


def test_a_key_in_the_wrong_table_is_shown_its_home(problems):
    (found,) = problems("[receiver]\nspool_days = 3")
    assert "it belongs into [retention]" in found


def test_all_problems_are_told_at_once_and_in_the_order_of_the_file(problems):
    found = problems(
        "[web]\nport = 99999",
        node='timezone = "Europe/Wien"\nae_titel = "X"\nmodels_dir = "models"',
        routes='name = "r"\nrelax = ["colimator"]\ndestinations = ["pcas"]',
    )
    assert [line.partition(":")[0] for line in found] == [
        "node.timezone",
        "node.ae_titel",
        "web.port",
        'routes[1].relax[1] (of "r")',
        'routes[1].destinations[1] (of "r")',
    ]


PROBLEMS: list[tuple[str, dict[str, Any], str]] = [
    ("watch of nobody", {"watch": 'name = "w"'}, 'watch[1].from (of "w"): expected a value'),
    (
        "watch of a stranger",
        {"watch": 'name = "w"\nfrom = "pcas"'},
        'watch[1].from (of "w"): expected the name of a destination ("pacs"), found "pcas"',
    ),
    (
        "watch of what archives do not know",
        {"watch": 'name = "w"\nfrom = "pacs"\nmatch = { ImageType = "EMISSION" }'},
        'watch[1].match.ImageType (of "w"): expected a key archives are asked for',
    ),
    (
        "watch of no modality",
        {"watch": 'name = "w"\nfrom = "pacs"\nmodalities = []'},
        'watch[1].modalities (of "w"): expected at least one entry',
    ),
    (
        "no time zone",
        {"node": ""},
        "node.timezone: expected a value, found none (time zone",
    ),
    (
        "time zone",
        {"node": 'timezone = "Europe/Wien"'},
        'found "Europe/Wien"; did you mean "Europe/Vienna"?',
    ),
    ("long AE title", {"node": GOOD["node"] + f'\nae_title = "{"X" * 17}"'}, "1 to 16 characters"),
    ("AE title of spaces", {"node": GOOD["node"] + '\nae_title = "  "'}, "1 to 16 characters"),
    ("backslash", {"node": GOOD["node"] + "\nae_title = 'A\\B'"}, "no backslash"),
    (
        "text as port",
        {"node": GOOD["node"] + '\nport = "11112"'},
        'expected a whole number, found "11112"',
    ),
    (
        "true as port",
        {"node": GOOD["node"] + "\nport = true"},
        "expected a whole number, found true",
    ),
    ("name as bind", {"node": GOOD["node"] + '\nbind = "localhost"'}, "expected an IP address"),
    (
        "no models",
        {"node": 'timezone = "UTC"\nmodels_dir = "nowhere"'},
        "expected a folder with models",
    ),
    ("same ports", {"web": "port = 11112"}, "expected another port than node.port"),
    ("no associations", {"receiver": "max_associations = 0"}, "found 0"),
    (
        "storage class",
        {"receiver": 'storage_classes = ["NuclearMedicineImageStorag"]'},
        'did you mean "NuclearMedicineImageStorage"?',
    ),
    (
        "device",
        {"inference": 'device = "gpu"'},
        'expected one of "auto", "cpu", "cuda", found "gpu"',
    ),
    ("flag as text", {"delivery": 'accept_warnings = "no"'}, 'expected true or false, found "no"'),
    ("retention", {"retention": "spool_days = 400"}, "retention.jobs_days: expected records"),
    ("peers as a table", {"peers": "", "more": ""}, "peers[1].name"),
    (
        "host name of a peer",
        {"peers": GOOD["peers"].replace("192.0.2.17", "camera.local")},
        "host names are not looked up",
    ),
    (
        "host bits",
        {"peers": GOOD["peers"].replace("192.0.2.17", "192.0.2.17/24")},
        'did you mean "192.0.2.0/24"?',
    ),
    (
        "no hosts",
        {"peers": GOOD["peers"].replace('"192.0.2.17"', "")},
        'peers[1].hosts (of "camera"): expected at least one entry, found an empty list',
    ),
    (
        "reply_to",
        {"peers": GOOD["peers"].replace('reply_to = "pacs"', 'reply_to = "pcas"')},
        'reply_to (of "camera"): expected the name of a destination ("pacs"), found "pcas"',
    ),
    (
        "nobody to reply to",
        {"peers": GOOD["peers"].replace('reply_to = "pacs"', "")},
        'expected a peer with reply_to, which "sender" means',
    ),
    (
        "a path as name",
        {"destinations": GOOD["destinations"].replace('"pacs"', '"../pacs"')},
        "it becomes part of file names",
    ),
    (
        "sender as name",
        {"destinations": GOOD["destinations"].replace('"pacs"', '"sender"')},
        "which means the peer's reply_to",
    ),
    (
        "destination host",
        {"destinations": GOOD["destinations"].replace("pacs.example", "pa cs")},
        'expected a host name or an IP address, such as "pacs.example.org", found "pa cs.org"',
    ),
    (
        "no address",
        {"destinations": 'name = "pacs"\nhost = "h"\nport = 104'},
        'ae_title (of "pacs"): expected a value, or url for a DICOMweb service; found none',
    ),
    (
        "two addresses",
        {"destinations": GOOD["destinations"] + '\nurl = "https://pacs.example.org"'},
        'port (of "pacs"): expected nothing beside url',
    ),
    (
        "token without url",
        {"destinations": GOOD["destinations"] + '\ntoken_file = "t"'},
        'token_file (of "pacs"): expected url beside it',
    ),
    ("tls beside url", {"destinations": WEB + "\ntls = true"}, "expected nothing beside url"),
    ("clear text", {"destinations": WEB.replace("https", "HTTP")}, "expected https, or clear_text"),
    (
        "needless clear text",
        {"destinations": WEB + "\nclear_text = true"},
        "expected it only beside a url of http",
    ),
    (
        "authorities in clear text",
        {"destinations": WEB.replace("https", "http") + '\nauthorities = "ca.pem"'},
        "expected it only beside a url of https",
    ),
    (
        "no password",
        {"destinations": WEB + '\nuser = "mumap"'},
        "expected password_file beside it",
    ),
    (
        "two credentials",
        {"destinations": WEB + '\nuser = "m"\npassword_file = "p"\ntoken_file = "t"'},
        "expected token_file or user, found both",
    ),
    (
        "user with a colon",
        {"destinations": WEB + '\nuser = "m:n"\npassword_file = "p"'},
        "expected a user name without colons",
    ),
    (
        "no certificate to show",
        {"destinations": WEB + "\nclient_certificate = true"},
        'client_certificate (of "pacs"): expected a table [tls]',
    ),
    (
        "watching a DICOMweb service",
        {"destinations": WEB, "watch": 'name = "w"\nfrom = "pacs"'},
        'watch[1].from (of "w"): expected the name of a destination (there is none)',
    ),
    (
        "profile",
        {"destinations": GOOD["destinations"] + '\nprofile = "standart"'},
        'did you mean "standard"?',
    ),
    (
        "a template that is not meant",
        {"destinations": GOOD["destinations"] + '\ntemplate = "station.toml"'},
        'expected a template only beside profile = "template"',
    ),
    (
        "no template",
        {"destinations": GOOD["destinations"] + '\nprofile = "template"'},
        'expected a template beside profile = "template", found none',
    ),
    (
        "a template that is not there",
        {
            "destinations": GOOD["destinations"]
            + '\nprofile = "template"\ntemplate = "station.toml"'
        },
        "expected a readable template",
    ),
    (
        "unknown destination",
        {"routes": 'name = "r"\ndestinations = ["pacz"]'},
        'did you mean "pacs"?',
    ),
    ("no destination", {"routes": 'name = "r"'}, "expected at least one destination"),
    (
        "unknown model",
        {"routes": GOOD["routes"] + '\nmodel = "uniform-body-2.0"'},
        'did you mean "uniform-body-1.0"?',
    ),
    ("relaxing units", {"routes": GOOD["routes"] + '\nrelax = ["units"]'}, 'found "units"'),
    (
        "ignore and map",
        {"routes": GOOD["routes"] + '\naction = "ignore"'},
        'beside action = "ignore"',
    ),
    (
        "compare and map",
        {"routes": GOOD["routes"] + '\naction = "compare"'},
        'destinations (of "all"): expected nothing beside action = "compare"',
    ),
    (
        "compare and deliver",
        {"routes": 'name = "r"\naction = "compare"\ndeliver = false'},
        'deliver (of "r"): expected nothing beside action = "compare"',
    ),
    (
        "delivering nowhere",
        {"routes": 'name = "r"\ndeliver = true'},
        "expected at least one destination, or deliver = false",
    ),
    (
        "keyword",
        {"routes": GOOD["routes"] + '\nmatch = { Modalty = "NM" }'},
        'did you mean "Modality"?',
    ),
    (
        "AE title key",
        {"routes": GOOD["routes"] + '\nmatch = { CallingAETitle = "SPECT1" }'},
        'did you mean "calling_ae_title"?',
    ),
    (
        "nobody's AE title",
        {"routes": GOOD["routes"] + '\nmatch = { calling_ae_title = "SPECT2" }'},
        'expected the AE title of a peer ("SPECT1"), found "SPECT2"',
    ),
    (
        "regular expression",
        {"routes": GOOD["routes"] + '\nmatch = { Modality = { regex = "(" } }'},
        "expected a regular expression",
    ),
    (
        "TLS without a certificate",
        {"node": GOOD["node"] + "\ntls_port = 2762"},
        "node.tls_port: expected a table [tls] with the node's certificate, found none",
    ),
    (
        "a destination by TLS without a certificate of ours",
        {"destinations": GOOD["destinations"] + "\ntls = true"},
        'destinations[1].tls (of "pacs"): expected a table [tls]',
    ),
    (
        "a page by HTTPS without a certificate",
        {"web": "tls = true"},
        "web.tls: expected a table [tls]",
    ),
    (
        "only TLS, and no port for it",
        {"node": GOOD["node"] + "\ntls_only = true"},
        "node.tls_only: expected tls_port beside it",
    ),
    (
        "a peer by TLS, and no port for it",
        {"peers": GOOD["peers"] + '\ntls = true\ncertificate = "camera"'},
        "expected node.tls_port to be set, found none",
    ),
    (
        "a peer that any certificate would do for",
        {"peers": GOOD["peers"] + "\ntls = true"},
        "expected certificate beside it, which tells this peer from others",
    ),
    (
        "a certificate nobody looks at",
        {"peers": GOOD["peers"] + '\ncertificate = "camera"'},
        'peers[1].certificate (of "camera"): expected tls = true beside it',
    ),
    (
        "no name of a certificate",
        {"peers": GOOD["peers"] + '\ntls = true\ncertificate = "CN=camera, O=X"'},
        "expected a name in the certificate",
    ),
    (
        "a name nobody looks at",
        {"destinations": GOOD["destinations"] + '\ntls_name = "pacs"'},
        'destinations[1].tls_name (of "pacs"): expected tls = true beside it',
    ),
    (
        "a syslog server without our certificate",
        {"more": '[audit]\nhost = "syslog.example.org"'},
        "audit.host: expected a table [tls] with the node's certificate, found none",
    ),
    (
        "a port of no syslog server",
        {"more": "[audit]\nport = 6514", "tls": TLS},
        "audit.port: expected host beside it, found none",
    ),
    (
        "one port for clear text and TLS",
        {"node": GOOD["node"] + "\ntls_port = 11112", "tls": TLS},
        "node.tls_port: expected another port than node.port, found 11112",
    ),
    (
        "one port for TLS and the page",
        {"node": GOOD["node"] + "\ntls_port = 8080", "tls": TLS},
        "web.port: expected another port than node.tls_port, found 8080",
    ),
    (
        "misspelt regex",
        {"routes": GOOD["routes"] + '\nmatch = { Modality = { regexp = "N" } }'},
        "expected a value, a list of values, or { regex",
    ),
    (
        "flag as condition",
        {"routes": GOOD["routes"] + "\nmatch = { Modality = true }"},
        "expected a value, a list of values, or { regex",
    ),
]


@pytest.mark.parametrize(
    ("tables", "sentence"), [p[1:] for p in PROBLEMS], ids=[p[0] for p in PROBLEMS]
)
def test_a_problem_says_what_was_expected_and_found(problems, tables, sentence):
    more = tables.pop("more", "")
    assert any(sentence in problem for problem in problems(more, **tables))


@pytest.mark.parametrize("table", ["peers", "destinations", "routes"])
def test_names_are_given_once(problems, table):
    again = GOOD[table].replace("SPECT1", "SPECT2")
    found = problems(f"[[{table}]]\n{again}")
    assert f"{table}[2].name (of " in "\n".join(found)


def test_two_peers_may_share_an_ae_title_but_not_an_address(load, problems):
    other = '[[peers]]\nname = "b"\nae_title = "SPECT1"\nhosts = ["{}"]'
    assert len(load(other.format("192.0.2.18")).peers) == 2
    (found,) = problems(other.format("192.0.2.0/24"))
    assert "expected peers to differ in AE title or hosts" in found


def test_a_route_after_one_that_matches_everything_is_a_mistake(problems):
    (found,) = problems('[[routes]]\nname = "late"\naction = "ignore"')
    assert 'routes[2] (of "late"): expected a route without conditions to be the last' in found


def test_a_wrong_table_does_not_hide_what_refers_to_it(problems):
    found = problems(destinations=GOOD["destinations"].replace("104", "0"))
    assert len(found) == 1, "the destination has a wrong port, but it is there"


def test_the_template_of_a_destination_lies_beside_the_file_and_is_read(load, problems, tmp_path):
    table = GOOD["destinations"] + '\nprofile = "template"\ntemplate = "station.toml"'
    (tmp_path / "station.toml").write_text("stored_per_lac = 10000", encoding="utf-8")
    (destination,) = load(destinations=table).destinations
    assert destination.template == tmp_path / "station.toml"

    (tmp_path / "station.toml").write_text("stored_per_lac = 1", encoding="utf-8")
    (problem,) = problems(destinations=table)
    assert "destinations[1].template" in problem
    assert "station.toml: stored_per_lac: " in problem


def test_a_route_in_shadow_mode_needs_no_destination(load):
    assert not load(routes='name = "r"\ndeliver = false').routes[0].deliver


@pytest.mark.parametrize(("action", "accepted"), [("compare", True), ("ignore", False)])
def test_cts_are_accepted_where_a_route_compares(load, action, accepted):
    settings = load(routes=f'name = "r"\naction = "{action}"')
    assert (CTImageStorage in storage_classes(settings)) is accepted
    assert NuclearMedicineImageStorage in storage_classes(settings)


def test_cts_that_are_accepted_anyway_are_named_once(load):
    settings = load(
        receiver='storage_classes = ["CTImageStorage"]',
        routes='name = "r"\naction = "compare"',
    )
    assert storage_classes(settings) == (CTImageStorage,)


def test_values_of_a_good_route_arrive(load):
    settings = load(
        routes="""name = "r"
match = { Modality = ["NM", "PT"], Rows = 64, ImageType = { regex = "E.*" } }
assume_nac = true
relax = ["collimator", "field-of-view"]
model = "uniform-body"
destinations = ["pacs"]"""
    )
    route = settings.routes[0]
    assert route.relax == (Relaxable.COLLIMATOR, Relaxable.FIELD_OF_VIEW)
    assert route.match["Rows"].accepts("64")
    assert route.match["ImageType"].accepts("EMISSION")


DATABASE = "postgresql://mumap:s3cret@db.example.org/mumap"


def test_the_database_may_be_told_in_a_file(load, tmp_path):
    (tmp_path / "url").write_text(f"{DATABASE}\n")
    settings = load(engine='database_url = "file:url"')
    assert settings.engine.database_url.get_secret_value() == DATABASE


def test_the_database_password_is_never_printed(load, problems):
    assert "s3cret" not in repr(load(engine=f'database_url = "{DATABASE}"'))
    for wrong in (
        f'"{DATABASE.replace("postgresql", "mysql")}"',
        f'["{DATABASE}"]',
        '"file:nowhere"',
    ):
        (found,) = problems(engine=f"database_url = {wrong}")
        assert "engine.database_url" in found
        assert "s3cret" not in found


def test_settings_cannot_be_changed(load):
    with pytest.raises(ValueError, match="frozen"):
        load().node.port = 1


@pytest.mark.parametrize("file", sorted((Path(__file__).parents[2] / "deploy").glob("*.toml")))
def test_the_settings_we_ship_are_valid(file):
    load_settings(file)
