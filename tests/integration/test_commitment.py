"""Storage commitment both ways: what destinations keep of ours, and what we keep of others'."""

import random
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from pydicom.uid import CTImageStorage, NuclearMedicineImageStorage

from builders import nac_file
from mumap_node.node.jobs.states import JobState
from mumap_node.node.routing import Peer
from mumap_node.node.spool.commitments import Transactions
from mumap_node.node.spool.files import write_record
from mumap_node.node.spool.measured import key_of
from mumap_node.node.spool.records import Delivery, DeliveryState
from nodes import MakeSite, Site, Trap, kill
from peers import (
    CommittingScp,
    OrthancRelease,
    RecordingScp,
    ask_commitment,
    orthanc,
    report_commitment,
    store,
    unused_port,
)
from receivers import CAMERA, receiving
from waiting import wait_until

NM = str(NuclearMedicineImageStorage)
HERE = (ip_network("127.0.0.0/30"),)
ARCHIVE = Peer("archive", "ARCHIVE", HERE)
MODALITY = replace(CAMERA, reply_to="camera")
PACS = Peer("pacs", "PACS", HERE, reply_to="pacs")


def _begin(site: Site, **orders: Any) -> None:
    site.receive(nac_file())
    site.start("both", commitment=True, **orders)


def _delivery(site: Site) -> Delivery:
    deliveries = site.view().deliveries
    return deliveries[0] if deliveries else Delivery("")


def _is_awaiting(site: Site) -> bool:
    return _delivery(site).state is DeliveryState.COMMITTING


def _reask(site: Site) -> None:
    """Let a delivery that is done ask again whether the map is kept, as if nobody had said so."""
    path = site.spool.delivery_file(site.view().id, "pacs")
    done = _delivery(site)
    write_record(path, replace(done, state=DeliveryState.WAITING, stored_by=done.attempts + 1))


def _map_uid(site: Site) -> str:
    result = site.dossier().result
    assert result is not None
    return result.files["standard"][0].sop_instance_uid


def test_a_delivery_is_done_once_the_destination_reports_that_it_keeps_the_map(
    make_site: MakeSite,
) -> None:
    with CommittingScp() as archive:
        site = make_site(pacs=archive.port)
        with receiving(site.folder, site.spool, peers=(ARCHIVE,)) as node:
            _begin(site)
            wait_until(lambda: _is_awaiting(site))
            view = site.view()
            assert (view.state, view.reason) == (JobState.DELIVERING, "awaiting-commitment")
            assert "were accepted" in view.sentence
            (transaction,) = archive.transactions()
            assert report_commitment(node.port, transaction, [_map_uid(site)]) == 0x0000
            site.wait_for("done", seconds=15)
            assert report_commitment(node.port, transaction, [_map_uid(site)]) == 0x0000
            assert site.state() == JobState.DONE
        assert _delivery(site).transfer_syntax_uid
        assert len(archive.received) == 1
    (asked,) = archive.requests[0].ReferencedSOPSequence
    assert asked.ReferencedSOPClassUID == NuclearMedicineImageStorage
    assert asked.ReferencedSOPInstanceUID == _map_uid(site)


def test_a_report_on_the_same_association_counts(make_site: MakeSite) -> None:
    with CommittingScp(at_once=True) as archive:
        site = make_site(pacs=archive.port)
        _begin(site)
        site.wait_for("done")
        assert len(archive.received) == len(archive.requests) == 1


def test_a_map_the_destination_lost_is_stored_again(make_site: MakeSite) -> None:
    with CommittingScp() as archive:
        site = make_site(pacs=archive.port)
        with receiving(site.folder, site.spool, peers=(ARCHIVE,)) as node:
            _begin(site)
            wait_until(lambda: _is_awaiting(site))
            report_commitment(node.port, archive.transactions()[0], failed=[_map_uid(site)])
            wait_until(lambda: _delivery(site).reason == "commitment-failed")
            waiting = _delivery(site)
            assert (waiting.state, waiting.status) == (DeliveryState.WAITING, 0x0112)
            site.jobs.retry(site.view().id)
            wait_until(lambda: _is_awaiting(site))
            first, second = archive.transactions()
            assert first != second
            report_commitment(node.port, second, [_map_uid(site)])
            site.wait_for("done", seconds=15)
        once, again = archive.received
        assert once.encoded == again.encoded


def test_a_destination_that_says_nothing_is_asked_again_and_may_answer_either(
    make_site: MakeSite,
) -> None:
    with CommittingScp() as archive:
        site = make_site(pacs=archive.port)
        with receiving(site.folder, site.spool, peers=(ARCHIVE,)) as node:
            _begin(site)
            wait_until(lambda: _is_awaiting(site))
            site.jobs.retry(site.view().id)
            wait_until(lambda: len(archive.requests) == 2 and _is_awaiting(site))
            report_commitment(node.port, archive.transactions()[0], [_map_uid(site)])
            site.wait_for("done", seconds=15)
        assert len(archive.received) == 1


@pytest.mark.parametrize(
    ("status", "reason", "state"),
    [
        (0x0122, "commitment-refused", JobState.QUARANTINED),
        (0x0213, "peer-failed", JobState.DELIVERING),
    ],
)
def test_a_request_that_is_not_taken_says_so(
    make_site: MakeSite, status: int, reason: str, state: JobState
) -> None:
    with CommittingScp(action=status) as archive:
        site = make_site(pacs=archive.port)
        _begin(site)
        wait_until(lambda: _delivery(site).attempts == 1)
        view = site.view()
        assert (view.state, view.reason, _delivery(site).status) == (state, reason, status)
        assert "were accepted" in view.sentence


def test_a_destination_without_the_service_is_for_a_person_who_is_told_the_setting(
    make_site: MakeSite,
) -> None:
    with RecordingScp() as archive:
        site = make_site(pacs=archive.port)
        _begin(site)
        view = site.wait_for("quarantined")
        assert view.reason == "commitment-not-offered"
        assert 'commitment = false at [[destinations]] with name = "pacs"' in view.sentence
        assert len(archive.received) == 1


def test_nobody_but_the_destination_can_say_that_it_keeps_a_map(make_site: MakeSite) -> None:
    with CommittingScp() as archive:
        site = make_site(pacs=archive.port)
        with receiving(site.folder, site.spool, peers=(ARCHIVE, CAMERA)) as node:
            _begin(site)
            wait_until(lambda: _is_awaiting(site))
            (transaction,) = archive.transactions()
            uid = _map_uid(site)
            assert report_commitment(node.port, transaction, [uid], calling="CAMERA") == 0x0115
            assert report_commitment(node.port, "2.25.1", [uid]) == 0x0115
            assert not Transactions(site.spool).is_answered(key_of(transaction))
            assert _is_awaiting(site)


def test_a_report_that_came_while_nothing_ran_is_found(make_site: MakeSite) -> None:
    with CommittingScp() as archive:
        site = make_site(pacs=archive.port)
        _begin(site)
        wait_until(lambda: _is_awaiting(site))
        kill(site.processes[0])
        with receiving(site.folder, site.spool, peers=(ARCHIVE,)) as node:
            report_commitment(node.port, archive.transactions()[0], [_map_uid(site)])
        site.start("both", commitment=True)
        site.wait_for("done", seconds=15)
        assert len(archive.received) == len(archive.requests) == 1


@pytest.mark.parametrize(("step", "fewest"), [("file", 14), ("call", 2)])
def test_a_commitment_survives_a_kill_at_any_step(
    make_site: MakeSite, step: str, fewest: int
) -> None:
    with CommittingScp(at_once=True) as archive:
        killed = 0
        while True:
            site = make_site(pacs=archive.port)
            site.receive(nac_file(SOPInstanceUID=f"2.25.{random.getrandbits(64)}"))
            trap = Trap(step, killed + 1)
            process = site.start("both", ready=False, trap=trap, commitment=True)
            wait_until(lambda p=process, s=site: p.exitcode is not None or s.is_at_rest())
            died = process.exitcode is not None
            kill(process)
            site.start("both", ready=False, commitment=True)
            site.wait_for("done")
            uid = _map_uid(site)
            assert len({r.encoded for r in archive.received if r.sop_instance_uid == uid}) == 1
            asked = [
                str(request.TransactionUID)
                for request in archive.requests
                if request.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == uid
            ]
            assert len(set(asked)) == 1  # asked again by the same name, or not at all
            kill(site.processes[1])
            if not died:
                break
            killed += 1
        assert killed >= fewest


def test_a_modality_is_told_what_is_kept_and_nothing_else(make_site: MakeSite) -> None:
    with CommittingScp() as modality:
        site = make_site(camera=modality.port)
        with receiving(site.folder, site.spool, peers=(MODALITY,)) as node:
            for number in (1, 2):
                path = site.folder / f"{number}.dcm"
                path.write_bytes(nac_file(SOPInstanceUID=f"2.25.{number}"))
                assert store(node.port, path, called="MUMAP").returncode == 0
                if number == 1:
                    site.start("both", deliver=False)
                    site.wait_for("done")
                    kill(site.processes[0])
            # The one became a job, the other still lies in the inbox.
            kept = {"2.25.1": NM, "2.25.2": NM}
            assert ask_commitment(node.port, kept) == 0x0000
            assert ask_commitment(node.port, kept) == 0x0000
            others = {**kept, "2.25.3": NM}
            assert ask_commitment(node.port, others) == 0x0210
            site.start("both", deliver=False)
            wait_until(lambda: modality.reports)
            wrong = {"2.25.1": str(CTImageStorage), "2.25.2": NM, "2.25.3": NM}
            assert ask_commitment(node.port, wrong, transaction="2.25.78") == 0x0000
            wait_until(lambda: len(modality.reports) == 2)
    (first, all_kept), (second, some) = modality.reports
    assert (first, second) == (1, 2)
    assert {item.ReferencedSOPInstanceUID for item in all_kept.ReferencedSOPSequence} == set(kept)
    assert "FailedSOPSequence" not in all_kept
    assert [i.ReferencedSOPInstanceUID for i in some.ReferencedSOPSequence] == ["2.25.2"]
    assert {i.ReferencedSOPInstanceUID: i.FailureReason for i in some.FailedSOPSequence} == {
        "2.25.1": 0x0119,
        "2.25.3": 0x0112,
    }


def test_a_modality_that_is_down_gets_its_report_later(make_site: MakeSite) -> None:
    port = unused_port()
    site = make_site(camera=port)
    with receiving(site.folder, site.spool, peers=(MODALITY,)) as node:
        site.start("both")
        assert ask_commitment(node.port, {"2.25.1": NM}) == 0x0000
        transactions, key = Transactions(site.spool), key_of("2.25.77")
        wait_until(lambda: transactions.progress(key, "camera").attempts == 1)
    progress = transactions.progress(key, "camera")
    assert (progress.state, progress.reason) == (DeliveryState.WAITING, "peer-unreachable")
    assert progress.next_attempt_at is not None


def test_requests_that_cannot_be_answered_are_refused(make_site: MakeSite) -> None:
    site = make_site()
    with receiving(site.folder, site.spool, peers=(CAMERA, ARCHIVE)) as node:
        assert ask_commitment(node.port, {"2.25.1": NM}) == 0x0110  # no reply_to
    with receiving(site.folder, site.spool, peers=(MODALITY,)) as node:
        assert ask_commitment(node.port, {}) == 0x0115
        assert ask_commitment(node.port, {"2.25.1": NM}, action=2) == 0x0123
        many = {f"2.25.{number}": NM for number in range(60_000)}
        assert ask_commitment(node.port, many) == 0x0213
    assert not list(Transactions(site.spool).keys())


@pytest.mark.peers
def test_orthanc_commits_itself_and_an_instance_it_lost_is_stored_again(
    make_site: MakeSite, orthanc_release: OrthancRelease
) -> None:
    site = make_site()
    with (
        receiving(site.folder, site.spool, peers=(PACS,)) as node,
        orthanc(site.folder / "orthanc", {"node": ("MUMAP", node.port)}, orthanc_release) as pacs,
    ):
        site.destinations["pacs"] = pacs.port
        _begin(site, ae_title="PACS")
        site.wait_for("done")
        (instance,) = pacs.get("/instances")
        assert pacs.file(instance).endswith(site.map_file()[-1000:])
        pacs.delete(f"/instances/{instance}")
        kill(site.processes[0])
        _reask(site)
        site.start("both", commitment=True, ae_title="PACS")
        wait_until(lambda: _delivery(site).reason == "commitment-failed")
        site.jobs.retry(site.view().id)
        site.wait_for("done")
        assert len(pacs.get("/instances")) == 1


@pytest.mark.peers
def test_orthanc_is_told_what_is_kept(make_site: MakeSite, orthanc_release: OrthancRelease) -> None:
    site = make_site()
    with (
        receiving(site.folder, site.spool, peers=(PACS,)) as node,
        orthanc(site.folder / "orthanc", {"node": ("MUMAP", node.port)}, orthanc_release) as pacs,
    ):
        site.destinations["pacs"] = pacs.port
        path = site.folder / "nac.dcm"
        path.write_bytes(nac_file(SOPInstanceUID="2.25.1"))
        assert store(pacs.port, path, called="PACS").returncode == 0
        (instance,) = pacs.get("/instances")
        site.start("both", ae_title="PACS", deliver=False)
        sent = pacs.post(
            "/modalities/node/store", {"Resources": [instance], "StorageCommitment": True}
        )
        asked = f"/storage-commitment/{sent['StorageCommitmentTransactionUID']}"
        wait_until(lambda: pacs.get(asked)["Status"] != "Pending")
        assert pacs.get(asked)["Status"] == "Success"
        body = {"DicomInstances": [{"SOPClassUID": NM, "SOPInstanceUID": "2.25.404"}]}
        lost = pacs.post("/modalities/node/storage-commitment", body)
        asked = f"/storage-commitment/{lost['ID']}"
        wait_until(lambda: pacs.get(asked)["Status"] != "Pending")
        answer = pacs.get(asked)
        assert answer["Status"] == "Failure"
        assert [f["SOPInstanceUID"] for f in answer["Failures"]] == ["2.25.404"]
