"""What `check` finds of machine and network, on real sockets and files."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from audit_servers import RecordingSyslog
from commands import SETTINGS, with_tls, write_settings
from mumap_node.node.backup.contents import STAGING
from mumap_node.node.presence import present
from mumap_node.node.rejections import Rejections, read_rejections
from mumap_node.node.spool.files import Spool
from mumap_node.service.checking import check_node
from mumap_node.service.doctor import machine, network
from mumap_node.service.doctor.checked import Checked, Verdict
from mumap_node.settings.loading import load_settings
from mumap_node.settings.tables import Settings
from peers import RecordingScp, orthanc, unused_port
from receivers import receiving

ROUTES = "Iface Destination Gateway Flags\neth0 0000FEA9 00000000 1\neth0 00000000 010011AC 3\n"
"""As Docker's default bridge has them: the gateway is 172.17.0.1, by little-endian bytes."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A file system of a machine that tells nothing of itself."""
    (tmp_path / "root" / "proc" / "net").mkdir(parents=True)
    return tmp_path / "root"


def settings(folder: Path, *changes: tuple[str, str], port: int = 104) -> Settings:
    text = SETTINGS
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return load_settings(write_settings(folder, port, text))


def found(checks: Iterator[Checked], name: str) -> Checked:
    return next(checked for checked in checks if checked.name == name)


def listening_at(port: int) -> tuple[str, str]:
    return "port = 0\ndata_dir", f"port = {port}\ndata_dir"


def test_a_running_receiver_answers_at_its_own_port(tmp_path, root):
    with receiving(tmp_path / "data") as node, present(node.spool.run, "receiver"):
        own = found(network.look(settings(tmp_path, listening_at(node.port)), root), "own port")

    assert own.verdict is Verdict.OK
    assert own.sentence == f"MUMAP at 127.0.0.1:{node.port} answers C-ECHO to CAMERA"


def test_a_receiver_with_other_settings_than_these_is_found(tmp_path, root):
    with (
        receiving(tmp_path / "data", ae_title="OLD") as node,
        present(node.spool.run, "receiver"),
    ):
        own = found(network.look(settings(tmp_path, listening_at(node.port)), root), "own port")

    assert (own.verdict, own.reason) == (Verdict.WRONG, "association-rejected")


def test_a_syslog_server_is_asked_without_a_message(tmp_path, root, hospital, ours):
    port = unused_port()
    audit = (
        f'[audit]\nhost = "127.0.0.1"\nport = {port}\ntls_name = "syslog.example.org"\n\n[[peers]]'
    )
    path = write_settings(tmp_path, 104, with_tls(SETTINGS, ours).replace("[[peers]]", audit))
    silent = found(network.look(load_settings(path), root), "syslog")
    with RecordingSyslog(hospital.issue("syslog.example.org"), port) as syslog:
        heard = found(network.look(load_settings(path), root), "syslog")
        assert (syslog.connections, syslog.messages) == (1, [])

    assert (silent.verdict, silent.reason) == (Verdict.WRONG, "syslog-unreachable")
    assert (heard.verdict, heard.sentence) == (
        Verdict.OK,
        f"127.0.0.1:{port} answers by TLS; nothing was sent",
    )


def test_a_check_by_another_user_who_cannot_see_the_receiver_finds_it_all_the_same(tmp_path, root):
    with receiving(tmp_path / "elsewhere") as node:
        own = found(network.look(settings(tmp_path, listening_at(node.port)), root), "own port")

    assert own.verdict is Verdict.OK


def test_no_stranger_is_made_up_where_no_peer_calls_from_here(tmp_path, root):
    with receiving(tmp_path / "data") as node, present(node.spool.run, "receiver"):
        changed = settings(tmp_path, listening_at(node.port), ('["127.0.0.1"]', '["192.0.2.9"]'))
        own = found(network.look(changed, root), "own port")

    assert own.verdict is Verdict.OK
    assert "not asked" in own.sentence
    assert read_rejections(tmp_path / "data" / "run") == ()


def test_a_port_somebody_else_has_is_found_before_the_start(tmp_path, root):
    with RecordingScp(ae_title="SOMEBODY") as taken:
        port = taken.port
        own = found(network.look(settings(tmp_path, listening_at(port)), root), "own port")
    free = found(network.look(settings(tmp_path, listening_at(port)), root), "own port")

    assert (own.verdict, own.reason) == (Verdict.WRONG, "port-not-available")
    assert free.verdict is Verdict.OK


def test_a_host_name_nobody_knows_is_named(tmp_path, root):
    unknown = settings(tmp_path, ('host = "127.0.0.1"', 'host = "archive.invalid"'))

    checked = found(network.look(unknown, root), "destination archive")

    assert (checked.verdict, checked.reason) == (Verdict.WRONG, "host-unknown")


@pytest.mark.peers
def test_orthanc_is_found_where_it_is(tmp_path, root):
    with orthanc(tmp_path / "orthanc", {}) as pacs:
        known = settings(tmp_path, ('"ARCHIVE"', '"PACS"'), port=pacs.port)
        checked = found(network.look(known, root), "destination archive")

    assert checked.verdict is Verdict.OK
    assert checked.sentence == f"PACS at 127.0.0.1:{pacs.port} answers C-ECHO to MUMAP"


def test_a_destination_with_our_ae_title_is_named(tmp_path, root):
    with RecordingScp(ae_title="MUMAP") as archive:
        same = settings(tmp_path, ('"ARCHIVE"', '"MUMAP"'), port=archive.port)
        reasons = [checked.reason for checked in network.look(same, root)]

    assert "own-ae-title" in reasons


def test_what_to_enter_at_the_modalities_is_told(tmp_path, root):
    told = found(network.look(settings(tmp_path, listening_at(11112)), root), "for modalities")

    assert told.sentence == "AE title MUMAP, port 11112, address 127.0.0.1"


def turn_away(folder: Path, address: str) -> None:
    run = folder / "data" / "run"
    run.mkdir(parents=True)
    Rejections(run, lambda: datetime(2026, 3, 1, 9, 30, tzinfo=UTC)).keep(
        "SPECT2", "MUMAP", address, reason="calling-ae-title", sentence="", settings=""
    )


def test_who_was_turned_away_last_is_told_until_the_settings_admit_it(tmp_path, root):
    turn_away(tmp_path, "127.0.0.1")

    told = found(network.look(settings(tmp_path), root), "callers")
    with RecordingScp() as archive:
        mended = settings(tmp_path, ('"CAMERA"', '"SPECT2"'), port=archive.port)
        names = [checked.name for checked in network.look(mended, root)]

    assert (told.verdict, told.reason) == (Verdict.WARNING, "calling-ae-title")
    assert "SPECT2 from 127.0.0.1 at 2026-03-01 09:30 UTC" in told.sentence
    assert "callers" not in names


def test_a_peer_that_calls_another_ae_title_is_told_of(tmp_path, root):
    turn_away(tmp_path, "127.0.0.1")
    same_peer = settings(tmp_path, ('"CAMERA"', '"SPECT2"'), ("[node]", '[node]\nae_title = "NEW"'))

    assert found(network.look(same_peer, root), "callers").verdict is Verdict.WARNING


@pytest.mark.parametrize(
    ("caller", "reason"), [("172.17.0.1", "address-translated"), ("192.0.2.7", "")]
)
def test_callers_behind_the_gateway_of_a_container_are_told_of(tmp_path, root, caller, reason):
    turn_away(tmp_path, caller)
    (root / ".dockerenv").touch()
    (root / "proc" / "net" / "route").write_text(ROUTES)

    told = found(network.look(settings(tmp_path), root), "container")

    assert told.reason == reason
    assert "172.17.0.1" in told.sentence


def test_nothing_is_said_of_containers_where_there_is_none(tmp_path, root):
    (root / "proc" / "net" / "route").write_text(ROUTES)

    with RecordingScp() as archive:
        checks = list(network.look(settings(tmp_path, port=archive.port), root))

    assert "container" not in [checked.name for checked in checks]


def test_a_container_in_the_hosts_network_has_no_gateway(tmp_path, root):
    (root / "run").mkdir()
    (root / "run" / ".containerenv").touch()

    told = found(network.look(settings(tmp_path), root), "container")

    assert told.verdict is Verdict.OK


def test_a_clock_that_went_back_is_found_by_the_newest_file(tmp_path, root):
    (tmp_path / "data" / "jobs").mkdir(parents=True)
    assert found(machine.look(settings(tmp_path), root), "clock").verdict is Verdict.OK

    tomorrow = time.time() + 86400
    os.utime(tmp_path / "data" / "jobs", (tomorrow, tomorrow))

    clock = found(machine.look(settings(tmp_path), root), "clock")
    assert (clock.verdict, clock.reason) == (Verdict.WARNING, "clock-skew")


def test_the_clock_is_compared_with_that_of_the_database_server(tmp_path, root, postgres):
    url = postgres.make_database()
    served = settings(tmp_path, ("[web]", f'[engine]\ndatabase_url = "{url}"\n\n[web]'))
    agrees = found(machine.look(served, root), "clock")

    with psycopg.connect(url, autocommit=True) as connection:  # a server that is an hour ahead
        connection.execute(
            "create function public.clock_timestamp() returns timestamptz language sql as "
            "$$ select pg_catalog.clock_timestamp() + interval '1 hour' $$"
        )
        name = url.partition("?")[0].rpartition("/")[2]
        connection.execute(f"alter database {name} set search_path = public, pg_catalog".encode())
    differs = found(machine.look(served, root), "clock")

    assert agrees.verdict is Verdict.OK
    assert "PostgreSQL's agrees" in agrees.sentence
    assert (differs.verdict, differs.reason) == (Verdict.WARNING, "clock-skew")
    assert "found it +3600 s" in differs.sentence


@pytest.mark.parametrize(
    ("machines", "verdict"), [("UTC", "ok"), ("Asia/Tokyo", "warning"), ("Europe/Berlin", "ok")]
)
def test_a_machine_in_another_zone_is_told_of(tmp_path, root, monkeypatch, machines, verdict):
    monkeypatch.setenv("TZ", machines)
    time.tzset()
    try:
        zone = found(machine.look(settings(tmp_path), root), "time zone")
    finally:
        monkeypatch.undo()
        time.tzset()

    assert zone.verdict == verdict
    assert "Europe/Vienna: times in maps are of offset +0" in zone.sentence


def test_room_is_told_in_days_of_what_comes_in(tmp_path, root):
    day = tmp_path / "data" / "instances" / "one"
    day.mkdir(parents=True)
    with (day / "instance.dcm").open("wb") as file:
        file.truncate(7 * 10**6)  # sparse: it takes no room, and counts as what it says
    fits = found(machine.look(settings(tmp_path), root), "growth")
    with (day / "instance.dcm").open("wb") as file:
        file.truncate(7 * 10**12)
    full = found(machine.look(settings(tmp_path), root), "growth")

    assert fits.sentence == "room for the 30 days images are kept, at 1 MB a day of the last 7"
    assert (full.verdict, full.reason) == (Verdict.WARNING, "disk-too-small")


@pytest.mark.parametrize(
    ("available_kb", "limit", "verdict"),
    [(8_000_000, "max", "ok"), (500_000, "max", "warning"), (8_000_000, "268435456", "warning")],
)
def test_memory_is_what_the_container_may_have(tmp_path, root, available_kb, limit, verdict):
    (root / "proc" / "meminfo").write_text(f"MemFree: 1 kB\nMemAvailable: {available_kb} kB\n")
    (root / "sys" / "fs" / "cgroup").mkdir(parents=True)
    (root / "sys" / "fs" / "cgroup" / "memory.max").write_text(f"{limit}\n")

    assert found(machine.look(settings(tmp_path), root), "memory").verdict == verdict


def test_a_gpu_the_node_cannot_use_is_told_of_unless_the_cpu_is_asked_for(tmp_path, root):
    (root / "proc" / "driver" / "nvidia").mkdir(parents=True)
    (root / "proc" / "driver" / "nvidia" / "version").write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 18:56:32 UTC 2023\n"
    )
    asked = found(machine.look(settings(tmp_path), root), "gpu")
    cpu = settings(tmp_path, ("[web]", '[inference]\ndevice = "cpu"\n\n[web]'))

    assert (asked.verdict, asked.reason) == (Verdict.WARNING, "gpu-unused")
    assert "535.129.03" in asked.sentence
    assert found(machine.look(cpu, root), "gpu").verdict is Verdict.OK


def test_a_check_changes_nothing_in_the_data_directory(tmp_path):
    (tmp_path / "data").mkdir()
    with RecordingScp() as archive:
        list(check_node(settings(tmp_path, port=archive.port)))

    assert list((tmp_path / "data").iterdir()) == []


def test_a_data_directory_that_others_can_reach_is_named(tmp_path):
    node = settings(tmp_path)
    spool = Spool(node.node.data_dir)
    closed = found(check_node(node), "permissions")
    spool.root.chmod(0o750)
    opened = found(check_node(node), "permissions")

    assert closed.verdict is Verdict.OK
    assert (opened.verdict, opened.reason) == (Verdict.WARNING, "data-dir-open")


def test_a_restore_that_was_interrupted_is_named(tmp_path):
    node = settings(tmp_path)
    (node.node.data_dir / STAGING).mkdir(parents=True)

    checked = found(check_node(node), "restore")

    assert (checked.verdict, checked.reason) == (Verdict.WRONG, "restore-unfinished")


def test_a_node_leaves_its_patients_to_its_own_user_alone(tmp_path):
    spool = Spool(tmp_path / "data")
    arrival = spool.store_arrival(b"images", b"")

    modes = {path: path.stat().st_mode & 0o777 for path in (spool.root, spool.inbox, arrival)}
    assert list(modes.values()) == [0o700, 0o700, 0o600]
