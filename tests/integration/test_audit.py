"""The audit trail: what is told, and that a syslog server gets all of it, whatever fails."""

import contextlib
import multiprocessing
import os
import signal
import stat
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import KeyObjectSelectionDocumentStorage, NuclearMedicineImageStorage

from archives import ScriptedArchive, archive_at
from audit_servers import RecordingSyslog, rsyslog, server
from authorities import Authority, make_authority
from builders import nac_file
from mumap_node.errors import TransientError
from mumap_node.node.audit.events import died, turned_away
from mumap_node.node.audit.forwarding import Forwarder, ForwardingOptions
from mumap_node.node.audit.syslog import SyslogServer, deliver, probe
from mumap_node.node.audit.trail import Trail
from mumap_node.node.fetcher.choosing import Query
from mumap_node.node.jobs.verbs import Jobs
from mumap_node.node.routing import Condition
from mumap_node.node.spool.files import Spool
from mumap_node.node.tls.files import TlsFiles
from nodes import MakeSite
from peers import RecordingScp, dcmqrscp, echo, refusing_scp, unused_port
from receivers import receiving
from trails import Told, invalid, trail
from waiting import wait_until

pytestmark = pytest.mark.peers

AT = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
TRANSFERRED = "DICOM Instances Transferred"


@pytest.fixture(scope="module")
def theirs(hospital: Authority) -> TlsFiles:
    return hospital.issue("syslog.example.org")


@pytest.fixture
def audit(tmp_path: Path) -> Trail:
    (tmp_path / "run").mkdir()
    return Trail(tmp_path / "audit", "MUMAP", lambda: AT)


def add(audit: Trail, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        audit.add(died("worker", "MUMAP", AT, f"number {number}"))


def lines(audit: Trail) -> list[bytes]:
    return [line[:-1] for day in audit.days() for line in audit.read(day, 0)]


@contextlib.contextmanager
def forwarding(
    audit: Trail, to: SyslogServer | None, days: int = 365, now: datetime = AT
) -> Iterator[Forwarder]:
    run = audit.folder.parent / "run"
    forwarder = Forwarder(ForwardingOptions(audit, run, days, to, 0.02), lambda: now)
    try:
        yield forwarder
    finally:
        forwarder.stop(30)


class TestForwarding:
    def test_a_server_gets_every_message_once_and_in_order(self, audit, ours, theirs):
        add(audit, 30)
        with RecordingSyslog(theirs) as syslog, forwarding(audit, server(syslog.port, ours)):
            wait_until(lambda: len(syslog.messages) == 30)
            add(audit, 5, first=30)
            wait_until(lambda: len(syslog.messages) == 35)

            assert syslog.messages == lines(audit)

    def test_what_happened_while_the_server_was_down_is_sent_when_it_is_up(
        self, audit, ours, theirs
    ):
        port = unused_port()
        add(audit, 3)
        with forwarding(audit, server(port, ours)):
            add(audit, 3, first=3)
            with RecordingSyslog(theirs, port) as syslog:
                wait_until(lambda: len(syslog.messages) == 6)

                assert syslog.messages == lines(audit)

    @pytest.mark.parametrize("hangs_up", ["reset", "orderly"])
    @pytest.mark.parametrize(("count", "is_late"), [(20, False), (20, True), (400, False)])
    def test_what_a_server_that_hangs_up_did_not_read_is_sent_again(
        self, audit, ours, theirs, hangs_up, count, is_late
    ):
        add(audit, count)
        with RecordingSyslog(theirs) as syslog:
            syslog.reads_at_most, syslog.hangs_up, syslog.is_late = 7, hangs_up, is_late
            with forwarding(audit, server(syslog.port, ours)):
                wait_until(lambda: len(syslog.messages) == 7 + count)

            assert syslog.messages == lines(audit)[:7] + lines(audit)

    def test_a_server_that_does_not_take_our_certificate_has_nothing(
        self, audit, hospital, theirs, tmp_path
    ):
        (tmp_path / "other").mkdir()
        strange = make_authority(tmp_path / "other").issue("mumap.example.org")
        strange = replace(strange, authorities=hospital.certificate)
        add(audit, 2)
        with RecordingSyslog(theirs) as syslog:
            to = server(syslog.port, strange)
            for attempt in (probe, lambda to: deliver(to, lines(audit))):
                with pytest.raises(TransientError):
                    attempt(to)

            assert syslog.messages == []

    def test_a_server_with_the_certificate_of_another_gets_nothing(self, audit, ours, theirs):
        add(audit, 1)
        with RecordingSyslog(theirs) as syslog:
            with pytest.raises(TransientError) as failed:
                deliver(server(syslog.port, ours, "other.example.org"), lines(audit))

            assert (failed.value.reason, syslog.messages) == ("certificate-name", [])

    def test_a_server_that_is_down_is_named(self, ours):
        port = unused_port()

        with pytest.raises(TransientError, match=f"127.0.0.1:{port}") as failed:
            probe(server(port, ours))

        assert failed.value.reason == "syslog-unreachable"

    def test_a_forwarder_that_is_killed_loses_nothing(self, audit, ours, theirs):
        add(audit, 200)
        context = multiprocessing.get_context("fork")
        with RecordingSyslog(theirs) as syslog:
            to = server(syslog.port, ours)
            for number in (0, 1):
                process = context.Process(target=forward_for_ever, args=(audit, to))
                process.start()
                wait_until(lambda: syslog.connections > number)  # noqa: B023  (at once)
                os.kill(process.pid, signal.SIGKILL)
                process.join()
            with forwarding(audit, to):
                wait_until(lambda: len(set(syslog.messages)) == 200)

            assert list(dict.fromkeys(syslog.messages)) == lines(audit)

    def test_only_one_process_forwards_at_a_time(self, audit, ours, theirs):
        add(audit, 1)
        with RecordingSyslog(theirs) as syslog:
            to = server(syslog.port, ours)
            with forwarding(audit, to):
                wait_until(lambda: syslog.messages)
                with forwarding(audit, to):
                    add(audit, 20, first=1)
                    wait_until(lambda: len(syslog.messages) == 21)

            assert syslog.messages == lines(audit)

    def test_a_damaged_note_of_what_was_sent_has_it_sent_again(self, audit, ours, theirs):
        add(audit, 2)
        with RecordingSyslog(theirs) as syslog:
            with forwarding(audit, server(syslog.port, ours)):
                wait_until((audit.folder / "sent.json").exists)
            (audit.folder / "sent.json").write_text("{")
            with forwarding(audit, server(syslog.port, ours)):
                wait_until(lambda: len(syslog.messages) == 4)

            assert syslog.messages == lines(audit) * 2

    def test_files_are_removed_when_their_days_are_over_and_the_server_has_them(
        self, audit, ours, theirs
    ):
        add(audit, 1)
        later = AT + timedelta(days=11)
        with forwarding(audit, None, days=11, now=later), forwarding(audit, None):
            assert audit.days() == ["2026-03-01"]
        port = unused_port()
        with forwarding(audit, server(port, ours), days=10, now=later):
            with RecordingSyslog(theirs, port) as syslog:
                wait_until(lambda: not audit.days())

            assert len(syslog.messages) == 1

    def test_without_a_server_files_are_removed_when_their_days_are_over(self, audit):
        add(audit, 1)
        with forwarding(audit, None, days=10, now=AT + timedelta(days=11)):
            wait_until(lambda: not audit.days())


def forward_for_ever(audit: Trail, to: SyslogServer) -> None:
    with forwarding(audit, to):
        signal.pause()


class TestRsyslog:
    def test_it_keeps_every_message_byte_for_byte_also_after_it_was_down(
        self, audit, ours, theirs, tmp_path
    ):
        audit.add(turned_away("MUMAP", "ÄRGER", "192.0.2.1", AT, "found <it> & more"))
        add(audit, 300)
        port = unused_port()
        kept = tmp_path / "rsyslog" / "messages"
        with forwarding(audit, server(port, ours)):
            with rsyslog(tmp_path / "rsyslog", theirs, "mumap.example.org", port):
                wait_until(lambda: kept.exists() and len(kept.read_bytes().splitlines()) == 301)
            add(audit, 2, first=300)
            with rsyslog(tmp_path / "rsyslog", theirs, "mumap.example.org", port):
                wait_until(lambda: len(set(kept.read_bytes().splitlines())) == 303)

        assert list(dict.fromkeys(kept.read_bytes().splitlines())) == lines(audit)

    def test_it_answers_whoever_it_knows_and_nobody_else(self, ours, theirs, tmp_path):
        with rsyslog(tmp_path / "rsyslog", theirs, "mumap.example.org") as port:
            probe(server(port, ours))
            with pytest.raises(TransientError) as failed:
                probe(server(port, theirs))

        assert failed.value.reason == "syslog-interrupted"


class TestReceiving:
    def test_whoever_is_turned_away_is_told_of_without_filling_the_disk(self, tmp_path):
        audit = Trail(tmp_path / "audit", "MUMAP", lambda: datetime.now(UTC))
        with receiving(tmp_path, audit=audit.add) as node:
            for _ in range(3):
                assert echo(node.port, calling="STRANGER", called="MUMAP").returncode != 0

        alert, summary = trail(tmp_path)
        assert alert.event == summary.event == "Security Alert, Node Authentication"
        assert alert.of("ActiveParticipant", "UserID") == ["MUMAP", "STRANGER"]
        assert alert.of("ActiveParticipant", "NetworkAccessPointID")[1] == "127.0.0.1"
        assert "AE title of a peer, found 'STRANGER'" in description(alert)
        assert description(summary) == "2 more callers like those before were turned away"
        assert invalid([alert.xml, summary.xml], tmp_path / "told") == ""
        assert (alert.priority, alert.outcome) == (84, "4")

    def test_a_disk_that_is_full_turns_nobody_away_who_may_call(self, tmp_path):
        def full(_message: object) -> None:
            raise OSError(28, "No space left on device")

        with receiving(tmp_path, audit=full) as node:
            assert echo(node.port, calling="STRANGER", called="MUMAP").returncode != 0
            assert echo(node.port, called="MUMAP").returncode == 0


class TestNode:
    def test_an_image_that_comes_and_its_map_that_goes_are_told_and_nothing_else_names_a_patient(
        self, make_site: MakeSite, tmp_path
    ):
        file = nac_file(PatientName="Unmistakable^Jane", PatientID="4711-0815")
        with RecordingScp() as archive:
            site = make_site(pacs=archive.port)
            site.start("both")
            site.receive(file)
            site.wait_for("done")

        lines = trail(site.folder)
        assert [line.event for line in lines] == [
            TRANSFERRED,
            "Begin Transferring DICOM Instances",
            TRANSFERRED,
        ]
        assert invalid([line.xml for line in lines], tmp_path / "told") == ""
        for line in lines:
            assert line.names() == [line.names()[0], "Unmistakable^Jane"]
            study, patient = line.of("ParticipantObjectIdentification", "ParticipantObjectID")
            assert (study, patient) == (dcmread_study(file), "4711-0815")
        assert lines[1].of("ActiveParticipant", "UserID") == ["MUMAP", "ARCHIVE"]
        (sent,) = archive.received
        assert lines[2].of("Instance", "UID") == [sent.sop_instance_uid]
        assert_nothing_else_names(site.folder, b"Unmistakable", b"4711-0815")

    def test_a_rejection_note_that_goes_is_told_as_every_other_object(self, make_site: MakeSite):
        classes = (NuclearMedicineImageStorage, KeyObjectSelectionDocumentStorage)
        with RecordingScp(sop_classes=classes) as archive:
            site = make_site(pacs=archive.port)
            site.start("both")
            site.receive(nac_file())
            jobs = Jobs(site.spool, site.engine, take_notes=("pacs",))
            jobs.retract(site.wait_for("done").id, "quality")
            wait_until(lambda: len(trail(site.folder)) >= 5)

        begun, ended = trail(site.folder)[3:]
        _, note = archive.received
        assert begun.event == "Begin Transferring DICOM Instances"
        assert (ended.event, ended.outcome) == (TRANSFERRED, "0")
        assert ended.of("Instance", "UID") == [note.sop_instance_uid]

    @pytest.mark.parametrize(("final", "outcome"), [(True, "8"), (False, "4")])
    def test_a_map_that_is_refused_is_told_with_the_reason(
        self, make_site: MakeSite, final, outcome
    ):
        with refusing_scp() if final else contextlib.nullcontext() as archive:
            site = make_site(pacs=archive.port if archive else unused_port())
            site.start("both")
            site.receive(nac_file())
            wait_until(lambda: len(trail(site.folder)) >= 3)

        refused = trail(site.folder)[2]
        assert (refused.event, refused.outcome) == (TRANSFERRED, outcome)
        assert "expected 'pacs' to" in refused.root.findtext(".//EventOutcomeDescription")

    def test_what_cannot_be_told_is_not_asked(self, tmp_path):
        (tmp_path / "audit").write_text("stands in the place of the folder")
        audit = Trail(tmp_path / "audit", "MUMAP", lambda: AT)
        with ScriptedArchive() as scripted:
            archive = replace(archive_at(Spool(tmp_path), scripted.port), audit=audit.add)
            with pytest.raises(TransientError) as failed:
                archive.search(Query({}, ("NM",)))

            assert (failed.value.reason, scripted.asked) == ("spool-failed", [])

    def test_what_an_archive_is_asked_is_told(self, tmp_path):
        audit = Trail(tmp_path / "audit", "MUMAP", lambda: AT)
        spool = Spool(tmp_path)
        query = Query({"PatientID": Condition(("4711",))}, ("NM",))
        with dcmqrscp(tmp_path / "pacs", {}) as port:
            archive = replace(archive_at(spool, port, "QRSCP"), audit=audit.add)
            archive.search(query)

        (asked,) = trail(tmp_path)
        assert (asked.event, asked.outcome) == ("Query", "0")
        assert asked.of("ActiveParticipant", "UserID") == ["MUMAP", "QRSCP"]
        keys = b64decode(asked.root.findtext(".//ParticipantObjectQuery"))
        assert dcmread(BytesIO(keys), force=True).PatientID == "4711"
        assert invalid([asked.xml], tmp_path / "told") == ""


def dcmread_study(file: bytes) -> str:
    return str(dcmread(BytesIO(file)).StudyInstanceUID)


def assert_nothing_else_names(folder: Path, *patient: bytes) -> None:
    """But DICOM objects and the trail, which nobody but the node may read."""
    others = [
        path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".dcm" and path.parent.name != "audit"
    ]
    assert {".json", ".log"} <= {path.suffix for path in others}
    assert not [path for path in others if any(word in path.read_bytes() for word in patient)]
    (day,) = (folder / "audit").glob("*.log")
    assert stat.S_IMODE(day.stat().st_mode) == 0o600


def description(alert: Told) -> str:
    """Of a security alert."""
    (value,) = alert.of("ParticipantObjectDetail", "value")
    return b64decode(value).decode()
